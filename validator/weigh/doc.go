// Package weigh pays miners for what they have proven: once a tempo it turns credits
// into weights and sets them on chain, and it reveals those that were committed.
//
//	weigh.go   when; what follows from an attempt
//	vector.go  the weights, and what the audit log is told of them
package weigh
