package merkle

import (
	"fmt"
	"io"

	"strata"
)

// plan is what both ends of a range encoding derive from size, offset and
// length: which nodes and groups it has.
type plan struct {
	size        uint64
	off, end    uint64
	first, last uint64   // groups that share a byte with the range
	widths      []uint64 // of each level
}

// newPlan checks the range and plans it; n is not zero.
func newPlan(size, off, n uint64) (plan, error) {
	if off > size || n > size-off {
		return plan{}, strata.E(strata.Invalid, "bytes from %d, %d of them, do not lie in a file of %d bytes", off, n, size)
	}
	p := plan{size: size, off: off, end: off + n, first: off / GroupSize, last: (max(off+n, 1) - 1) / GroupSize}
	w := groups(size)
	for ; w > 1; w = above(w) {
		p.widths = append(p.widths, w)
	}
	p.widths = append(p.widths, w)
	return p, nil
}

// top is the level of the root.
func (p *plan) top() int { return len(p.widths) - 1 }

// empty says whether the range has no byte, and so no encoding.
func (p *plan) empty() bool { return p.off == p.end }

// meets says whether the subtree under a node shares a byte with the range.
func (p *plan) meets(level int, index uint64) bool {
	return index<<level <= p.last && p.first < (index+1)<<level
}

// alone says whether a node above level 0 has one child, which it repeats.
func (p *plan) alone(level int, index uint64) bool { return 2*index+1 == p.widths[level-1] }

// RangeLen returns the length in bytes of a range's encoding, 0 if the range
// does not lie in the file.
func RangeLen(size, off, n uint64) uint64 {
	p, err := newPlan(size, off, n)
	if err != nil || p.empty() {
		return 0
	}
	total := (p.last-p.first)*GroupSize + uint64(pieceLen(size, GroupSize, p.last))
	for level := 1; level <= p.top(); level++ {
		first, last := p.first>>level, p.last>>level
		parents := last - first + 1
		if p.alone(level, last) {
			parents--
		}
		total += parents * 2 * hashSize
	}
	return total
}

// WriteRange writes to w the encoding (see the package's documentation) of bytes
// [off, off+n) of a file, reading whole groups from src, which begins at the
// file's first byte, and nodes from t. What src returns is not checked here: the
// receiver does. A range outside the file has code Invalid and writes nothing;
// errors of src and w come back wrapped.
func WriteRange(w io.Writer, src io.ReaderAt, t Tree, off, n uint64) error {
	p, err := newPlan(t.size, off, n)
	if err != nil || p.empty() {
		return err
	}
	e := encoder{plan: p, w: w, src: src, nodes: t, buf: make([]byte, min(GroupSize, t.size))}
	return e.sub(p.top(), 0)
}

// encoder writes one range.
type encoder struct {
	plan
	w     io.Writer
	src   io.ReaderAt
	nodes Tree
	buf   []byte
}

// sub writes what the range needs of the subtree under a node.
func (e *encoder) sub(level int, index uint64) error {
	if !e.meets(level, index) {
		return nil
	}
	if level == 0 {
		return e.group(index)
	}
	if !e.alone(level, index) {
		if err := e.pair(level-1, 2*index); err != nil {
			return err
		}
		if err := e.sub(level-1, 2*index); err != nil {
			return err
		}
		return e.sub(level-1, 2*index+1)
	}
	return e.sub(level-1, 2*index)
}

// pair writes a node and the one to its right.
func (e *encoder) pair(level int, index uint64) error {
	for i := index; i < index+2; i++ {
		h, err := e.nodes.ReadNode(level, i)
		if err != nil {
			return err
		}
		if _, err := e.w.Write(h[:]); err != nil {
			return fmt.Errorf("sending bytes %d to %d: %w", e.off, e.end, err)
		}
	}
	return nil
}

// group writes a group's bytes.
func (e *encoder) group(index uint64) error {
	b := e.buf[:pieceLen(e.size, GroupSize, index)]
	if n, err := e.src.ReadAt(b, int64(index*GroupSize)); n < len(b) {
		return fmt.Errorf("reading %d bytes at %d: %w", len(b), index*GroupSize, short(err))
	}
	if _, err := e.w.Write(b); err != nil {
		return fmt.Errorf("sending bytes %d to %d: %w", e.off, e.end, err)
	}
	return nil
}

