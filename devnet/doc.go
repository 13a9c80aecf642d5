// Package devnet runs a whole Strata network on one machine: a local chain,
// validators with their gateways and miners, each a process of the same binary
// that production runs. It registers and funds their hotkeys on chain as a
// person would, and keeps everything under one directory:
//
//	devnet.json      what was asked for, so that a second start brings up the same
//	processes.json   every process: role, name, pid, addresses, log file
//	chain/           the chain's state
//	wallets/         unencrypted wallets: owner, validator-1…, miner-1…
//	<name>/          the db_path of that validator or miner
//	logs/<name>.log  its log
//	run/<name>.json  what it said when it was ready
package devnet
