// Package strata holds what every part of the network shares: identifiers,
// units, profiles and error codes. It imports nothing of the project.
//
// Strata is a storage network on Bittensor. Its roles:
//
//	miner      fills disks with sectors, proves them, keeps shards over them
//	validator  checks and audits miners, credits proven bytes, sets weights
//	gateway    turns users' files into encrypted shards on miners, and back
//
// Data flows one way on a write and the other on a read:
//
//	user → gateway → object (segments → erasure → envelope → placement)
//	     → peer (signed HTTPS) → miner → volume (sectors on disks)
//
// and proof flows beside it:
//
//	chain (metagraph, stake) → allocation → volume (seal) → manifest
//	     → validator (checks, audits) → score → weights → chain
//
// Imports run one way: rules and codecs below, then the protocol, adapters,
// services, roles and, on top, cmd/strata, which is the only production wiring.
// internal/arch tests that.
package strata
