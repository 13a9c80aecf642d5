// Command sealasm writes the assembly of package seal: the fill and the
// permutation in AVX2 and AVX-512.
//
//	go -C tools run ./sealasm ../seal/fill_amd64.s ../seal/fill_amd64.go
//
// The shape of a fill is the same for both: while a block is permuted, the
// parents of a block some steps ahead are computed in the integer units, which
// are idle otherwise, and the lines of one a step nearer are prefetched, each
// some thirty instructions after the other. Sixteen prefetches in a row fill
// the queue of misses and stall what comes after.
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
		fmt.Fprintln(os.Stderr, "usage: sealasm ASSEMBLY DECLARATIONS")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "sealasm: "+err.Error())
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
	k.wide().functions()
	k.narrow().functions()
	k.gather()
	f, err := c.Result()
	if err != nil {
		return nil, nil, err
	}
	if err := pass.Compile.Execute(f); err != nil {
		return nil, nil, err
	}
	cfg := printer.Config{Name: "tools/sealasm", Pkg: "seal"}
	if asm, err = printer.NewGoAsm(cfg).Print(f); err != nil {
		return nil, nil, err
	}
	stubs, err = printer.NewStubs(cfg).Print(f)
	return asm, stubs, err
}
