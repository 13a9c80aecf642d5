package validator

import (
	"context"
	"slices"
	"time"

	"strata"
	"strata/catalog"
	"strata/score"
	"strata/wire"
)

const (
	// answerLimit is how long a miner may take for anything but an audit.
	answerLimit = 30 * time.Second
	// rttEach is how often a connect is timed.
	rttEach = 10 * time.Minute
	// maxPulled bounds the entries of one pull: 100 TB in 4 GiB sectors are 25,000.
	maxPulled = 1 << 20
)

// pullLoop keeps what is known of one miner's manifests fresh.
func (v *Validator) pullLoop(ctx context.Context, b *book) {
	var timed, reconciled time.Time
	for {
		if v.Now().Sub(timed) > rttEach {
			if v.timeConnect(ctx, b) == nil {
				timed = v.Now()
			}
		}
		err := v.look(ctx, b)
		b.seen(err)
		if err != nil {
			v.Log.Debug("a miner does not answer", "miner", b.hotkey, "err", err)
		} else if v.Now().Sub(reconciled) > v.Pace.Reconcile {
			reconciled = v.Now()
			if err := v.reconcile(ctx, b); err != nil && ctx.Err() == nil {
				v.Log.Warn("shards were not reconciled", "miner", b.hotkey, "err", err)
			}
		}
		if wait(ctx, v.Pace.Pull) != nil {
			return
		}
	}
}

func (v *Validator) timeConnect(ctx context.Context, b *book) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	took, err := v.Miners.RoundTrip(ctx, b.endpoint())
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rtt.add(v.Now(), took)
	return nil
}

// look asks a miner for its status and for what is new in each partition.
func (v *Validator) look(ctx context.Context, b *book) error {
	if err := v.askStatus(ctx, b); err != nil {
		return err
	}
	for _, validator := range v.permitted() {
		err := v.pull(ctx, b, validator)
		// A miner that has nothing for a validator says so.
		if err != nil && strata.CodeOf(err) != strata.NotFound {
			return err
		}
	}
	return nil
}

func (v *Validator) askStatus(ctx context.Context, b *book) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	st, err := v.Miners.Status(ctx, b.endpoint())
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status = wire.Partition{Validator: v.self}
	for _, p := range st.Partitions {
		if p.Validator == v.self {
			b.status = p
		}
	}
	return nil
}

// pull brings one partition up to date. What does not fit together (a sequence
// that goes back, entries that do not hash to the head) is refused whole; the
// ledger keeps what it had, and that is what is audited.
func (v *Validator) pull(ctx context.Context, b *book, validator strata.Hotkey) error {
	p := catalog.Partition{Miner: b.hotkey, Validator: validator}
	known := b.head(validator)
	head, entries, err := v.fetch(ctx, b.endpoint(), validator, known.Sequence)
	if err != nil || head == known {
		return err
	}
	if err := v.follows(known, head); err != nil {
		return err
	}
	m, err := v.merge(ctx, p, entries)
	if err != nil {
		return err
	}
	if err := m.agrees(head); err != nil {
		return err
	}
	if err := v.Ledger.SavePull(ctx, p, head, m.changed); err != nil {
		return err
	}
	b.adopt(validator, head, m)
	return nil
}

// fetch gets all pages of one head; a head that changes on the way starts it
// again.
func (v *Validator) fetch(ctx context.Context, ep wire.Endpoint, validator strata.Hotkey, since uint64) (wire.Head, []wire.Entry, error) {
	for range 5 {
		head, entries, whole, err := v.fetchOnce(ctx, ep, validator, since)
		if err != nil || whole {
			return head, entries, err
		}
	}
	return wire.Head{}, nil, strata.E(strata.Unavailable, "the manifest of miner %s changes faster than it can be read", ep.Hotkey)
}

func (v *Validator) fetchOnce(ctx context.Context, ep wire.Endpoint, validator strata.Hotkey, since uint64) (head wire.Head, entries []wire.Entry, whole bool, err error) {
	q := wire.ManifestQuery{Validator: validator, Since: since}
	for first := true; ; first = false {
		page, err := v.page(ctx, ep, q)
		if err != nil {
			return head, nil, false, err
		}
		if !first && page.Head != head {
			return head, nil, false, nil
		}
		head = page.Head
		entries = append(entries, page.Entries...)
		if len(entries) > maxPulled {
			return head, nil, false, strata.E(strata.TooLarge, "the manifest of miner %s has over %d entries", ep.Hotkey, maxPulled)
		}
		if !page.More {
			return head, entries, true, nil
		}
		q.After = page.Next()
	}
}

func (v *Validator) page(ctx context.Context, ep wire.Endpoint, q wire.ManifestQuery) (wire.ManifestPage, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	return v.Miners.Manifest(ctx, ep, q)
}

// follows checks that a head can come after the one that is known.
func (v *Validator) follows(known, head wire.Head) error {
	switch {
	case head.Sequence < known.Sequence:
		return strata.E(strata.Invalid, "the manifest went back from sequence %d to %d: the miner restored old data or lies", known.Sequence, head.Sequence)
	case head.Sequence == known.Sequence:
		return strata.E(strata.Invalid, "two manifests with sequence %d: the miner shows different ones", head.Sequence)
	case head.Sequence == known.Sequence+1 && known.Sequence > 0 && head.Previous != known.Hash(v.Domain):
		return strata.E(strata.Invalid, "manifest %d does not follow the one before", head.Sequence)
	}
	return nil
}

