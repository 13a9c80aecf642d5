package validator

import (
	"context"
	"slices"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/internal/lifecycle"
	"strata/score"
	"strata/wire"
)

const (
	// maxAccusations bounds the proofs of false roots that wait for their refill.
	maxAccusations = 64
	// maxSeen bounds the proofs of one source that are remembered as dealt with.
	maxSeen = 10_000
	// distrust is for how many blocks nobody listens to a source whose proof a
	// refill has disproved: each costs a whole fill.
	distrust = 7200
)

// Accuser is where others' proofs of fraud come from (auditlog.Peer, Folder).
type Accuser interface {
	Name() string
	List(ctx context.Context) ([]string, error)
	Fetch(ctx context.Context, name string) ([]byte, error)
	// Done says that a proof was dealt with.
	Done(name string) error
}

// accusation is a proof of a false root that waits for its refill.
type accusation struct {
	proof wire.FraudProof
	from  string
}

func (a accusation) partition() catalog.Partition {
	return catalog.Partition{Miner: a.proof.Miner, Validator: a.proof.First.Head.Validator}
}

func (a accusation) at() place {
	return place{a.proof.First.Head.Validator, a.proof.First.Entry.Number}
}

func (a accusation) fraud(block uint64) catalog.Fraud {
	return catalog.Fraud{Partition: a.partition(), Number: a.proof.Number(), Kind: a.proof.Kind, Block: block, Proof: a.proof.Encode()}
}

// Accuse acts on a proof of fraud that somebody hands in. Two signed roots, or two
// signed heads of one sequence, count at once; a false root after a refill of ours, if the sector is listed with it
// still: a root that was taken back costs its sector only. A proof that proves
// nothing gives code Unauthenticated, Invalid, Corrupt or TooLarge; of what is
// unknown here, NotFound; one too many at a time, Throttled. One that was acted
// on before changes nothing.
func (v *Validator) Accuse(ctx context.Context, proof []byte, from string) error {
	f, err := wire.DecodeFraudProof(proof)
	if err != nil {
		return err
	}
	if err := f.Verify(v.Domain); err != nil {
		return err
	}
	if v.Account == nil {
		return strata.E(strata.Unavailable, "this validator keeps no record of frauds")
	}
	b := v.bookOf(f.Miner)
	if b == nil {
		return strata.E(strata.NotFound, "a proof against miner %s, of which nothing is known here", f.Miner)
	}
	a := accusation{f, from}
	known, err := v.Account.Frauds.HasFraud(ctx, a.partition(), f.Number(), f.Kind)
	if err != nil || known {
		return err
	}
	if f.Kind != wire.FalseRoot {
		return v.convict(ctx, b, a)
	}
	return v.suspect(a)
}

func (v *Validator) bookOf(miner strata.Hotkey) *book {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.books[miner]
}

// convict counts a proof that needs no refill.
func (v *Validator) convict(ctx context.Context, b *book, a accusation) error {
	if err := b.turn.take(ctx); err != nil {
		return err
	}
	defer b.turn.give()
	return v.sentence(ctx, b, a)
}

// sentence is convict for who has the turn.
func (v *Validator) sentence(ctx context.Context, b *book, a accusation) error {
	_, block := v.clock()
	entry := auditlog.Entry{Kind: auditlog.Proven, Proof: &auditlog.Proof{Name: a.proof.Name(), From: a.from}}
	err := b.commit(entry, b.deserved(a.proof.Kind), func(r catalog.MinerRecord) error {
		return v.Account.Frauds.SaveFraud(ctx, r, a.fraud(block), nil)
	}, func() {})
	if strata.CodeOf(err) == strata.Conflict {
		return nil // it came from two sides at once
	}
	if err == nil {
		v.Log.Warn("a miner's own signatures prove its fraud", "miner", a.proof.Miner, "kind", a.proof.Kind, "number", a.proof.Number(), "from", a.from)
		v.keep(a.proof)
	}
	return err
}

// deserved is what a proof brings. Two roots are fraud. Two heads are as a check
// that differs, and nothing more while checks are owed: who restores an old index
// signs a few sequences again, and a miner that shows two faces all the time owes
// checks all the time. The caller has the turn.
func (b *book) deserved(kind wire.FraudKind) []score.Event {
	if kind == wire.TwoRoots {
		return []score.Event{{Kind: score.SecondRoot}}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rec.Score.Standing != score.Good {
		return nil
	}
	return []score.Event{{Kind: score.Mismatched}}
}

// twoHeads counts and publishes that a miner has signed two heads of one sequence,
// if it has. The caller has the turn.
func (v *Validator) twoHeads(ctx context.Context, b *book, known, head wire.Head) {
	proof, err := wire.ProveTwoHeads(b.hotkey, known, head)
	if err != nil || v.Account == nil {
		return
	}
	a := accusation{proof: proof}
	if had, err := v.Account.Frauds.HasFraud(ctx, a.partition(), proof.Number(), proof.Kind); had || err != nil {
		return
	}
	if err := v.sentence(ctx, b, a); err != nil {
		v.Log.Error("two heads of one sequence were not counted", "miner", b.hotkey, "err", err)
	}
}

// suspect puts a false root in the row of what is refilled.
func (v *Validator) suspect(a accusation) error {
	_, block := v.clock()
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case block < v.distrusted[a.from]:
		return strata.E(strata.Forbidden, "a proof from %s, which has accused an honest miner before block %d", a.from, v.distrusted[a.from])
	case slices.ContainsFunc(v.accused, func(o accusation) bool { return o.partition() == a.partition() && o.at() == a.at() }):
		return nil
	case len(v.accused) >= maxAccusations:
		return strata.E(strata.Throttled, "%d proofs of false roots wait for their refill", len(v.accused))
	}
	v.accused = append(v.accused, a)
	return nil
}

