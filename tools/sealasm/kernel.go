package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Sizes in bytes.
const (
	blockSize = 1024
	lineSize  = 64
	lines     = blockSize / lineSize
	slotSize  = 8 * lines // the parents of one block: its offsets in the sector
)

// How far ahead of the block at hand the fill looks, in blocks: parents are
// computed so far ahead, their lines prefetched so far, and blocks to be
// written so far, where that is asked for. The ring of slots is so long; it
// must be longer than parents are computed ahead.
const (
	streamAhead = 5
	slots       = 8
	ringSize    = slots * slotSize
	frameAlign  = 2 * ringSize // so that a slot's address wraps by clearing a bit
)

// look is how a fill looks ahead: the lines of bunch blocks are prefetched at
// once, or with a bunch of 0 those of one block, spread through its permutation.
//
// A prefetch leaves the processor's window when its address is translated. Spread
// ones hide their latency where that is quick. Where each translation waits for
// memory, a window holds too few of them, and they had better come in bunches,
// although the permutation then stands still.
type look struct{ compute, prefetch, bunch int }

var (
	spread  = look{compute: 4, prefetch: 3}
	bunched = look{compute: 6, prefetch: 2, bunch: 4}
)

// golden is the increment of splitmix64.
const golden = 0x9e3779b97f4a7c15

// kernel is what both instruction sets share: constants and the spreading of
// work over the instructions of a permutation.
type kernel struct {
	*build.Context
	mulA, mulB, step1, step2, low Mem

	work []func() // to be emitted while emitting span vector instructions
	span int
	done int // vector instructions emitted
	next int // work emitted
}

func declare(c *build.Context) *kernel {
	k := &kernel{Context: c}
	k.mulA = c.ConstData("mulA", U64(0xbf58476d1ce4e5b9))
	k.mulB = c.ConstData("mulB", U64(0x94d049bb133111eb))
	g := uint64(golden)
	k.step1 = c.ConstData("step1", U64(g))
	k.step2 = c.ConstData("step2", U64(g*2))
	k.low = c.ConstData("low", U64(0xffffffff))
	return k
}

// during emits body and, spread evenly over its span ticks, work.
func (k *kernel) during(span int, work []func(), body func()) {
	k.work, k.span, k.done, k.next = work, span, 0, 0
	body()
	for ; k.next < len(k.work); k.next++ {
		k.work[k.next]()
	}
	k.work = nil
}

// tick is called after every vector instruction of a permutation.
func (k *kernel) tick() {
	k.done++
	for k.next < len(k.work) && k.next*k.span < len(k.work)*k.done {
		k.work[k.next]()
		k.next++
	}
}

// table emits a constant of words.
func (k *kernel) table(name string, words ...uint64) Mem {
	m := k.StaticGlobal(name)
	k.DataAttributes(attr.RODATA | attr.NOPTR)
	for _, w := range words {
		k.AppendDatum(U64(w))
	}
	return m
}

// at is the operand disp bytes into what r points to.
func at(r reg.Register, disp int) Mem { return Mem{Base: r, Disp: disp} }

// fill is the state of a fill function that is being emitted.
type fill struct {
	*kernel
	base       reg.GPVirtual // block 0
	dst        reg.GPVirtual // the block at hand
	old        reg.GPVirtual // what stands there: itself, or zeros in the first pass
	frame      reg.GPVirtual // aligned scratch: the ring first
	slot       reg.GPVirtual // parents of the block at hand
	ahead      reg.GPVirtual // number of the block whose parents are to be computed
	end        Mem           // ahead when the last block is done
	key        Mem           // graph key ⊕ pass<<48
	pass, n    Mem
	mask       Mem // n − 1
	lim, limM1 Mem // of the block ahead: lim, and floor(log2 lim) − 1

	look
	stream bool // prefetch the blocks to come as well, which the first pass writes without reading

	u, near         reg.GPVirtual // splitmix64 states of the uniform and the near half
	uSlot, nearSlot reg.GPVirtual // where their offsets go
	slotAhead       reg.GPVirtual // slot of the block whose lines are fetched
}

const fillSignature = "func(base, prev, old *byte, oldStep, n, key, pass, from, to uint64)"

