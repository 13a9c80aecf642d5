package validator

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"strata"
	"strata/catalog"
	"strata/internal/lifecycle"
	"strata/score"
	"strata/wire"
)

const (
	// answerLimit is how long a miner may take for anything but an audit.
	answerLimit = 30 * time.Second
	// rttEach is how often a connect is timed.
	rttEach = 10 * time.Minute
	// pullLimit is how long all pages of one pull may take.
	pullLimit = 10 * time.Minute
	// maxPulled bounds the bytes of one pull. A sixty-fourth of 100 TB, full of
	// shards of 6 MB, is 36 MB.
	maxPulled = 256 << 20
	// largePull is how much of a pull is held beside any others; of larger ones
	// there is one at a time. A hundred terabytes of filler are 1.5 MB.
	largePull = 4 << 20
	// maxNumber bounds sector numbers: more than any miner can hold, and in
	// order in every database, which know no unsigned numbers.
	maxNumber = 1 << 48
)

// pullLoop keeps what is known of one miner's manifests fresh.
func (v *Validator) pullLoop(ctx context.Context, b *book) {
	var t visits
	if lifecycle.Sleep(ctx, v.spread(b)) != nil {
		return
	}
	for v.visit(ctx, b, &t) == nil && lifecycle.Sleep(ctx, v.Pace.Pull) == nil {
	}
}

// spread is how long a miner that is known waits for its first look: a validator
// that starts again does not look at all at once, which would make it late with
// its own audits and blame the miners.
func (v *Validator) spread(b *book) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.holdings) == 0 {
		return 0
	}
	return time.Duration(v.draw(int(max(v.Pace.Pull, 1))))
}

// visits is when a miner's rarer turns were last taken.
type visits struct{ timed, reconciled time.Time }

// visit looks at a miner once: its manifests, and in their time its round trip
// and the shards that should be there. The only error is the context's.
func (v *Validator) visit(ctx context.Context, b *book, t *visits) error {
	if v.Now().Sub(t.timed) > rttEach {
		if v.timeConnect(ctx, b) == nil {
			t.timed = v.Now()
		}
	}
	v.hearRefusals(ctx, b)
	err := v.look(ctx, b)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		v.Log.Debug("a miner's manifests were not read", "miner", b.hotkey, "err", err)
	}
	if strata.CodeOf(err) == strata.Unavailable {
		return nil
	}
	// A miner that shows something wrong in one partition is not spared this.
	b.judgeRefusals()
	if v.Now().Sub(t.reconciled) > v.Pace.Reconcile {
		t.reconciled = v.Now()
		if err := v.reconcile(ctx, b); err != nil && ctx.Err() == nil {
			v.Log.Warn("shards were not reconciled", "miner", b.hotkey, "err", err)
		}
	}
	return ctx.Err()
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

// look asks a miner for its status and for what is new in each partition, ours
// first. What is wrong with one partition does not keep the others from being
// seen; the first such error is returned.
func (v *Validator) look(ctx context.Context, b *book) error {
	partitions := v.partitions(b)
	b.look(true)
	defer b.look(false)
	if err := v.askStatus(ctx, b); err != nil {
		b.shown(ctx, err, partitions...)
		b.looked(ctx, err, err)
		return err
	}
	var first, own error
	defer func() { b.looked(ctx, own, first) }()
	for i, validator := range partitions {
		err := v.pull(ctx, b, validator)
		if validator == v.self && strata.CodeOf(err) != strata.NotFound { // an empty partition is an answer
			own = err
		}
		if strata.CodeOf(err) == strata.NotFound && b.head(validator) == (wire.Head{}) {
			err = nil // it has never had anything for this validator
		}
		if first == nil {
			first = err
		}
		if strata.CodeOf(err) == strata.Unavailable || ctx.Err() != nil {
			b.shown(ctx, err, partitions[i:]...)
			break // nobody answers: the rest would wait in vain
		}
		b.shown(ctx, err, validator)
	}
	return first
}

// patience is how many looks in vain it takes until what was last shown proves
// nothing any more.
const patience = 10

// shown notes whether manifests could be read. A look that was given up says
// nothing.
func (b *book) shown(ctx context.Context, err error, partitions ...strata.Hotkey) {
	if ctx.Err() != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, validator := range partitions {
		h := b.holdings[validator]
		switch {
		case h == nil:
		case err == nil:
			h.vain = time.Time{}
		case h.vain.IsZero():
			h.vain = b.v.Now()
		}
	}
}

// hidden says whether a partition's manifest could not be read for so long that
// audits of the last good one would let the miner do with new shards what it
// likes; or ours, so that it gets none.
func (b *book) hidden(validator strata.Hotkey) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.v.Now()
	h := b.holdings[validator]
	return b.silent(now) || h != nil && !h.vain.IsZero() && now.Sub(h.vain) > patience*b.v.Pace.Pull
}

// look notes that a look is under way, or is over.
func (b *book) look(underWay bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looking = underWay
}

