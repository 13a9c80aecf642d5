// Package check makes commitment checks: it refills sectors that it chooses in
// secret, after it has their roots, and compares. There is nothing to ask the
// miner, so nobody learns which.
//
//	check.go   one check: chosen, made, counted
//	budget.go  how much of the cores checks take
package check
