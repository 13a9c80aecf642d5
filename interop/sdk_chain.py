"""The SDK's client on the devnet: what it reads is what we read, and what it
sends takes effect."""

import asyncio
import json
import os

from bittensor.intents import REGISTRY
from bittensor.keyfiles import Keypair
from bittensor.reads import list_reads

from common import CHAIN, WALLETS, bt, check, equal, strata

NODE = ["--subtensor.chain_endpoint", CHAIN]


class Dev:
    """A wallet of development keys, in memory."""

    def __init__(self, name):
        self.name = name
        self.coldkey = self.coldkeypub = Keypair.create_from_uri(f"//{name}")
        self.hotkey = self.hotkeypub = Keypair.create_from_uri(f"//{name}//hot")


BOB, CHARLIE = Dev("Bob"), Dev("Charlie")
VALIDATOR = bt.Wallet(name="validator-1", path=WALLETS)
FEE = 100_000  # rao


def view(*args):
    return json.loads(strata("chain", *args, "--json", *NODE))


def succeeded(result):
    if not result.success:
        raise AssertionError(f"{result.message} ({result.error})")
    return result


async def shielded(c, intent, signer):
    """Sends an intent encrypted. The SDK's own count of nonces misses the inner
    extrinsic, on any chain, so it is made to ask again."""
    result = succeeded(await c.submit_shielded(intent, signer))
    c._substrate.raw.clear_nonce_cache_for_account(signer.coldkey.ss58_address)
    return result


def events_of(result):
    return [f"{e['event']['module_id']}.{e['event']['event_id']}" for e in result.events]


@check
async def connects(c):
    """it connects and follows blocks"""
    info = view("info")
    if not 0 <= await c.block() - info["block"] < 60:
        raise AssertionError(f"its block is {await c.block()}, ours {info['block']}")
    equal(await c.spec_version(), info["spec_version"], "spec version")
    first = (await c.wait_for_block(timeout=20)).number
    second = (await c.wait_for_block(timeout=20)).number
    if second <= first:
        raise AssertionError(f"block {second} follows {first}")
    equal(await c.block_time(), 0.25, "block time")
    equal((await c.block_info(first)).number, first, "block")


@check
async def balances(c):
    """it reads balances"""
    for address in (BOB.coldkey.ss58_address, VALIDATOR.coldkeypub.ss58_address):
        equal((await c.balances.get(address)).rao, rao(view("balance", address)["free_tao"]), "balance")
    many = await c.balances.get_many([BOB.coldkey.ss58_address, CHARLIE.coldkey.ss58_address])
    equal(many[BOB.coldkey.ss58_address].rao > 10**18 - 10**15, True, "Bob's balance")


def rao(tao):
    whole, _, frac = str(tao).partition(".")
    return int(whole) * 10**9 + int(frac.ljust(9, "0") or 0)


@check
async def metagraph(c):
    """its metagraph is ours, axons and stakes included"""
    block = await c.block()
    theirs, ours = await c.subnets.metagraph(1, block=block), view("metagraph", "--netuid", "1", "--block", str(block))
    equal(len(theirs), len(ours["neurons"]), "number of neurons")
    for n, m in zip(theirs, ours["neurons"]):
        equal((n.uid, n.hotkey, n.coldkey), (m["uid"], m["hotkey"], m["coldkey"]), "neuron")
        equal((n.validator_permit, n.active, n.last_update), (m["validator_permit"], m["active"], m["last_update"]), "state")
        equal(n.total_stake.rao, rao(m["stake"]), "stake")
        equal(n.axon, m.get("axon"), "axon")
        equal(round(n.incentive * 65535), m["incentive"], "incentive")
    served = [n.axon for n in theirs if n.axon]
    equal(len(served), 2, "miners' axons")
    for n in await c.neurons.all(1, block=block):
        equal((n.hotkey, n.total_stake.rao), (theirs.neuron(n.uid).hotkey, theirs.neuron(n.uid).total_stake.rao), "get_neurons_lite")


