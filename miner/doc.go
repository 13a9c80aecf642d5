// Package miner is the role that puts disk space on the network: it divides
// its space among validators by stake, fills it with sectors, proves them, and
// keeps validators' shards over the filler.
//
//	plan.go     what each validator shall have (package allocation, chain stake)
//	access.go   who may do what
//	serve.go    the answers to validators (what package peer serves)
//	axon.go     publishing the address on chain
//	miner.go    what it is made of, start and end
//	follow.go, reallocate.go, sealing.go   its loops
//
// Everything durable is in the Space it is given; a miner that is killed at any
// point starts again from there.
package miner
