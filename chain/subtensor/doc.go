// Package subtensor is a chain.Client over Substrate JSON-RPC on a websocket.
// It serves any subtensor node, the local one of chain/devchain included.
//
// Nothing about the runtime is written in code but names: types, storage
// hashers, indices and signed extensions come from the node's own metadata,
// fetched again whenever its spec version changes.
//
// A Client keeps one connection, which package link holds up. When that breaks,
// or its node answers nothing or makes no blocks for half a minute or three
// block times, or falls behind, it tries its endpoints in turn, with growing
// pauses, and restores its subscriptions; reads in flight are asked again, and
// a submission whose outcome was being awaited is looked for in the blocks. An
// endpoint with another genesis is never used.
//
// When the chain is upgraded, what waits for a block is signed anew for the new
// runtime, and blocks from before are read with the metadata that they are of.
//
// Methods and formats:
// https://paritytech.github.io/json-rpc-interface-spec/ (legacy namespaces),
// https://github.com/opentensor/subtensor (pallets, runtime APIs).
package subtensor
