package merkle

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"strata"
)

func encodeRange(t rapid.TB, data []byte, tree Tree, off, n uint64) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := WriteRange(&out, bytes.NewReader(data), tree, off, n); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// drawRange draws a range of a file, often one that begins or ends at an edge.
func drawRange(t *rapid.T, size int) (off, n uint64) {
	near := func(lo, hi int, name string) int {
		v := rapid.IntRange(lo, hi).Draw(t, name)
		if rapid.Bool().Draw(t, name+" at an edge") {
			v = max(lo, min(hi, (v+LeafSize)/GroupSize*GroupSize))
		}
		return v
	}
	from := near(0, size, "from")
	return uint64(from), uint64(near(from, size, "to") - from)
}

func TestRangeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := bytesOf(drawSize(t))
		tree, size := Build(data), uint64(len(data))
		off, n := drawRange(t, len(data))
		enc := encodeRange(t, data, tree, off, n)
		if got := RangeLen(size, off, n); got != uint64(len(enc)) {
			t.Fatalf("encoding has %d bytes, RangeLen says %d", len(enc), got)
		}
		rest := bytes.NewReader(append(enc, "next"...))
		got, err := io.ReadAll(NewRangeReader(rest, tree.Root(), size, off, n))
		if err != nil || !bytes.Equal(got, data[off:off+n]) {
			t.Fatalf("read %d of %d bytes: %v", len(got), n, err)
		}
		if rest.Len() != len("next") {
			t.Fatalf("%d bytes left, want 4: the reader must end with the encoding", rest.Len())
		}
	})
}

// The format, spelled out for one range: the middle group of three.
func TestRangeFormat(t *testing.T) {
	data := bytesOf(2*GroupSize + 9)
	tree := Build(data)
	node := func(level int, index uint64) []byte {
		h, err := tree.ReadNode(level, index)
		if err != nil {
			t.Fatal(err)
		}
		return h[:]
	}
	want := bytes.Join([][]byte{node(1, 0), node(1, 1), node(0, 0), node(0, 1), data[GroupSize : 2*GroupSize]}, nil)
	if got := encodeRange(t, data, tree, GroupSize+1, 1); !bytes.Equal(got, want) {
		t.Error("the middle group's encoding differs from the documented form")
	}
	want = bytes.Join([][]byte{node(1, 0), node(1, 1), data[2*GroupSize:]}, nil)
	if got := encodeRange(t, data, tree, 2*GroupSize, 9); !bytes.Equal(got, want) {
		t.Error("the last group's encoding differs from the documented form")
	}
}

func TestRangeReaderTakesAnyPieces(t *testing.T) {
	data := bytesOf(3*GroupSize + 77)
	tree := Build(data)
	enc := encodeRange(t, data, tree, 1000, 2*GroupSize)
	r := iotest.HalfReader(NewRangeReader(iotest.HalfReader(iotest.DataErrReader(bytes.NewReader(enc))), tree.Root(), tree.Size(), 1000, 2*GroupSize))
	if err := iotest.TestReader(r, data[1000:1000+2*GroupSize]); err != nil {
		t.Error(err)
	}
}

// A flipped bit anywhere is noticed, and no wrong byte gets out before.
func TestTamperedRangeFails(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := bytesOf(max(drawSize(t), 1))
		tree, size := Build(data), uint64(len(data))
		off, n := drawRange(t, len(data))
		if n == 0 {
			off, n = 0, size
		}
		enc := encodeRange(t, data, tree, off, n)
		enc[rapid.IntRange(0, len(enc)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		checkRefused(t, enc, data, tree, off, n, strata.Corrupt)
	})
}

// checkRefused reads an encoding that must fail with a code, after nothing but
// bytes of the range.
func checkRefused(t rapid.TB, enc, data []byte, tree Tree, off, n uint64, code strata.Code) {
	t.Helper()
	r := NewRangeReader(bytes.NewReader(enc), tree.Root(), tree.Size(), off, n)
	got, err := io.ReadAll(r)
	wantCode(t, err, code)
	if uint64(len(got)) >= n || !bytes.Equal(got, data[off:off+uint64(len(got))]) {
		t.Fatalf("%d bytes came out that are not the range's", len(got))
	}
	if _, again := r.Read(make([]byte, 1)); again != err { //nolint:errorlint // the very same error
		t.Fatalf("then a Read gave %v", again)
	}
}

// Every byte of every node in an encoding matters.
func TestEveryNodeByteOfARangeMatters(t *testing.T) {
	data := bytesOf(6*GroupSize + 5)
	tree := Build(data)
	off, n := uint64(6*GroupSize), uint64(5)
	enc := encodeRange(t, data, tree, off, n)
	if len(enc) > 1000 {
		t.Fatalf("the encoding of a short last group has %d bytes", len(enc))
	}
	for i := range enc {
		bad := bytes.Clone(enc)
		bad[i] ^= 0x80
		checkRefused(t, bad, data, tree, off, n, strata.Corrupt)
	}
}

