package merkle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/zeebo/blake3"
	"lukechampine.com/blake3/guts"
	"pgregory.net/rapid"

	"strata"
)

// inputs are what a kernel is given at once.
type inputs struct {
	in             []byte
	stride, blocks int
	counter        uint64
	step           uint64 // from one lane's counter to the next one's
	first, end     uint32
}

// lane computes one lane's chaining value one compression after the other.
func (x inputs) lane(i int) (h Hash) {
	n := guts.Node{CV: guts.IV, Counter: x.counter + uint64(i)*x.step, BlockLen: guts.BlockSize}
	for b := range x.blocks {
		n.Block = guts.BytesToWords([guts.BlockSize]byte(x.in[i*x.stride+b*guts.BlockSize:]))
		n.Flags = 0
		if b == 0 {
			n.Flags |= x.first
		}
		if b == x.blocks-1 {
			n.Flags |= x.end
		}
		n.CV = guts.ChainingValue(n)
	}
	for i, w := range n.CV {
		binary.LittleEndian.PutUint32(h[4*i:], w)
	}
	return h
}

// agree fails unless the kernel gives what guts does, into a place of its own and
// over its input, and writes nothing else.
func (x inputs) agree(t rapid.TB, k kernel) {
	t.Helper()
	var counters [2 * maxLanes]uint32
	for i := range k.lanes {
		c := x.counter + uint64(i)*x.step
		counters[i], counters[maxLanes+i] = uint32(c), uint32(c>>32)
	}
	const dirt = 0xa5
	apart := bytes.Repeat([]byte{dirt}, (k.lanes+2)*hashSize)
	in := append(slices.Clone(x.in), bytes.Repeat([]byte{dirt}, (k.lanes+2)*hashSize)...)
	k.hash(&apart[hashSize], &in[0], uint64(x.stride), uint64(x.blocks), &counters[0], uint64(x.first), uint64(x.end))
	if !bytes.Equal(in[:len(x.in)], x.in) {
		t.Fatalf("%s: the input was written", k.name)
	}
	k.hash(&in[0], &in[0], uint64(x.stride), uint64(x.blocks), &counters[0], uint64(x.first), uint64(x.end))
	for i := range k.lanes {
		want := x.lane(i)
		if got := apart[(i+1)*hashSize:][:hashSize]; !bytes.Equal(got, want[:]) {
			t.Fatalf("%s: lane %d is %x, want %x", k.name, i, got, want)
		}
		if got := in[i*hashSize:][:hashSize]; !bytes.Equal(got, want[:]) {
			t.Fatalf("%s: lane %d over its input is %x, want %x", k.name, i, got, want)
		}
	}
	for _, b := range append(slices.Clone(apart[:hashSize]), apart[(k.lanes+1)*hashSize:]...) {
		if b != dirt {
			t.Fatalf("%s: bytes beside the output were written", k.name)
		}
	}
}

// Every kernel gives what one compression after the other gives, for leaves,
// parents and inputs of any other shape.
func TestKernelsAgree(t *testing.T) {
	leaf := inputs{stride: LeafSize, blocks: 16, step: 1, first: guts.FlagChunkStart, end: guts.FlagChunkEnd}
	shapes := map[string]inputs{
		"leaves":  leaf,
		"parents": {stride: 64, blocks: 1, first: guts.FlagParent},
		"sparse":  {stride: 5000, blocks: 3, counter: 7, step: 1, first: 1, end: 2},
		"same":    {stride: 0, blocks: 2, counter: 1 << 40, step: 1, first: 1, end: 2},
		"odd":     {stride: 77, blocks: 2, counter: math.MaxUint64 - 3, step: 1, first: 16, end: 32},
	}
	for _, counter := range []uint64{1, 1<<32 - 16, 1<<32 - 3, 1 << 32, 1<<54 - 16} {
		x := leaf
		x.counter = counter
		shapes[fmt.Sprintf("leaves from %d", counter)] = x
	}
	for name, x := range shapes {
		for _, k := range kernels {
			t.Run(name+"/"+k.name, func(t *testing.T) {
				x.in = bytesOf((k.lanes-1)*x.stride + x.blocks*guts.BlockSize)
				x.agree(t, k)
			})
		}
	}
}

func TestKernelsAgreeOnAnyInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := inputs{
			stride:  rapid.IntRange(0, 3*LeafSize).Draw(t, "stride"),
			blocks:  rapid.IntRange(1, 20).Draw(t, "blocks"),
			counter: rapid.Uint64().Draw(t, "counter"),
			step:    rapid.Uint64Range(0, 1).Draw(t, "step"),
			first:   rapid.Uint32().Draw(t, "first"),
			end:     rapid.Uint32().Draw(t, "end"),
		}
		skip := rapid.IntRange(0, 70).Draw(t, "skip")
		for _, k := range kernels {
			x.in = bytesOf(skip + (k.lanes-1)*x.stride + x.blocks*guts.BlockSize)[skip:]
			x.agree(t, k)
		}
	})
}

