package wire

import (
	"bytes"
	"slices"

	"github.com/zeebo/blake3"

	"strata"
	"strata/merkle"
)

// SignedEntry shows that a manifest's entry is under a head that its miner has
// signed: EntriesRoot is the BLAKE3 hash of the entries' hashes in a row, so the
// leaf that holds this one and its path show it.
//
// Layout: head ‖ entry length u32 ‖ entry (Encode, without orders, changed as 0) ‖ index u32 ‖
// count u32 ‖ opening (AuditResponse), never missing.
type SignedEntry struct {
	Head    Head
	Entry   Entry
	Index   uint32 // its place among the entries that the head covers
	Count   uint32 // how many these are
	Opening merkle.Opening
}

// hashesInLeaf is how many entries' hashes a leaf of their row holds.
const hashesInLeaf = merkle.LeafSize / 32

// ShowEntry makes a SignedEntry from the hashes of all entries that the head
// covers, in order. Code Invalid if they are not the head's or the entry is not
// at that place among them.
func ShowEntry(h Head, e Entry, hashes [][32]byte, index int) (SignedEntry, error) {
	e = e.shown()
	if index < 0 || index >= len(hashes) || hashes[index] != e.Hash() {
		return SignedEntry{}, strata.E(strata.Invalid, "sector %d is not entry %d of its manifest", e.Number, index)
	}
	row := make([]byte, 0, len(hashes)*32)
	for _, h := range hashes {
		row = append(row, h[:]...)
	}
	tree := merkle.Build(row)
	if tree.Root() != h.EntriesRoot {
		return SignedEntry{}, strata.E(strata.Invalid, "the entries are not those of manifest %d", h.Sequence)
	}
	leaf := index / hashesInLeaf
	first := leaf * merkle.LeafSize / merkle.GroupSize * merkle.GroupSize
	o, err := merkle.Open(uint64(len(row)), uint64(leaf), row[first:min(len(row), first+merkle.GroupSize)], tree)
	return SignedEntry{Head: h, Entry: e, Index: uint32(index), Count: uint32(len(hashes)), Opening: o}, err
}

// shown returns the entry as its hash covers it: without orders and Changed.
func (e Entry) shown() Entry {
	e.Changed = 0
	shards := make([]ShardEntry, len(e.Shards))
	for i, s := range e.Shards {
		s.Order = nil
		shards[i] = s
	}
	if len(shards) > 0 {
		e.Shards = shards
	}
	return e
}

// Verify checks that the miner signed the head and that the entry is under it.
// The error has code Unauthenticated, Invalid or Corrupt.
func (s SignedEntry) Verify(d Domain, miner strata.Hotkey) error {
	if err := s.Validate(); err != nil {
		return err
	}
	if err := s.Head.Verify(d, miner); err != nil {
		return err
	}
	if err := s.Opening.Verify(s.Head.EntriesRoot, uint64(s.Count)*32, uint64(s.Index)/hashesInLeaf); err != nil {
		return err
	}
	at := int(s.Index%hashesInLeaf) * 32
	hash := s.Entry.Hash()
	if at+32 > len(s.Opening.Block) || !bytes.Equal(s.Opening.Block[at:at+32], hash[:]) {
		return strata.E(strata.Corrupt, "sector %d is not entry %d of manifest %d", s.Entry.Number, s.Index, s.Head.Sequence)
	}
	return nil
}

// Validate checks what can be without hashing. The error has code Invalid.
func (s SignedEntry) Validate() error {
	if err := s.Entry.Validate(); err != nil {
		return err
	}
	if s.Entry.Changed != 0 || slices.ContainsFunc(s.Entry.Shards, func(h ShardEntry) bool { return h.Order != nil }) {
		return strata.E(strata.Invalid, "a shown entry has what no head covers")
	}
	if s.Index >= s.Count || !s.Entry.Listed() {
		return strata.E(strata.Invalid, "a shown entry is the %d-th of %d, or one that no head covers", s.Index, s.Count)
	}
	return Opening{Opening: s.Opening}.validate()
}

func (s SignedEntry) write(w *writer) {
	w.raw(s.Head.Encode())
	e := s.Entry.Encode()
	w.u32(uint32(len(e)))
	w.raw(e)
	w.u32(s.Index)
	w.u32(s.Count)
	Opening{Opening: s.Opening}.write(w)
}

func readSignedEntry(r *reader) SignedEntry {
	s := SignedEntry{Head: readHead(r)}
	n := r.count(r.u32(), MaxEntry, 1)
	inner := newReader(r.take(n), r.what, MaxEntry)
	s.Entry = readEntry(inner)
	if err := inner.end(); err != nil && r.err == nil {
		r.err, r.b = err, nil
	}
	s.Index, s.Count = r.u32(), r.u32()
	o := readOpening(r)
	if o.Missing {
		r.fail("an opening is missing")
	}
	s.Opening = o.Opening
	return s
}

// FraudKind says what a FraudProof proves. Values are on the wire.
type FraudKind uint8

// The kinds.
const (
	// FalseRoot: the miner signed a root that a refill of the sector does not
	// give. One refill shows it.
	FalseRoot FraudKind = 1
	// TwoRoots: the miner signed two roots for one sector number. The two
	// signatures show it.
	TwoRoots FraudKind = 2
	// TwoHeads: the miner signed two manifests of one partition with one sequence,
	// which it can only have shown to different sides. The two signatures show it.
	TwoHeads FraudKind = 3
)

