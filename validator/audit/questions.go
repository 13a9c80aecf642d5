package audit

import (
	"context"

	"strata"
	"strata/catalog"
	"strata/validator/book"
	"strata/wire"
)

// question is one leaf that is asked for and what it must hash to.
type question struct {
	ref  wire.LeafRef
	leaf uint64 // of the sector
	root strata.Root
	size uint64 // bytes of the sector or shard
	gone bool   // the shard was deleted when it was asked for: it may be gone
}

// dataLeaves is how many leaves of an audit are users' data where there is any:
// a quarter, so that whoever keeps none of it has the quarter of failed leaves
// at which nothing is paid, however little data there is. An honest miner opens
// them all alike.
const dataLeaves = wire.MaxLeaves / 4

// questions draws leaves of one partition: some of users' data, then each leaf
// that counts with the same chance.
func (a *Auditor) questions(ctx context.Context, b *book.Book) (strata.Hotkey, []question, error) {
	known := b.View()
	p, ok := a.drawPartition(known)
	if !ok {
		return strata.Hotkey{}, nil, nil
	}
	var qs []question
	// Sectors have few bytes that prove nothing, so few draws miss.
	for tries := 0; len(qs) < wire.MaxLeaves && tries < 64*wire.MaxLeaves; tries++ {
		number, inData, ok := a.drawSector(p.held, len(qs) < dataLeaves)
		if !ok {
			break
		}
		s, err := a.Ledger.Sector(ctx, catalog.Partition{Miner: b.Hotkey, Validator: p.validator}, number)
		if err != nil {
			return p.validator, nil, err
		}
		if !inData && !a.counts(known, s.Cohort) {
			continue
		}
		leaf := uint32(a.Chance.Below(int(a.Profile.Blocks)))
		if inData {
			leaf = a.dataLeaf(s.Entry)
		}
		q, ok := a.questionAt(s, leaf)
		if ok && p.doubted > 0 && q.ref.Shard != (strata.Root{}) && uint64(a.Chance.Below(int(p.data))) < p.doubted {
			continue
		}
		if ok {
			qs = append(qs, q)
		}
	}
	return p.validator, qs, nil
}

// dataLeaf draws one of the leaves of a sector's shards.
func (a *Auditor) dataLeaf(e wire.Entry) uint32 {
	all := uint64(0)
	for _, h := range e.Shards {
		all += h.Leaves()
	}
	if all == 0 {
		return 0 // its shards are gone since it was drawn
	}
	at := uint64(a.Chance.Below(int(all)))
	for _, h := range e.Shards {
		if at < h.Leaves() {
			return h.Offset + uint32(at)
		}
		at -= h.Leaves()
	}
	return 0
}

// questionAt is the question for one leaf of a sector: of its filler, of the
// shard that covers it, or none.
func (a *Auditor) questionAt(s catalog.Sector, leaf uint32) (question, bool) {
	e := s.Entry
	if !s.Listed() {
		return question{}, false
	}
	if leaf >= e.Tail {
		return question{ref: wire.LeafRef{Sector: e.Number, Leaf: leaf}, leaf: uint64(leaf), root: e.Root, size: uint64(a.Profile.SectorSize())}, true
	}
	for _, h := range e.Shards {
		if leaf >= h.Offset && uint64(leaf) < uint64(h.Offset)+h.Leaves() {
			return question{
				ref:  wire.LeafRef{Sector: e.Number, Shard: h.Root, Leaf: leaf - h.Offset},
				leaf: uint64(leaf),
				root: h.Root, size: uint64(h.Length), gone: h.Deleted,
			}, true
		}
	}
	return question{}, false
}
