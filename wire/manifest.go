package wire

import (
	"iter"

	"github.com/zeebo/blake3"

	"strata"
)

// State is what a miner says of a sector.
type State uint8

// The states. Their numbers are on the wire and never change.
const (
	Filler    State = 1 // all filler
	Data      State = 2 // shards up to Tail, filler from there on
	Withdrawn State = 3 // filler lost and said so; shards in it may live on
	Gone      State = 4 // released by re-allocation; the number may come back with the same root
)

// ManifestQuery asks for what a miner holds for one validator.
type ManifestQuery struct {
	Validator strata.Hotkey
	// Since is a head's sequence: only entries with Changed > Since are
	// wanted. 0 asks for all.
	Since uint64
	// After is the cursor: the lowest sector number wanted, 0 to begin and
	// then ManifestPage.Next.
	After uint64
}

// Head is a miner's signed statement of what it holds for one validator at one
// moment. Sequence grows by one with each change. The first is the time in Unix
// seconds, so that a miner that starts over is above what it signed before.
//
// Layout: validator 32 ‖ sequence u64 ‖ previous 32 ‖ entries root 32 ‖
// sectors u32, its top bit set by Leaving ‖ shards u32 ‖ signature 64.
type Head struct {
	Validator   strata.Hotkey
	Sequence    uint64
	Previous    [32]byte // Hash of the head before; zero in the first
	EntriesRoot [32]byte // function EntriesRoot
	Sectors     uint32   // entries in state Filler or Data, below 2³¹
	Shards      uint32   // shards listed, deleted ones included
	// Leaving says that the miner wants to go: it takes no new shards from
	// anybody (a PUT is refused as Locked, which is no failure), is paid for no
	// filler, and serves until the shards that it has are elsewhere. All of its
	// partitions say so.
	Leaving   bool
	Signature Signature // by the miner
}

// flagLeaving is Leaving's bit in the layout's count of sectors.
const flagLeaving = 1 << 31

func (h Head) payload() []byte {
	w := writer{make([]byte, 0, HeadSize)}
	w.h32(h.Validator)
	w.u64(h.Sequence)
	w.h32(h.Previous)
	w.h32(h.EntriesRoot)
	sectors := h.Sectors &^ flagLeaving
	if h.Leaving {
		sectors |= flagLeaving
	}
	w.u32(sectors)
	w.u32(h.Shards)
	return w.b
}

// SignedBytes returns what the miner signs: TagHead, the domain and the layout
// without the signature.
func (h Head) SignedBytes(d Domain) []byte { return d.statement(TagHead, h.payload()) }

// Hash is BLAKE3-256 of SignedBytes: the next head's Previous.
func (h Head) Hash(d Domain) [32]byte { return blake3.Sum256(h.SignedBytes(d)) }

// Sign sets Signature.
func (h *Head) Sign(d Domain, s Signer) error {
	return sign(&h.Signature, "manifest head", s, h.SignedBytes(d))
}

// Verify checks that the miner signed the head. The error has code
// Unauthenticated.
func (h Head) Verify(d Domain, miner strata.Hotkey) error {
	return check("manifest head", miner, h.SignedBytes(d), h.Signature)
}

// Encode returns the HeadSize bytes of the layout.
func (h Head) Encode() []byte {
	w := writer{h.payload()}
	w.sig(h.Signature)
	return w.b
}

// DecodeHead reads a Head. The error has code Invalid or TooLarge.
func DecodeHead(b []byte) (Head, error) {
	r := newReader(b, "manifest head", HeadSize)
	h := readHead(r)
	return h, r.end()
}

func readHead(r *reader) Head {
	h := Head{
		Validator: r.h32(), Sequence: r.u64(), Previous: r.h32(), EntriesRoot: r.h32(),
		Sectors: r.u32(), Shards: r.u32(), Signature: r.sig(),
	}
	h.Leaving, h.Sectors = h.Sectors&flagLeaving != 0, h.Sectors&^flagLeaving
	return h
}

// Entry is one sector of a manifest.
//
// Layout: number u64 ‖ root 32 ‖ state u8 ‖ tail u32 ‖ changed u64 ‖ count u32
// ‖ count × shard (ShardEntry).
type Entry struct {
	Number uint64
	Root   strata.Root // root of the sealed filler; a number's root never changes
	State  State
	// Tail is the first leaf (1 KiB) from which the filler is intact: a
	// multiple of 64, 0 while all of it is.
	Tail    uint32
	Changed uint64       // sequence of the head in which the entry last changed
	Shards  []ShardEntry // by ascending offset, not overlapping, all before Tail
}

