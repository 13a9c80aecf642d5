// polkadot.js on the devnet: metadata, the metagraph by runtime API and by
// storage, a transfer and a registration with their events.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiPromise, HttpProvider, Keyring, WsProvider } from '@polkadot/api';

const chain = process.env.STRATA_CHAIN;

// view is what strata itself reads.
function view(...args) {
  const out = execFileSync(process.env.STRATA_BINARY, ['chain', ...args, '--json', '--subtensor.chain_endpoint', chain]);
  return JSON.parse(out.toString());
}

const checks = [];
const check = (name, run) => checks.push({ name, run });

// send signs a call, waits until it is final, and returns its events.
function send(api, tx, signer) {
  return new Promise((resolve, reject) => {
    let stop = () => {};
    tx.signAndSend(signer, ({ status, events, dispatchError, isError }) => {
      if (isError) {
        reject(new Error(`dropped: ${status.type}`));
      } else if (status.isFinalized) {
        stop();
        resolve({ block: status.asFinalized.toHex(), error: dispatchError, events: events.map(({ event }) => event) });
      }
    }).then((unsubscribe) => { stop = unsubscribe; }, reject);
  });
}

const named = (events, name) => events.find((e) => `${e.section}.${e.method}` === name);

function errorName(api, error) {
  return error.isModule ? api.registry.findMetaError(error.asModule).name : error.toString();
}

check('it connects and knows the runtime', async ({ api }) => {
  const info = view('info');
  assert.equal(api.genesisHash.toHex(), '0x' + info.genesis);
  assert.equal(api.runtimeVersion.specVersion.toNumber(), info.spec_version);
  assert.equal((await api.rpc.system.chain()).toString(), info.chain);
  assert.ok(api.tx.subtensorModule.burnedRegister && api.consts.balances.existentialDeposit);
});

check('it follows heads', async ({ api }) => {
  const numbers = [];
  await new Promise((resolve) => {
    let stop = () => {};
    api.rpc.chain.subscribeNewHeads((h) => {
      numbers.push(h.number.toNumber());
      if (numbers.length === 3) { stop(); resolve(); }
    }).then((f) => { stop = f; });
  });
  assert.ok(numbers[2] > numbers[0], `heads ${numbers}`);
});

check('the metagraph by runtime API and by storage is ours', async ({ api }) => {
  const hash = await api.rpc.chain.getFinalizedHead();
  const block = (await api.rpc.chain.getHeader(hash)).number.toNumber();
  const ours = view('metagraph', '--netuid', '1', '--block', String(block)).neurons;
  const at = await api.at(hash);
  const graph = (await at.call.subnetInfoRuntimeApi.getMetagraph(1)).unwrap();
  const count = (await at.query.subtensorModule.subnetworkN(1)).toNumber();
  assert.equal(count, ours.length);
  assert.equal(graph.hotkeys.length, ours.length);
  const keys = new Map((await at.query.subtensorModule.keys.entries(1)).map(([k, v]) => [k.args[1].toNumber(), v.toString()]));
  for (const n of ours) {
    assert.equal(graph.hotkeys[n.uid].toString(), n.hotkey, 'hotkey by runtime API');
    assert.equal(keys.get(n.uid), n.hotkey, 'hotkey by storage');
    assert.equal(graph.coldkeys[n.uid].toString(), n.coldkey);
    assert.equal((await at.query.subtensorModule.owner(n.hotkey)).toString(), n.coldkey);
    assert.equal(graph.validatorPermit[n.uid].isTrue, n.validator_permit);
    const stake = (await at.query.subtensorModule.totalHotkeyAlpha(n.hotkey, 1)).toBigInt();
    assert.equal(graph.totalStake[n.uid].toBigInt(), stake, 'stake');
    const axon = await at.query.subtensorModule.axons(1, n.hotkey);
    if (n.axon) {
      assert.equal(axon.unwrap().port.toString(), n.axon.split(':').pop(), 'axon by storage');
      assert.equal(graph.axons[n.uid].ip.toString(), axon.unwrap().ip.toString(), 'axon by runtime API');
    } else {
      assert.ok(axon.isNone);
    }
  }
});