// short makes an end of file what it is in the middle of one.
func short(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// NewRangeReader returns a reader of bytes [off, off+n) of the file with that
// root and size. It reads their encoding from r, to its last byte and not
// beyond, and hands out no byte of a group before it has verified the group. It
// holds one group and the path to it; r needs no buffering.
//
// A Read that fails fails for good: with code Corrupt if what came is not the
// file's, with code Unavailable around io.ErrUnexpectedEOF if it ends early, with
// code Invalid if the range does not lie in the file, else with r's own error
// wrapped. An empty range reads nothing and proves nothing. The size must be
// known, as the root must: only a range with the file's end proves it.
func NewRangeReader(r io.Reader, root strata.Root, size, off, n uint64) io.Reader {
	p, err := newPlan(size, off, n)
	d := &decoder{plan: p, r: r, root: root, err: err}
	if err == nil && !p.empty() {
		d.buf = make([]byte, min(GroupSize, size))
		d.todo = []task{{level: p.top(), want: Hash(root)}}
	}
	return d
}

// decoder reads one range.
type decoder struct {
	plan
	r    io.Reader
	root strata.Root
	buf  []byte
	out  []byte // verified, not yet handed out; part of buf
	todo []task // nodes whose subtrees are still to come, the next one last
	err  error  // what every further Read returns
}

// task is a node whose hash is known and whose subtree is still to come.
type task struct {
	level int
	index uint64
	want  Hash
}

// Read implements io.Reader.
func (d *decoder) Read(p []byte) (int, error) {
	for len(d.out) == 0 && d.err == nil {
		d.err = d.next()
	}
	if len(d.out) == 0 {
		return 0, d.err
	}
	n := copy(p, d.out)
	d.out = d.out[n:]
	return n, nil
}

// next takes one node off the list: it verifies a group, or replaces a parent
// by its children.
func (d *decoder) next() error {
	if len(d.todo) == 0 {
		return io.EOF
	}
	t := d.todo[len(d.todo)-1]
	d.todo = d.todo[:len(d.todo)-1]
	switch {
	case !d.meets(t.level, t.index):
		return nil
	case t.level == 0:
		return d.group(t)
	case d.alone(t.level, t.index):
		d.todo = append(d.todo, task{t.level - 1, 2 * t.index, t.want})
		return nil
	default:
		return d.pair(t)
	}
}

// pair reads a parent's two children.
func (d *decoder) pair(t task) error {
	var both [2 * hashSize]byte
	if err := d.fill(both[:]); err != nil {
		return err
	}
	left, right := Hash(both[:hashSize]), Hash(both[hashSize:])
	if finish(parent(left, right), t.level == d.top()) != t.want {
		return strata.E(strata.Corrupt, "a node sent with bytes %d to %d does not match root %v: ask another holder", d.off, d.end, d.root)
	}
	d.todo = append(d.todo, task{t.level - 1, 2*t.index + 1, right}, task{t.level - 1, 2 * t.index, left})
	return nil
}

// group reads a group and makes the part of it that is in the range readable.
func (d *decoder) group(t task) error {
	start := t.index * GroupSize
	b := d.buf[:pieceLen(d.size, GroupSize, t.index)]
	if err := d.fill(b); err != nil {
		return err
	}
	if groupNode(b, t.index*groupLeaves, d.top() == 0) != t.want {
		return strata.E(strata.Corrupt, "bytes %d to %d do not match root %v: ask another holder", start, start+uint64(len(b)), d.root)
	}
	from := max(d.off, start) - start
	to := min(d.end-start, uint64(len(b)))
	d.out = b[from:to]
	return nil
}

// fill reads exactly len(b) bytes.
func (d *decoder) fill(b []byte) error {
	_, err := io.ReadFull(d.r, b)
	switch {
	case err == nil:
		return nil
	case short(err) == io.ErrUnexpectedEOF:
		return strata.E(strata.Unavailable, "bytes %d to %d of root %v ended early, ask again: %w", d.off, d.end, d.root, io.ErrUnexpectedEOF)
	default:
		return fmt.Errorf("receiving bytes %d to %d of root %v: %w", d.off, d.end, d.root, err)
	}
}
