package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// wide emits AVX-512: sixteen lanes, and state and message fit the registers.
type wide struct {
	*hash
	v, m [words]reg.VecPhysical
	t    reg.VecPhysical // free
}

func (k *kernel) wide() *wide {
	return &wide{
		hash: &hash{kernel: k},
		v: [words]reg.VecPhysical{reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
			reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15},
		m: [words]reg.VecPhysical{reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
			reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31},
	}
}

func (w *wide) function() {
	w.hash = w.begin("hashAVX512", "AVX-512", 16)
	for i := range 8 {
		w.VPBROADCASTD(w.ivWord(i), w.v[i])
	}
	w.Label("block")
	w.message()
	w.lastFlags()
	for i := range 4 {
		w.VPBROADCASTD(w.ivWord(i), w.v[8+i])
	}
	w.VMOVDQU32(w.counter(0), w.v[12])
	w.VMOVDQU32(w.counter(1), w.v[13])
	w.VPBROADCASTD(w.size, w.v[14])
	w.VPBROADCASTD(w.flags.As32(), w.v[15])
	mix(operands(w.v[:]), operands(w.m[:]), w.quarter)
	for i := range 8 {
		w.VPXORD(w.v[8+i], w.v[i], w.v[i])
	}
	w.next("block")
	w.store()
	w.VZEROUPPER()
	w.RET()
}

func operands(regs []reg.VecPhysical) (v vectors) {
	for i, r := range regs {
		v[i] = r
	}
	return v
}

// message loads a block of each lane and turns lanes into words, first within
// the quarters of the vectors, then quarters among vectors.
func (w *wide) message() {
	w.t = w.v[8] // free until the state is set up
	for i := range w.m {
		w.VMOVDQU32(w.lane(i, 0), w.m[i])
	}
	for i := 0; i < words; i += 4 {
		w.turn(w.m[i : i+4])
	}
	for i := range 4 { // word i of each four
		q := [4]*reg.VecPhysical{&w.m[i], &w.m[4+i], &w.m[8+i], &w.m[12+i]}
		w.quarters(q[0], q[1])
		w.quarters(q[2], q[3])
		w.quarters(q[0], q[2])
		w.quarters(q[1], q[3])
	}
	w.v[8] = w.t
}

// turn transposes four vectors within each quarter.
func (w *wide) turn(x []reg.VecPhysical) {
	w.unpack(&x[0], &x[1], w.VPUNPCKLDQ, w.VPUNPCKHDQ)
	w.unpack(&x[2], &x[3], w.VPUNPCKLDQ, w.VPUNPCKHDQ)
	w.unpack(&x[0], &x[2], w.VPUNPCKLQDQ, w.VPUNPCKHQDQ)
	w.unpack(&x[1], &x[3], w.VPUNPCKLQDQ, w.VPUNPCKHQDQ)
	x[1], x[2] = x[2], x[1]
}

// unpack makes of x and y their low and their high parts interleaved. Registers
// trade names.
func (w *wide) unpack(x, y *reg.VecPhysical, low, high func(...Op)) {
	low(*y, *x, w.t)
	high(*y, *x, *y)
	*x, w.t = w.t, *x
}

// quarters makes of x and y their even and their odd quarters. Registers trade
// names.
func (w *wide) quarters(x, y *reg.VecPhysical) {
	w.VSHUFI32X4(U8(0x88), *y, *x, w.t)
	w.VSHUFI32X4(U8(0xdd), *y, *x, *y)
	*x, w.t = w.t, *x
}

// quarter is four mixing functions, step by step in all of them.
func (w *wide) quarter(a, b, c, d, x, y [4]Op) {
	w.half(a, b, c, d, x, 16, 12)
	w.half(a, b, c, d, y, 8, 7)
}

func (w *wide) half(a, b, c, d, x [4]Op, rd, rb uint8) {
	each(func(i int) { w.VPADDD(x[i], a[i], a[i]) })
	each(func(i int) { w.VPADDD(b[i], a[i], a[i]) })
	each(func(i int) { w.VPXORD(a[i], d[i], d[i]) })
	each(func(i int) { w.VPRORD(U8(rd), d[i], d[i]) })
	w.fetch()
	each(func(i int) { w.VPADDD(d[i], c[i], c[i]) })
	each(func(i int) { w.VPXORD(c[i], b[i], b[i]) })
	each(func(i int) { w.VPRORD(U8(rb), b[i], b[i]) })
}

func each(emit func(i int)) {
	for i := range 4 {
		emit(i)
	}
}

// store turns words into lanes and writes the chaining values.
func (w *wide) store() {
	w.t = w.v[8]
	for half := range 2 {
		x := w.v[4*half : 4*half+4]
		w.turn(x)
		for i, r := range x {
			for quarter := range 4 {
				w.VEXTRACTI32X4(U8(uint8(quarter)), r, at(w.out, 32*(4*quarter+i)+16*half))
			}
		}
	}
}
