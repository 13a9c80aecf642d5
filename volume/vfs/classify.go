package vfs

import (
	"fmt"

	"strata"
	"strata/internal/durable"
)

// Classify gives an error of a sector file its code and the way out: NoSpace
// for a full disk. doing and path say what was tried, and where.
func Classify(err error, doing, path string) error {
	if durable.IsFull(err) {
		return strata.E(strata.NoSpace, "disk full while %s %s: free some space and run again, it continues where it stopped: %w", doing, path, err)
	}
	return fmt.Errorf("%s %s: %w", doing, path, err)
}