// looked notes whether a look has shown what a miner says of our partition, and
// the first thing that was wrong anywhere. A look that was given up says nothing.
func (b *book) looked(ctx context.Context, own, first error) {
	if ctx.Err() != nil {
		return
	}
	b.seen(own)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inVain = own != nil; !b.inVain {
		b.sight = b.v.Now()
	}
	if first != nil {
		b.lastErr = first.Error()
	}
}

// silent says whether looks have not shown our partition for so long that the
// miner gets no shards (candidate). Its audits fail then: else it could answer
// some of the looks only, and be spared shards without being paid less. A look
// that is under way, however long the miner draws it out, spares it nothing. The
// caller holds mu.
func (b *book) silent(now time.Time) bool {
	since := now.Sub(b.sight)
	return b.inVain && since >= b.v.Pace.Fresh || b.looking && since >= max(b.v.Pace.Fresh, patience*b.v.Pace.Pull)
}

// partitions returns the validators whose partitions are looked at: those with
// a permit, and those that had one when something was held for them, as that
// counts until it is replaced.
func (v *Validator) partitions(b *book) []strata.Hotkey {
	out := v.permitted()
	b.mu.Lock()
	defer b.mu.Unlock()
	for validator := range b.holdings {
		if !slices.Contains(out, validator) {
			out = append(out, validator)
		}
	}
	return out
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
	b.noteStatus(st)
	return nil
}

// errDisagrees is wrapped by the error for entries that do not give the head.
var errDisagrees = errors.New("the entries are not the head's")

// errOvertaken says that another pull came first: the changes that were fetched
// are not to what is known now.
var errOvertaken = errors.New("another pull came first")

// pull brings one partition up to date. What does not fit together (a sequence
// that goes back, entries that do not hash to the head) is refused whole; the
// ledger keeps what it had, and that is what is audited. Changes that do not
// fit what is known are asked for once more as a whole manifest, so that a miner
// that lost its index is not refused for ever.
func (v *Validator) pull(ctx context.Context, b *book, validator strata.Hotkey) error {
	ctx, cancel := context.WithTimeout(ctx, pullLimit)
	defer cancel()
	for whole := false; ; {
		known := b.head(validator)
		err := v.pullFrom(ctx, b, validator, known, whole)
		switch {
		case errors.Is(err, errOvertaken):
		case errors.Is(err, errDisagrees) && !whole && known.Sequence > 0:
			whole = true
		default:
			return err
		}
	}
}

// pullFrom pulls what changed since a known head, or the whole manifest.
func (v *Validator) pullFrom(ctx context.Context, b *book, validator strata.Hotkey, known wire.Head, whole bool) error {
	since := known.Sequence
	if whole {
		since = 0
	}
	f := &fetching{entries: map[uint64]wire.Entry{}, large: v.large}
	defer f.done()
	head, entries, err := v.fetch(ctx, b.endpoint(), validator, since, f)
	if err != nil {
		return err
	}
	if err := b.turn.take(ctx); err != nil {
		return err
	}
	defer b.turn.give()
	if b.head(validator) != known {
		return errOvertaken
	}
	if same(known, head) {
		return nil
	}
	if err := v.follows(known, head); err != nil {
		v.twoHeads(ctx, b, known, head)
		return err
	}
	p := catalog.Partition{Miner: b.hotkey, Validator: validator}
	m, err := v.merge(ctx, p, entries, since == 0)
	if err == nil {
		err = m.agrees(head)
	}
	if err != nil {
		return err
	}
	m.hold.head, m.hold.batches = head, b.fold(m.hold.batches)
	m.events = append(m.events, b.leaves(validator, head)...)
	if proof, ok := v.showTwoRoots(ctx, b, m, head); ok {
		v.keep(proof)
	}
	return b.commit(headEntry(validator, &m.hold), m.events, func(r catalog.MinerRecord) error {
		return v.Ledger.SavePull(ctx, r, p, head, m.changed)
	}, func() {
		hold := m.hold // a copy: the rest of what was merged is not kept with it
		b.holdings[validator] = &hold
	})
}

// leaves returns the event that a new head of one partition brings: a miner
// leaves as long as any of its heads says so. The caller has the turn.
func (b *book) leaves(validator strata.Hotkey, head wire.Head) []score.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	leaving := head.Leaving
	for v, h := range b.holdings {
		leaving = leaving || v != validator && h.head.Leaving
	}
	switch {
	case leaving == b.rec.Score.Leaving:
		return nil
	case leaving:
		return []score.Event{{Kind: score.Leaving}}
	}
	return []score.Event{{Kind: score.Staying}}
}

// same says whether two heads say the same: a signature is made with chance, so
// the same statement may carry another.
func same(a, b wire.Head) bool {
	a.Signature = b.Signature
	return a == b
}

// maxRounds bounds how often fetch runs after a manifest that changes.
const maxRounds = 20

