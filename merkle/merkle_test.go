package merkle

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/zeebo/blake3"
	"pgregory.net/rapid"

	"strata"
)

// bytesOf returns n bytes that look random and are the same every time.
func bytesOf(n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{1})
	_, _ = src.Read(b) // never fails
	return b
}

// edges are lengths around everything that BLAKE3, its implementation or the
// groups round to.
var edges = func() (sizes []int) {
	for _, n := range []int{
		0, 64, LeafSize, 2 * LeafSize, 3 * LeafSize, 15 * LeafSize, 16 * LeafSize, 17 * LeafSize, 32 * LeafSize,
		33 * LeafSize, 48 * LeafSize, 63 * LeafSize,
		GroupSize, GroupSize + LeafSize, 2 * GroupSize, 3 * GroupSize, 4 * GroupSize, 5 * GroupSize, 7 * GroupSize, 11 * GroupSize,
	} {
		sizes = append(sizes, max(n-1, 0), n, n+1)
	}
	return sizes
}()

// drawSize draws a length, often one at an edge.
func drawSize(t *rapid.T) int {
	return rapid.OneOf(rapid.SampledFrom(edges), rapid.IntRange(0, 6*GroupSize)).Draw(t, "size")
}

// wantCode fails unless err has that code.
func wantCode(t rapid.TB, err error, want strata.Code) {
	t.Helper()
	if err == nil || strata.CodeOf(err) != want {
		t.Fatalf("got error %v with code %q, want code %q", err, strata.CodeOf(err), want)
	}
}

func TestRootIsPlainBLAKE3(t *testing.T) {
	all := bytesOf(12 * GroupSize)
	for _, n := range edges {
		if got, want := Build(all[:n]).Root(), strata.Root(blake3.Sum256(all[:n])); got != want {
			t.Errorf("root of %d bytes is %v, want %v", n, got, want)
		}
	}
}

func TestRootOfEveryLeafCount(t *testing.T) {
	all := bytesOf(3*GroupSize + 7)
	for n := 7; n <= len(all); n += LeafSize {
		if got, want := Build(all[:n]).Root(), strata.Root(blake3.Sum256(all[:n])); got != want {
			t.Fatalf("root of %d bytes is %v, want %v", n, got, want)
		}
	}
}

func TestNodesOfPowersOfTwo(t *testing.T) {
	for g := range 17 {
		groups := 1 << g
		if got, want := NodesLen(uint64(groups)*GroupSize), (2*groups-1)*hashSize; got != want {
			t.Errorf("%d groups have %d bytes of nodes, want %d", groups, got, want)
		}
	}
}

// The nodes lie level by level without a gap, and ReadNode finds each where
// NodeOffset says.
func TestNodeOffsets(t *testing.T) {
	for _, n := range edges {
		tree := Build(bytesOf(n))
		size, next, level := uint64(n), int64(0), 0
		for w := groups(size); ; w = above(w) {
			for i := range w {
				if got := NodeOffset(size, level, i); got != next {
					t.Fatalf("%d bytes: node %d.%d at %d, want %d", n, level, i, got, next)
				}
				h, err := tree.ReadNode(level, i)
				if err != nil || !bytes.Equal(h[:], tree.Bytes()[next:next+hashSize]) {
					t.Fatalf("%d bytes: node %d.%d: %x, %v", n, level, i, h, err)
				}
				next += hashSize
			}
			_, err := tree.ReadNode(level, w)
			wantCode(t, err, strata.Invalid)
			if w == 1 {
				break
			}
			level++
		}
		if int(next) != NodesLen(size) || len(tree.Bytes()) != NodesLen(size) {
			t.Fatalf("%d bytes: nodes end at %d, NodesLen says %d, Bytes has %d", n, next, NodesLen(size), len(tree.Bytes()))
		}
		for _, bad := range []int{level + 1, -1} {
			if got := NodeOffset(size, bad, 0); got != -1 {
				t.Fatalf("%d bytes: node on level %d at %d", n, bad, got)
			}
		}
	}
}

