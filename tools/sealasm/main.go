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
	"github.com/mmcloughlin/avo/build"

	"strata/tools/asm"
)

var generator = asm.Generator{Name: "sealasm", Package: "seal", Declare: all}

func main() { generator.Main() }

// all declares every function.
func all(c *build.Context) {
	k := declare(c)
	k.wide().functions()
	k.narrow().functions()
	k.gather()
}
