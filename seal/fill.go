package seal

import (
	"context"
	"encoding/binary"
	"fmt"

	"strata"
)

// ctxEvery is how many blocks are computed between two looks at the context:
// some milliseconds.
const ctxEvery = 1 << 12

// Fill computes the sector into buf, whose length must be Size(); what was in
// buf does not matter. It writes every byte, and only a nil error says that
// they are the sector's: after a cancelled ctx, which is noticed within
// milliseconds and returned wrapped, they are of no use. A wrong shape or
// length has code Invalid.
//
// Several fills may run at once on different buffers.
func (s Sector) Fill(ctx context.Context, buf []byte) error {
	if err := s.Validate(); err != nil {
		return err
	}
	if int64(len(buf)) != s.Size() {
		return strata.E(strata.Invalid, "buffer of %d bytes for a sector of %d: they must be equal", len(buf), s.Size())
	}
	id := s.ID()
	f := filler{key: graphKey(id), n: s.Blocks, buf: buf, prev: firstBlock(id)}
	for p := uint32(1); p <= s.Passes; p++ {
		for j := uint32(0); j < s.Blocks; j++ {
			if j%ctxEvery == 0 && ctx.Err() != nil {
				return fmt.Errorf("filling sector %d stopped in pass %d of %d: %w", s.Number, p, s.Passes, ctx.Err())
			}
			f.step(p, j)
		}
	}
	return nil
}

// filler is the state of one fill.
type filler struct {
	key  uint64 // of the graph
	n    uint32 // blocks
	buf  []byte
	prev block         // the block computed last, at first the IV; also in buf
	r, z block         // scratch of step
	par  [lines]uint32 // parents of the step at hand
}

// step computes block j in pass p.
func (f *filler) step(p, j uint32) {
	cur := (*[strata.BlockSize]byte)(f.buf[int(j)*strata.BlockSize:])
	f.r = f.prev
	if p > 1 {
		f.xorBlock(cur)
	}
	if p > 1 || j > 0 { // nothing precedes step (1, 0)
		parents(&f.par, f.key, f.n, p, j)
		f.xorLines()
	}
	f.r[0] ^= uint64(p)
	f.r[1] ^= uint64(j)
	f.z = f.r
	f.z.perm()
	for i := range f.prev {
		f.prev[i] = f.z[i] ^ f.r[i]
	}
	f.prev.store(cur)
}

// xorBlock adds the block's old content to r.
func (f *filler) xorBlock(cur *[strata.BlockSize]byte) {
	for i := range f.r {
		f.r[i] ^= binary.LittleEndian.Uint64(cur[8*i:])
	}
}

// xorLines adds gather to r: line k from line (k+5) mod 16 of parent k, so
// that no line of a block is fed by the same line of its parents.
func (f *filler) xorLines() {
	for k := range f.par {
		at := int(f.par[k])*strata.BlockSize + (k+5)%lines*lineSize
		src := (*[lineSize]byte)(f.buf[at:])
		dst := (*[lineSize / 8]uint64)(f.r[k*lineSize/8:])
		for i := range dst {
			dst[i] ^= binary.LittleEndian.Uint64(src[8*i:])
		}
	}
}
