package validator

import (
	"context"
	"encoding/hex"
	"slices"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/chain"
	"strata/internal/lifecycle"
	"strata/score"
)

const (
	// handOver is how many entries go from the journal to the log at once.
	handOver = 500
	// maxBacklog bounds the entries of one miner that wait for the ledger. A
	// validator that cannot write stops asking.
	maxBacklog = 1000
)

// AuditLog is where a validator's account of itself goes (auditlog.Log).
type AuditLog interface {
	// Append makes entries durable, the first of which has that number; those
	// that are there already are left out.
	Append(first uint64, entries [][]byte) error
	// Head returns the number of the last entry and its hash.
	Head() (uint64, strata.Root)
	// Skip makes the next number at least after+1.
	Skip(after uint64) error
	// Publish makes public what ended with an entry up to that number.
	Publish(upTo uint64) error
	// Prune removes what is public and ended before a block, and says how many
	// segments that were.
	Prune(before uint64) (removed int, err error)
	// Keep makes a proof of fraud public at once.
	Keep(proof []byte) error
}

// Account is what a validator needs to keep its audit log, and to act on others'
// proofs of fraud. All fields but Commit, Accusers and Retain are needed.
type Account struct {
	Log      AuditLog
	Journal  catalog.Journal // of the ledger
	Frauds   catalog.Frauds  // of the ledger
	Accusers []Accuser
	Version  string
	// Retain is for how many blocks after its end a public part of the log is
	// kept; 0 means for ever.
	Retain uint64
	// Commit puts the log's head on chain.
	Commit func(ctx context.Context, number uint64, hash strata.Root) error
}

// ended is a segment that waits to become public.
type ended struct {
	number uint64 // its last entry
	block  uint64 // from which on its details harm nobody
}

// note adds an entry to what the next write of the record journals. The caller
// holds mu.
func (b *book) note(e auditlog.Entry) {
	if b.v.Account == nil {
		return
	}
	e.Miner, e.Time = &b.hotkey, b.v.Now().Unix()
	if line, ok := b.v.encode(e); ok {
		b.journal = append(b.journal, line)
	}
}

func (v *Validator) encode(e auditlog.Entry) ([]byte, bool) {
	line, err := e.Encode()
	if err != nil {
		v.Log.Error("an entry of the audit log was dropped", "kind", e.Kind, "err", err)
	}
	return line, err == nil
}

// backlog says that the ledger has not been written for long.
func (b *book) backlog() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.journal) >= maxBacklog
}

// coverage is what a holding lists and covers, as the log has it.
func (h *holding) coverage(validator strata.Hotkey) auditlog.Coverage {
	return auditlog.Coverage{Validator: validator, Leaving: h.head.Leaving, Batches: h.batches}
}

func headEntry(validator strata.Hotkey, h *holding) auditlog.Entry {
	return auditlog.Entry{Kind: auditlog.Listed, Head: &auditlog.Head{Signed: hex.EncodeToString(h.head.Encode()), Coverage: h.coverage(validator)}}
}

// checkEntry is the entry of a check. gone is the sector if it counts no
// more. The caller has the turn.
func (b *book) checkEntry(at place, said, is strata.Root, gone *catalog.Sector) auditlog.Entry {
	c := auditlog.Coverage{Validator: at.validator}
	b.mu.Lock()
	defer b.mu.Unlock()
	if h := b.holdings[at.validator]; h != nil {
		after := *h
		if gone != nil {
			after.drop(b.v, *gone)
		}
		c = after.coverage(at.validator)
	}
	return auditlog.Entry{Kind: auditlog.Checked, Check: &auditlog.Check{Number: at.number, Said: said, Is: is, Coverage: c}}
}

// restate writes rules that have changed, and what every miner's state is now.
func (v *Validator) restate(ctx context.Context) error {
	if v.Account == nil {
		return nil
	}
	return v.settleAll(ctx, v.statesAfter)
}

// settled is a book at one moment, nothing of it being written.
type settled struct {
	b       *book
	rec     catalog.MinerRecord // with its journal
	present bool
	credit  uint64
}

// settle takes the record for writing, and computes the credit of that moment.
// The caller has the turn, and gives the journal back if the write fails.
func (b *book) settle(rules score.Rules, block uint64) settled {
	stakes := b.v.shares()
	b.mu.Lock()
	defer b.mu.Unlock()
	s := settled{b: b, rec: b.rec, present: b.present, credit: b.creditAt(rules, block, stakes)}
	s.rec.Journal, b.journal, b.dirty = b.journal, nil, false
	return s
}

