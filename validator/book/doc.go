// Package book is what a validator knows of each miner, in memory and in the
// ledger: its score, what it holds for whom, when it was last seen, and what of
// it is to be checked.
//
//	books.go   all miners' books: restored, found, written
//	book.go    one miner's: how it changes
//	view.go    what is known at one moment, for all who only read
//	commit.go  changes that are in the ledger before they are in memory
//	cohort.go  sectors that arrived together
//	due.go     which sector is to be checked next, and why
//	sample.go  the sectors of a cohort that wait for that
//	journal.go what the audit log is told
//	settle.go  all books at one moment
//	turn.go    one who changes a miner's part of the ledger at a time
//
// Everything that counts is in the ledger, a score and the sectors that it
// speaks of in one transaction, and in memory only after that. Who changes a
// miner's part of the ledger has its Turn from the read to the write; nobody
// outside takes another lock of a book. Readers take none: a View is never
// changed, only replaced.
package book
