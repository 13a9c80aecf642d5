package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vector is the size in bytes of an AVX2 register.
const vector = 32

// narrow emits AVX2: eight lanes, the message in memory. The state takes all
// registers, so one of its words is in memory as well, and its register free.
type narrow struct {
	*hash
	v           [words]reg.VecPhysical
	m           vectors
	away        Mem // v[8]
	rot16, rot8 Mem // byte shuffles
}

func (k *kernel) narrow() *narrow {
	w := &narrow{hash: &hash{kernel: k}}
	w.v = [words]reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}
	w.rot16 = k.table("rot16", 0x01000302, 0x05040706, 0x09080b0a, 0x0d0c0f0e, 0x01000302, 0x05040706, 0x09080b0a, 0x0d0c0f0e)
	w.rot8 = k.table("rot8", 0x00030201, 0x04070605, 0x080b0a09, 0x0c0f0e0d, 0x00030201, 0x04070605, 0x080b0a09, 0x0c0f0e0d)
	return w
}

func (w *narrow) function() {
	w.hash = w.begin("hashAVX2", "AVX2", 8)
	local := w.AllocLocal((words + 1) * vector)
	for i := range w.m {
		w.m[i] = local.Offset(i * vector)
	}
	w.away = local.Offset(words * vector)
	for i := range 8 {
		w.VPBROADCASTD(w.ivWord(i), w.v[i])
	}
	w.Label("block")
	w.message()
	w.lastFlags()
	w.VMOVD(w.flags.As32(), w.v[15].AsX())
	w.VPBROADCASTD(w.v[15].AsX(), w.v[15])
	for i := range 4 {
		w.VPBROADCASTD(w.ivWord(i), w.v[8+i])
	}
	w.VMOVDQU(w.v[8], w.away)
	w.VMOVDQU(w.counter(0), w.v[12])
	w.VMOVDQU(w.counter(1), w.v[13])
	w.VPBROADCASTD(w.size, w.v[14])
	mix(operands(w.v[:]), w.m, w.quarter)
	w.VPXOR(w.away, w.v[0], w.v[0])
	for i := 1; i < 8; i++ {
		w.VPXOR(w.v[8+i], w.v[i], w.v[i])
	}
	w.next("block")
	w.store()
	w.VZEROUPPER()
	w.RET()
}

// message loads a block of each lane and turns lanes into words, four at a time.
func (w *narrow) message() {
	x, free := [4]reg.VecPhysical(w.v[8:12]), [4]reg.VecPhysical(w.v[12:])
	for from := 0; from < words; from += 4 {
		for i, r := range x {
			w.VMOVDQU(w.lane(i, 4*from), r.AsX())
			w.VINSERTI128(U8(1), w.lane(4+i, 4*from), r, r)
		}
		w.turn(x, free)
		for i, r := range x {
			w.VMOVDQU(r, w.m[from+i])
		}
	}
}

// turn transposes four vectors within each half.
func (w *narrow) turn(x, t [4]reg.VecPhysical) {
	w.VPUNPCKLDQ(x[1], x[0], t[0])
	w.VPUNPCKHDQ(x[1], x[0], t[1])
	w.VPUNPCKLDQ(x[3], x[2], t[2])
	w.VPUNPCKHDQ(x[3], x[2], t[3])
	w.VPUNPCKLQDQ(t[2], t[0], x[0])
	w.VPUNPCKHQDQ(t[2], t[0], x[1])
	w.VPUNPCKLQDQ(t[3], t[1], x[2])
	w.VPUNPCKHQDQ(t[3], t[1], x[3])
}

// quarter is four mixing functions, step by step in all of them.
func (w *narrow) quarter(a, b, c, d, x, y [4]Op) {
	w.half(a, b, c, d, x, w.rot16, 12)
	w.half(a, b, c, d, y, w.rot8, 7)
}

func (w *narrow) half(a, b, c, d, x [4]Op, rd Mem, rb uint8) {
	t := Op(w.v[8])
	each(func(i int) { w.VPADDD(x[i], a[i], a[i]) })
	each(func(i int) { w.VPADDD(b[i], a[i], a[i]) })
	each(func(i int) { w.VPXOR(a[i], d[i], d[i]) })
	each(func(i int) { w.VPSHUFB(rd, d[i], d[i]) })
	w.fetch()
	each(func(i int) {
		if c[i] == t {
			w.VPADDD(w.away, d[i], t)
			w.VMOVDQU(t, w.away)
		} else {
			w.VPADDD(d[i], c[i], c[i])
		}
	})
	each(func(i int) { w.VPXOR(c[i], b[i], b[i]) })
	each(func(i int) {
		w.VPSRLD(U8(rb), b[i], t)
		w.VPSLLD(U8(32-rb), b[i], b[i])
		w.VPOR(t, b[i], b[i])
	})
}

// store turns words into lanes and writes the chaining values.
func (w *narrow) store() {
	for half := range 2 {
		x := [4]reg.VecPhysical(w.v[4*half : 4*half+4])
		w.turn(x, [4]reg.VecPhysical(w.v[8:12]))
		for i, r := range x {
			w.VMOVDQU(r.AsX(), at(w.out, 32*i+16*half))
			w.VEXTRACTI128(U8(1), r, at(w.out, 32*(4+i)+16*half))
		}
	}
}
