package merkle

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"strata"
)

// groupOf returns the bytes of the group that holds a leaf.
func groupOf(data []byte, leaf uint64) []byte {
	g := leaf / groupLeaves
	return data[g*GroupSize:][:pieceLen(uint64(len(data)), GroupSize, g)]
}

// leafOf returns a leaf's bytes.
func leafOf(data []byte, leaf uint64) []byte {
	return data[leaf*LeafSize:][:pieceLen(uint64(len(data)), LeafSize, leaf)]
}

func mustOpen(t rapid.TB, data []byte, tree Tree, leaf uint64) Opening {
	t.Helper()
	o, err := Open(uint64(len(data)), leaf, groupOf(data, leaf), tree)
	if err != nil {
		t.Fatalf("leaf %d of %d bytes: %v", leaf, len(data), err)
	}
	return o
}

func TestEveryLeafOpens(t *testing.T) {
	for _, n := range []int{
		0, 1, LeafSize, LeafSize + 1, 3 * LeafSize, 37*LeafSize + 5, GroupSize, GroupSize + 1,
		2*GroupSize + 5*LeafSize, 4 * GroupSize, 5*GroupSize - 1,
	} {
		data := bytesOf(n)
		tree, size := Build(data), uint64(n)
		for leaf := range leaves(size) {
			o := mustOpen(t, data, tree, leaf)
			if !bytes.Equal(o.Block, leafOf(data, leaf)) {
				t.Fatalf("leaf %d of %d bytes: wrong block", leaf, n)
			}
			if err := o.Verify(tree.Root(), size, leaf); err != nil {
				t.Fatalf("leaf %d of %d bytes: %v", leaf, n, err)
			}
		}
		wantCode(t, Opening{}.Verify(tree.Root(), size, leaves(size)), strata.Invalid)
	}
}

// An opening is at most 1,800 bytes in the largest sector.
func TestOpeningOfALargeSectorIsSmall(t *testing.T) {
	depth := 0
	for w := leaves(4 << 30); w > 1; w = above(w) {
		depth++
	}
	if got := LeafSize + depth*hashSize; got != 1728 {
		t.Errorf("an opening has %d bytes, want 1728", got)
	}
}

// No change to an opening, and no other leaf or root, passes.
func TestTamperedOpeningFails(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := bytesOf(max(drawSize(t), 1))
		tree, size := Build(data), uint64(len(data))
		leaf := rapid.Uint64Range(0, leaves(size)-1).Draw(t, "leaf")
		o, root := mustOpen(t, data, tree, leaf), tree.Root()
		kinds := []string{"block", "root", "short block", "long block", "longer path"}
		if len(o.Path) > 0 {
			kinds = append(kinds, "path", "shorter path", "other leaf")
		}
		flip := byte(1) << rapid.IntRange(0, 7).Draw(t, "bit")
		switch rapid.SampledFrom(kinds).Draw(t, "kind") {
		case "block":
			o.Block[rapid.IntRange(0, len(o.Block)-1).Draw(t, "at")] ^= flip
		case "root":
			root[rapid.IntRange(0, hashSize-1).Draw(t, "at")] ^= flip
		case "short block":
			o.Block = o.Block[:len(o.Block)-1]
		case "long block":
			o.Block = append(o.Block, 0)
		case "longer path":
			o.Path = append(o.Path, Hash{})
		case "path":
			i := rapid.IntRange(0, len(o.Path)-1).Draw(t, "sibling")
			o.Path[i][rapid.IntRange(0, hashSize-1).Draw(t, "at")] ^= flip
		case "shorter path":
			o.Path = o.Path[:len(o.Path)-1]
		case "other leaf":
			leaf = (leaf + rapid.Uint64Range(1, leaves(size)-1).Draw(t, "shift")) % leaves(size)
		}
		wantCode(t, o.Verify(root, size, leaf), strata.Corrupt)
	})
}

// An opening keeps nothing of the buffer that it was made from: the caller
// reads the next group into it.
func TestOpeningSharesNoMemory(t *testing.T) {
	data := bytesOf(GroupSize)
	tree := Build(data)
	o := mustOpen(t, data, tree, 5)
	clear(data)
	if err := o.Verify(tree.Root(), GroupSize, 5); err != nil {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	data := bytesOf(2*GroupSize + 100)
	tree, size := Build(data), uint64(2*GroupSize+100)
	damaged := bytes.Clone(data)
	damaged[GroupSize+7] ^= 1
	for name, c := range map[string]struct {
		leaf  uint64
		group []byte
		code  strata.Code
	}{
		"no such leaf":           {leaves(size), data[2*GroupSize:], strata.Invalid},
		"no leaf at all":         {1 << 63, data[2*GroupSize:], strata.Invalid},
		"short group":            {1, data[:GroupSize-1], strata.Invalid},
		"no group":               {1, nil, strata.Invalid},
		"whole for a last group": {leaves(size) - 1, data[:GroupSize], strata.Invalid},
		"another group":          {1, data[GroupSize : 2*GroupSize], strata.Corrupt},
		"damaged elsewhere":      {127, damaged[GroupSize : 2*GroupSize], strata.Corrupt},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(size, c.leaf, c.group, tree)
			wantCode(t, err, c.code)
		})
	}
}

// brokenAbove reads level 0 from a tree and fails on the others.
type brokenAbove struct{ Tree }

func (b brokenAbove) ReadNode(level int, index uint64) (Hash, error) {
	if level > 0 {
		return Hash{}, errBroken
	}
	return b.Tree.ReadNode(level, index)
}

func TestOpenPassesOnReadErrors(t *testing.T) {
	data := bytesOf(4 * GroupSize)
	for name, r := range map[string]NodeReader{"all": failing{}, "above": brokenAbove{Build(data)}} {
		if _, err := Open(4*GroupSize, 0, data[:GroupSize], r); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What Verify accepts is the file's leaf, whatever is thrown at it.
func FuzzOpeningVerify(f *testing.F) {
	data := bytesOf(70 * LeafSize)
	tree, size := Build(data), uint64(len(data))
	for _, leaf := range []uint64{0, 63, 69} {
		o := mustOpen(f, data, tree, leaf)
		f.Add(leaf, o.Block, slices.Concat(asBytes(o.Path)...))
	}
	f.Fuzz(func(t *testing.T, leaf uint64, block, path []byte) {
		o := Opening{Block: block}
		for ; len(path) >= hashSize; path = path[hashSize:] {
			o.Path = append(o.Path, Hash(path[:hashSize]))
		}
		if o.Verify(tree.Root(), size, leaf) == nil && !bytes.Equal(block, leafOf(data, leaf)) {
			t.Fatalf("accepted bytes that are not leaf %d", leaf)
		}
	})
}

func asBytes(path []Hash) (out [][]byte) {
	for i := range path {
		out = append(out, path[i][:])
	}
	return out
}

func BenchmarkOpen(b *testing.B) {
	data := bytesOf(4 << 20)
	tree, leaf := Build(data), uint64(0)
	for b.Loop() {
		leaf = (leaf + 1009) % leaves(4<<20)
		mustOpen(b, data, tree, leaf)
	}
}

// BenchmarkVerify verifies at the depth of a 4 GiB sector: the path is longer
// than the file's, so that it must fail at the very end.
func BenchmarkVerify(b *testing.B) {
	o := Opening{Block: bytesOf(LeafSize), Path: make([]Hash, 22)}
	for b.Loop() {
		if strata.CodeOf(o.Verify(strata.Root{}, 4<<30, 12345)) != strata.Corrupt {
			b.Fatal("accepted")
		}
	}
}
