// Package ledger keeps the chain: the state after its last block, and the
// blocks and earlier states that clients can still ask for, in memory and in one
// directory. What is in a block is not its concern.
//
// A block and the state after it reach the disk in one transaction before
// anybody hears of the block, so a crash leaves the chain at a block.
package ledger
