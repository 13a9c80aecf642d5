// Package fraud takes proofs of fraud from others, and makes those that others
// are shown. What a miner's own signatures prove counts at once; a false root only
// after a refill of our own, for which the check room asks here (Next).
//
//	fraud.go   the desk: what proofs lead to
//	show.go    proofs of our own
//	listen.go  where others' come from
package fraud
