// Package pallets is the state transition of the local chain: it reads and
// checks extrinsics, runs their calls, and does what every block does besides,
// from the beacon's rounds to the epochs of subnets.
//
// An Execution is one block, from Begin over Timestamp and Include to Finish,
// which returns what the block changes. Nothing here does I/O, knows a clock or
// keeps anything between blocks: all that a block depends on is its parent's
// state and what it is given. (Genesis draws the salt of a new chain.)
//
// Calls are named after subtensor's and make its checks in its order; do_… in a
// comment is the function there that one follows.
package pallets