func TestParentIsTheNodeAbove(t *testing.T) {
	tree := Build(bytesOf(8 * GroupSize))
	for level, width := 0, uint64(8); width > 2; level, width = level+1, width/2 {
		for i := uint64(0); i < width; i += 2 {
			left, lerr := tree.ReadNode(level, i)
			right, rerr := tree.ReadNode(level, i+1)
			above, aerr := tree.ReadNode(level+1, i/2)
			if lerr != nil || rerr != nil || aerr != nil || Parent(left, right) != above {
				t.Errorf("nodes %d and %d of level %d do not make the one above", i, i+1, level)
			}
		}
	}
}

func TestGroupNodeIsLevelZero(t *testing.T) {
	data := bytesOf(5*GroupSize + 7)
	tree := Build(data)
	for g := range groups(uint64(len(data))) {
		want, err := tree.ReadNode(0, g)
		if got := GroupNode(data[g*GroupSize:][:pieceLen(uint64(len(data)), GroupSize, g)], g); err != nil || got != want {
			t.Errorf("node of group %d: %x, want %x, %v", g, got, want, err)
		}
	}
}

func TestZeroTreeHasNothing(t *testing.T) {
	var zero Tree
	if zero.Root() != (strata.Root{}) || zero.Size() != 0 {
		t.Error("the zero tree is not empty")
	}
	_, err := zero.ReadNode(0, 0)
	wantCode(t, err, strata.Invalid)
}

// However a stream is cut, its tree is the same.
func TestBuilderEqualsBuild(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := bytesOf(drawSize(t))
		b := NewBuilder(uint64(len(data)))
		for rest := data; len(rest) > 0; {
			n := min(rapid.IntRange(1, 3*GroupSize).Draw(t, "write"), len(rest))
			if got, err := b.Write(rest[:n]); got != n || err != nil {
				t.Fatalf("Write: %d, %v", got, err)
			}
			if rest = rest[n:]; len(rest) > 0 {
				_, err := b.Tree()
				wantCode(t, err, strata.Invalid)
			}
		}
		tree, err := b.Tree()
		if err != nil {
			t.Fatal(err)
		}
		want := Build(data)
		if tree.Size() != want.Size() || !bytes.Equal(tree.Bytes(), want.Bytes()) {
			t.Fatal("the stream's tree differs")
		}
	})
}

func TestBuilderRefusesMoreThanAnnounced(t *testing.T) {
	b := NewBuilder(10)
	n, err := b.Write(make([]byte, 11))
	wantCode(t, err, strata.TooLarge)
	if n != 0 {
		t.Errorf("%d bytes taken", n)
	}
	if _, err := b.Write(make([]byte, 10)); err != nil {
		t.Error("the refused bytes were counted")
	}
	_, err = b.Write([]byte{0})
	wantCode(t, err, strata.TooLarge)
}

func TestLoadReturnsTheTree(t *testing.T) {
	for _, n := range edges {
		want := Build(bytesOf(n))
		got, err := Load(uint64(n), want.Bytes())
		if err != nil || got.Root() != want.Root() || got.Size() != want.Size() {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}

func TestLoadNoticesEveryDamagedNode(t *testing.T) {
	for _, n := range []int{GroupSize + 1, 2 * GroupSize, 5 * GroupSize, 11*GroupSize + 3} {
		good := Build(bytesOf(n)).Bytes()
		for i := 0; i < len(good); i += 5 {
			bad := bytes.Clone(good)
			bad[i] ^= 0x10
			_, err := Load(uint64(n), bad)
			wantCode(t, err, strata.Corrupt)
		}
	}
}

func TestLoadNoticesAWrongLength(t *testing.T) {
	good := Build(bytesOf(3 * GroupSize)).Bytes()
	for _, bad := range [][]byte{nil, good[:len(good)-1], append(bytes.Clone(good), 0)} {
		_, err := Load(3*GroupSize, bad)
		wantCode(t, err, strata.Corrupt)
	}
}

// failing is a NodeReader, io.ReaderAt, io.Reader and io.Writer that is out of
// order.
type failing struct{}

var errBroken = errors.New("broken")

func (failing) ReadNode(int, uint64) (Hash, error) { return Hash{}, errBroken }
func (failing) ReadAt([]byte, int64) (int, error)  { return 0, errBroken }
func (failing) Read([]byte) (int, error)           { return 0, errBroken }
func (failing) Write([]byte) (int, error)          { return 0, errBroken }

var _ io.ReaderAt = failing{}