// stateEntry is all that is known of the miner. The caller has the turn.
func (s settled) stateEntry(block uint64) auditlog.Entry {
	st := &auditlog.State{Score: s.rec.Score}
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	for _, validator := range s.b.validators() {
		st.Holdings = append(st.Holdings, s.b.holdings[validator].coverage(validator))
	}
	return auditlog.Entry{Kind: auditlog.Stated, Block: block, Miner: &s.b.hotkey, State: st}
}

// settleAll stops all writes for a moment, writes every record with what is
// journaled for it, and then the entries that make gives for that moment. So the
// log has the entries in an order in which they lead to what they say.
func (v *Validator) settleAll(ctx context.Context, make func(all []settled, rules score.Rules, block uint64) []auditlog.Entry) error {
	books := v.all()
	slices.SortFunc(books, func(a, b *book) int { return compareKeys(a.hotkey, b.hotkey) })
	for _, b := range books {
		if err := b.turn.take(ctx); err != nil {
			return err
		}
		defer b.turn.give()
	}
	rules, block := v.clock()
	all := []settled{}
	for _, b := range books {
		all = append(all, b.settle(rules, block))
	}
	var lines [][]byte
	for _, e := range make(all, rules, block) {
		e.Time = v.Now().Unix()
		if line, ok := v.encode(e); ok {
			lines = append(lines, line)
		}
	}
	if len(all) == 0 {
		return v.Account.Journal.Enter(ctx, lines)
	}
	records := []catalog.MinerRecord{}
	for _, s := range all {
		records = append(records, s.rec)
	}
	last := &records[len(records)-1].Journal
	*last = slices.Concat(*last, lines)
	err := v.Ledger.SaveMiners(ctx, records)
	if err != nil {
		for _, s := range all {
			s.b.unsaved(s.rec.Journal)
		}
	}
	return err
}

// rulesEntry says what rules are in force.
func (v *Validator) rulesEntry(rules score.Rules, block uint64) auditlog.Entry {
	v.mu.Lock()
	defer v.mu.Unlock()
	return auditlog.Entry{Kind: auditlog.Ruled, Block: block, Rules: &auditlog.Rules{Tempo: v.params.Tempo, Rules: rules}}
}

// statesAfter are the entries with which a part of the log begins that can be
// replayed alone: the rules, and every miner's state.
func (v *Validator) statesAfter(all []settled, rules score.Rules, block uint64) []auditlog.Entry {
	out := []auditlog.Entry{v.rulesEntry(rules, block)}
	for _, s := range all {
		out = append(out, s.stateEntry(block))
	}
	return out
}

// open writes that the validator has started, and what it knows.
func (v *Validator) open(ctx context.Context) error {
	if v.Account == nil {
		return nil
	}
	if err := v.align(ctx); err != nil {
		return err
	}
	err := v.settleAll(ctx, func(all []settled, rules score.Rules, block uint64) []auditlog.Entry {
		start := auditlog.Entry{Kind: auditlog.Started, Block: block, Start: &auditlog.Start{Version: v.Account.Version, Profile: v.Profile.Name}}
		return append([]auditlog.Entry{start}, v.statesAfter(all, rules, block)...)
	})
	if err != nil {
		return err
	}
	if err := v.handOver(ctx); err != nil {
		return err
	}
	// What ended before this start becomes public as if it had ended now.
	number, _ := v.Account.Log.Head()
	_, block := v.clock()
	v.mu.Lock()
	defer v.mu.Unlock()
	epochs := uint64(1)
	if v.params.CommitReveal { // a commit may be on its way
		epochs += v.params.RevealPeriod + 1
	}
	v.ended = append(v.ended, ended{number, block + epochs*v.epoch()})
	return nil
}

// epoch returns the blocks of one. The caller holds mu.
func (v *Validator) epoch() uint64 { return uint64(v.params.Tempo) + 1 }

// align brings journal and log together where one of them was lost or restored.
func (v *Validator) align(ctx context.Context) error {
	logged, _ := v.Account.Log.Head()
	journaled, err := v.Account.Journal.Last(ctx)
	if err != nil {
		return err
	}
	waiting, err := v.Account.Journal.Entries(ctx, 0, 1)
	if err != nil {
		return err
	}
	switch {
	case journaled < logged:
		v.Log.Warn("the ledger is older than the audit log, which goes on after its end", "log", logged, "ledger", journaled)
		return v.Account.Journal.Skip(ctx, logged)
	case len(waiting) > 0 && logged+1 < waiting[0].Seq:
		v.Log.Warn("the audit log has lost its end, and goes on with a gap", "log", logged, "ledger", waiting[0].Seq)
		return v.Account.Log.Skip(waiting[0].Seq)
	}
	return nil
}

