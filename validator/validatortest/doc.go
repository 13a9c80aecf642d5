// Package validatortest is a small world for the tests of a validator and of its
// rooms: one validator's rooms over a real ledger and a real audit log, a chain
// whose heads the test moves, and miners that keep real sectors in memory.
//
//	world.go   the rooms, and the steps that a test moves them by
//	want.go    what a test compares
//	chain.go   the chain
//	miner.go   the miners
//	ledger.go  a ledger that dies when a test says so
package validatortest
