// Package account keeps a validator's public account of itself: what the ledger
// has journaled goes to the audit log, the log's head goes on chain with the
// weights, and a part of it becomes public when nobody can copy from it in time.
//
//	account.go  the account; its beginning; the journal's way to the log
//	states.go   what a part that can be replayed alone begins with
//	publish.go  on chain, public, gone
package account
