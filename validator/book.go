package validator

import (
	"context"
	"slices"
	"sync"
	"time"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/chain"
	"strata/merkle"
	"strata/score"
	"strata/wire"
)

// book is what is known of one miner. Its methods are safe for concurrent use.
type book struct {
	v      *Validator
	hotkey strata.Hotkey

	// turn is held from a read of the miner's part of the ledger until the
	// write that rests on it: pulls, checks, cohorts and flushes of one miner
	// take turns, so that none writes back what another has changed. It is
	// never held across the network or a fill, and is taken before mu.
	turn turn

	mu       sync.Mutex // guards what follows; taken after Validator.mu
	rec      catalog.MinerRecord
	dirty    bool     // rec has changed since it was saved
	journal  [][]byte // entries of the audit log that are written with it next
	writing  bool     // commit is writing: what is counted meanwhile waits
	later    []func() // that, each with mu held
	row      chain.Neuron
	present  bool // in the metagraph with an axon
	holdings map[strata.Hotkey]*holding
	status   wire.Partition // the miner's own words about our partition
	lastErr  string
	sight    time.Time // of the last look that showed our partition, or when looks began
	inVain   bool      // the last look did not
	looking  bool      // one is under way
	puts     puts      // what it did to shards since the last look
	rtt      roundTrips
	// waiting is the block since when sectors wait for a cohort, 0 while none do.
	waiting uint64
	// unchecked are sectors of each cohort that arrival checks are still drawn
	// from, by the id that they arrived under.
	unchecked map[uint64]*sample
	trickle   time.Time // when the next check of the trickle is due

	// unsent are the shards on their way that the manifest has not shown, since
	// when. The pull loop's alone.
	unsent map[catalog.Placed]time.Time
	// orphaned is the manifest's sequence at which shards were first seen that
	// nobody wants, 0 while there are none. The pull loop's alone.
	orphaned uint64
}

// turn is a lock whose wait ends with a context.
type turn chan struct{}

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) try() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

func (t turn) give() { <-t }

// place names a sector of a miner.
type place struct {
	validator strata.Hotkey
	number    uint64
}

// holding is what the miner holds for one validator.
type holding struct {
	head    wire.Head
	numbers numbers       // sectors that count
	pending numbers       // of these, those in no cohort yet
	data    numbers       // of these, those with shards
	covered uint64        // bytes of these that are proven filler or ordered shards
	free    uint64        // bytes of filler in them
	batches []score.Batch // the same by cohort
	filler  int           // sectors that are all filler
	roomy   int           // sectors with shards and room for any other one behind them
	vain    time.Time     // since when its manifest could not be read; zero: it can be
}

func newBook(v *Validator, r catalog.MinerRecord) *book {
	if r.NextCohort == 0 {
		r.NextCohort = 1
	}
	return &book{
		v: v, hotkey: r.Hotkey, rec: r, turn: make(turn, 1), sight: v.Now(),
		holdings: map[strata.Hotkey]*holding{}, unchecked: map[uint64]*sample{},
	}
}

// load rebuilds a holding from the ledger.
func (b *book) load(ctx context.Context, p catalog.Partition, h wire.Head) error {
	hold := &holding{head: h}
	b.holdings[p.Validator] = hold
	return b.v.Ledger.Sectors(ctx, p, func(s catalog.Sector) error {
		hold.count(b.v, s)
		if s.Listed() && s.Cohort != 0 && !s.Checked {
			b.wait(s.Cohort, place{p.Validator, s.Entry.Number})
		}
		return nil
	})
}

// count adds a sector, which must come in order of number.
func (h *holding) count(v *Validator, s catalog.Sector) {
	if !s.Listed() {
		return
	}
	h.numbers.add(s.Entry.Number)
	if s.Cohort == 0 {
		h.pending.add(s.Entry.Number)
	}
	if len(s.Entry.Shards) > 0 {
		h.data.add(s.Entry.Number)
	}
	covered, free := v.cover(s.Entry)
	h.batch(s.Cohort, func(b *score.Batch) {
		b.Listed += uint64(v.Profile.SectorSize())
		b.Covered += covered
		b.Data += covered - min(covered, free)
	})
	h.covered += covered
	h.free += free
	h.tally(v, s.Entry, free, 1)
}

// tally counts a sector, or takes it out, among those in which a shard has room.
func (h *holding) tally(v *Validator, e wire.Entry, free uint64, n int) {
	switch {
	case e.State == wire.Filler:
		h.filler += n
	case free >= uint64(v.Profile.MaxShard())+merkle.GroupSize && len(e.Shards) < wire.MaxShards-underWay:
		h.roomy += n
	}
}

// underWay is how many shards may be on their way into a sector and not listed.
const underWay = 256

// room says whether an honest miner takes a shard of any size into the partition.
// It begins a sector only when none that is begun has room, so that it has few
// of these; with some on each disk it may still refuse, as its partition shrinks.
// Otherwise one shard in each sector would leave all the filler behind them paid
// for and nothing to be asked for.
func (h *holding) room() bool { return h.filler > 0 || h.roomy > 2+h.data.count/8 }

