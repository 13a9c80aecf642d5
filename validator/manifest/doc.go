// Package manifest keeps what is known of miners' manifests fresh: which sectors a
// miner holds for each validator, under which signed head. What does not fit
// together is refused whole, and the ledger keeps what it had.
//
//	pull.go   one partition brought up to date
//	fetch.go  its pages, also while it changes
//	merge.go  what comes in laid over what is known, and compared with the head
package manifest
