"""Signed requests (btauth/1): each side accepts the other's, neither a tampered one."""

import asyncio
import hashlib
import http.client
import json
import os
import ssl
import time
from urllib.parse import quote

from bittensor import http_auth

from common import CHAIN, WALLETS, WORK, bt, check, equal, main, refused, strata

VALIDATOR = bt.Wallet(name="validator-1", path=WALLETS)
MINER = bt.Wallet(name="miner-1", path=WALLETS)


async def axon_of(address):
    async with bt.Client(CHAIN) as client:
        for neuron in await client.subnets.metagraph(1):
            if neuron.hotkey == address:
                return neuron.axon.rsplit(":", 1)
    raise AssertionError(f"{address} has no axon")


HOST, PORT = asyncio.run(axon_of(MINER.hotkey.ss58_address))
MANIFEST = "/v1/manifest?validator=" + quote(VALIDATOR.hotkey.ss58_address)


def send(method, path, headers, body=b""):
    """Sends a request to the miner. Its certificate is bound to its hotkey by a
    statement of Strata's own, which no TLS library looks at."""
    context = ssl._create_unverified_context()
    conn = http.client.HTTPSConnection(HOST, int(PORT), context=context, timeout=20)
    try:
        conn.request(method, path, body=body, headers=headers)
        answer = conn.getresponse()
        return answer.status, answer.read()
    finally:
        conn.close()


def signed(method, path, body=b"", **changes):
    args = {"receiver_ss58": MINER.hotkey.ss58_address, **changes}
    return http_auth.sign(VALIDATOR, method=method, path=path, body=body, **args)


@check
def accepted_by_us():
    """our miner accepts a request that the SDK signed"""
    status, body = send("GET", MANIFEST, signed("GET", MANIFEST))
    equal(status, 200, f"status ({body[:200]!r})")
    if len(body) < 100:
        raise AssertionError(f"the manifest has {len(body)} bytes")
    # An audit's body is read, and found to be no audit: the signature was right.
    status, body = send("POST", "/v1/audit", signed("POST", "/v1/audit", b"no audit"), b"no audit")
    equal(status, 400, f"status of nonsense ({body[:200]!r})")


@check
def refused_by_us():
    """our miner refuses what was tampered with, replayed, stale or for another"""
    flipped = signed("GET", MANIFEST)
    last = flipped["X-Bittensor-Signature"][-1]
    flipped["X-Bittensor-Signature"] = flipped["X-Bittensor-Signature"][:-1] + ("0" if last != "0" else "1")
    unsigned = signed("GET", MANIFEST)
    unsigned["X-Bittensor-Signature"] = "0x"
    now = time.time_ns()
    used = signed("GET", MANIFEST)
    equal(send("GET", MANIFEST, used)[0], 200, "status of the first")
    stranger = http_auth.sign(bt.Wallet(name="miner-2", path=WALLETS), method="GET", path=MANIFEST, receiver_ss58=MINER.hotkey.ss58_address)
    for what, method, path, headers, body, want in [
        ("another path", "GET", MANIFEST + "&since=1", signed("GET", MANIFEST), b"", 401),
        ("another method", "GET", MANIFEST, signed("POST", MANIFEST), b"", 401),
        ("another body", "POST", "/v1/audit", signed("POST", "/v1/audit", b"one"), b"two", 401),
        ("another signature", "GET", MANIFEST, flipped, b"", 401),
        ("no signature", "GET", MANIFEST, unsigned, b"", 401),
        ("a replay", "GET", MANIFEST, used, b"", 401),
        ("another receiver", "GET", MANIFEST, signed("GET", MANIFEST, receiver_ss58=VALIDATOR.hotkey.ss58_address), b"", 401),
        ("no receiver", "GET", MANIFEST, signed("GET", MANIFEST, receiver_ss58=None), b"", 401),
        ("one of a minute ago", "GET", MANIFEST, signed("GET", MANIFEST, nonce_ns=now - 60 * 10**9), b"", 401),
        ("one of the future", "GET", MANIFEST, signed("GET", MANIFEST, nonce_ns=now + 60 * 10**9), b"", 401),
        ("one without a permit", "GET", MANIFEST, stranger, b"", 403),
    ]:
        status, answer = send(method, path, headers, body)
        equal(status, want, f"status of {what} ({answer[:200]!r})")


def headers_of_ours(method, uri, body=b""):
    path = os.path.join(WORK, "body")
    with open(path, "wb") as f:
        f.write(body)
    out = strata(
        "wallet", "sign_request", method, uri, "--receiver", MINER.hotkey.ss58_address, "--body", path,
        "--wallet.path", WALLETS, "--wallet.name", "validator-1",
    )
    return dict(line.split(": ", 1) for line in out.splitlines())


def verify(headers, body, method, path, **changes):
    args = {"self_hotkey_ss58": MINER.hotkey.ss58_address, "nonce_store": http_auth.InMemoryNonceStore(), **changes}
    return http_auth.verify(headers, body, method=method, path=path, **args)


@check
def accepted_by_them():
    """the SDK accepts a request that we signed"""
    for method, uri, body in [("GET", MANIFEST, b""), ("POST", "/generate?stream=false", json.dumps({"prompt": "hello"}).encode()), ("PUT", "/v1/x%20y", b"\x00\xff" * 500)]:
        caller = verify(headers_of_ours(method, uri, body), body, method, uri)
        equal(caller.hotkey_ss58, VALIDATOR.hotkey.ss58_address, "caller")
    # What both sign is one text.
    headers = headers_of_ours("GET", MANIFEST)
    text = http_auth.build_payload(
        scheme="sr25519", method="GET", path=MANIFEST, body=b"", nonce_ns=int(headers["X-Bittensor-Nonce"]),
        sender_ss58=VALIDATOR.hotkey.ss58_address, receiver_ss58=MINER.hotkey.ss58_address,
    )
    equal(hashlib.sha256(b"").hexdigest() in text.decode(), True, "the body's hash in the text")
    equal(VALIDATOR.hotkey.verify(text, bytes.fromhex(headers["X-Bittensor-Signature"][2:])), True, "the signature")


@check
def refused_by_them():
    """the SDK refuses ours when it was tampered with, replayed or is for another"""
    uri, body = "/generate", b"hello"
    headers = headers_of_ours("POST", uri, body)
    for change in [dict(body=b"hell0"), dict(method="PUT"), dict(path="/generate?x=1")]:
        args = {"body": body, "method": "POST", "path": uri, **change}
        refused(http_auth.BadSignature, verify, headers, **args)
    refused(http_auth.WrongReceiver, verify, headers, body, "POST", uri, self_hotkey_ss58=VALIDATOR.hotkey.ss58_address)
    refused(http_auth.StaleRequest, verify, headers, body, "POST", uri, now_ns=time.time_ns() + 60 * 10**9)
    store = http_auth.InMemoryNonceStore()
    verify(headers, body, "POST", uri, nonce_store=store)
    refused(http_auth.ReplayedRequest, verify, headers, body, "POST", uri, nonce_store=store)


if __name__ == "__main__":
    main("request")