// ShardEntry is one shard within a sector.
//
// Layout: root 32 ‖ offset u32 ‖ length u32 ‖ flags u8 (1 deleted, 2 has an
// order) ‖ with flag 2: body SHA-256 32 ‖ nonce u64 ‖ signature 64.
type ShardEntry struct {
	Root    strata.Root
	Offset  uint32 // in leaves from the sector's start
	Length  uint32 // in bytes
	Deleted bool   // deleted, but still kept until the undelete window ends
	Order   *Order // the validator's order; its Root and Length are the entry's
}

const (
	flagDeleted = 1
	flagOrder   = 2
)

// Leaves is how many leaves of its sector the shard covers.
func (s ShardEntry) Leaves() uint64 {
	return (uint64(s.Length) + strata.BlockSize - 1) / strata.BlockSize
}

// Listed says whether the entry counts in EntriesRoot: all but Gone do.
func (e Entry) Listed() bool { return e.State != Gone }

// Hash is BLAKE3-256 of the entry's layout with changed as 0 and without
// orders, so that a miner can show an order later without a new head.
func (e Entry) Hash() [32]byte {
	var w writer
	e.write(&w, false)
	return blake3.Sum256(w.b)
}

// EntriesRoot is BLAKE3-256 of the concatenated Entry.Hash of all listed
// entries in ascending order of number.
func EntriesRoot(hashes iter.Seq[[32]byte]) [32]byte {
	h := blake3.New()
	for e := range hashes {
		_, _ = h.Write(e[:]) // a hash never fails to write
	}
	var out [32]byte
	h.Sum(out[:0])
	return out
}

// Size is the length of the entry's encoding, for cutting pages at MaxPage.
func (e Entry) Size() int {
	n := entryHeadSize + len(e.Shards)*shardEntrySize
	for _, s := range e.Shards {
		if s.Order != nil {
			n += orderInEntry
		}
	}
	return n
}

func (e Entry) write(w *writer, full bool) {
	w.u64(e.Number)
	w.h32(e.Root)
	w.u8(uint8(e.State))
	w.u32(e.Tail)
	if full {
		w.u64(e.Changed)
	} else {
		w.u64(0)
	}
	w.u32(uint32(len(e.Shards)))
	for _, s := range e.Shards {
		s.write(w, full)
	}
}

func (s ShardEntry) write(w *writer, full bool) {
	w.h32(s.Root)
	w.u32(s.Offset)
	w.u32(s.Length)
	flags := uint8(0)
	if s.Deleted {
		flags |= flagDeleted
	}
	if full && s.Order != nil {
		flags |= flagOrder
	}
	w.u8(flags)
	if flags&flagOrder != 0 {
		s.Order.tail(w)
	}
}

// Validate checks what holds in every profile; Fits checks the rest. The error
// has code Invalid.
func (e Entry) Validate() error {
	switch {
	case e.State < Filler || e.State > Gone:
		return strata.E(strata.Invalid, "manifest: sector %d has the unknown state %d", e.Number, e.State)
	case (e.State == Filler || e.State == Gone) && (e.Tail != 0 || len(e.Shards) > 0):
		return strata.E(strata.Invalid, "manifest: sector %d has shards but is not a data sector", e.Number)
	case e.Tail%64 != 0:
		return strata.E(strata.Invalid, "manifest: sector %d has tail %d, not a multiple of 64", e.Number, e.Tail)
	case len(e.Shards) > MaxShards:
		return strata.E(strata.Invalid, "manifest: sector %d lists %d shards, at most %d are allowed", e.Number, len(e.Shards), MaxShards)
	}
	return e.validateShards()
}

func (e Entry) validateShards() error {
	end := uint64(0)
	for _, s := range e.Shards {
		if s.Length == 0 || s.Length > MaxShard {
			return strata.E(strata.Invalid, "manifest: sector %d has a shard of %d bytes", e.Number, s.Length)
		}
		if uint64(s.Offset) < end {
			return strata.E(strata.Invalid, "manifest: sector %d has shards that overlap or are out of order", e.Number)
		}
		if end = uint64(s.Offset) + s.Leaves(); end > uint64(e.Tail) {
			return strata.E(strata.Invalid, "manifest: sector %d has a shard beyond its tail", e.Number)
		}
		if o := s.Order; o != nil && (o.Root != s.Root || o.Length != uint64(s.Length)) {
			return strata.E(strata.Invalid, "manifest: sector %d has a shard with another shard's order", e.Number)
		}
	}
	return nil
}

