package main

import (
	"bytes"
	"os"
	"testing"
)

// The committed assembly is what this program writes.
func TestCommittedAssemblyIsGenerated(t *testing.T) {
	asm, stubs, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]byte{"../../merkle/hash_amd64.s": asm, "../../merkle/hash_amd64.go": stubs} {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what is generated: run go generate ./merkle", path)
		}
	}
}
