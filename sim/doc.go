// Package sim plays months of a network in seconds, on a clock of its own, with
// the real rules: how miners divide their space (allocation), where shards go
// (placement), what validators credit (score), what the chain pays (yuma), and
// what is repaired (health).
//
//	sim.go      what is played; the hours and the days
//	miner.go    miners: what they do, what happens to them
//	view.go     what validators see of them, and their weights
//	stake.go    validators' stake, and the space that follows it
//	data.go     users' data, and its repair
//	report.go   what came of it
//
// Space, answers and data are numbers here, not bytes: what a kind of miner
// answers is given (Strategy), and package bench/cheaters shows for each that
// the real validator sees just that. The same configuration gives the same
// report on every machine: chance comes from seeded generators, and there is no
// floating point.
package sim
