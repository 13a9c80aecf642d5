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
	"github.com/mmcloughlin/avo/build"

	"strata/tools/asm"
)

var generator = asm.Generator{Name: "merkleasm", Package: "merkle", Declare: all}

func main() { generator.Main() }

// all declares every function.
func all(c *build.Context) {
	k := declare(c)
	k.wide().function()
	k.narrow().function()
}