// merged is a partition as it would be after a pull.
type merged struct {
	changed []catalog.Sector
	events  []score.Event
	hold    holding // without head
	hashes  [][32]byte
	sectors uint32
	shards  uint32
}

// merge lays the pulled entries over the ledger's sectors, in order of number.
func (v *Validator) merge(ctx context.Context, p catalog.Partition, entries []wire.Entry) (*merged, error) {
	m := &merged{}
	i := 0
	err := v.Ledger.Sectors(ctx, p, func(old catalog.Sector) error {
		for ; i < len(entries) && entries[i].Number < old.Entry.Number; i++ {
			if err := v.add(m, p, catalog.Sector{}, entries[i]); err != nil {
				return err
			}
		}
		if i < len(entries) && entries[i].Number == old.Entry.Number {
			i++
			return v.add(m, p, old, entries[i-1])
		}
		m.count(v, old)
		return nil
	})
	for ; err == nil && i < len(entries); i++ {
		err = v.add(m, p, catalog.Sector{}, entries[i])
	}
	return m, err
}

// add takes one new or changed entry. old is the zero value for a new number.
func (v *Validator) add(m *merged, p catalog.Partition, old catalog.Sector, e wire.Entry) error {
	if err := e.Fits(v.Profile); err != nil {
		return err
	}
	if err := v.ordered(p, old.Entry, &e); err != nil {
		return err
	}
	s := catalog.Sector{Entry: e, Cohort: old.Cohort, Checked: old.Checked, Void: old.Void}
	size := uint64(v.Profile.SectorSize())
	if old.Entry.State != 0 && old.Entry.Root != e.Root {
		// The old root is under a signed head, and so is this one.
		v.Log.Error("a second root for one sector number: fraud", "miner", p.Miner, "sector", e.Number, "first", old.Entry.Root, "second", e.Root)
		m.events = append(m.events, score.Event{Kind: score.SecondRoot})
		s.Void = true
	}
	if old.Listed() && !s.Listed() {
		if s.Cohort != 0 {
			m.events = append(m.events, score.Event{Kind: score.Withdrawn, Cohort: s.Cohort, Bytes: size})
		}
		s.Cohort, s.Checked = 0, false // if it comes back, it arrives anew
	}
	m.changed = append(m.changed, s)
	m.count(v, s)
	return nil
}

// ordered drops from an entry the orders that it has verified. A shard without
// the order of the partition's validator is nobody's data: it proves nothing.
func (v *Validator) ordered(p catalog.Partition, old wire.Entry, e *wire.Entry) error {
	known := map[strata.Root]bool{}
	for _, s := range old.Shards {
		known[s.Root] = true
	}
	e.Shards = slices.Clone(e.Shards)
	for i, s := range e.Shards {
		if !known[s.Root] {
			if s.Order == nil {
				return strata.E(strata.Invalid, "sector %d lists shard %s without its order", e.Number, s.Root)
			}
			if err := s.Order.Verify(v.Domain, p.Validator, p.Miner); err != nil {
				return err
			}
		}
		e.Shards[i].Order = nil
	}
	return nil
}

// count adds a sector to the totals that the head is compared with.
func (m *merged) count(v *Validator, s catalog.Sector) {
	e := s.Entry
	m.shards += uint32(len(e.Shards))
	if e.Listed() {
		m.hashes = append(m.hashes, e.Hash())
	}
	if e.State == wire.Filler || e.State == wire.Data {
		m.sectors++
	}
	if !s.Listed() {
		return
	}
	m.hold.numbers = append(m.hold.numbers, e.Number)
	if s.Cohort == 0 {
		m.hold.pending = append(m.hold.pending, e.Number)
	}
	covered, free := v.cover(e)
	m.hold.covered += covered
	m.hold.free += free
}

// agrees checks the whole partition against the signed head.
func (m *merged) agrees(h wire.Head) error {
	if m.sectors != h.Sectors || m.shards != h.Shards {
		return strata.E(strata.Invalid, "manifest %d says %d sectors and %d shards, its entries are %d and %d", h.Sequence, h.Sectors, h.Shards, m.sectors, m.shards)
	}
	if wire.EntriesRoot(slices.Values(m.hashes)) != h.EntriesRoot {
		return strata.E(strata.Invalid, "manifest %d does not hash to its own root", h.Sequence)
	}
	return nil
}

func (b *book) head(validator strata.Hotkey) wire.Head {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h := b.holdings[validator]; h != nil {
		return h.head
	}
	return wire.Head{}
}

// adopt takes over a pull that is in the ledger.
func (b *book) adopt(validator strata.Hotkey, head wire.Head, m *merged) {
	rules, block := b.v.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	hold := m.hold
	hold.head = head
	b.holdings[validator] = &hold
	for _, e := range m.events {
		b.applyLocked(rules, block, e)
	}
}
