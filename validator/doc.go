// Package validator is the role that finds out what miners really hold, and
// pays them for that: it follows the chain, pulls manifests, refills secretly
// chosen sectors, sends snap audits, and sets weights each tempo. Each of these
// has a room of its own; this package composes them and runs them.
//
//	subnet/    the chain as last read: block, rules, permits, shares of stake
//	book/      what is known of each miner, in memory and in the ledger
//	holding/   of that, what it holds for one validator: a value
//	chance/    what a miner must not foresee
//	manifest/  manifests pulled
//	check/     commitment checks: sectors refilled, within a budget
//	audit/     snap audits
//	shards/    users' shards on miners: missing, orphaned, refused
//	refusal/   what miners do to the shards that they are sent
//	fraud/     proofs of fraud, from others and for them
//	weigh/     credits into weights, onto the chain
//	account/   the audit log
//
// Here:
//
//	validator.go  what it is made of; Run
//	follow.go     what a new head asks for; a worker for each miner
//	visit.go      a worker's turns
//	status.go     what users and the gateway see
//	standing.go   what the shards on a miner are worth, for repair
//	observe.go    the same for a gateway in another process
//	drive.go      the same steps by hand, for simulations
//
// Everything that counts is in the ledger, a score and the sectors that it
// speaks of in one transaction, and in memory only after that (package book). A
// validator that is killed loses at most the audits of the last second and the
// check it was making; it starts again from the ledger's heads, scores and
// sectors.
package validator