// fetch gets what changed since a sequence, in order of number, and the head
// that it belongs to. Where the head moves on between two pages, what changed
// since the first page's head is fetched next and laid over it, so that a miner
// whose manifest changes all the time can be read too.
func (v *Validator) fetch(ctx context.Context, ep wire.Endpoint, validator strata.Hotkey, since uint64, f *fetching) (wire.Head, []wire.Entry, error) {
	for range maxRounds {
		first, last, err := v.fetchPages(ctx, ep, wire.ManifestQuery{Validator: validator, Since: since}, f)
		if err != nil {
			return wire.Head{}, nil, err
		}
		if first == last {
			return last, f.ordered(), nil
		}
		since = first.Sequence
	}
	return wire.Head{}, nil, strata.E(strata.Unavailable, "the manifest of miner %s changes faster than it can be read", ep.Hotkey)
}

// fetching is what a fetch has got so far.
type fetching struct {
	entries map[uint64]wire.Entry
	size    int  // bytes of all pages
	large   turn // taken by what is over largePull, until done
	taken   bool
}

// admit waits for its turn with what has become large: many miners that show
// huge manifests at once take the memory of one.
func (f *fetching) admit(ctx context.Context) error {
	if f.taken || f.size <= largePull {
		return nil
	}
	if err := f.large.take(ctx); err != nil {
		return err
	}
	f.taken = true
	return nil
}

func (f *fetching) done() {
	if f.taken {
		f.taken = false
		f.large.give()
	}
}

// fetchPages follows the pages of one query and returns the first and the last
// one's head.
func (v *Validator) fetchPages(ctx context.Context, ep wire.Endpoint, q wire.ManifestQuery, f *fetching) (first, last wire.Head, err error) {
	for {
		page, err := v.page(ctx, ep, q)
		if err != nil {
			return first, last, err
		}
		if last = page.Head; first == (wire.Head{}) {
			first = last
		}
		if q.After, err = f.add(ep, page, q.After); err == nil {
			err = f.admit(ctx)
		}
		if err != nil || !page.More {
			return first, last, err
		}
		if len(page.Entries) == 0 {
			return first, last, strata.E(strata.Invalid, "the manifest of miner %s promises more and gives nothing", ep.Hotkey)
		}
	}
}

// add takes a page's entries and returns the next page's cursor.
func (f *fetching) add(ep wire.Endpoint, page wire.ManifestPage, after uint64) (uint64, error) {
	for _, e := range page.Entries {
		if e.Number < after || e.Number > maxNumber {
			return after, strata.E(strata.Invalid, "the manifest of miner %s lists sector %d out of order or out of reach", ep.Hotkey, e.Number)
		}
		after, f.size = e.Number+1, f.size+e.Size()
		f.entries[e.Number] = e
	}
	if f.size > maxPulled {
		return after, strata.E(strata.TooLarge, "the manifest of miner %s is over %s", ep.Hotkey, strata.ByteSize(maxPulled))
	}
	return after, nil
}

func (f *fetching) ordered() []wire.Entry {
	return slices.SortedFunc(maps.Values(f.entries), func(a, b wire.Entry) int { return cmp.Compare(a.Number, b.Number) })
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
	v        *Validator
	p        catalog.Partition
	changed  []catalog.Sector
	events   []score.Event
	hold     holding // without head
	hashes   [][32]byte
	second   *wire.Entry // one with another root than its number had
	secondAt int         // its place among hashes
	sectors  uint32
	shards   map[strata.Root]bool   // listed
	ordered  map[strata.Root]uint32 // lengths of shards whose order was verified before
}

// merge lays the pulled entries over the ledger's sectors, both in order of
// number. In a whole manifest a sector that is not listed is gone.
func (v *Validator) merge(ctx context.Context, p catalog.Partition, entries []wire.Entry, whole bool) (*merged, error) {
	m := &merged{v: v, p: p, shards: map[strata.Root]bool{}, ordered: map[strata.Root]uint32{}}
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
	err = m.v.Ledger.Sectors(ctx, m.p, func(s catalog.Sector) error {
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
	if err := e.Fits(m.v.Profile); err != nil {
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
		m.v.Log.Error("a second root for one sector number: fraud", "miner", m.p.Miner, "sector", e.Number, "first", old.Entry.Root, "second", e.Root)
		m.events = append(m.events, score.Event{Kind: score.SecondRoot})
		s.Void = true
		m.second, m.secondAt = &s.Entry, len(m.hashes)
	}
	if old.Listed() && !s.Listed() {
		if s.Cohort != 0 {
			m.events = append(m.events, score.Event{Kind: score.Withdrawn, Cohort: s.Cohort, Bytes: uint64(m.v.Profile.SectorSize())})
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
			if err := s.Order.Verify(m.v.Domain, m.p.Validator, m.p.Miner); err != nil {
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
	m.hold.count(m.v, s)
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

func (b *book) head(validator strata.Hotkey) wire.Head {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h := b.holdings[validator]; h != nil {
		return h.head
	}
	return wire.Head{}
}
