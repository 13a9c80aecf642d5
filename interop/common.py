"""What the checks of the Python SDK share: one line for each, and strata itself."""

import asyncio
import inspect
import os
import subprocess
import sys
import time
import traceback

import bittensor as bt

STRATA = os.environ["STRATA_BINARY"]
CHAIN = os.environ["STRATA_CHAIN"]
WALLETS = os.path.join(os.environ["STRATA_DIR"], "wallets")  # the devnet's
WORK = os.environ["WORK"]

_checks = []


def check(f):
    """Registers a check. It passes if it returns; its docstring is its name."""
    _checks.append(f)
    return f


def main(title, *args):
    """Runs the checks in order, with args; ends with an error if one failed."""
    asyncio.run(_main(title, args))


async def _main(title, args):
    failed = False
    for f in _checks:
        start = time.monotonic()
        try:
            result = f(*args)
            if inspect.isawaitable(result):
                await result
            print(f"ok    {title}: {f.__doc__} ({time.monotonic() - start:.1f} s)", flush=True)
        except Exception as error:
            failed = True
            where = traceback.extract_tb(error.__traceback__)[1:] or traceback.extract_tb(error.__traceback__)
            print(f"FAIL  {title}: {f.__doc__}: {where[0].lineno}: {type(error).__name__}: {error}", flush=True)
    sys.exit(1 if failed else 0)


def equal(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what} is {got!r}, want {want!r}")


def strata(*args, env=None, stdin=None, fails=False):
    """Runs strata and returns what it prints."""
    r = subprocess.run([STRATA, *args], input=stdin, capture_output=True, text=True, env=env and {**os.environ, **env}, timeout=120)
    if (r.returncode != 0) != fails:
        raise AssertionError(f"strata {' '.join(args)}: status {r.returncode}: {r.stderr.strip()}")
    return r.stderr if fails else r.stdout


def refused(kind, f, *args, **kwargs):
    """Checks that a call fails as it should."""
    try:
        f(*args, **kwargs)
    except kind:
        return
    raise AssertionError(f"{f.__qualname__} accepted what it should refuse")


__all__ = ["CHAIN", "STRATA", "WALLETS", "WORK", "bt", "check", "equal", "main", "refused", "strata"]
