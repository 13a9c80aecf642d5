package wire

import (
	"io"

	"strata"
	"strata/merkle"
)

// LeafRef names one leaf of a partition.
//
// Layout: sector u64 ‖ shard 32 ‖ leaf u32.
type LeafRef struct {
	Sector uint64
	// Shard is the root of the shard to open; zero means the sector's filler.
	Shard strata.Root
	Leaf  uint32 // in leaves of 1 KiB from the start of the sector, or of the shard
}

// AuditRequest asks a miner to open leaves of one partition, at once.
//
// Layout: partition 32 ‖ count u8 ‖ count × leaf.
type AuditRequest struct {
	Partition strata.Hotkey // whose partition; any permitted validator may ask
	Leaves    []LeafRef     // 1 to MaxLeaves
}

// Validate checks the count. The error has code Invalid.
func (a AuditRequest) Validate() error {
	if len(a.Leaves) == 0 || len(a.Leaves) > MaxLeaves {
		return strata.E(strata.Invalid, "audit of %d leaves: ask for 1 to %d", len(a.Leaves), MaxLeaves)
	}
	return nil
}

// Encode returns the layout.
func (a AuditRequest) Encode() []byte {
	w := writer{make([]byte, 0, 33+len(a.Leaves)*leafRefSize)}
	w.h32(a.Partition)
	w.u8(uint8(len(a.Leaves)))
	for _, l := range a.Leaves {
		w.u64(l.Sector)
		w.h32(l.Shard)
		w.u32(l.Leaf)
	}
	return w.b
}

// DecodeAuditRequest reads an AuditRequest. The error has code Invalid or
// TooLarge.
func DecodeAuditRequest(b []byte) (AuditRequest, error) {
	r := newReader(b, "audit request", MaxAuditRequest)
	a := AuditRequest{Partition: r.h32()}
	n := r.count(uint32(r.u8()), MaxLeaves, leafRefSize)
	for range n {
		a.Leaves = append(a.Leaves, LeafRef{Sector: r.u64(), Shard: r.h32(), Leaf: r.u32()})
	}
	if err := r.end(); err != nil {
		return AuditRequest{}, err
	}
	return a, a.Validate()
}

// Opening answers one LeafRef: the leaf and its path, or that the miner has not
// got it.
//
// Layout: kind u8: 0 = missing, and nothing more; 1 = block length u16 (1 to
// 1024) ‖ block ‖ path count u8 (to MaxPath) ‖ path count × 32.
type Opening struct {
	Missing bool // the embedded opening is empty then
	merkle.Opening
}

const (
	kindMissing = 0
	kindOpened  = 1
)

// Verify checks the opening against the root of a sector or shard of size
// bytes. A missing leaf has code NotFound, a wrong one Corrupt.
func (o Opening) Verify(root strata.Root, size, leaf uint64) error {
	if o.Missing {
		return strata.E(strata.NotFound, "leaf %d of %s is missing on the miner", leaf, root)
	}
	return o.Opening.Verify(root, size, leaf)
}

func (o Opening) validate() error {
	switch {
	case o.Missing && (len(o.Block) > 0 || len(o.Path) > 0):
		return strata.E(strata.Invalid, "audit answer: a missing leaf has contents")
	case !o.Missing && (len(o.Block) == 0 || len(o.Block) > strata.BlockSize):
		return strata.E(strata.Invalid, "audit answer: a leaf of %d bytes, 1 to %d are allowed", len(o.Block), strata.BlockSize)
	case len(o.Path) > MaxPath:
		return strata.E(strata.Invalid, "audit answer: a path of %d hashes, at most %d are allowed", len(o.Path), MaxPath)
	}
	return nil
}

func (o Opening) write(w *writer) {
	if o.Missing {
		w.u8(kindMissing)
		return
	}
	w.u8(kindOpened)
	w.u16(uint16(len(o.Block)))
	w.raw(o.Block)
	w.u8(uint8(len(o.Path)))
	for _, h := range o.Path {
		w.h32(h)
	}
}

func readOpening(r *reader) Opening {
	var o Opening
	switch kind := r.u8(); kind {
	case kindMissing:
		o.Missing = true
	case kindOpened:
		n := r.count(uint32(r.u16()), strata.BlockSize, 1)
		o.Block = append([]byte(nil), r.take(n)...)
		n = r.count(uint32(r.u8()), MaxPath, 32)
		for range n {
			o.Path = append(o.Path, r.h32())
		}
	default:
		r.fail("unknown kind of opening %d", kind)
	}
	return o
}

// AuditResponse holds one opening for each leaf asked, in the same order.
//
// Layout: count u8 ‖ count × opening.
type AuditResponse struct{ Openings []Opening }

// Validate checks counts and sizes. The error has code Invalid.
func (a AuditResponse) Validate() error {
	if len(a.Openings) == 0 || len(a.Openings) > MaxLeaves {
		return strata.E(strata.Invalid, "audit answer of %d leaves, 1 to %d are allowed", len(a.Openings), MaxLeaves)
	}
	for _, o := range a.Openings {
		if err := o.validate(); err != nil {
			return err
		}
	}
	return nil
}

// Encode returns the layout.
func (a AuditResponse) Encode() []byte {
	w := writer{make([]byte, 0, 1+len(a.Openings)*1800)}
	w.u8(uint8(len(a.Openings)))
	for _, o := range a.Openings {
		o.write(&w)
	}
	return w.b
}

// DecodeAuditResponse reads an AuditResponse. It keeps nothing of b. The error
// has code Invalid or TooLarge.
func DecodeAuditResponse(b []byte) (AuditResponse, error) {
	r := newReader(b, "audit answer", MaxAuditResponse)
	var a AuditResponse
	n := r.count(uint32(r.u8()), MaxLeaves, 1)
	for i := 0; i < n && r.err == nil; i++ {
		a.Openings = append(a.Openings, readOpening(r))
	}
	if err := r.end(); err != nil {
		return AuditResponse{}, err
	}
	return a, a.Validate()
}

// ShardSource is an open shard on a miner: what it takes to answer a range
// request with its proof (merkle.WriteRange). Whoever gets one closes it.
type ShardSource struct {
	Size  uint64 // bytes
	Tree  merkle.Tree
	Data  io.ReaderAt
	Close func() error
}