@check
async def transfers(c):
    """its transfer arrives"""
    before = rao(view("balance", CHARLIE.coldkey.ss58_address)["free_tao"])
    result = succeeded(await c.execute(bt.Transfer(dest_ss58=CHARLIE.coldkey.ss58_address, amount_tao=5), BOB))
    equal("Balances.Transfer" in events_of(result), True, "the event")
    equal(result.fee.rao, FEE, "fee")
    equal(rao(view("balance", CHARLIE.coldkey.ss58_address)["free_tao"]) - before, 5 * 10**9, "what arrived")
    refused = await c.execute(bt.Transfer(dest_ss58=BOB.coldkey.ss58_address, amount_tao=2 * 10**9), CHARLIE)
    equal(refused.success, False, "a transfer of more than there is")


@check
async def registers(c):
    """it makes a subnet and registers hotkeys on it, encrypted (MevShield) and in the clear"""
    result = succeeded(await c.execute(bt.RegisterSubnet(), BOB))
    netuid = result.data["netuid"]
    result = await shielded(c, bt.BurnedRegister(netuid=netuid), CHARLIE)
    equal((result.data["shielded"], "SubtensorModule.NeuronRegistered" in events_of(result)), (True, True), "shielded, and the event")
    other = Keypair.create_from_uri("//Charlie//other").ss58_address
    succeeded(await c.submit_call(bt.calls.SubtensorModule.burned_register(netuid=netuid, hotkey=other), CHARLIE))
    ours = view("metagraph", "--netuid", str(netuid))
    equal([n["hotkey"] for n in ours["neurons"]], [BOB.hotkey.ss58_address, CHARLIE.hotkey.ss58_address, other], "hotkeys")
    equal(await c.neurons.uid(CHARLIE.hotkey.ss58_address, netuid), 1, "uid")
    again = await c.submit_call(bt.calls.SubtensorModule.burned_register(netuid=netuid, hotkey=CHARLIE.hotkey.ss58_address), CHARLIE)
    equal((again.success, again.error.name), (False, "HotKeyAlreadyRegisteredInSubNet"), "a second registration")
    c.made = netuid


@check
async def stakes(c):
    """it stakes and unstakes, and sees the effect"""
    hot, cold = CHARLIE.hotkey.ss58_address, CHARLIE.coldkey.ss58_address
    result = succeeded(await c.execute(bt.AddStake(hotkey_ss58=hot, netuid=c.made, amount_tao=10), CHARLIE))
    equal("SubtensorModule.StakeAdded" in events_of(result), True, "the event")
    held = await c.staking.get(cold, hot, c.made)
    if not 10 * 10**9 <= held.rao < 11 * 10**9:
        raise AssertionError(f"10 staked are {held}")
    ours = [s for s in view("balance", cold)["stakes"] if s["netuid"] == c.made]
    equal(len(ours), 1, "our view of the stake")
    positions = await c.staking.positions(cold)
    equal([(p.hotkey, p.netuid, p.is_registered) for p in positions], [(hot, c.made, True)], "positions")
    # What the command line does by default: encrypted.
    await shielded(c, bt.AddStake(hotkey_ss58=hot, netuid=c.made, amount_tao=1), CHARLIE)
    succeeded(await c.execute(bt.RemoveStake(hotkey_ss58=hot, netuid=c.made, amount_alpha=5), CHARLIE))
    left = (await c.staking.get(cold, hot, c.made)).rao
    if not 6 * 10**9 - 10 <= left < 7 * 10**9:
        raise AssertionError(f"5 of 11 unstaked leave {left}")