// drop takes out a sector that has turned out to be void.
func (h *holding) drop(v *Validator, s catalog.Sector) {
	e := s.Entry
	h.numbers = h.numbers.without(e.Number)
	h.pending = h.pending.without(e.Number)
	h.data = h.data.without(e.Number)
	covered, free := v.cover(e)
	h.batches = slices.Clone(h.batches) // they may be shared
	h.batch(s.Cohort, func(b *score.Batch) {
		b.Listed -= min(b.Listed, uint64(v.Profile.SectorSize()))
		b.Covered -= min(b.Covered, covered)
		b.Data -= min(b.Data, covered-min(covered, free))
	})
	h.covered -= covered
	h.free -= free
	h.tally(v, e, free, -1)
}

// batch changes the batch of a cohort.
func (h *holding) batch(cohort uint64, change func(*score.Batch)) {
	i := slices.IndexFunc(h.batches, func(b score.Batch) bool { return b.Cohort == cohort })
	if i < 0 {
		i = len(h.batches)
		h.batches = append(h.batches, score.Batch{Cohort: cohort})
	}
	change(&h.batches[i])
}

// cover returns how many bytes of a sector are proven (filler or shards) and
// how many are filler.
func (v *Validator) cover(e wire.Entry) (covered, free uint64) {
	free = uint64(e.Intact(v.Profile.Blocks))
	covered = free
	for _, s := range e.Shards {
		covered += uint64(s.Length)
	}
	return min(covered, uint64(v.Profile.SectorSize())), free
}

// apply moves the score by something that changes no sector, and notes it for
// the audit log. It is durable with the next flush.
func (b *book) apply(e score.Event, entry auditlog.Entry) { b.applyAll(entry, e) }

// applyAll is apply for several events that are one entry of the audit log.
func (b *book) applyAll(entry auditlog.Entry, events ...score.Event) {
	rules, block := b.v.clock()
	count := func() {
		next := b.after(b.rec, rules, block, &entry, events...)
		b.note(entry)
		b.become(next)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.writing {
		b.later = append(b.later, count)
		return
	}
	count()
}

// commit moves the score by events that change sectors: write saves the sectors
// and the record that it is given in one transaction, what the audit log says of
// it included, and takeOver, with mu held, does to memory what write did. What
// else is counted meanwhile comes after it. The caller has the turn. A crash, or
// an error of write, leaves all as it was.
func (b *book) commit(entry auditlog.Entry, events []score.Event, write func(catalog.MinerRecord) error, takeOver func()) error {
	rules, block := b.v.clock()
	b.mu.Lock()
	next := b.after(b.rec, rules, block, &entry, events...)
	before := b.journal
	b.note(entry)
	next.Journal, b.journal, b.writing = b.journal, nil, true
	b.mu.Unlock()

	err := write(next)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		next.Journal, next.LastSeen = nil, b.rec.LastSeen
		b.become(next)
		takeOver()
	} else {
		b.journal = before
	}
	b.writing = false
	for _, count := range b.later {
		count()
	}
	b.later = nil
	return err
}

// become takes over a record. The caller holds mu.
func (b *book) become(next catalog.MinerRecord) {
	if was := b.rec.Score.Standing; was != next.Score.Standing {
		b.v.Log.Warn("standing changed", "miner", b.hotkey, "from", was.String(), "to", next.Score.Standing.String(), "block", next.Score.Block)
	}
	switch was := b.rec.Score.Leaving; {
	case next.Score.Leaving && !was:
		b.v.Log.Info("a miner leaves: its shards are moved away, its filler is not paid for", "miner", b.hotkey)
	case was && !next.Score.Leaving:
		b.v.Log.Info("a miner stays after all: its filler is paid for in an epoch", "miner", b.hotkey, "from_block", next.Score.Back)
	}
	b.rec, b.dirty = next, true
}

// after returns a record after events, and adds those to the entry that tells of
// them. One that cannot be changes nothing.
func (b *book) after(r catalog.MinerRecord, rules score.Rules, block uint64, entry *auditlog.Entry, events ...score.Event) catalog.MinerRecord {
	entry.Block = block
	for _, e := range events {
		e.Block = max(block, r.Score.Block)
		next, err := r.Score.Apply(rules, e)
		if err != nil {
			b.v.Log.Error("score event dropped", "miner", b.hotkey, "err", err)
			continue
		}
		entry.Events = append(entry.Events, auditlog.Of(e))
		r.Score = next
		r.Passed += e.Leaves.Passed
		r.Failed += e.Leaves.Failed
		if e.Kind == score.Arrived {
			r.NextCohort = max(r.NextCohort, e.Cohort+1)
		}
	}
	return r
}

