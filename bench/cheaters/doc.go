// Package cheaters is the zoo: miners that want to be paid for what they do not
// hold, each against real validators with honest miners beside it.
//
//	zoo.go      who there is, and with what means
//	world.go    one game: a clock, a subnet, validators, miners
//	subnet.go   the chain: heads, weights, an epoch of Yuma after each tempo
//	line.go     messages between validators and miners, and the time they take
//	ledger.go   a validator's ledger in memory
//	disk.go     the honest miner, on which the others are built
//	content.go  sealed sectors, made once for all games
//	users.go    what users store
//	time.go     cheaters whose crime is time
//	roots.go    cheaters with false roots or fewer bytes than they say
//	shards.go   cheaters against users' data
//	views.go    cheaters that treat validators differently
//	report.go   many games, and what they say together
//
// Everything but the clock, the network's wires and the disks is the real thing:
// validator.Validator with its pulls, checks, audits and weights, the interface
// that a miner's server serves, messages through their encoding, signatures,
// sealed sectors and their proofs, and Yuma over several epochs. Sectors are
// small; what takes time takes as long as on the main network (price).
//
// A game is played twice from one seed, once with the cheater and once with the
// same miners honest: the same hotkeys, the same bytes on disk, the same
// bandwidth. What it earns in both is what is compared.
package cheaters