check('a signed transfer and its events', async ({ api, dave, eve }) => {
  const before = (await api.query.system.account(eve.address)).data.free.toBigInt();
  const { error, events } = await send(api, api.tx.balances.transferKeepAlive(eve.address, 1234567890n), dave);
  assert.equal(error, undefined);
  const transfer = named(events, 'balances.Transfer');
  assert.deepEqual(transfer.data.map(String), [dave.address, eve.address, '1234567890']);
  assert.ok(named(events, 'system.ExtrinsicSuccess') && named(events, 'transactionPayment.TransactionFeePaid'));
  assert.equal((await api.query.system.account(eve.address)).data.free.toBigInt() - before, 1234567890n);
  const info = await api.tx.balances.transferKeepAlive(eve.address, 1n).paymentInfo(dave);
  assert.equal(info.partialFee.toString(), '100000');
});

check('a registration and its events', async ({ api, dave, hot }) => {
  const call = api.tx.subtensorModule.burnedRegister(1, hot.address);
  const { error, events } = await send(api, call, dave);
  assert.equal(error, undefined);
  const [netuid, uid, hotkey] = named(events, 'subtensorModule.NeuronRegistered').data;
  assert.deepEqual([netuid.toNumber(), hotkey.toString()], [1, hot.address]);
  assert.equal(view('neuron', hot.address, '--netuid', '1').neuron.uid, uid.toNumber());
  const again = await send(api, call, dave);
  assert.equal(errorName(api, again.error), 'HotKeyAlreadyRegisteredInSubNet');
});

check('an axon that it serves, signed by the hotkey', async ({ api, hot }) => {
  const ip = (192n << 24n) | (0n << 16n) | (2n << 8n) | 9n;
  const { error, events } = await send(api, api.tx.subtensorModule.serveAxon(1, 1, ip, 4242, 4, 4, 0, 0), hot);
  assert.equal(error, undefined);
  assert.ok(named(events, 'subtensorModule.AxonServed'));
  assert.equal(view('neuron', hot.address, '--netuid', '1').neuron.axon, '192.0.2.9:4242');
});

check('several extrinsics of one account in flight', async ({ api, dave, eve }) => {
  const nonce = (await api.rpc.system.accountNextIndex(dave.address)).toNumber();
  const sent = [0, 1, 2, 3].map((i) => api.tx.balances.transferKeepAlive(eve.address, 1000000n).signAndSend(dave, { nonce: nonce + i }));
  assert.equal(new Set((await Promise.all(sent)).map(String)).size, 4);
  for (let tries = 0; tries < 100; tries++) {
    if ((await api.query.system.account(dave.address)).nonce.toNumber() === nonce + 4) return;
    await new Promise((resolve) => { api.rpc.chain.subscribeNewHeads(() => resolve()).then((stop) => stop()); });
  }
  assert.fail('not all were included');
});

check('a keystore that it exports is one that we import', async ({ dave }) => {
  const file = join(process.env.WORK, 'keystore.json');
  const password = join(process.env.WORK, 'keystore-password');
  writeFileSync(file, JSON.stringify(dave.toJson('a passwörd')), { mode: 0o600 });
  writeFileSync(password, 'a passwörd\n', { mode: 0o600 });
  const at = ['--wallet.path', join(process.env.WORK, 'wallets'), '--wallet.name', 'browser'];
  const out = execFileSync(process.env.STRATA_BINARY, ['wallet', 'import', 'hotkey', '--keystore', file, '--keystore_password_file', password, ...at]);
  assert.match(out.toString(), new RegExp(dave.address));
  const signature = execFileSync(process.env.STRATA_BINARY, ['wallet', 'sign', 'a message', ...at]).toString().trim();
  assert.ok(dave.verify('a message', '0x' + signature, dave.publicKey));
});

check('JSON-RPC over HTTP', async ({ api }) => {
  const http = await ApiPromise.create({ provider: new HttpProvider(chain.replace('ws://', 'http://')), noInitWarn: true });
  assert.equal(http.genesisHash.toHex(), api.genesisHash.toHex());
  await http.disconnect();
});

const api = await ApiPromise.create({ provider: new WsProvider(chain), noInitWarn: true, throwOnConnect: true });
const keys = new Keyring({ type: 'sr25519', ss58Format: 42 });
const world = { api, dave: keys.addFromUri('//Dave'), eve: keys.addFromUri('//Eve'), hot: keys.addFromUri('//Dave//hot') };
let failed = 0;
for (const { name, run } of checks) {
  const start = Date.now();
  try {
    await run(world);
    console.log(`ok    polkadot.js: ${name} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed++;
    console.log(`FAIL  polkadot.js: ${name}: ${String(error.stack).split('\n').slice(0, 3).join(' ')}`);
  }
}
await api.disconnect();
process.exit(failed > 0 ? 1 : 0);
