package manifest

import (
	"context"
	"slices"

	"strata"
	"strata/catalog"
	"strata/score"
	"strata/validator/holding"
	"strata/wire"
)

// merged is a partition as it would be after a pull.
type merged struct {
	in       *Puller
	at       catalog.Partition
	changed  []catalog.Sector
	events   []score.Event
	held     holding.Holding // without head
	hashes   [][32]byte
	second   *wire.Entry // one with another root than its number had
	secondAt int         // its place among hashes
	sectors  uint32
	shards   map[strata.Root]bool   // listed
	ordered  map[strata.Root]uint32 // lengths of shards whose order was verified before
}

// merge lays the pulled entries over the ledger's sectors, both in order of
// number. In a whole manifest a sector that is not listed is gone.
func (p *Puller) merge(ctx context.Context, at catalog.Partition, entries []wire.Entry, whole bool) (*merged, error) {
	m := &merged{in: p, at: at, shards: map[strata.Root]bool{}, ordered: map[strata.Root]uint32{}}
	old, err := m.known(ctx)
	if err != nil {
		return nil, err
	}
	for i := 0; err == nil && (len(old) > 0 || i < len(entries)); {
		switch {
		case len(old) == 0 || i < len(entries) && entries[i].Number < old[0].Entry.Number:
			err = m.add(catalog.Sector{}, entries[i])
			i++
			continue
		case i < len(entries) && entries[i].Number == old[0].Entry.Number:
			err = m.add(old[0], entries[i])
			i++
		case whole:
			err = m.add(old[0], wire.Entry{Number: old[0].Entry.Number, State: wire.Gone})
		default:
			err = m.count(old[0])
		}
		old = old[1:]
	}
	return m, err
}

// known reads the ledger's sectors. It does nothing else meanwhile: verifying
// orders takes long, and others wait for the database.
func (m *merged) known(ctx context.Context) (old []catalog.Sector, err error) {
	err = m.in.Ledger.Sectors(ctx, m.at, func(s catalog.Sector) error {
		old = append(old, s)
		for _, h := range s.Entry.Shards {
			m.ordered[h.Root] = h.Length
		}
		return nil
	})
	return old, err
}

// add takes one new or changed entry. old is the zero value for a new number.
func (m *merged) add(old catalog.Sector, e wire.Entry) error {
	if err := e.Fits(m.in.Profile); err != nil {
		return err
	}
	shards, err := m.verify(e)
	if err != nil {
		return err
	}
	e.Shards = shards
	s := catalog.Sector{Entry: e, Cohort: old.Cohort, Checked: old.Checked, Void: old.Void}
	switch {
	case e.State == wire.Gone:
		s.Entry.Root = old.Entry.Root // what is gone is not under the signature
	case old.Entry.Root != (strata.Root{}) && old.Entry.Root != e.Root:
		// The old root is under a signed head, and so is this one.
		m.in.Log.Error("a second root for one sector number: fraud", "miner", m.at.Miner, "sector", e.Number, "first", old.Entry.Root, "second", e.Root)
		m.events = append(m.events, score.Event{Kind: score.SecondRoot})
		s.Void = true
		m.second, m.secondAt = &s.Entry, len(m.hashes)
	}
	if old.Listed() && !s.Listed() {
		if s.Cohort != 0 {
			m.events = append(m.events, score.Event{Kind: score.Withdrawn, Cohort: s.Cohort, Bytes: uint64(m.in.Profile.SectorSize())})
		}
		s.Cohort, s.Checked = 0, false // if it comes back, it arrives anew
	}
	m.changed = append(m.changed, s)
	return m.count(s)
}

// verify returns an entry's shards without their orders, which it has verified:
// a shard without the order of the partition's validator is nobody's data and
// proves nothing. An order is good for one length, known before or not.
func (m *merged) verify(e wire.Entry) ([]wire.ShardEntry, error) {
	shards := slices.Clone(e.Shards)
	for i, s := range shards {
		if length, ok := m.ordered[s.Root]; !ok || length != s.Length {
			if s.Order == nil || s.Order.Root != s.Root || s.Order.Length != uint64(s.Length) {
				return nil, strata.E(strata.Invalid, "sector %d lists shard %s without its order", e.Number, s.Root)
			}
			if err := s.Order.Verify(m.in.Domain, m.at.Validator, m.at.Miner); err != nil {
				return nil, err
			}
		}
		shards[i].Order = nil
	}
	return shards, nil
}

// count adds a sector to the totals that the head is compared with. A shard is
// ordered once, so it may fill space once.
func (m *merged) count(s catalog.Sector) error {
	e := s.Entry
	for _, h := range e.Shards {
		if m.shards[h.Root] {
			return strata.E(strata.Invalid, "sector %d lists shard %s, which is listed already", e.Number, h.Root)
		}
		m.shards[h.Root] = true
	}
	if e.Listed() {
		m.hashes = append(m.hashes, e.Hash())
	}
	if e.State == wire.Filler || e.State == wire.Data {
		m.sectors++
	}
	m.held.Add(m.in.Profile, s)
	return nil
}

// agrees checks the whole partition against the signed head.
func (m *merged) agrees(h wire.Head) error {
	if m.sectors != h.Sectors || len(m.shards) != int(h.Shards) {
		return strata.E(strata.Invalid, "manifest %d says %d sectors and %d shards, there are %d and %d: %w", h.Sequence, h.Sectors, h.Shards, m.sectors, len(m.shards), errDisagrees)
	}
	if wire.EntriesRoot(slices.Values(m.hashes)) != h.EntriesRoot {
		return strata.E(strata.Invalid, "manifest %d does not hash to its own root: %w", h.Sequence, errDisagrees)
	}
	return nil
}
