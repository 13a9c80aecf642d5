// Package devchaintest helps tests of the local chain and of its clients: keys
// that sign, extrinsics made by metadata, events read from a block, and a Chain,
// which is the runtime without a node around it.
package devchaintest