// nextAccusation takes the oldest that waits, every second time that it is asked:
// others' proofs never take more than half of the checks.
func (v *Validator) nextAccusation() (accusation, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.accused) == 0 {
		return accusation{}, false
	}
	if v.others = !v.others; !v.others {
		return accusation{}, false
	}
	a := v.accused[0]
	v.accused = slices.Delete(v.accused, 0, 1)
	return a, true
}

// judge refills the sector of a proof and counts a difference as a failed check.
// A root that is true counts for nothing, or a miner could choose its checks;
// and the accuser is not heard for a while.
func (v *Validator) judge(ctx context.Context, a accusation, buf []byte) error {
	b := v.bookOf(a.proof.Miner)
	if b == nil {
		return nil
	}
	before, err := v.Ledger.Sector(ctx, a.partition(), a.at().number)
	if strata.CodeOf(err) == strata.NotFound {
		return nil
	}
	if err != nil || !before.Listed() || before.Entry.Root != a.proof.First.Entry.Root {
		return err
	}
	root, err := v.Fill(ctx, v.sector(a.partition(), a.at().number), buf)
	if err != nil {
		return err
	}
	if root == before.Entry.Root {
		_, block := v.clock()
		v.Log.Warn("a proof of a false root is wrong: the root is true", "miner", a.proof.Miner, "sector", a.at().number, "from", a.from)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.distrusted[a.from] = block + distrust
		return nil
	}
	return v.compare(ctx, b, a.at(), before, root, &a)
}

// keep makes a proof public, so that other validators can act on it.
func (v *Validator) keep(f wire.FraudProof) {
	if err := v.Account.Log.Keep(f.Encode()); err != nil {
		v.Log.Error("a proof of fraud was not published", "miner", f.Miner, "err", err)
	}
}

// showFalseRoot publishes that a miner signed a root that a refill does not give.
// The caller has the turn, so that ledger and head agree.
func (v *Validator) showFalseRoot(ctx context.Context, b *book, at place) {
	if v.Account == nil {
		return
	}
	first, err := v.show(ctx, b, at)
	if err != nil {
		v.Log.Warn("a false root cannot be shown to others", "miner", b.hotkey, "sector", at.number, "err", err)
		return
	}
	v.keep(wire.FraudProof{Kind: wire.FalseRoot, Miner: b.hotkey, First: first})
}

// show makes the proof that a sector's entry is under the last head.
func (v *Validator) show(ctx context.Context, b *book, at place) (wire.SignedEntry, error) {
	var hashes [][32]byte
	var entry wire.Entry
	index := -1
	err := v.Ledger.Sectors(ctx, catalog.Partition{Miner: b.hotkey, Validator: at.validator}, func(s catalog.Sector) error {
		if !s.Entry.Listed() {
			return nil
		}
		if s.Entry.Number == at.number {
			index, entry = len(hashes), s.Entry
		}
		hashes = append(hashes, s.Entry.Hash())
		return nil
	})
	if err != nil {
		return wire.SignedEntry{}, err
	}
	return wire.ShowEntry(b.head(at.validator), entry, hashes, index)
}

// showTwoRoots makes the proof of a pull that brings a second root, before it is
// written; false if the first root is under no head that is still known.
func (v *Validator) showTwoRoots(ctx context.Context, b *book, m *merged, head wire.Head) (wire.FraudProof, bool) {
	if v.Account == nil || m.second == nil {
		return wire.FraudProof{}, false
	}
	first, err := v.show(ctx, b, place{m.p.Validator, m.second.Number})
	if err != nil {
		return wire.FraudProof{}, false
	}
	second, err := wire.ShowEntry(head, *m.second, m.hashes, m.secondAt)
	return wire.FraudProof{Kind: wire.TwoRoots, Miner: b.hotkey, First: first, Second: &second}, err == nil
}

// listen asks the accusers for new proofs, now and then.
func (v *Validator) listen(ctx context.Context) error {
	seen := make([]map[string]bool, len(v.Account.Accusers))
	for {
		for i, source := range v.Account.Accusers {
			if len(seen[i]) > maxSeen || seen[i] == nil {
				seen[i] = map[string]bool{}
			}
			if err := v.hear(ctx, source, seen[i]); err != nil && ctx.Err() == nil {
				v.Log.Debug("no proofs of fraud were read", "from", source.Name(), "err", err)
			}
		}
		if err := lifecycle.Sleep(ctx, v.Pace.Pull); err != nil {
			return err
		}
	}
}

// hear deals with the proofs of one source that were not dealt with before.
func (v *Validator) hear(ctx context.Context, source Accuser, seen map[string]bool) error {
	names, err := source.List(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if seen[name] {
			continue
		}
		proof, err := source.Fetch(ctx, name)
		if err == nil {
			err = v.Accuse(ctx, proof, source.Name())
		}
		switch strata.CodeOf(err) {
		case strata.Unavailable, strata.Throttled, strata.NotFound:
			continue // later
		}
		if err != nil {
			v.Log.Warn("a proof of fraud was not taken", "from", source.Name(), "name", name, "err", err)
		}
		seen[name] = true
		if err := source.Done(name); err != nil {
			return err
		}
	}
	return nil
}
