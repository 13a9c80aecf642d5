// Command merkleasm writes the assembly of package merkle: BLAKE3's compression
// of many inputs at once, in AVX2 and AVX-512.
//
//	go -C tools run ./merkleasm ../merkle/hash_amd64.s ../merkle/hash_amd64.go
//
// A lane of the vectors is an input, so the compression function is written
// down once, in vectors of words; what costs beside it is to turn sixteen words
// of each input into sixteen vectors. That is done with unpacking instructions:
// gathering them word by word from memory takes twice the time of all the rest.
package main

import (
	"fmt"
	"os"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: merkleasm ASSEMBLY DECLARATIONS")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "merkleasm: "+err.Error())
		os.Exit(1)
	}
}

func run(asm, stubs string) error {
	a, s, err := generate()
	if err != nil {
		return err
	}
	if err := os.WriteFile(asm, a, 0o644); err != nil {
		return err
	}
	return os.WriteFile(stubs, s, 0o644)
}

// generate returns the assembly and the Go declarations.
func generate() (asm, stubs []byte, err error) {
	c := build.NewContext()
	k := declare(c)
	k.wide().function()
	k.narrow().function()
	f, err := c.Result()
	if err != nil {
		return nil, nil, err
	}
	if err := pass.Compile.Execute(f); err != nil {
		return nil, nil, err
	}
	cfg := printer.Config{Name: "tools/merkleasm", Pkg: "merkle"}
	if asm, err = printer.NewGoAsm(cfg).Print(f); err != nil {
		return nil, nil, err
	}
	stubs, err = printer.NewStubs(cfg).Print(f)
	return asm, stubs, err
}
