package main

import "testing"

// The committed assembly is what this program writes.
func TestCommittedAssemblyIsGenerated(t *testing.T) {
	if err := generator.Committed("fill_amd64"); err != nil {
		t.Error(err)
	}
}
