"""Wallet files: what one writes the other opens, encrypted and not."""

import os
import stat

from bittensor.keyfiles import Keypair, WrongPasswordError

from common import WORK, bt, check, equal, main, refused, strata

ROOT = os.path.join(WORK, "wallets")
PHRASE = "old leopard transfer rib spatial phone calm indicate online fire caution review"


def at(name):
    return ["--wallet.path", ROOT, "--wallet.name", name]


def theirs(name):
    return bt.Wallet(name=name, path=ROOT)


def ours(name):
    """The addresses and the state of the files as strata shows them."""
    lines = dict(line.split(None, 1) for line in strata("wallet", "show", *at(name)).splitlines())
    cold, cold_kept = lines["coldkey"].rsplit(", ", 1)
    hot, hot_kept = lines["hotkey"].rsplit(", ", 1)
    return {"coldkey": cold, "cold_kept": cold_kept, "hotkey": hot.split(" ")[0], "hot_kept": hot_kept}


def secret(name, text):
    path = os.path.join(WORK, name)
    with open(path, "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write(text)
    return path


# Each time a password is stretched takes seconds and 512 MiB: no more of it here
# than shows that the files agree.
PASSWORD, OTHER = "correct horse ä", "battery staple"
PASSWORD_FILE, OTHER_FILE = secret("password", PASSWORD + "\n"), secret("other", OTHER)


def signs_alike(name, keypair, *flags):
    """A message signed by either is the same key's to the other."""
    signature = strata("wallet", "sign", "--use", "coldkey", "a message", *at(name), *flags).strip()
    if not keypair.verify(b"a message", bytes.fromhex(signature)):
        raise AssertionError("the SDK does not accept our signature")
    back = "0x" + bytes(keypair.sign(b"a message")).hex()
    strata("wallet", "verify", keypair.ss58_address, back, "a message")
    strata("wallet", "verify", keypair.ss58_address, back, "another", fails=True)


@check
def plain_of_ours():
    """the SDK opens our wallet"""
    strata("wallet", "new", *at("ours"), "--words", "24")
    w, shown = theirs("ours"), ours("ours")
    equal(w.coldkey.ss58_address, shown["coldkey"], "coldkey")
    equal(w.hotkey.ss58_address, shown["hotkey"], "hotkey")
    equal(w.coldkeypub.ss58_address, shown["coldkey"], "coldkeypub")
    equal(w.hotkeypub.ss58_address, shown["hotkey"], "hotkeypub")
    signs_alike("ours", w.coldkey)


@check
def plain_of_theirs():
    """we open the SDK's wallet"""
    w = theirs("theirs")
    w.create_new_coldkey(use_password=False, suppress=True, n_words=24)
    w.create_new_hotkey(suppress=True)
    shown = ours("theirs")
    equal(shown["coldkey"], w.coldkey.ss58_address, "coldkey")
    equal(shown["hotkey"], w.hotkey.ss58_address, "hotkey")
    equal((shown["cold_kept"], shown["hot_kept"]), ("plain", "plain"), "kept")
    signs_alike("theirs", w.coldkey)


@check
def encrypted_of_ours():
    """the SDK opens our encrypted coldkey, with its password only"""
    strata("wallet", "import", "coldkey", *at("sealed"), "--new_password_file", PASSWORD_FILE, stdin=PHRASE)
    w = theirs("sealed")
    equal(w.coldkey_file.is_encrypted(), True, "encrypted")
    equal(w.get_coldkey(password=PASSWORD).ss58_address, "5HDvhV6WDCjCKyrXqGQSDYqQAzkzabNhctmiDYEqgBC66BsX", "coldkey")
    refused(WrongPasswordError, theirs("sealed").get_coldkey, password=OTHER)
    equal(stat.S_IMODE(os.stat(w.coldkey_file.path).st_mode), 0o600, "mode")


@check
def encrypted_of_theirs():
    """we open the SDK's encrypted coldkey: password from a file, the environment, btcli's variable"""
    w = theirs("vault")
    w.create_new_coldkey(coldkey_password=PASSWORD, suppress=True)
    address = w.coldkeypub.ss58_address
    equal(ours("vault")["cold_kept"], "encrypted", "kept")
    strata("wallet", "sign", "--use", "coldkey", "x", *at("vault"), fails=True)
    signs_alike("vault", w.coldkey, "--wallet.password_file", PASSWORD_FILE)
    w.coldkey_file.save_password_to_env(PASSWORD)  # below Python's own copy of the environment
    signature = strata("wallet", "sign", "--use", "coldkey", "x", *at("vault")).strip()
    equal(Keypair(ss58_address=address).verify(b"x", bytes.fromhex(signature)), True, "the signature")


@check
def change_password():
    """we change the password of the SDK's coldkey, which then opens with the new one only"""
    strata("wallet", "password", "coldkey", *at("vault"), "--new_password_file", OTHER_FILE, env={"BT_WALLET_PASSWORD": PASSWORD})
    equal(theirs("vault").get_coldkey(password=OTHER).ss58_address, theirs("vault").coldkeypub.ss58_address, "coldkey")
    refused(WrongPasswordError, theirs("vault").get_coldkey, password=PASSWORD)


@check
def derivation():
    """one URI is one key: paths, passwords, seeds, private keys"""
    for i, uri in enumerate(["//Alice", "//Alice//stash", "//Alice/soft", "//7//x/9", PHRASE, PHRASE + "//0/1", PHRASE + "///word", "0x" + "ab" * 32]):
        want = Keypair.create_from_seed(bytes.fromhex(uri[2:])) if uri.startswith("0x") else Keypair.create_from_uri(uri)
        strata("wallet", "import", "hotkey", *at(f"uri{i}"), stdin=uri)
        equal(ours(f"uri{i}")["hotkey"], want.ss58_address, uri)
        equal(theirs(f"uri{i}").hotkey.ss58_address, want.ss58_address, uri + ", opened by the SDK")
    for n in (12, 15, 18, 21, 24):
        phrase = Keypair.generate_mnemonic(n)
        strata("wallet", "import", "hotkey", *at(f"words{n}"), stdin=phrase)
        equal(ours(f"words{n}")["hotkey"], Keypair.create_from_mnemonic(phrase).ss58_address, f"{n} words")


@check
def public_only():
    """public halves go both ways"""
    address = Keypair.create_from_uri("//Bob").ss58_address
    strata("wallet", "import", "coldkeypub", *at("pub1"), "--address", address)
    strata("wallet", "import", "hotkeypub", *at("pub1"), "--address", address)
    equal(theirs("pub1").coldkeypub.ss58_address, address, "coldkeypub")
    equal(theirs("pub1").hotkeypub.ss58_address, address, "hotkeypub")
    theirs("pub2").regenerate_coldkeypub(ss58_address=address)
    shown = ours("pub2")
    equal((shown["coldkey"], shown["cold_kept"]), (address, "public only"), "theirs")


if __name__ == "__main__":
    main("wallet")
