package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// wide emits AVX-512: a vector is a line, and a block fits the registers.
type wide struct {
	*kernel
	z          [lines]reg.VecPhysical // the block
	a, b, c, d [4]reg.VecPhysical     // four quads at once, eight lanes each
	m          [4]reg.VecPhysical     // products; free between
	back       [4]reg.VecPhysical     // indices that undo a row's diagonals and interleaving
	place      reg.VecPhysical        // pass and number of the block at hand
	backTables [4]Mem
	unit       Mem
}

func (k *kernel) wide() *wide {
	w := &wide{kernel: k}
	// Lanes of two quads of two rows, the second quad's from 8 on: the first (or
	// second) row is taken and turned back. The second row has the quads the
	// other way round, see split.
	w.backTables = [4]Mem{
		k.table("backABlo", 1, 2, 3, 0, 8, 9, 10, 11),
		k.table("backABhi", 13, 14, 15, 12, 4, 5, 6, 7),
		k.table("backCDlo", 3, 0, 1, 2, 10, 11, 8, 9),
		k.table("backCDhi", 15, 12, 13, 14, 6, 7, 4, 5),
	}
	all := []reg.VecPhysical{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
		reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23, reg.Z24,
	}
	copy(w.z[:], all[:16])
	copy(w.m[:], all[16:20])
	copy(w.back[:], all[20:24])
	w.place = all[24]
	w.unit = k.table("unit", 0, 1, 0, 0, 0, 0, 0, 0)
	return w
}

func (w *wide) functions() {
	w.fill("fillAVX512", spread)
	w.fill("fillFarAVX512", bunched)
	w.perm()
}

func (w *wide) indices() {
	for i := range w.back {
		w.VMOVDQU64(w.backTables[i], w.back[i])
	}
}

func (w *wide) fill(name string, how look) {
	f := w.begin(name, "AVX-512", how, blockSize)
	f.stream = true // a quarter off the first pass; the slower AVX2 only loses by it
	w.indices()
	prev := w.GP64()
	w.Load(w.Param("prev"), prev)
	for i := range w.z {
		w.VMOVDQU64(at(prev, lineSize*i), w.z[i])
	}
	t := w.GP64()
	w.MOVQ(f.param("from"), t)
	w.VMOVQ(f.pass, w.place.AsX())
	w.VPINSRQ(U8(1), t, w.place.AsX(), w.place.AsX())

	w.Label("block")
	for i := range w.z {
		w.VMOVDQU64(at(f.old, lineSize*i), w.m[i%4])
		w.VPTERNLOGQ(U8(0x96), f.line(f.parent(i), i), w.m[i%4], w.z[i]) // xor of three
		if i == 0 {
			w.VPXORQ(w.place, w.z[0], w.z[0])
		}
		w.VMOVDQU64(w.z[i], at(f.frame, ringSize+lineSize*i))
	}
	w.VPADDQ(w.unit, w.place, w.place)
	w.during(wideSpan, f.lookahead(), w.permute)
	for i := range w.z {
		w.VPXORQ(at(f.frame, ringSize+lineSize*i), w.z[i], w.z[i])
		w.VMOVDQU64(w.z[i], at(f.dst, lineSize*i))
	}
	f.loop("block")
	w.VZEROUPPER()
	w.RET()
}

// perm emits a chain of permutations, as a fill makes it without its memory.
func (w *wide) perm() {
	w.Function("chainAVX512")
	w.Doc("chainAVX512 replaces the block by Perm(block) ⊕ block, rounds times; rounds is at least 1.")
	w.SignatureExpr(chainSignature)
	block, rounds := w.chainHead()
	scratch := w.GP64()
	w.LEAQ(w.AllocLocal(blockSize), scratch)
	w.indices()
	for i := range w.z {
		w.VMOVDQU64(at(block, lineSize*i), w.z[i])
	}
	w.Label("round")
	for i := range w.z {
		w.VMOVDQU64(w.z[i], at(scratch, lineSize*i))
	}
	w.permute()
	for i := range w.z {
		w.VPXORQ(at(scratch, lineSize*i), w.z[i], w.z[i])
	}
	w.DECQ(rounds)
	w.JNZ(LabelRef("round"))
	for i := range w.z {
		w.VMOVDQU64(w.z[i], at(block, lineSize*i))
	}
	w.VZEROUPPER()
	w.RET()
}

// wideSpan is the number of ticks in permute.
const wideSpan = 4*4*24 + 16 + 12 + 24 + 16

// permute is Perm on w.z.
func (w *wide) permute() {
	w.rows()
	w.columns()
}

