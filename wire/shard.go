package wire

import (
	"bytes"

	"strata"
)

// Receipt is a miner's signed promise that a shard is on its disk: it is given
// only after data and index are synced.
//
// Layout: validator 32 ‖ root 32 ‖ length u64 ‖ sector u64 ‖ offset u32 ‖
// sequence u64 ‖ unix nanoseconds u64 ‖ signature 64.
type Receipt struct {
	Validator strata.Hotkey
	Root      strata.Root
	Length    uint64 // bytes
	Sector    uint64
	Offset    uint32 // in leaves from the sector's start
	Sequence  uint64 // of the manifest in which the shard first shows, or later
	UnixNano  uint64 // the miner's clock
	Signature Signature
}

func (r Receipt) payload() []byte {
	w := writer{make([]byte, 0, ReceiptSize)}
	w.h32(r.Validator)
	w.h32(r.Root)
	w.u64(r.Length)
	w.u64(r.Sector)
	w.u32(r.Offset)
	w.u64(r.Sequence)
	w.u64(r.UnixNano)
	return w.b
}

// Sign sets Signature.
func (r *Receipt) Sign(d Domain, s Signer) error {
	return sign(&r.Signature, "receipt", s, d.statement(TagReceipt, r.payload()))
}

// Verify checks that the miner signed the receipt. The error has code
// Unauthenticated.
func (r Receipt) Verify(d Domain, miner strata.Hotkey) error {
	return check("receipt", miner, d.statement(TagReceipt, r.payload()), r.Signature)
}

// Validate bounds the length. The error has code Invalid.
func (r Receipt) Validate() error {
	if r.Length == 0 || r.Length > MaxShard {
		return strata.E(strata.Invalid, "receipt for a shard of %d bytes, 1 to %d are allowed", r.Length, MaxShard)
	}
	return nil
}

// Encode returns the ReceiptSize bytes of the layout.
func (r Receipt) Encode() []byte {
	w := writer{r.payload()}
	w.sig(r.Signature)
	return w.b
}

// DecodeReceipt reads a Receipt. The error has code Invalid or TooLarge.
func DecodeReceipt(b []byte) (Receipt, error) {
	r := newReader(b, "receipt", ReceiptSize)
	c := Receipt{
		Validator: r.h32(), Root: r.h32(), Length: r.u64(), Sector: r.u64(),
		Offset: r.u32(), Sequence: r.u64(), UnixNano: r.u64(), Signature: r.sig(),
	}
	if err := r.end(); err != nil {
		return Receipt{}, err
	}
	return c, c.Validate()
}

// Retain is a validator's whole list of the shards that it wants a miner to
// keep. The miner marks the others deleted, but none whose receipt is of a
// later sequence than the list.
//
// Layout: sequence u64 ‖ count u32 ‖ count × root 32.
type Retain struct {
	Sequence uint64        // manifest sequence up to which the list is complete
	Roots    []strata.Root // strictly ascending by bytes, at most MaxRetainRoots
}

// Validate checks count and order. The error has code Invalid or TooLarge.
func (l Retain) Validate() error { return ascending("retain list", l.Roots) }

func ascending(what string, roots []strata.Root) error {
	if len(roots) > MaxRetainRoots {
		return strata.E(strata.TooLarge, "%s of %d shards, at most %d are allowed", what, len(roots), MaxRetainRoots)
	}
	for i := 1; i < len(roots); i++ {
		if bytes.Compare(roots[i-1][:], roots[i][:]) >= 0 {
			return strata.E(strata.Invalid, "%s is not in ascending order at item %d", what, i)
		}
	}
	return nil
}

func writeRoots(w *writer, roots []strata.Root) {
	w.u32(uint32(len(roots)))
	for _, x := range roots {
		w.h32(x)
	}
}

func readRoots(r *reader) []strata.Root {
	n := r.count(r.u32(), MaxRetainRoots, 32)
	if n == 0 {
		return nil
	}
	roots := make([]strata.Root, n)
	for i := range roots {
		roots[i] = r.h32()
	}
	return roots
}

