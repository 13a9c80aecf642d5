package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vector is the size in bytes of an AVX2 register: half a line.
const vector = 32

// narrow emits AVX2: two quads at once, and the block in memory between rows
// and columns.
type narrow struct {
	*kernel
	a, b, c, d   [2]reg.VecPhysical
	m            [2]reg.VecPhysical // products; free between
	rot24, rot16 reg.VecPhysical    // byte shuffles
	masks        [2]Mem
}

func (k *kernel) narrow() *narrow {
	w := &narrow{kernel: k}
	w.a, w.b = [2]reg.VecPhysical{reg.Y0, reg.Y4}, [2]reg.VecPhysical{reg.Y1, reg.Y5}
	w.c, w.d = [2]reg.VecPhysical{reg.Y2, reg.Y6}, [2]reg.VecPhysical{reg.Y3, reg.Y7}
	w.m = [2]reg.VecPhysical{reg.Y8, reg.Y9}
	w.rot24, w.rot16 = reg.Y10, reg.Y11
	w.masks = [2]Mem{
		k.table("rot24", 0x0201000706050403, 0x0a09080f0e0d0c0b, 0x0201000706050403, 0x0a09080f0e0d0c0b),
		k.table("rot16", 0x0100070605040302, 0x09080f0e0d0c0b0a, 0x0100070605040302, 0x09080f0e0d0c0b0a),
	}
	return w
}

func (w *narrow) functions() {
	w.fill("fillAVX2", spread)
	w.fill("fillFarAVX2", bunched)
	w.perm()
}

func (w *narrow) constants() {
	w.VMOVDQU(w.masks[0], w.rot24)
	w.VMOVDQU(w.masks[1], w.rot16)
}

// Scratch behind the ring: R, and the block between rows and columns.
const (
	scratchR = ringSize
	scratchZ = ringSize + blockSize
)

func (w *narrow) fill(name string, how look) {
	f := w.begin(name, "AVX2", how, 2*blockSize)
	w.constants()
	prev := w.GP64()
	w.Load(w.Param("prev"), prev)

	w.Label("block")
	w.during(narrowSpan, f.lookahead(), func() {
		w.rows(at(f.frame, scratchZ), func(i int, v reg.VecPhysical) {
			w.VMOVDQU(at(f.old, vector*i), v)
			w.VPXOR(at(prev, vector*i), v, v)
			k, half := i/2, i%2
			w.VPXOR(f.line(f.parent(k), k).Offset(vector*half), v, v)
			if i == 0 {
				w.place(f, v)
			}
			w.VMOVDQU(v, at(f.frame, scratchR+vector*i))
		})
		w.columns(at(f.frame, scratchZ), func(i int, v reg.VecPhysical) {
			w.VPXOR(at(f.frame, scratchR+vector*i), v, v)
			w.VMOVDQU(v, at(f.dst, vector*i))
		})
	})
	w.MOVQ(f.dst, prev)
	f.loop("block")
	w.VZEROUPPER()
	w.RET()
}

// place adds pass and number of the block to the first vector.
func (w *narrow) place(f *fill, v reg.VecPhysical) {
	t, x := w.GP64(), w.m[0]
	w.LEAQ(at(f.ahead, -f.compute), t)
	w.VMOVQ(f.pass, x.AsX())
	w.VPINSRQ(U8(1), t, x.AsX(), x.AsX())
	w.VPXOR(x, v, v)
}

// perm emits a chain of permutations, as a fill makes it without its memory.
func (w *narrow) perm() {
	w.Function("chainAVX2")
	w.Doc("chainAVX2 replaces the block by Perm(block) ⊕ block, rounds times; rounds is at least 1.")
	w.SignatureExpr(chainSignature)
	block, rounds := w.chainHead()
	w.constants()
	z := w.AllocLocal(blockSize)
	w.Label("round")
	w.rows(z, func(i int, v reg.VecPhysical) { w.VMOVDQU(at(block, vector*i), v) })
	w.columns(z, func(i int, v reg.VecPhysical) {
		w.VPXOR(at(block, vector*i), v, v)
		w.VMOVDQU(v, at(block, vector*i))
	})
	w.DECQ(rounds)
	w.JNZ(LabelRef("round"))
	w.VZEROUPPER()
	w.RET()
}

// narrowSpan is the number of ticks in rows and columns.
const narrowSpan = 4*(2*52+12) + 4*(2*52+8)