// Groups come out the same alone and many at a time.
func TestKernelsHashGroups(t *testing.T) {
	data := bytesOf((2*batch + 1) * GroupSize)
	for _, k := range kernels {
		for n := 1; n <= 2*batch+1; n++ {
			for _, leaf := range []uint64{0, groupLeaves, 1<<32 - 2*groupLeaves} {
				got := make([]byte, n*hashSize)
				k.groups(got, data[:n*GroupSize], leaf)
				for i := range n {
					want := finish(subtree(data[i*GroupSize:][:GroupSize], leaf+uint64(i)*groupLeaves), false)
					if !bytes.Equal(got[i*hashSize:][:hashSize], want[:]) {
						t.Fatalf("%s: group %d of %d from leaf %d is not what it is alone", k.name, i, n, leaf)
					}
				}
			}
		}
	}
}

// withKernels runs a test with each kernel first, and without any.
func withKernels(t *testing.T, test func(t *testing.T)) {
	all := kernels
	defer func() { kernels = all }()
	for i, k := range all {
		kernels = all[i:]
		t.Run(k.name, test)
	}
	kernels = nil
	t.Run("go", test)
}

// Whatever the processor has, trees and readers are the same.
func TestTreesHangOnNoKernel(t *testing.T) {
	data := bytesOf(70*GroupSize + 3*LeafSize + 5)
	withKernels(t, func(t *testing.T) {
		for _, n := range append(slices.Clone(edges), 33*GroupSize, 64*GroupSize, 65*GroupSize+1, len(data)) {
			b, whole := NewBuilder(uint64(n%len(data))), data[:n%len(data)]
			for rest := whole; len(rest) > 0; { // in pieces that do not fit groups
				p := rest[:min(len(rest), 100_000)]
				if _, err := b.Write(p); err != nil {
					t.Fatal(err)
				}
				rest = rest[len(p):]
			}
			streamed, err := b.Tree()
			if err != nil {
				t.Fatal(err)
			}
			built := Build(whole)
			if !bytes.Equal(streamed.Bytes(), built.Bytes()) {
				t.Fatalf("%d bytes: a stream gives another tree", n)
			}
			if want := strata.Root(blake3.Sum256(whole)); built.Root() != want {
				t.Fatalf("%d bytes: root %v, want %v", n, built.Root(), want)
			}
			if _, err := Load(uint64(len(whole)), built.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Hashing leaves nothing for the collector, but for the nodes kept.
func TestHashingAllocatesNothing(t *testing.T) {
	data, out := bytesOf(5*GroupSize), make([]byte, 5*hashSize)
	for _, k := range kernels {
		if n := testing.AllocsPerRun(10, func() { k.groups(out, data, 0) }); n > 0 {
			t.Errorf("%s: %v allocations for five groups", k.name, n)
		}
	}
}

// FuzzKernels compares every kernel with one compression after the other.
func FuzzKernels(f *testing.F) {
	f.Add(bytesOf(2048), uint16(1024), uint8(16), uint64(0), true, uint32(guts.FlagChunkStart), uint32(guts.FlagChunkEnd))
	f.Add(bytesOf(64), uint16(64), uint8(1), uint64(0), false, uint32(guts.FlagParent), uint32(0))
	f.Fuzz(func(t *testing.T, in []byte, stride uint16, blocks uint8, counter uint64, steps bool, first, end uint32) {
		x := inputs{stride: int(stride) % 2048, blocks: int(blocks)%17 + 1, counter: counter, first: first, end: end}
		if steps {
			x.step = 1
		}
		for _, k := range kernels {
			x.in = make([]byte, (k.lanes-1)*x.stride+x.blocks*guts.BlockSize)
			for i := 0; len(in) > 0 && i < len(x.in); {
				i += copy(x.in[i:], in)
			}
			x.agree(t, k)
		}
	})
}

func BenchmarkKernels(b *testing.B) {
	for _, size := range []int{GroupSize, batch * GroupSize, 64 << 20} {
		data, out := bytesOf(size), make([]byte, size/GroupSize*hashSize)
		for _, k := range kernels {
			b.Run(fmt.Sprintf("%s-%d", k.name, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					k.groups(out, data, 0)
				}
			})
		}
		b.Run(fmt.Sprintf("go-%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				for i := 0; i < size; i += GroupSize {
					finish(subtree(data[i:][:GroupSize], uint64(i/LeafSize)), false)
				}
			}
		})
	}
}
