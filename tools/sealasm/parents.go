package main

import (
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// parents returns the work of computing the parents of block f.ahead into
// slot, or where nil into the slot as much further than the block at
// hand: first what they share, then one parent after the other.
//
// Half of them are uniform, half near; which lines have which depends on the
// parity of block and pass. So two streams of splitmix64 run side by side, and
// the parity only moves where they begin and where their results go.
func (f *fill) parents(slot reg.Register) []func() {
	work := []func(){func() { f.setup(slot) }}
	for i := range lines / 2 {
		work = append(work, func() { f.uniform(i) }, func() { f.nearby(i) })
	}
	return work
}

// setup begins a block: lim and its logarithm, the two states, the two slots.
func (f *fill) setup(slot reg.Register) {
	t, parity := f.GP64(), f.GP64()
	f.MOVQ(f.n, t)
	f.CMPQ(f.pass, U8(1))
	f.CMOVQEQ(f.ahead, t)
	f.MOVQ(t, f.lim)
	f.BSRQ(t, t)
	f.DECQ(t)
	f.MOVQ(t, f.limM1)

	if slot == nil {
		f.MOVQ(f.slot, f.uSlot)
		f.advance(f.uSlot, f.compute)
	} else {
		f.MOVQ(slot, f.uSlot)
	}
	f.MOVQ(f.pass, parity)
	f.ADDQ(f.ahead, parity)
	f.ANDQ(U8(1), parity)
	f.LEAQ(Mem{Base: f.uSlot, Index: parity, Scale: 8}, f.uSlot) // line 0 or 1
	f.MOVQ(f.uSlot, f.nearSlot)
	f.XORQ(U8(8), f.nearSlot)

	f.MOVQ(f.ahead, t)
	f.XORQ(f.key, t)
	f.MOVQ(t, f.u)
	f.mix(f.u, t)
	f.MOVQ(f.u, f.near)
	f.NEGQ(parity)
	f.ANDQ(f.step1, parity) // line 0 takes one step, line 1 two
	f.ADDQ(f.step1, f.u)
	f.ADDQ(parity, f.u)
	f.ADDQ(f.step2, f.near)
	f.SUBQ(parity, f.near)
}

// mix is splitmix64's finaliser on x, which t holds a copy of.
func (f *fill) mix(x, t reg.GPVirtual) {
	f.SHRQ(U8(30), t)
	f.XORQ(t, x)
	f.IMULQ(f.mulA, x)
	f.MOVQ(x, t)
	f.SHRQ(U8(27), t)
	f.XORQ(t, x)
	f.IMULQ(f.mulB, x)
	f.MOVQ(x, t)
	f.SHRQ(U8(31), t)
	f.XORQ(t, x)
}

// random returns the next number of the stream in state.
func (f *fill) random(state reg.GPVirtual) reg.GPVirtual {
	x, t := f.GP64(), f.GP64()
	f.MOVQ(state, x)
	f.MOVQ(state, t)
	f.ADDQ(f.step2, state)
	f.mix(x, t)
	return x
}

// uniform computes the i-th uniform parent: (lo · lim) >> 32.
func (f *fill) uniform(i int) {
	x := f.random(f.u)
	f.ANDQ(f.low, x) // MOVL onto itself would be dropped as idle
	f.IMULQ(f.lim, x)
	f.SHRQ(U8(32), x)
	f.SHLQ(U8(10), x)
	f.MOVQ(x, at(f.uSlot, 16*i))
}

// nearby computes the i-th near parent: a distance below the block, of
// e = 1 + (lo·(m−1) >> 32) bits and hi within that.
func (f *fill) nearby(i int) {
	x, e := f.random(f.near), f.GP64()
	f.MOVL(x.As32(), e.As32())
	f.IMULQ(f.limM1, e)
	f.SHRQ(U8(32), e)
	f.INCQ(e)
	f.SHRQ(U8(32), x)
	f.BZHIQ(e, x, x)
	f.BTSQ(e, x)
	f.NEGQ(x)
	f.ADDQ(f.ahead, x)
	f.ANDQ(f.mask, x)
	f.SHLQ(U8(10), x)
	f.MOVQ(x, at(f.nearSlot, 16*i))
}
