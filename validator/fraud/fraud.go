package fraud

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/score"
	"strata/validator/book"
	"strata/validator/subnet"
	"strata/wire"
)

const (
	// maxAccusations bounds the proofs of false roots that wait for their refill.
	maxAccusations = 64
	// distrust is for how many blocks nobody listens to a source whose proof a
	// refill has disproved: each costs a whole fill.
	distrust = 7200
)

// Public is where a proof is made public at once (auditlog.Log).
type Public interface {
	Keep(proof []byte) error
}

// Config is what a desk is made of. Without Record and Public, which come
// together, no proof is taken and none is shown; all else is needed.
type Config struct {
	Books  *book.Books
	Subnet *subnet.Subnet
	Ledger catalog.Ledger
	Domain wire.Domain
	Record catalog.Frauds // of the ledger
	Public Public
	Log    *slog.Logger
}

// Desk is where proofs of fraud come to. It is safe for concurrent use.
type Desk struct {
	Config

	mu         sync.Mutex        // guards what follows
	accused    []Accusation      // false roots that others say they found
	others     bool              // whose turn it was last: others' proofs or our checks
	distrusted map[string]uint64 // until which block nobody listens to an accuser
}

// New returns a desk at which nothing waits.
func New(c Config) *Desk { return &Desk{Config: c, distrusted: map[string]uint64{}} }

// Accusation is a proof of a false root that waits for its refill.
type Accusation struct {
	Proof wire.FraudProof
	From  string // who says so
}

// Partition is where the sector is.
func (a Accusation) Partition() catalog.Partition {
	return catalog.Partition{Miner: a.Proof.Miner, Validator: a.Proof.First.Head.Validator}
}

// At is the sector.
func (a Accusation) At() book.Place {
	return book.Place{Validator: a.Proof.First.Head.Validator, Number: a.Proof.First.Entry.Number}
}

// record is what is kept of it.
func (a Accusation) record(block uint64) catalog.Fraud {
	return catalog.Fraud{Partition: a.Partition(), Number: a.Proof.Number(), Kind: a.Proof.Kind, Block: block, Proof: a.Proof.Encode()}
}

// Told is the proof as the audit log has it.
func (a Accusation) Told() auditlog.Proof {
	return auditlog.Proof{Name: a.Proof.Name(), From: a.From}
}

// Accuse acts on a proof of fraud that somebody hands in. Two signed roots, or two
// signed heads of one sequence, count at once; a false root after a refill of
// ours, if the sector is listed with it still: a root that was taken back costs
// its sector only. A proof that proves nothing gives code Unauthenticated, Invalid, Corrupt or TooLarge; of what is
// unknown here, NotFound; one too many at a time, Throttled. One that was acted
// on before changes nothing.
func (d *Desk) Accuse(ctx context.Context, proof []byte, from string) error {
	f, err := wire.DecodeFraudProof(proof)
	if err != nil {
		return err
	}
	if err := f.Verify(d.Domain); err != nil {
		return err
	}
	if d.Record == nil {
		return strata.E(strata.Unavailable, "this validator keeps no record of frauds")
	}
	b := d.Books.Of(f.Miner)
	if b == nil {
		return strata.E(strata.NotFound, "a proof against miner %s, of which nothing is known here", f.Miner)
	}
	a := Accusation{Proof: f, From: from}
	known, err := d.Record.HasFraud(ctx, a.Partition(), f.Number(), f.Kind)
	if err != nil || known {
		return err
	}
	if f.Kind != wire.FalseRoot {
		return d.convict(ctx, b, a)
	}
	return d.suspect(a)
}

// convict counts a proof that needs no refill.
func (d *Desk) convict(ctx context.Context, b *book.Book, a Accusation) error {
	if err := b.Turn.Take(ctx); err != nil {
		return err
	}
	defer b.Turn.Give()
	return d.sentence(ctx, b, a)
}