// Fits checks the entry against a profile's sector and shard size. The error
// has code Invalid.
func (e Entry) Fits(p strata.Profile) error {
	if e.Tail > p.Blocks {
		return strata.E(strata.Invalid, "manifest: sector %d has tail %d, profile %s has %d blocks", e.Number, e.Tail, p.Name, p.Blocks)
	}
	for _, s := range e.Shards {
		if strata.ByteSize(s.Length) > p.MaxShard() {
			return strata.E(strata.Invalid, "manifest: sector %d has a shard of %d bytes, profile %s allows %d", e.Number, s.Length, p.Name, p.MaxShard())
		}
	}
	return nil
}

func readEntry(r *reader) Entry {
	e := Entry{Number: r.u64(), Root: r.h32(), State: State(r.u8()), Tail: r.u32(), Changed: r.u64()}
	n := r.count(r.u32(), MaxShards, shardEntrySize)
	if n == 0 {
		return e
	}
	e.Shards = make([]ShardEntry, n)
	for i := range e.Shards {
		e.Shards[i] = readShardEntry(r)
	}
	return e
}

func readShardEntry(r *reader) ShardEntry {
	s := ShardEntry{Root: r.h32(), Offset: r.u32(), Length: r.u32()}
	flags := r.u8()
	if flags&^(flagDeleted|flagOrder) != 0 {
		r.fail("unknown shard flags %#x", flags)
	}
	s.Deleted = flags&flagDeleted != 0
	if flags&flagOrder != 0 {
		s.Order = &Order{Root: s.Root, Length: uint64(s.Length), Nonce: r.u64(), Signature: r.sig()}
	}
	return s
}

// ManifestPage is part of a manifest: entries in ascending order of number.
// All pages of one pull must carry the same head; when it changes on the way,
// the puller starts again with its old Since.
//
// Layout: head ‖ more u8 (0 or 1) ‖ count u32 ‖ count × entry.
type ManifestPage struct {
	Head    Head
	Entries []Entry
	More    bool // there are entries after the last one here
}

// Next is the cursor of the page after this one: the last number here plus one.
func (p ManifestPage) Next() uint64 {
	if len(p.Entries) == 0 {
		return 0
	}
	return p.Entries[len(p.Entries)-1].Number + 1
}

// Validate checks entries, their order, and the page's size. The error has
// code Invalid or TooLarge.
func (p ManifestPage) Validate() error {
	size := pageHeadSize
	for i, e := range p.Entries {
		if err := e.Validate(); err != nil {
			return err
		}
		if i > 0 && e.Number <= p.Entries[i-1].Number {
			return strata.E(strata.Invalid, "manifest: sector %d is out of order", e.Number)
		}
		if e.Changed > p.Head.Sequence {
			return strata.E(strata.Invalid, "manifest: sector %d changed after the head", e.Number)
		}
		if size += e.Size(); size > MaxPage {
			return strata.E(strata.TooLarge, "manifest page is over %d bytes", MaxPage)
		}
	}
	if p.More && (len(p.Entries) == 0 || p.Next() == 0) {
		return strata.E(strata.Invalid, "manifest: the page promises more but gives no cursor")
	}
	return nil
}

// Encode returns the layout.
func (p ManifestPage) Encode() []byte {
	var w writer
	w.raw(p.Head.Encode())
	w.u8(0)
	if p.More {
		w.b[len(w.b)-1] = 1
	}
	w.u32(uint32(len(p.Entries)))
	for _, e := range p.Entries {
		e.write(&w, true)
	}
	return w.b
}

// DecodeManifestPage reads a page. The error has code Invalid or TooLarge.
func DecodeManifestPage(b []byte) (ManifestPage, error) {
	r := newReader(b, "manifest page", MaxPage)
	p := ManifestPage{Head: readHead(r), More: r.flag()}
	n := r.count(r.u32(), MaxPage/entryHeadSize, entryHeadSize)
	for i := 0; i < n && r.err == nil; i++ {
		p.Entries = append(p.Entries, readEntry(r))
	}
	if err := r.end(); err != nil {
		return ManifestPage{}, err
	}
	return p, p.Validate()
}
