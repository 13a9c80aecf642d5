package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// BLAKE3's constants.
const (
	blockSize = 64
	leafSize  = 1024
	words     = 16 // in a block, and in the state
	rounds    = 7
)

var iv = [8]uint32{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}

// permutation says which word of a round's message comes to a place in the next
// round's.
var permutation = [words]int{2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8}

// kernel is what both instruction sets share.
type kernel struct {
	*build.Context
	ivs  Mem // the eight words
	size Mem // a block's size
}

func declare(c *build.Context) *kernel {
	k := &kernel{Context: c}
	k.ivs = k.table("iv", iv[:]...)
	k.size = k.table("size", blockSize)
	return k
}

// table emits a constant of words.
func (k *kernel) table(name string, words ...uint32) Mem {
	m := k.StaticGlobal(name)
	k.DataAttributes(attr.RODATA | attr.NOPTR)
	for _, w := range words {
		k.AppendDatum(U32(w))
	}
	return m
}

// at is the operand disp bytes into what r points to.
func at(r reg.Register, disp int) Mem { return Mem{Base: r, Disp: disp} }

// hash is a function that is being emitted.
type hash struct {
	*kernel
	lanes    int
	out      reg.GPVirtual
	rows     []reg.GPVirtual // the block at hand of every fourth lane
	stride   reg.GPVirtual
	stride3  reg.GPVirtual // three strides
	left     reg.GPVirtual // blocks
	flags    reg.GPVirtual // of the block at hand
	counters reg.GPVirtual

	fetched int // lanes whose next input is being fetched
}

const signature = "func(out, in *byte, stride, blocks uint64, counters *uint32, first, end uint64)"

// begin emits the head of a hash function for so many lanes.
func (k *kernel) begin(name, with string, lanes int) *hash {
	k.Function(name)
	k.Doc(fmt.Sprintf("%s compresses %d inputs of whole blocks side by side, with %s.", name, lanes, with),
		"Each begins stride bytes after the one before and has that many blocks, at least one.",
		"Their counters' low words are at counters, the high ones sixteen words on.",
		"The first block's flags are first, the last one's end; a single block has both.",
		"The chaining values go to out, 32 bytes each. All is read before any is written.")
	k.Pragma("noescape")
	k.SignatureExpr(signature)
	h := &hash{kernel: k, lanes: lanes}
	h.out, h.stride, h.stride3, h.left, h.flags, h.counters = k.GP64(), k.GP64(), k.GP64(), k.GP64(), k.GP64(), k.GP64()
	k.Load(k.Param("out"), h.out)
	k.Load(k.Param("stride"), h.stride)
	k.LEAQ(Mem{Base: h.stride, Index: h.stride, Scale: 2}, h.stride3)
	k.Load(k.Param("blocks"), h.left)
	k.Load(k.Param("counters"), h.counters)
	for i := range lanes / 4 {
		r := k.GP64()
		if i == 0 {
			k.Load(k.Param("in"), r)
		} else {
			k.LEAQ(Mem{Base: h.rows[i-1], Index: h.stride, Scale: 4}, r)
		}
		h.rows = append(h.rows, r)
	}
	k.Load(k.Param("first"), h.flags)
	return h
}

// ivWord is the operand of one word of the IV.
func (k *kernel) ivWord(i int) Mem { return k.ivs.Offset(4 * i) }

// counter is the operand of all lanes' low (0) or high (1) words.
func (h *hash) counter(word int) Mem { return at(h.counters, 64*word) }

// lane is the operand disp bytes into the block at hand of a lane.
func (h *hash) lane(i, disp int) Mem {
	m := at(h.rows[i/4], disp)
	switch i % 4 {
	case 1:
		m.Index, m.Scale = h.stride, 1
	case 2:
		m.Index, m.Scale = h.stride, 2
	case 3:
		m.Index, m.Scale = h.stride3, 1
	}
	return m
}

// lastFlags adds the last block's flags if this is it.
func (h *hash) lastFlags() {
	h.CMPQ(h.left, U8(1))
	h.JNE(LabelRef("more"))
	end, err := h.Param("end").Resolve()
	if err != nil {
		panic(err) // a misspelt name: this program's own
	}
	h.ORQ(end.Addr, h.flags)
	h.Label("more")
}

// next goes back to label unless the last block is done.
func (h *hash) next(label string) {
	for _, r := range h.rows {
		h.ADDQ(U8(blockSize), r)
	}
	h.XORQ(h.flags, h.flags)
	h.DECQ(h.left)
	h.JNZ(LabelRef(label))
}

// fetch prefetches, for one lane after the other, the block that is at hand when
// the inputs that follow these are hashed, if these are leaves: sixteen streams
// that end after a kilobyte are more than the processor foresees. They are not
// kept in the last cache: a fill beside it has its page tables there.
func (h *hash) fetch() {
	if h.fetched < h.lanes {
		h.PREFETCHNTA(h.lane(h.fetched, h.lanes*leafSize))
		h.fetched++
	}
}

// vectors are sixteen vectors, of a state or a message.
type vectors [words]Op

// mix is a compression's rounds: quarter does four of its mixing functions side by side.
func mix(v, m vectors, quarter func(a, b, c, d, x, y [4]Op)) {
	for range rounds {
		pick := func(from int) (x [4]Op) {
			for i := range x {
				x[i] = m[from+2*i]
			}
			return x
		}
		side := func(row, turn int) (x [4]Op) {
			for i := range x {
				x[i] = v[4*row+(i+turn)%4]
			}
			return x
		}
		quarter(side(0, 0), side(1, 0), side(2, 0), side(3, 0), pick(0), pick(1))
		quarter(side(0, 0), side(1, 1), side(2, 2), side(3, 3), pick(8), pick(9))
		var next vectors
		for i, from := range permutation {
			next[i] = m[from]
		}
		m = next
	}
}
