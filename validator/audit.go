package validator

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/zeebo/blake3"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/internal/lifecycle"
	"strata/merkle"
	"strata/score"
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

// auditLoop sends snap audits at unpredictable moments: the times between them
// are exponential, so that nothing follows from the last one.
func (v *Validator) auditLoop(ctx context.Context, b *book) {
	for {
		perHour := score.AuditsPerHour(v.Profile, b.bytes())
		if perHour == 0 {
			if lifecycle.Sleep(ctx, v.Pace.Pull) != nil {
				return
			}
			continue
		}
		if lifecycle.Sleep(ctx, v.exponential(time.Hour/time.Duration(perHour))) != nil {
			return
		}
		err := v.audit(ctx, b)
		if err == nil {
			err = v.maybeRead(ctx, b)
		}
		if err != nil && ctx.Err() == nil {
			v.Log.Warn("an audit was not made", "miner", b.hotkey, "err", err)
		}
	}
}

// audit asks for leaves of one partition and counts the answers. An error is
// the validator's own; what the miner does wrong is in the score.
func (v *Validator) audit(ctx context.Context, b *book) error {
	if b.backlog() {
		return strata.E(strata.Unavailable, "%d results wait for the ledger: nothing more is asked", maxBacklog)
	}
	validator, qs, err := v.questions(ctx, b)
	if err != nil || len(qs) == 0 {
		return err
	}
	asked, failed := uint64(len(qs)), uint64(0)
	told := &auditlog.Audit{Validator: validator}
	for _, q := range qs {
		told.Leaves = append(told.Leaves, [2]uint64{q.ref.Sector, q.leaf})
	}
	var wrong []question
	answered := false
	if !b.hidden(validator) { // else all have failed unasked
		wrong, answered = v.ask(ctx, b, validator, qs, told)
	}
	switch {
	case !answered:
		failed = asked
	case len(wrong) > 0:
		var void uint64
		if void, failed, err = v.recheck(ctx, b, validator, wrong); err != nil {
			return err
		}
		asked -= void
		told.Void = void
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.apply(score.Event{Kind: score.Audited, Leaves: score.Leaves{Passed: asked - failed, Failed: failed}}, auditlog.Entry{Kind: auditlog.Audited, Audit: told})
	return nil
}

// ask sends the questions. It returns those without a right answer, and false
// if there was none at all in time. What was answered, and when, goes to told.
func (v *Validator) ask(ctx context.Context, b *book, validator strata.Hotkey, qs []question, told *auditlog.Audit) (wrong []question, answered bool) {
	req := wire.AuditRequest{Partition: validator}
	for _, q := range qs {
		req.Leaves = append(req.Leaves, q.ref)
	}
	limit := v.Profile.Deadline + b.bestRTT(v.Profile.RTTCap)
	// The context leaves time beyond the deadline, so that a late answer is
	// told from none.
	actx, cancel := context.WithTimeout(ctx, limit+answerLimit)
	defer cancel()
	answer, took, err := v.Miners.Audit(actx, b.endpoint(), req)
	told.Took, told.Limit = took.Nanoseconds(), limit.Nanoseconds()
	if err == nil && v.Account != nil {
		digest := strata.Root(blake3.Sum256(answer.Encode()))
		told.Answer = &digest
	}
	if err == nil && took > limit {
		err = strata.E(strata.Unavailable, "an audit was answered after %s, %s are allowed", took.Round(time.Millisecond), limit)
	}
	if ctx.Err() == nil {
		b.seen(err)
	}
	if err != nil {
		return nil, false
	}
	for i, q := range qs {
		if i >= len(answer.Openings) || answer.Openings[i].Verify(q.root, q.size, uint64(q.ref.Leaf)) != nil {
			wrong = append(wrong, q)
		}
	}
	return wrong, true
}

// recheck judges leaves without a right answer by the manifest as it is now.
// Between a pull and an audit a shard may have been written over filler, and a
// deleted one forgotten: such a question is void. A live shard may have moved:
// it is asked for once more, where it is now. A leaf that the miner still
// claims, or whose sector it withdraws or releases now, has failed.
func (v *Validator) recheck(ctx context.Context, b *book, validator strata.Hotkey, qs []question) (void, failed uint64, err error) {
	if err := lifecycle.Sleep(ctx, v.Pace.Recheck); err != nil {
		return 0, 0, err
	}
	if err := v.repull(ctx, b, validator); err != nil {
		v.Log.Debug("no newer manifest explains failed leaves", "miner", b.hotkey, "err", err)
	}
	places, err := v.placesOf(ctx, b, validator, qs)
	if err != nil {
		return 0, 0, err
	}
	var moved, bad []question
	for _, q := range qs {
		e, err := v.Ledger.Sector(ctx, catalog.Partition{Miner: b.hotkey, Validator: validator}, q.ref.Sector)
		at, listed := places[q.ref.Shard]
		switch {
		case err != nil:
			return 0, 0, err
		case q.ref.Shard == strata.Root{} && overlaid(e.Entry, q.ref.Leaf), q.gone && !listed:
			void++
		case listed && at != q.ref.Sector:
			q.ref.Sector = at
			moved = append(moved, q)
		default:
			failed++
			bad = append(bad, q)
			v.Log.Debug("a leaf failed", "miner", b.hotkey, "sector", q.ref.Sector, "leaf", q.ref.Leaf, "shard", q.ref.Shard)
		}
	}
	if len(moved) > 0 {
		wrong, answered := v.ask(ctx, b, validator, moved, &auditlog.Audit{})
		if !answered {
			wrong = moved
		}
		failed += uint64(len(wrong))
		bad = append(bad, wrong...)
	}
	return void, failed, v.damaged(ctx, b, validator, bad)
}

// repull is a pull that a miner cannot draw out to put off the verdict.
func (v *Validator) repull(ctx context.Context, b *book, validator strata.Hotkey) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	return v.pull(ctx, b, validator)
}

