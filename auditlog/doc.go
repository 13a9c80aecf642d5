// Package auditlog is a validator's public account of itself: an append-only,
// hash-chained log of what it saw of miners and what it concluded. Anyone who
// has it computes the same credits and weights (Replay), and sees where it was
// altered.
//
//	entry.go    what an entry says
//	chain.go    how entries are chained; reading a log, telling where it breaks
//	log.go      writing: append, torn tails, segments, publication
//	replay.go   the rule applied to the log again
//	serve.go    what is public over HTTP
//
// A log is a directory of segments, text files named by their first entry's
// number. A segment ends with the entry of a weight vector; after it comes the
// state of every miner, so that each segment can be replayed alone. Details help
// whoever copies weights, so a segment becomes public (subdirectory "public")
// only when the validator says so, a tempo after its weights were revealed. The
// hash of the last entry goes on chain when weights are set.
package auditlog