// Encode returns the layout.
func (l Retain) Encode() []byte {
	w := writer{make([]byte, 0, 12+32*len(l.Roots))}
	w.u64(l.Sequence)
	writeRoots(&w, l.Roots)
	return w.b
}

// DecodeRetain reads a Retain. The error has code Invalid or TooLarge.
func DecodeRetain(b []byte) (Retain, error) {
	r := newReader(b, "retain list", MaxRetainSize)
	l := Retain{Sequence: r.u64(), Roots: readRoots(r)}
	if err := r.end(); err != nil {
		return Retain{}, err
	}
	return l, l.Validate()
}

// RetainResult is what a Retain did.
//
// Layout: removed u64 ‖ kept u64 ‖ count u32 ‖ count × root 32.
type RetainResult struct {
	Removed uint64        // shards marked deleted by it
	Kept    uint64        // live shards after it
	Missing []strata.Root // listed but not here, strictly ascending
}

// Validate checks count and order. The error has code Invalid or TooLarge.
func (l RetainResult) Validate() error { return ascending("retain answer", l.Missing) }

// Encode returns the layout.
func (l RetainResult) Encode() []byte {
	w := writer{make([]byte, 0, 20+32*len(l.Missing))}
	w.u64(l.Removed)
	w.u64(l.Kept)
	writeRoots(&w, l.Missing)
	return w.b
}

// DecodeRetainResult reads a RetainResult. The error has code Invalid or
// TooLarge.
func DecodeRetainResult(b []byte) (RetainResult, error) {
	r := newReader(b, "retain answer", MaxRetainResult)
	l := RetainResult{Removed: r.u64(), Kept: r.u64(), Missing: readRoots(r)}
	if err := r.end(); err != nil {
		return RetainResult{}, err
	}
	return l, l.Validate()
}

// Superblock is a validator's small record on every miner: where the backup of
// its metadata lies. The payload is encrypted by the validator; a miner keeps
// the highest version and never needs to understand it.
//
// Layout: version u64 ‖ length u16 ‖ payload ‖ signature 64.
type Superblock struct {
	Version   uint64
	Payload   []byte    // at most MaxSuperblock bytes
	Signature Signature // by the validator
}

func (s Superblock) payload() []byte {
	w := writer{make([]byte, 0, 10+len(s.Payload)+signatureSize)}
	w.u64(s.Version)
	w.u16(uint16(len(s.Payload)))
	w.raw(s.Payload)
	return w.b
}

// Sign sets Signature.
func (s *Superblock) Sign(d Domain, k Signer) error {
	return sign(&s.Signature, "superblock", k, d.statement(TagSuperblock, s.payload()))
}

// Verify checks that the validator signed the superblock. The error has code
// Unauthenticated.
func (s Superblock) Verify(d Domain, validator strata.Hotkey) error {
	return check("superblock", validator, d.statement(TagSuperblock, s.payload()), s.Signature)
}

// Validate bounds the payload. The error has code TooLarge.
func (s Superblock) Validate() error {
	if len(s.Payload) > MaxSuperblock {
		return strata.E(strata.TooLarge, "superblock of %d bytes, at most %d are allowed", len(s.Payload), MaxSuperblock)
	}
	return nil
}

// Encode returns the layout.
func (s Superblock) Encode() []byte {
	w := writer{s.payload()}
	w.sig(s.Signature)
	return w.b
}

// DecodeSuperblock reads a Superblock. It keeps nothing of b. The error has
// code Invalid or TooLarge.
func DecodeSuperblock(b []byte) (Superblock, error) {
	r := newReader(b, "superblock", MaxSuperblockSize)
	s := Superblock{Version: r.u64()}
	n := r.count(uint32(r.u16()), MaxSuperblock, 1)
	s.Payload = append([]byte{}, r.take(n)...)
	s.Signature = r.sig()
	return s, r.end()
}
