package main

import (
	. "github.com/mmcloughlin/avo/operand"
)

// gatherAhead is how many lines ahead of the one that it reads a gather prefetches.
const gatherAhead = 32

// gather emits what remains of a fill without its permutation: reads of lines
// from all over the sector, as many under way as the processor can have. It needs
// no instruction set.
func (k *kernel) gather() {
	k.Function("gatherLines")
	k.Doc("gatherLines reads the first word of n lines at offsets from base, and returns their exclusive or.")
	k.Pragma("noescape")
	k.SignatureExpr("func(base *byte, offsets *uint64, n uint64) uint64")
	base, at, left, sum, t := k.GP64(), k.GP64(), k.GP64(), k.GP64(), k.GP64()
	k.Load(k.Param("base"), base)
	k.Load(k.Param("offsets"), at)
	k.Load(k.Param("n"), left)
	k.XORQ(sum, sum)
	k.SUBQ(U8(gatherAhead), left)
	k.JBE(LabelRef("tail"))
	k.Label("line")
	k.MOVQ(Mem{Base: at, Disp: 8 * gatherAhead}, t)
	k.PREFETCHT0(Mem{Base: base, Index: t, Scale: 1})
	k.MOVQ(Mem{Base: at}, t)
	k.XORQ(Mem{Base: base, Index: t, Scale: 1}, sum)
	k.ADDQ(U8(8), at)
	k.DECQ(left)
	k.JNZ(LabelRef("line"))
	k.Label("tail") // their lines are on the way
	k.ADDQ(U8(gatherAhead), left)
	k.JZ(LabelRef("end"))
	k.Label("rest")
	k.MOVQ(Mem{Base: at}, t)
	k.XORQ(Mem{Base: base, Index: t, Scale: 1}, sum)
	k.ADDQ(U8(8), at)
	k.DECQ(left)
	k.JNZ(LabelRef("rest"))
	k.Label("end")
	k.Store(sum, k.ReturnIndex(0))
	k.RET()
}
