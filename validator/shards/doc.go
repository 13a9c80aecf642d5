// Package shards looks after users' shards on miners: those that should be there
// and are not, those that are there and should not be, and those that a miner would
// not take.
//
//	shards.go     what it is made of
//	reconcile.go  shards that should be on a miner and are not
//	orphans.go    shards that are on a miner and should not be
//	refused.go    shards that a miner would not take
package shards