// sentence is convict for who has the turn.
func (d *Desk) sentence(ctx context.Context, b *book.Book, a Accusation) error {
	_, block := d.Subnet.Clock()
	err := b.Prove(a.Told(), deserved(a.Proof.Kind, b.View().Record.Score.Standing), func(r catalog.MinerRecord) error {
		return d.Record.SaveFraud(ctx, r, a.record(block), nil)
	})
	if strata.CodeOf(err) == strata.Conflict {
		return nil // it came from two sides at once
	}
	if err == nil {
		d.Log.Warn("a miner's own signatures prove its fraud", "miner", a.Proof.Miner, "kind", a.Proof.Kind, "number", a.Proof.Number(), "from", a.From)
		d.keep(a.Proof)
	}
	return err
}

// deserved is what a proof brings. Two roots are fraud. Two heads are as a check
// that differs, and nothing more while checks are owed: who restores an old index
// signs a few sequences again, and a miner that shows two faces all the time owes
// checks all the time.
func deserved(kind wire.FraudKind, now score.Standing) []score.Event {
	switch {
	case kind == wire.TwoRoots:
		return []score.Event{{Kind: score.SecondRoot}}
	case now != score.Good:
		return nil
	}
	return []score.Event{{Kind: score.Mismatched}}
}

// TwoHeads counts and publishes that a miner has signed two heads of one sequence,
// if it has. The caller has the turn.
func (d *Desk) TwoHeads(ctx context.Context, b *book.Book, known, head wire.Head) {
	proof, err := wire.ProveTwoHeads(b.Hotkey, known, head)
	if err != nil || d.Record == nil {
		return
	}
	a := Accusation{Proof: proof}
	if had, err := d.Record.HasFraud(ctx, a.Partition(), proof.Number(), proof.Kind); had || err != nil {
		return
	}
	if err := d.sentence(ctx, b, a); err != nil {
		d.Log.Error("two heads of one sequence were not counted", "miner", b.Hotkey, "err", err)
	}
}

// suspect puts a false root in the row of what is refilled.
func (d *Desk) suspect(a Accusation) error {
	_, block := d.Subnet.Clock()
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case block < d.distrusted[a.From]:
		return strata.E(strata.Forbidden, "a proof from %s, which has accused an honest miner before block %d", a.From, d.distrusted[a.From])
	case slices.ContainsFunc(d.accused, func(o Accusation) bool { return o.Partition() == a.Partition() && o.At() == a.At() }):
		return nil
	case len(d.accused) >= maxAccusations:
		return strata.E(strata.Throttled, "%d proofs of false roots wait for their refill", len(d.accused))
	}
	d.accused = append(d.accused, a)
	return nil
}

// Next takes the oldest that waits, every second time that it is asked:
// others' proofs never take more than half of the checks.
func (d *Desk) Next() (Accusation, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.accused) == 0 {
		return Accusation{}, false
	}
	if d.others = !d.others; !d.others {
		return Accusation{}, false
	}
	a := d.accused[0]
	d.accused = slices.Delete(d.accused, 0, 1)
	return a, true
}

// Disproved says that a refill has shown a root to be true: it counts for nothing,
// or a miner could choose its checks; and the accuser is not heard for a while.
func (d *Desk) Disproved(a Accusation) {
	_, block := d.Subnet.Clock()
	d.Log.Warn("a proof of a false root is wrong: the root is true", "miner", a.Proof.Miner, "sector", a.At().Number, "from", a.From)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.distrusted[a.From] = block + distrust
}

// Save writes a proof that a refill has confirmed, with the record and the marks
// that follow from it, in one transaction. Code Conflict if it was acted on before.
func (d *Desk) Save(ctx context.Context, r catalog.MinerRecord, a Accusation, marks []catalog.Mark) error {
	return d.Record.SaveFraud(ctx, r, a.record(r.Score.Block), marks)
}