// rows applies P to the rows, two at once: a row is four vectors. load fetches
// vector i of the block; z receives the result.
func (w *narrow) rows(z Mem, load func(i int, v reg.VecPhysical)) {
	for pair := range 4 {
		for i := range 2 {
			row := 8*pair + 4*i
			load(row, w.a[i])
			load(row+1, w.b[i])
			load(row+2, w.c[i])
			load(row+3, w.d[i])
		}
		w.g()
		w.turn(0x93, 0x39) // b is ready last, so the others turn around it
		w.g()
		w.turn(0x39, 0x93)
		for i := range 2 {
			row := vector * (8*pair + 4*i)
			w.VMOVDQU(w.a[i], z.Offset(row))
			w.VMOVDQU(w.b[i], z.Offset(row+vector))
			w.VMOVDQU(w.c[i], z.Offset(row+2*vector))
			w.VMOVDQU(w.d[i], z.Offset(row+3*vector))
		}
	}
}

// turn brings a row's diagonals into columns, or back.
func (w *narrow) turn(a, c uint8) {
	w.each(func(i int) { w.VPERMQ(U8(a), w.a[i], w.a[i]) })
	w.each(func(i int) { w.VPERMQ(U8(c), w.c[i], w.c[i]) })
	w.each(func(i int) { w.VPERMQ(U8(0x4e), w.d[i], w.d[i]) })
}

// columns applies P to the columns of z, two at once in two halves: vector h
// of every row. store takes vector i of the result.
func (w *narrow) columns(z Mem, store func(i int, v reg.VecPhysical)) {
	for h := range 4 {
		for i := range 2 {
			w.VMOVDQU(z.Offset(vector*(4*i+h)), w.a[i])
			w.VMOVDQU(z.Offset(vector*(8+4*i+h)), w.b[i])
			w.VMOVDQU(z.Offset(vector*(16+4*i+h)), w.c[i])
			w.VMOVDQU(z.Offset(vector*(24+4*i+h)), w.d[i])
		}
		w.g()
		w.up(&w.a[0], &w.a[1], &w.m[0])
		w.down(&w.c[0], &w.c[1], &w.m[1])
		w.d[0], w.d[1] = w.d[1], w.d[0]
		w.g()
		w.down(&w.a[0], &w.a[1], &w.m[0])
		w.up(&w.c[0], &w.c[1], &w.m[1])
		w.d[0], w.d[1] = w.d[1], w.d[0]
		for i := range 2 {
			store(4*i+h, w.a[i])
			store(8+4*i+h, w.b[i])
			store(16+4*i+h, w.c[i])
			store(24+4*i+h, w.d[i])
		}
	}
}

// up makes of a column's words (x0 x1) (y0 y1) these: (y1 x0) (x1 y0). Registers
// trade names; t is free before and after.
func (w *narrow) up(x, y, t *reg.VecPhysical) {
	w.VPALIGNR(U8(8), *y, *x, *t)
	w.VPALIGNR(U8(8), *x, *y, *y)
	*x, *t = *t, *x
	w.tick()
	w.tick()
}

// down undoes up: of (x0 x1) (y0 y1) it makes (x1 y0) (y1 x0).
func (w *narrow) down(x, y, t *reg.VecPhysical) {
	w.VPALIGNR(U8(8), *x, *y, *t)
	w.VPALIGNR(U8(8), *y, *x, *y)
	*x, *t = *t, *x
	w.tick()
	w.tick()
}

// g is BlaMka's G on both quads, step by step.
func (w *narrow) g() {
	w.half(func(i int) { w.VPSHUFD(U8(0xb1), w.d[i], w.d[i]) }, func(i int) { w.VPSHUFB(w.rot24, w.b[i], w.b[i]) })
	w.half(func(i int) { w.VPSHUFB(w.rot16, w.d[i], w.d[i]) }, nil)
	w.each(func(i int) { w.VPADDQ(w.b[i], w.b[i], w.m[i]) })
	w.each(func(i int) { w.VPSRLQ(U8(63), w.b[i], w.b[i]) })
	w.each(func(i int) { w.VPXOR(w.m[i], w.b[i], w.b[i]) })
}

// half is half of G with its rotations of d and b.
func (w *narrow) half(turnD, turnB func(i int)) {
	w.addMul(w.a, w.b)
	w.each(func(i int) { w.VPXOR(w.a[i], w.d[i], w.d[i]) })
	w.each(turnD)
	w.addMul(w.c, w.d)
	w.each(func(i int) { w.VPXOR(w.c[i], w.b[i], w.b[i]) })
	if turnB != nil {
		w.each(turnB)
	}
}

// addMul is x += y + 2·lo(x)·lo(y).
func (w *narrow) addMul(x, y [2]reg.VecPhysical) {
	w.each(func(i int) { w.VPMULUDQ(y[i], x[i], w.m[i]) })
	w.each(func(i int) { w.VPADDQ(y[i], x[i], x[i]) })
	w.each(func(i int) { w.VPADDQ(w.m[i], w.m[i], w.m[i]) })
	w.each(func(i int) { w.VPADDQ(w.m[i], x[i], x[i]) })
}

func (w *narrow) each(emit func(i int)) {
	for i := range 2 {
		emit(i)
		w.tick()
	}
}