func TestTruncatedRangeFails(t *testing.T) {
	data := bytesOf(3*GroupSize + 100)
	tree := Build(data)
	enc := encodeRange(t, data, tree, 5, 3*GroupSize)
	for _, cut := range []int{0, 1, 63, 64, 65, 127, 128, 129, 128 + GroupSize, len(enc) - 101, len(enc) - 1} {
		checkRefused(t, enc[:cut], data, tree, 5, 3*GroupSize, strata.Unavailable)
		_, err := io.ReadAll(NewRangeReader(bytes.NewReader(enc[:cut]), tree.Root(), tree.Size(), 5, 3*GroupSize))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func TestRangeOfAnotherFileFails(t *testing.T) {
	data := bytesOf(2 * GroupSize)
	tree := Build(data)
	enc := encodeRange(t, data, tree, 0, 2*GroupSize)
	r := NewRangeReader(bytes.NewReader(enc), strata.Root{1}, 2*GroupSize, 0, 2*GroupSize)
	got, err := io.ReadAll(r)
	wantCode(t, err, strata.Corrupt)
	if len(got) != 0 {
		t.Errorf("%d bytes of another file came out", len(got))
	}
}

func TestRangeOutsideTheFile(t *testing.T) {
	const top = ^uint64(0)
	data := bytesOf(100)
	tree := Build(data)
	for _, c := range []struct{ off, n uint64 }{{0, 101}, {100, 1}, {101, 0}, {top, 1}, {1, top}, {top, top}} {
		if got := RangeLen(100, c.off, c.n); got != 0 {
			t.Errorf("RangeLen(100, %d, %d) = %d", c.off, c.n, got)
		}
		var out bytes.Buffer
		wantCode(t, WriteRange(&out, bytes.NewReader(data), tree, c.off, c.n), strata.Invalid)
		if out.Len() != 0 {
			t.Errorf("%d bytes written", out.Len())
		}
		_, err := NewRangeReader(&out, tree.Root(), 100, c.off, c.n).Read(make([]byte, 1))
		wantCode(t, err, strata.Invalid)
	}
}

// Shapes beyond any memory are still answered.
func TestRangeLenOfHugeFiles(t *testing.T) {
	for _, c := range []struct{ size, off, n, want uint64 }{
		{1 << 32, 0, 1, GroupSize + 16*64},
		{1 << 40, 1 << 39, GroupSize, GroupSize + 24*64},
		{^uint64(0), 0, 1, GroupSize + 48*64},
		{^uint64(0), ^uint64(0) - 1, 1, GroupSize - 1 + 48*64},
	} {
		if got := RangeLen(c.size, c.off, c.n); got != c.want {
			t.Errorf("RangeLen(%d, %d, %d) = %d, want %d", c.size, c.off, c.n, got, c.want)
		}
	}
}

func TestWriteRangePassesOnErrors(t *testing.T) {
	data := bytesOf(2 * GroupSize)
	tree := Build(data)
	if err := WriteRange(io.Discard, failing{}, tree, 0, 1); !errors.Is(err, errBroken) {
		t.Errorf("source: %v", err)
	}
	if err := WriteRange(io.Discard, bytes.NewReader(data[:100]), tree, 0, 1); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short source: %v", err)
	}
	// The encoding is four writes, two nodes and two groups: each fails once.
	for n := range int64(4) {
		w := &failAfter{left: n}
		if err := WriteRange(w, bytes.NewReader(data), tree, 0, 2*GroupSize); !errors.Is(err, errBroken) {
			t.Errorf("write %d: %v", n, err)
		}
	}
	_, err := NewRangeReader(failing{}, tree.Root(), 2*GroupSize, 0, 1).Read(make([]byte, 1))
	if !errors.Is(err, errBroken) {
		t.Errorf("reader: %v", err)
	}
}

// failAfter is a writer whose write number left, from 0, fails.
type failAfter struct{ left int64 }

func (w *failAfter) Write(p []byte) (int, error) {
	if w.left == 0 {
		return 0, errBroken
	}
	w.left--
	return len(p), nil
}

// counting counts what was read through it.
type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// A reader takes no more than a group and its path ahead of what it hands out,
// and does not buffer more either.
func TestRangeReaderHoldsOneGroup(t *testing.T) {
	data := bytesOf(9 * GroupSize)
	tree := Build(data)
	c := &counting{r: bytes.NewReader(encodeRange(t, data, tree, 0, 9*GroupSize))}
	r := NewRangeReader(c, tree.Root(), 9*GroupSize, 0, 9*GroupSize)
	p := make([]byte, 1000)
	for out := 0; ; {
		n, err := r.Read(p)
		out += n
		if ahead := c.n - out; ahead > GroupSize+9*2*hashSize {
			t.Fatalf("%d bytes ahead after %d", ahead, out)
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What a range reader hands out is the file's, whatever it is fed.
func FuzzRangeReader(f *testing.F) {
	data := bytesOf(3*GroupSize + 1500)
	trees := map[int]Tree{}
	for _, size := range fuzzSizes {
		trees[size] = Build(data[:size])
	}
	for i, size := range fuzzSizes {
		off := uint64(size) - min(uint64(size), 10)
		f.Add(uint8(i), off, uint64(size)-off, encodeRange(f, data[:size], trees[size], off, uint64(size)-off))
	}
	f.Fuzz(func(t *testing.T, which uint8, off, n uint64, enc []byte) {
		size := fuzzSizes[int(which)%len(fuzzSizes)]
		r := NewRangeReader(bytes.NewReader(enc), trees[size].Root(), uint64(size), off, n)
		got, err := io.ReadAll(r)
		if len(got) > 0 && !bytes.HasPrefix(data[off:size], got) {
			t.Fatal("bytes came out that are not the file's")
		}
		if err == nil && uint64(len(got)) != n {
			t.Fatalf("%d bytes instead of %d without an error", len(got), n)
		}
	})
}

// fuzzSizes are file sizes of one to four groups, the last one short.
var fuzzSizes = []int{1, 1500, GroupSize + 20, 2*GroupSize + 1025, 3*GroupSize + 1500}

func BenchmarkBuild(b *testing.B) {
	data := bytesOf(16 << 20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		Build(data)
	}
}

func BenchmarkRangeReader(b *testing.B) {
	data := bytesOf(4 << 20)
	tree := Build(data)
	enc := encodeRange(b, data, tree, 0, 4<<20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		r := NewRangeReader(bytes.NewReader(enc), tree.Root(), 4<<20, 0, 4<<20)
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}