// placesOf returns in which sectors the shards asked for are listed now.
func (v *Validator) placesOf(ctx context.Context, b *book, validator strata.Hotkey, qs []question) (map[strata.Root]uint64, error) {
	places := map[strata.Root]uint64{}
	if !slices.ContainsFunc(qs, func(q question) bool { return q.ref.Shard != strata.Root{} }) {
		return places, nil
	}
	return places, v.Ledger.Sectors(ctx, catalog.Partition{Miner: b.hotkey, Validator: validator}, func(s catalog.Sector) error {
		for _, h := range s.Entry.Shards {
			places[h.Root] = s.Entry.Number
		}
		return nil
	})
}

// overlaid says whether ordered shards have come to lie over a leaf that was
// filler, up to the whole group of leaves in which the last of them ends.
func overlaid(e wire.Entry, leaf uint32) bool {
	const group = merkle.GroupSize / merkle.LeafSize
	for _, s := range e.Shards {
		end := uint64(s.Offset) + leaves(s)
		if leaf >= s.Offset && uint64(leaf) < (end+group-1)/group*group {
			return leaf < e.Tail
		}
	}
	return false
}

// dataLeaves is how many leaves of an audit are users' data where there is any:
// a quarter, so that whoever keeps none of it has the quarter of failed leaves
// at which nothing is paid, however little data there is. An honest miner opens
// them all alike.
const dataLeaves = wire.MaxLeaves / 4

// questions draws leaves of one partition: some of users' data, then each leaf
// that counts with the same chance.
func (v *Validator) questions(ctx context.Context, b *book) (strata.Hotkey, []question, error) {
	rules, _ := v.clock()
	validator, doubted, data, ok := b.drawPartition(rules, v.shares())
	if !ok {
		return strata.Hotkey{}, nil, nil
	}
	var qs []question
	// Sectors have few bytes that prove nothing, so few draws miss.
	for tries := 0; len(qs) < wire.MaxLeaves && tries < 64*wire.MaxLeaves; tries++ {
		number, inData, ok := b.drawIn(validator, len(qs) < dataLeaves)
		if !ok {
			break
		}
		s, err := v.Ledger.Sector(ctx, catalog.Partition{Miner: b.hotkey, Validator: validator}, number)
		if err != nil {
			return validator, nil, err
		}
		if !inData && !b.counts(s.Cohort) {
			continue
		}
		leaf := uint32(v.draw(int(v.Profile.Blocks)))
		if inData {
			leaf = v.dataLeaf(s.Entry)
		}
		q, ok := v.questionAt(s, leaf)
		if ok && doubted > 0 && q.ref.Shard != (strata.Root{}) && uint64(v.draw(int(data))) < doubted {
			continue
		}
		if ok {
			qs = append(qs, q)
		}
	}
	return validator, qs, nil
}

// drawIn draws a sector of a partition: one with users' data if that is wanted
// and there is one, which data says, else any.
func (b *book) drawIn(validator strata.Hotkey, wanted bool) (number uint64, data, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.holdings[validator]
	switch {
	case h == nil || h.numbers.count == 0:
		return 0, false, false
	case wanted && h.data.count > 0:
		return h.data.at(b.v.draw(h.data.count)), true, true
	}
	return h.numbers.at(b.v.draw(h.numbers.count)), false, true
}

// dataLeaf draws one of the leaves of a sector's shards.
func (v *Validator) dataLeaf(e wire.Entry) uint32 {
	all := uint64(0)
	for _, h := range e.Shards {
		all += leaves(h)
	}
	if all == 0 {
		return 0 // its shards are gone since it was drawn
	}
	at := uint64(v.draw(int(all)))
	for _, h := range e.Shards {
		if at < leaves(h) {
			return h.Offset + uint32(at)
		}
		at -= leaves(h)
	}
	return 0
}

// questionAt is the question for one leaf of a sector: of its filler, of the
// shard that covers it, or none.
func (v *Validator) questionAt(s catalog.Sector, leaf uint32) (question, bool) {
	e := s.Entry
	if !s.Listed() {
		return question{}, false
	}
	if leaf >= e.Tail {
		return question{ref: wire.LeafRef{Sector: e.Number, Leaf: leaf}, leaf: uint64(leaf), root: e.Root, size: uint64(v.Profile.SectorSize())}, true
	}
	for _, h := range e.Shards {
		if leaf >= h.Offset && uint64(leaf) < uint64(h.Offset)+leaves(h) {
			return question{
				ref:  wire.LeafRef{Sector: e.Number, Shard: h.Root, Leaf: leaf - h.Offset},
				leaf: uint64(leaf),
				root: h.Root, size: uint64(h.Length), gone: h.Deleted,
			}, true
		}
	}
	return question{}, false
}

// leaves is how many leaves of its sector a shard covers.
func leaves(s wire.ShardEntry) uint64 {
	return (uint64(s.Length) + strata.BlockSize - 1) / strata.BlockSize
}

func (b *book) bestRTT(limit time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rtt.best(limit)
}

// exponential returns a secret exponential time with that mean, at most ten
// times it. Floating point is fine here: it is no rule, only chance.
func (v *Validator) exponential(mean time.Duration) time.Duration {
	u := (float64(v.Chance()>>11) + 1) / (1 << 53)
	return time.Duration(min(-math.Log(u), 10) * float64(mean))
}
