package seal

import (
	"context"
	"encoding/binary"
	"fmt"

	"strata"
)

// ctxEvery is how many blocks are computed between two looks at the context: a
// third of a millisecond to a few. Assembly cannot be preempted, so the
// collector may have to wait as long.
const ctxEvery = 1 << 11

// Fill computes the sector into buf, whose length must be Size(); what was in
// buf does not matter. It writes every byte, and only a nil error says that
// they are the sector's: after a cancelled ctx, which is noticed within
// milliseconds and returned wrapped, they are of no use. A wrong shape or
// length has code Invalid.
//
// Several fills may run at once on different buffers. They run at full speed
// in buffers of huge pages that begin on a cache line.
func (s Sector) Fill(ctx context.Context, buf []byte) error {
	return s.fill(ctx, implementations[0], buf)
}

// FillWith is Fill with an instruction set of one's choice. One that this
// processor lacks has code Invalid.
func (s Sector) FillWith(ctx context.Context, isa ISA, buf []byte) error {
	i, err := find(isa)
	if err != nil {
		return err
	}
	return s.fill(ctx, i, buf)
}

func (s Sector) fill(ctx context.Context, by implementation, buf []byte) error {
	if err := s.Validate(); err != nil {
		return err
	}
	if int64(len(buf)) != s.Size() {
		return strata.E(strata.Invalid, "buffer of %d bytes for a sector of %d: they must be equal", len(buf), s.Size())
	}
	f := filler{id: s.ID(), n: s.Blocks, buf: buf}
	for p := uint32(1); p <= s.Passes; p++ {
		for j := uint32(0); j < s.Blocks; j += min(ctxEvery, s.Blocks) {
			if ctx.Err() != nil {
				return fmt.Errorf("filling sector %d stopped in pass %d of %d: %w", s.Number, p, s.Passes, ctx.Err())
			}
			by.blocks(&f, p, j, j+min(ctxEvery, s.Blocks))
		}
	}
	return nil
}

// filler is the state of one fill.
type filler struct {
	id   strata.SectorID
	n    uint32 // blocks
	buf  []byte
	par  [lines]uint32 // parents of the step at hand
	r, z block         // R, and Perm(R) made from it
}

// bytesOf returns block j as it stands.
func (f *filler) bytesOf(j uint32) *blockBytes {
	return (*blockBytes)(f.buf[int(j)*strata.BlockSize:])
}

// steps computes blocks from…to−1 of pass p.
func (f *filler) steps(p, from, to uint32) {
	for j := from; j < to; j++ {
		f.step(p, j)
	}
}

// step computes block j in pass p.
func (f *filler) step(p, j uint32) {
	cur := f.bytesOf(j)
	switch {
	case p == 1 && j == 0:
		iv := firstBlock(f.id)
		f.r.load(&iv)
	case p == 1: // block j still stands as zero, whatever is in buf
		parents(&f.par, graphKey(f.id), f.n, p, j)
		f.r.load(f.bytesOf(j - 1))
		f.gather()
	default:
		parents(&f.par, graphKey(f.id), f.n, p, j)
		f.r.load(f.bytesOf((j - 1) & (f.n - 1)))
		f.r.xor(cur)
		f.gather()
	}
	f.r[0] ^= uint64(p)
	f.r[1] ^= uint64(j)
	f.z = f.r
	f.z.perm()
	f.z.storeXor(&f.r, cur)
}

// gather adds line (k+5) mod 16 of parent k to line k of R, for every k: no
// line of a block is fed by the same line of its parents.
func (f *filler) gather() {
	var src [lines]*lineBytes
	var first [lines]uint64
	for k, parent := range f.par { // touch all lines first: their cache misses overlap
		src[k] = (*lineBytes)(f.buf[int(parent)*strata.BlockSize+(k+5)%lines*lineSize:])
		first[k] = binary.LittleEndian.Uint64(src[k][:])
	}
	for k, s := range src {
		d := (*[lineSize / 8]uint64)(f.r[k*lineSize/8:])
		d[0] ^= first[k]
		d[1] ^= binary.LittleEndian.Uint64(s[8:])
		d[2] ^= binary.LittleEndian.Uint64(s[16:])
		d[3] ^= binary.LittleEndian.Uint64(s[24:])
		d[4] ^= binary.LittleEndian.Uint64(s[32:])
		d[5] ^= binary.LittleEndian.Uint64(s[40:])
		d[6] ^= binary.LittleEndian.Uint64(s[48:])
		d[7] ^= binary.LittleEndian.Uint64(s[56:])
	}
}
