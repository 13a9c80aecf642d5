package fetch

import (
	"strata/catalog"
	"strata/object/segment"
)

// span is the part of one segment that a range covers.
type span struct {
	segment  catalog.Segment
	off, n   int64 // of the segment's plaintext
	from, to int   // rows
	wants    []int // where it covers one row: the data chunks it needs, if not all
	opening  bool  // a reader waits for its first bytes
}

// spansOf cuts a range into the segments that it covers.
func spansOf(segments []catalog.Segment, off, n int64) (out []span) {
	for _, seg := range segments {
		if n > 0 && off < seg.Size {
			sp := newSpan(seg, off, min(n, seg.Size-off))
			out = append(out, sp)
			n -= sp.n
		}
		off = max(0, off-seg.Size)
	}
	return out
}

func newSpan(seg catalog.Segment, off, n int64) span {
	l := segment.LayoutOf(seg)
	sp := span{segment: seg, off: off, n: n, from: int(off / l.RowPlain()), to: int((off+n-1)/l.RowPlain()) + 1}
	if sp.to-sp.from > 1 {
		return sp
	}
	c := int64(l.ChunkLen(sp.from))
	in := off - int64(sp.from)*l.RowPlain()
	first, last := int(in/c), int((in+n-1)/c)
	if last-first+1 < seg.K {
		for i := first; i <= last; i++ {
			sp.wants = append(sp.wants, i)
		}
	}
	return sp
}
