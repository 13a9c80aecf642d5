package seal

import (
	"slices"
	"strings"

	"strata"
)

// ISA is an instruction set that sectors are filled with. All give the same
// bytes.
type ISA string

// The instruction sets. Portable is plain Go: it runs everywhere, and the
// others are tested against it.
const (
	AVX512   ISA = "avx512"
	AVX2     ISA = "avx2"
	Portable ISA = "go"
)

// implementation is how one instruction set fills.
type implementation struct {
	isa ISA
	// blocks computes blocks from…to−1 of pass p; the earlier ones are done.
	blocks func(f *filler, p, from, to uint32)
	// chain replaces the block by Perm(block) ⊕ block, rounds times.
	chain func(block *blockBytes, rounds uint64)
}

// portable is the implementation that every processor has.
var portable = implementation{Portable, (*filler).steps, chain}

// ISAs returns the instruction sets that this processor has, the fastest
// first. Fill uses that one.
func ISAs() []ISA {
	var list []ISA
	for _, i := range implementations {
		list = append(list, i.isa)
	}
	return list
}

// find returns the implementation for an ISA. The error has code Invalid.
func find(isa ISA) (implementation, error) {
	for _, i := range implementations {
		if i.isa == isa {
			return i, nil
		}
	}
	var names []string
	for _, i := range ISAs() {
		names = append(names, string(i))
	}
	return implementation{}, strata.E(strata.Invalid, "this processor cannot fill with %s, only with %s", isa, strings.Join(names, ", "))
}

// Chain replaces a block by Perm(block) ⊕ block, rounds times: what remains of
// a fill when its memory costs nothing. It is there to be measured. An ISA
// that this processor lacks has code Invalid.
func Chain(isa ISA, block *[strata.BlockSize]byte, rounds uint64) error {
	i, err := find(isa)
	if err == nil && rounds > 0 {
		i.chain(block, rounds)
	}
	return err
}

func chain(b *blockBytes, rounds uint64) {
	var r, z block
	for range rounds {
		r.load(b)
		z = r
		z.perm()
		z.storeXor(&r, b)
	}
}

// features are what a processor offers beyond its base architecture, as far as
// an implementation needs it.
type features struct {
	avx2, bmi2                  bool
	avx512f, avx512dq, avx512bw bool
}

// usable keeps of the known implementations, in their order, those that a
// processor with these features runs. Portable needs none.
func usable(known []implementation, has features) []implementation {
	return slices.DeleteFunc(slices.Clone(known), func(i implementation) bool {
		switch i.isa {
		case AVX512:
			return !has.avx512f || !has.avx512dq || !has.avx512bw || !has.bmi2
		case AVX2:
			return !has.avx2 || !has.bmi2
		}
		return false
	})
}