// handOver moves what the ledger has journaled to the log. A crash on the way
// leaves it in the journal, or in both, and it is logged once all the same.
func (v *Validator) handOver(ctx context.Context) error {
	if v.Account == nil {
		return nil
	}
	v.handing.Lock()
	defer v.handing.Unlock()
	for {
		after, _ := v.Account.Log.Head()
		entries, err := v.Account.Journal.Entries(ctx, after, handOver)
		if err != nil || len(entries) == 0 {
			return err
		}
		lines := make([][]byte, len(entries))
		for i, e := range entries {
			lines[i] = e.Entry
		}
		if err := v.Account.Log.Append(entries[0].Seq, lines); err != nil {
			return err
		}
		if err := v.Account.Journal.Forget(ctx, entries[len(entries)-1].Seq); err != nil {
			return err
		}
	}
}

// account keeps the log up with the journal.
func (v *Validator) account(ctx context.Context) error {
	for {
		err := lifecycle.Sleep(ctx, v.Pace.Flush)
		if herr := v.handOver(context.WithoutCancel(ctx)); herr != nil {
			v.Log.Error("the audit log was not written; trying again", "err", herr)
		}
		if err != nil {
			return err
		}
	}
}

// computed is a vector that was logged, to be submitted until the chain takes it.
type computed struct {
	block   uint64
	records []catalog.WeightRecord
}

// compute returns the weight vector of now, logged with all that it rests on.
// One that the chain has refused is returned again in the same epoch, as long as
// its UIDs are the same miners': the log has it already.
func (v *Validator) compute(ctx context.Context, g *chain.Metagraph, block uint64) ([]catalog.WeightRecord, error) {
	if v.Account == nil {
		return v.vector(g), nil
	}
	v.mu.Lock()
	last, half := v.computed, v.epoch()/2
	v.mu.Unlock()
	if last.block > 0 && block < last.block+half && stillTheirs(g, last.records) {
		return last.records, nil
	}
	var records []catalog.WeightRecord
	err := v.settleAll(ctx, func(all []settled, rules score.Rules, block uint64) []auditlog.Entry {
		var weights []auditlog.Weight
		records, weights = v.vectorOf(g, all)
		e := auditlog.Entry{Kind: auditlog.Weighed, Block: block, Weights: weights, Shares: v.shares().logged()}
		return append([]auditlog.Entry{e}, v.statesAfter(all, rules, block)...)
	})
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	v.computed = computed{block, records}
	v.mu.Unlock()
	return records, v.handOver(ctx)
}

func stillTheirs(g *chain.Metagraph, records []catalog.WeightRecord) bool {
	return !slices.ContainsFunc(records, func(r catalog.WeightRecord) bool {
		row, ok := g.Neuron(r.Hotkey)
		return !ok || row.UID != r.UID
	})
}

// commitLog puts the log's head on chain, once the weights are there. They count
// from a block on, and a tempo later their details are public.
func (v *Validator) commitLog(ctx context.Context, counts uint64) {
	if v.Account == nil {
		return
	}
	number, hash := v.Account.Log.Head()
	v.mu.Lock()
	v.ended = append(v.ended, ended{number, counts + v.epoch()})
	v.mu.Unlock()
	if v.Account.Commit == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, chainLimit)
	defer cancel()
	if err := v.Account.Commit(ctx, number, hash); err != nil {
		v.Log.Warn("the audit log's head was not committed on chain; it will be with the next weights", "entry", number, "err", err)
		return
	}
	v.Log.Info("the audit log's head is on chain", "entry", number)
}

// publish makes public what is old enough: a tempo after its weights were
// revealed, so that nobody can copy from it in time.
func (v *Validator) publish(block uint64) {
	if v.Account == nil {
		return
	}
	v.mu.Lock()
	upTo := uint64(0)
	for len(v.ended) > 0 && v.ended[0].block <= block {
		upTo = v.ended[0].number
		v.ended = v.ended[1:]
	}
	v.mu.Unlock()
	if upTo == 0 {
		return
	}
	if err := v.Account.Log.Publish(upTo); err != nil {
		v.Log.Error("the audit log was not published", "entry", upTo, "err", err)
	}
	v.prune(block)
}

// prune removes what is public and old. By blocks, as a clock that jumps must not
// cost the log.
func (v *Validator) prune(block uint64) {
	keep := v.Account.Retain
	if keep == 0 || block <= keep {
		return
	}
	removed, err := v.Account.Log.Prune(block - keep)
	if err != nil {
		v.Log.Error("old parts of the audit log were not removed; trying again after the next epoch", "err", err)
	}
	if removed > 0 {
		v.Log.Info("old parts of the audit log were removed", "segments", removed, "before_block", block-keep)
	}
}
