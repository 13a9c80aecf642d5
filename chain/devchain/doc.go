// Package devchain is a local Bittensor chain in one process: a node that
// speaks Substrate's JSON-RPC over websocket and HTTP with real SCALE, real
// sr25519 signatures, nonces, eras, blocks and Yuma epochs, so that a client
// made for subtensor cannot tell the difference where Strata uses it, and a
// whole network runs on one machine without any other.
//
// What follows subtensor (runtime spec 300, with the checks of the transaction
// extension that later runtimes have): names, types, hashers and indices of
// storage, calls, events and errors; the order of a call's checks; storage keys;
// transaction errors; epochs, run when (block + netuid + 1) mod (tempo + 1) = tempo;
// commit–reveal by hash and by timelock. Newer calls and their numbers are those
// of finney's runtime.
//
// The timelock has a beacon of its own, whose key is in Drand.BeaconConfig and
// whose pulses, one a second, are in Drand.Pulses. The secret lies in beacon.key
// beside the chain: whoever runs the chain can read weights before their time.
//
// //Alice has the Sudo key. AdminUtils sets hyperparameters, and System.set_code
// with what Upgrade returns makes the runtime one of a later spec version, which
// works the same but has other indices throughout.
//
// What is simpler, on purpose:
//
//   - a block is made at a fixed interval and final at once; its state and
//     extrinsics roots are BLAKE2b hashes, not tries, and there is no digest;
//   - stake is alpha one to one with the TAO paid: no pools, no prices, no root
//     stake, no delegation take, no owner's cut;
//   - a subnet is open as soon as it is registered, prices are fixed, there are
//     no registration limits; a subnet has one mechanism;
//   - an axon may serve on 127.0.0.1 or ::1;
//   - calls, storage and runtime APIs that Strata has no use for are missing,
//     from the metadata too.
//
// This package is the node: it makes blocks at their time, and answers clients.
// Its parts, from the bottom up:
//
//	state         keys and values, and changes over them
//	storage       where the runtime keeps what, and the records there
//	metadata      what the runtime tells clients of itself
//	pallets       extrinsics, calls, epochs: what a block does to the state
//	runtimeapi    what clients ask the runtime by state_call
//	pool          extrinsics that wait for a block
//	ledger        the blocks and their states, in memory and on disk
//	jsonrpc       JSON-RPC over websocket and HTTP, without any chain
//	devchaintest  for tests, of clients too
package devchain
