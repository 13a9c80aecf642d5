// Package validator is the role that finds out what miners really hold, and
// pays them for that: it follows the chain, pulls manifests, refills secretly
// chosen sectors, sends snap audits, and sets weights each tempo.
//
//	validator.go  what it is made of; Run
//	sync.go       the chain: heads, metagraph, which miners there are
//	book.go       what is known of one miner, in memory and in the ledger
//	pull.go       manifests
//	check.go      commitment checks
//	audit.go      snap audits
//	read.go       reads of users' shards, as users read them
//	reconcile.go  shards that should be on a miner and are not
//	orphans.go    shards that are on a miner and should not be
//	standing.go   what the shards on a miner are worth, for repair
//	refuse.go     shards that a miner would not take
//	witness.go    the same for a gateway in another process
//	weigh.go      credits and weights
//	status.go     what users and the gateway see
//	observe.go    the same for a gateway in another process
//	drive.go      the same steps by hand, for simulations
//
// Everything that counts is in the ledger, a score and the sectors that it
// speaks of in one transaction, and in memory only after that. A validator that
// is killed loses at most the audits of the last second and the check it was
// making; it starts again from the ledger's heads, scores and sectors.
package validator