@check
async def serves(c):
    """its axon is the one that we read"""
    succeeded(await c.execute(bt.ServeAxon(netuid=c.made, ip="203.0.113.7", port=8091), CHARLIE))
    equal(view("neuron", "1", "--netuid", str(c.made))["neuron"]["axon"], "203.0.113.7:8091", "axon")
    succeeded(await c.execute(bt.ServeAxonTls(netuid=c.made, ip="2001:db8::7", port=8092, certificate="0x01" + "ab" * 32), CHARLIE))
    equal(view("neuron", "1", "--netuid", str(c.made))["neuron"]["axon"], "[2001:db8::7]:8092", "axon")
    certificate = await c.query(("SubtensorModule", "NeuronCertificates"), [c.made, CHARLIE.hotkey.ss58_address])
    equal((certificate["algorithm"], certificate["public_key"]), (1, "0x" + "ab" * 32), "certificate")


@check
async def weights(c):
    """weights that it sets are the ones that we read"""
    await c.wait_for_block(await c.block() + 22, timeout=60)  # an epoch gives the permit
    for weights in ({0: 3.0, 1: 1.0}, {0: 1.0, 2: 1.0}):
        succeeded(await c.execute(bt.SetWeights(netuid=c.made, weights=weights), CHARLIE))
        ours = view("weights", "--netuid", str(c.made))
        top = max(weights.values())
        equal({w["uid"]: w["value"] for w in ours[0]["weights"]}, {u: round(65535 * w / top) for u, w in weights.items()}, "weights")


@check
async def commits(c):
    """a commitment of ours is read by it, one of its by us"""
    fields = {"fields": [{"Raw5": "0x" + b"hello".hex()}]}
    succeeded(await c.submit_call(bt.calls.Commitments.set_commitment(netuid=c.made, info=fields), CHARLIE, signer="hotkey"))
    equal(view("neuron", "1", "--netuid", str(c.made))["commitment"], b"hello".hex(), "commitment")
    found = await c.subnets.commitments(c.made)
    equal(found[CHARLIE.hotkey.ss58_address].value, "hello", "its own view")


ARGUMENTS = {
    "netuid": 1, "netuids": [1], "uid": 0, "lite": True, "amount_tao": 1.0, "amount_alpha": 1.0, "mechid": 0,
    "coldkey_ss58": BOB.coldkey.ss58_address, "coldkey_ss58s": [BOB.coldkey.ss58_address],
    "hotkey_ss58": CHARLIE.hotkey.ss58_address, "hotkey_ss58s": [CHARLIE.hotkey.ss58_address], "account_ss58": BOB.coldkey.ss58_address,
}


@check
async def reads(c):
    """its typed reads work but for those that missing_reads.txt lists"""
    missing, recent = [], {"block": await c.block() - 1}  # a node forgets old states
    for entry in list_reads():
        args = {}
        for name, kind in entry["params"].items():
            args[name] = {**ARGUMENTS, **recent}.get(name, {"integer": 1, "string": "0x" + "00" * 32, "boolean": True, "number": 1.0, "array": []}[kind])
        try:
            await c.read(entry["name"], **args)
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            missing.append(f"{entry['name']}: {reason}")
    if os.environ.get("INTEROP_LIST"):
        print("\n".join(missing))
    listed_exactly({m.split(":")[0] for m in missing}, "missing_reads.txt")


def listed_exactly(names, file):
    with open(os.path.join(os.environ["INTEROP"], file)) as f:
        known = {line.strip() for line in f if line.strip() and not line.startswith("#")}
    equal(sorted(names - known), [], f"what fails and is not in {file}")
    equal(sorted(known - names), [], f"what is in {file} and works")


@check
async def intents(c):
    """its write intents find their calls but for those that missing_intents.txt lists"""
    runtime = view("metadata")
    calls = {(p["name"], call["name"]) for p in runtime["pallets"] for call in p["calls"]}
    missing = {name for name, intent in REGISTRY.items() if not any(tuple(w) in calls for w in intent.wraps)}
    listed_exactly(missing, "missing_intents.txt")


async def run():
    import common

    async with bt.Client(CHAIN) as client:
        await common._main("sdk", (client,))


if __name__ == "__main__":
    asyncio.run(run())