// String names the kind in a word.
func (k FraudKind) String() string {
	switch k {
	case FalseRoot:
		return "false_root"
	case TwoRoots:
		return "two_roots"
	case TwoHeads:
		return "two_heads"
	}
	return "unknown"
}

// FraudProof lets anyone see a miner's fraud who trusts nobody: the miner's own
// signatures prove it, of a false root together with one refill.
//
// Layout: version u8 = 1 ‖ kind u8 ‖ miner 32 ‖ signed entry ‖ with TwoRoots:
// another signed entry. With TwoHeads: two heads in their place.
type FraudProof struct {
	Kind   FraudKind
	Miner  strata.Hotkey
	First  SignedEntry  // with TwoHeads only its Head
	Second *SignedEntry // not with FalseRoot
}

// ProveTwoHeads returns the proof that a miner has signed two heads of one
// sequence. It is the same whichever is named first. Code Invalid if they are not.
func ProveTwoHeads(miner strata.Hotkey, a, b Head) (FraudProof, error) {
	if bytes.Compare(a.Encode(), b.Encode()) > 0 {
		a, b = b, a
	}
	f := FraudProof{Kind: TwoHeads, Miner: miner, First: SignedEntry{Head: a}, Second: &SignedEntry{Head: b}}
	return f, f.Validate()
}

// Number is what the proof is about: the sector, or the sequence of two heads. At
// most one proof of a kind and a partition has it.
func (f FraudProof) Number() uint64 {
	if f.Kind == TwoHeads {
		return f.First.Head.Sequence
	}
	return f.First.Entry.Number
}

const fraudV1 = 1

// MaxFraudProof bounds the encoding in bytes.
const MaxFraudProof = 2 + 32 + 2*(HeadSize+4+MaxEntry+8+1+2+1024+1+MaxPath*32)

// Verify checks the signatures, and that they prove what the kind says but for
// the refill. The error has code Unauthenticated, Invalid or Corrupt.
func (f FraudProof) Verify(d Domain) error {
	if err := f.Validate(); err != nil {
		return err
	}
	if f.Kind == TwoHeads {
		if err := f.First.Head.Verify(d, f.Miner); err != nil {
			return err
		}
		return f.Second.Head.Verify(d, f.Miner)
	}
	if err := f.First.Verify(d, f.Miner); err != nil {
		return err
	}
	if f.Second == nil {
		return nil
	}
	return f.Second.Verify(d, f.Miner)
}

// Validate checks that the parts fit together. The error has code Invalid.
func (f FraudProof) Validate() error {
	if f.Kind < FalseRoot || f.Kind > TwoHeads || (f.Kind != FalseRoot) != (f.Second != nil) {
		return strata.E(strata.Invalid, "a proof of fraud of the unknown kind %d, or with parts missing", f.Kind)
	}
	if f.Kind == TwoHeads {
		return twoHeads(f.First.Head, f.Second.Head)
	}
	if err := f.First.Validate(); err != nil || f.Second == nil {
		return err
	}
	if err := f.Second.Validate(); err != nil {
		return err
	}
	a, b := f.First, *f.Second
	if a.Head.Validator != b.Head.Validator || a.Entry.Number != b.Entry.Number || a.Entry.Root == b.Entry.Root {
		return strata.E(strata.Invalid, "a proof of two roots, which are not two roots of one sector")
	}
	return nil
}

// maxSequence bounds sequences in proofs: databases know no unsigned numbers.
const maxSequence = 1 << 62

// twoHeads checks that heads say different things under one sequence. A signature
// is made with chance, so the same statement may carry another.
func twoHeads(a, b Head) error {
	switch {
	case a.Validator != b.Validator || a.Sequence != b.Sequence || a.Sequence > maxSequence:
		return strata.E(strata.Invalid, "a proof of two heads, which are not of one manifest")
	case bytes.Equal(a.payload(), b.payload()):
		return strata.E(strata.Invalid, "a proof of two heads, which say the same")
	}
	return nil
}

// Encode returns the layout.
func (f FraudProof) Encode() []byte {
	var w writer
	w.u8(fraudV1)
	w.u8(uint8(f.Kind))
	w.h32(f.Miner)
	if f.Kind == TwoHeads {
		w.raw(f.First.Head.Encode())
		w.raw(f.Second.Head.Encode())
		return w.b
	}
	f.First.write(&w)
	if f.Second != nil {
		f.Second.write(&w)
	}
	return w.b
}

// Name is the BLAKE3-256 of the encoding.
func (f FraudProof) Name() strata.Root { return blake3.Sum256(f.Encode()) }

// DecodeFraudProof reads a FraudProof. The error has code Invalid or TooLarge.
func DecodeFraudProof(b []byte) (FraudProof, error) {
	r := newReader(b, "proof of fraud", MaxFraudProof)
	if v := r.u8(); v != fraudV1 {
		r.fail("version %d is unknown", v)
	}
	f := FraudProof{Kind: FraudKind(r.u8()), Miner: r.h32()}
	switch f.Kind {
	case TwoHeads:
		f.First, f.Second = SignedEntry{Head: readHead(r)}, &SignedEntry{Head: readHead(r)}
	case TwoRoots:
		f.First = readSignedEntry(r)
		second := readSignedEntry(r)
		f.Second = &second
	default:
		f.First = readSignedEntry(r)
	}
	if err := r.end(); err != nil {
		return FraudProof{}, err
	}
	return f, f.Validate()
}