// credit returns the proven bytes that are paid for at the present block: the
// score's credit for the part of the sectors' bytes that filler and ordered
// shards cover (score.Miner.Earned). A miner that serves nowhere cannot be
// audited, so it has none.
func (b *book) credit() uint64 {
	rules, block := b.v.clock()
	stakes := b.v.shares()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.creditAt(rules, block, stakes)
}

// creditAt is credit at a block, by the validators' shares of stake then. The
// caller holds mu.
func (b *book) creditAt(rules score.Rules, block uint64, stakes shares) uint64 {
	if !b.present {
		return 0
	}
	var parts []score.Part
	for validator, h := range b.holdings {
		parts = append(parts, b.rec.Score.Part(h.batches, stakes[validator]))
	}
	return b.rec.Score.Earned(rules, block, parts)
}

// formCohort makes the sectors that arrived since the last one a cohort, once
// they have been collected long enough. A miner whose turn is taken is left for
// the next block, so that it delays nobody.
func (b *book) formCohort(ctx context.Context) error {
	if !b.turn.try() {
		return nil
	}
	defer b.turn.give()
	id, marks := b.ready()
	if len(marks) == 0 {
		return nil
	}
	e := score.Event{Kind: score.Arrived, Cohort: id, Bytes: uint64(len(marks)) * uint64(b.v.Profile.SectorSize())}
	return b.commit(auditlog.Entry{Kind: auditlog.Grouped}, []score.Event{e}, func(r catalog.MinerRecord) error {
		return b.v.Ledger.SaveMarks(ctx, r, marks)
	}, func() { b.arrived(marks) })
}

// ready returns the marks of the next cohort if its time has come.
func (b *book) ready() (id uint64, marks []catalog.Mark) {
	_, block := b.v.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	waiting := 0
	for _, h := range b.holdings {
		waiting += h.pending.count
	}
	switch {
	case waiting == 0:
		b.waiting = 0
	case b.waiting == 0:
		b.waiting = max(1, block)
	}
	every := b.v.Pace.Cohort
	if len(b.rec.Score.Cohorts) == 0 {
		every = b.v.Pace.First
	}
	if waiting == 0 || block < b.waiting+every {
		return 0, nil
	}
	id = b.rec.NextCohort
	for _, validator := range b.validators() {
		for n := range b.holdings[validator].pending.all() {
			marks = append(marks, catalog.Mark{Validator: validator, Number: n, Cohort: id})
		}
	}
	return id, marks
}

// arrived takes over a cohort that is in the ledger. The caller holds mu.
func (b *book) arrived(members []catalog.Mark) {
	for _, m := range members {
		b.wait(m.Cohort, place{m.Validator, m.Number})
	}
	for _, h := range b.holdings {
		h.pending = numbers{}
		h.batches = b.rec.Score.Fold(score.Arrive(h.batches, members[0].Cohort))
	}
	b.waiting = 0
}

// wait considers a sector for its cohort's arrival checks. The caller holds mu,
// or is the only one that knows the book.
func (b *book) wait(cohort uint64, at place) {
	s := b.unchecked[cohort]
	if s == nil {
		s = &sample{}
		b.unchecked[cohort] = s
	}
	s.add(at, b.v.draw)
}

// fold returns batches under the ids of the cohorts that there are now.
func (b *book) fold(batches []score.Batch) []score.Batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rec.Score.Fold(batches)
}

// seen notes an answer of the miner.
func (b *book) seen(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.lastErr = err.Error()
		return
	}
	b.lastErr = ""
	b.rec.LastSeen, b.dirty = b.v.Now(), true
}

// takeDirty returns the record for writing if it has changed.
func (b *book) takeDirty() (catalog.MinerRecord, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was, r := b.dirty, b.rec
	if was {
		r.Journal, b.journal, b.dirty = b.journal, nil, false
	}
	return r, was
}

// unsaved takes back what could not be written.
func (b *book) unsaved(journal [][]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.journal, b.dirty = append(journal, b.journal...), true
}

func (b *book) endpoint() wire.Endpoint {
	b.mu.Lock()
	defer b.mu.Unlock()
	return wire.Endpoint{Hotkey: b.hotkey, Addr: b.row.Axon.Addr}
}

// bytes is what the miner claims to hold, for the rate of audits.
func (b *book) bytes() strata.ByteSize {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, h := range b.holdings {
		n += h.numbers.count
	}
	return strata.ByteSize(n) * b.v.Profile.SectorSize()
}

// roundTrips keeps connect times of the last day, to take the smallest.
type roundTrips struct {
	at   []time.Time
	took []time.Duration
}

func (r *roundTrips) add(now time.Time, d time.Duration) {
	old := 0
	for old < len(r.at) && now.Sub(r.at[old]) > 24*time.Hour {
		old++
	}
	r.at = append(slices.Delete(r.at, 0, old), now)
	r.took = append(slices.Delete(r.took, 0, old), d)
}

// best is the smallest, at most limit, which it is as long as none was measured.
func (r *roundTrips) best(limit time.Duration) time.Duration {
	if len(r.took) == 0 {
		return limit
	}
	return min(slices.Min(r.took), limit)
}