// begin emits the head of a fill function, with extra bytes of aligned scratch
// behind the ring.
func (k *kernel) begin(name, doc string, how look, extra int) *fill {
	k.Function(name)
	k.Doc(name+" computes blocks from…to−1 of a pass, given the block before, with "+doc+".",
		"What stands in block from is at old, that of the next oldStep bytes on.",
		"In the first pass from is at least 4; key is the graph's.")
	k.SignatureExpr(fillSignature)
	f := &fill{kernel: k, look: how}
	f.base, f.dst, f.old = k.GP64(), k.GP64(), k.GP64()
	f.frame, f.slot, f.ahead = k.GP64(), k.GP64(), k.GP64()
	f.u, f.near, f.uSlot, f.nearSlot, f.slotAhead = k.GP64(), k.GP64(), k.GP64(), k.GP64(), k.GP64()
	f.end, f.key, f.mask = k.AllocLocal(8), k.AllocLocal(8), k.AllocLocal(8)
	f.lim, f.limM1 = k.AllocLocal(8), k.AllocLocal(8)
	f.pass, f.n = f.param("pass"), f.param("n")
	local := k.AllocLocal(frameAlign + ringSize + extra)

	k.LEAQ(local, f.frame)
	k.ADDQ(U32(frameAlign-1), f.frame)
	k.ANDQ(I32(-frameAlign), f.frame)
	k.Load(k.Param("base"), f.base)
	k.Load(k.Param("old"), f.old)
	t := k.GP64()
	k.MOVQ(f.pass, t)
	k.SHLQ(U8(48), t)
	k.XORQ(f.param("key"), t)
	k.MOVQ(t, f.key)
	k.MOVQ(f.n, t)
	k.DECQ(t)
	k.MOVQ(t, f.mask)
	k.MOVQ(f.param("to"), t)
	k.ADDQ(U8(how.compute), t)
	k.MOVQ(t, f.end)
	k.MOVQ(f.param("from"), f.ahead)
	k.MOVQ(f.ahead, f.dst)
	k.SHLQ(U8(10), f.dst)
	k.ADDQ(f.base, f.dst)
	f.prime()
	return f
}

// param is the memory operand of a parameter.
func (k *kernel) param(name string) Mem {
	b, err := k.Param(name).Resolve()
	if err != nil {
		panic(err) // a misspelt name: this program's own
	}
	return b.Addr
}

// prime computes the parents of the first blocks and prefetches
// their lines. The loop then goes on with what is further ahead.
func (f *fill) prime() {
	f.MOVQ(f.frame, f.slot)
	f.Label("prime")
	for _, w := range f.parents(f.slot) {
		w()
	}
	f.MOVQ(f.slot, f.slotAhead)
	for k := range lines {
		f.fetch(k)
	}
	f.advance(f.slot, 1)
	f.INCQ(f.ahead)
	f.MOVQ(f.ahead, f.u)
	f.SUBQ(f.param("from"), f.u)
	f.CMPQ(f.u, U8(f.compute))
	f.JB(LabelRef("prime"))
	f.MOVQ(f.frame, f.slot)
}

// advance moves a slot's address n slots on, around the ring.
func (f *fill) advance(slot reg.GPVirtual, n int) {
	f.ADDQ(U32(n*slotSize), slot)
	f.ANDQ(I32(^ringSize), slot)
}

// next moves on to the next block, and back to label unless that was the last.
func (f *fill) loop(label string) {
	f.ADDQ(U32(blockSize), f.dst)
	f.ADDQ(f.param("oldStep"), f.old)
	f.advance(f.slot, 1)
	f.INCQ(f.ahead)
	f.CMPQ(f.ahead, f.end)
	f.JB(LabelRef(label))
}

// lookahead is the work that a block's permutation hides: the parents of a
// later block, and the prefetches for an earlier one of those.
func (f *fill) lookahead() []func() {
	work := []func(){func() {
		f.MOVQ(f.slot, f.slotAhead)
		f.advance(f.slotAhead, f.prefetch)
		if f.bunch > 0 {
			f.fetchBunch()
		}
	}}
	parents := f.parents(nil)
	work = append(work, parents[0])
	for k, w := range parents[1:] { // one for each line
		work = append(work, func() {
			if f.bunch == 0 {
				f.fetch(k)
			}
			if f.stream {
				f.PREFETCHT0(at(f.dst, streamAhead*blockSize+lineSize*k))
			}
		}, w)
	}
	return work
}

// fetchBunch prefetches the lines of as many blocks, before each block whose
// number ahead is a multiple of that, a power of two.
func (f *fill) fetchBunch() {
	f.TESTQ(U32(f.bunch-1), f.ahead)
	f.JNZ(LabelRef("fetched"))
	for b := range f.bunch {
		if b > 0 {
			f.advance(f.slotAhead, 1)
		}
		for k := range lines {
			f.fetch(k)
		}
	}
	f.Label("fetched")
}

// fetch prefetches line k of the slot at f.slotAhead into the second level: the
// first is too small to hold it for so long.
func (f *fill) fetch(k int) {
	t := f.GP64()
	f.MOVQ(at(f.slotAhead, 8*k), t)
	f.PREFETCHT1(f.line(t, k))
}

// line is the line of a parent that goes to line k, the parent's offset being
// in r.
func (f *fill) line(r reg.Register, k int) Mem {
	return Mem{Base: f.base, Index: r, Scale: 1, Disp: (k + 5) % lines * lineSize}
}

// parent loads the offset of parent k of the block at hand.
func (f *fill) parent(k int) reg.GPVirtual {
	t := f.GP64()
	f.MOVQ(at(f.slot, 8*k), t)
	return t
}

const chainSignature = "func(block *byte, rounds uint64)"

func (k *kernel) chainHead() (block, rounds reg.GPVirtual) {
	block, rounds = k.GP64(), k.GP64()
	k.Load(k.Param("block"), block)
	k.Load(k.Param("rounds"), rounds)
	return block, rounds
}