// rows applies P to the rows, two at once in four quads. A row is two lines:
// a and b in the first, c and d in the second.
func (w *wide) rows() {
	for i := range 4 {
		z, t := w.z[4*i:4*i+4], w.m[i]
		w.VSHUFI64X2(U8(0x44), z[2], z[0], t)
		w.VSHUFI64X2(U8(0xee), z[2], z[0], z[2])
		w.VSHUFI64X2(U8(0x44), z[3], z[1], z[0])
		w.VSHUFI64X2(U8(0xee), z[3], z[1], z[3])
		w.a[i], w.b[i], w.c[i], w.d[i], w.m[i] = t, z[2], z[0], z[3], z[1]
		w.ticks(4)
	}
	w.g()
	// Diagonals: b is ready last, so the others turn around it.
	for i := range 4 {
		w.VPERMQ(U8(0x93), w.a[i], w.a[i])
		w.VPERMQ(U8(0x39), w.c[i], w.c[i])
		w.VPERMQ(U8(0x4e), w.d[i], w.d[i])
		w.ticks(3)
	}
	w.g()
	for i := range 4 {
		z, t := w.z[4*i:4*i+4], w.a[i]
		w.split(w.c[i], w.d[i], 2, z[1]) // z[1] was free: see above
		w.split(w.a[i], w.b[i], 0, z[0])
		w.m[i] = t
		w.ticks(6)
	}
}

// split makes of two quads of two rows their halves of the rows: the first in
// out, the second in y.
func (w *wide) split(x, y reg.VecPhysical, index int, out reg.VecPhysical) {
	w.VMOVDQA64(x, out)
	w.VPERMT2Q(y, w.back[index], out)
	w.VPERMT2Q(x, w.back[index+1], y)
}

// columns applies P to the columns, where they lie: quad i and i+2 are halves
// of the same four columns.
func (w *wide) columns() {
	for i := range 4 {
		w.a[i], w.b[i], w.c[i], w.d[i] = w.z[i], w.z[4+i], w.z[8+i], w.z[12+i]
	}
	w.g()
	for i := range 2 {
		w.up(&w.a[i], &w.a[i+2], &w.m[i])
		w.down(&w.c[i], &w.c[i+2], &w.m[i+2])
		w.d[i], w.d[i+2] = w.d[i+2], w.d[i]
	}
	w.g()
	for i := range 2 {
		w.down(&w.a[i], &w.a[i+2], &w.m[i])
		w.up(&w.c[i], &w.c[i+2], &w.m[i+2])
		w.d[i], w.d[i+2] = w.d[i+2], w.d[i]
	}
	for i := range 4 {
		w.z[i], w.z[4+i], w.z[8+i], w.z[12+i] = w.a[i], w.b[i], w.c[i], w.d[i]
	}
}

// up makes of a column's words (x0 x1) (y0 y1) these: (y1 x0) (x1 y0). Registers
// trade names; t is free before and after.
func (w *wide) up(x, y, t *reg.VecPhysical) {
	w.VPALIGNR(U8(8), *y, *x, *t)
	w.VPALIGNR(U8(8), *x, *y, *y)
	*x, *t = *t, *x
	w.ticks(2)
}

// down undoes up: of (x0 x1) (y0 y1) it makes (x1 y0) (y1 x0).
func (w *wide) down(x, y, t *reg.VecPhysical) {
	w.VPALIGNR(U8(8), *x, *y, *t)
	w.VPALIGNR(U8(8), *y, *x, *y)
	*x, *t = *t, *x
	w.ticks(2)
}

func (w *wide) ticks(n int) {
	for range n {
		w.tick()
	}
}

// g is BlaMka's G on four quads, step by step in all of them: one quad's
// latency is hidden by the others.
func (w *wide) g() {
	w.half(32, 24)
	w.half(16, 63)
}

func (w *wide) half(rd, rb uint8) {
	w.addMul(w.a, w.b)
	w.xorTurn(w.d, w.a, rd)
	w.addMul(w.c, w.d)
	w.xorTurn(w.b, w.c, rb)
}

// addMul is x += y + 2·lo(x)·lo(y).
func (w *wide) addMul(x, y [4]reg.VecPhysical) {
	w.each(func(i int) { w.VPMULUDQ(y[i], x[i], w.m[i]) })
	w.each(func(i int) { w.VPADDQ(y[i], x[i], x[i]) })
	w.each(func(i int) { w.VPADDQ(w.m[i], w.m[i], w.m[i]) })
	w.each(func(i int) { w.VPADDQ(w.m[i], x[i], x[i]) })
}

// xorTurn is x = (x ⊕ y) >>> n.
func (w *wide) xorTurn(x, y [4]reg.VecPhysical, n uint8) {
	w.each(func(i int) { w.VPXORQ(y[i], x[i], x[i]) })
	w.each(func(i int) { w.VPRORQ(U8(n), x[i], x[i]) })
}

func (w *wide) each(emit func(i int)) {
	for i := range 4 {
		emit(i)
		w.tick()
	}
}
