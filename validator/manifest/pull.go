package manifest

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"strata"
	"strata/catalog"
	"strata/validator/book"
	"strata/validator/fraud"
	"strata/validator/subnet"
	"strata/wire"
)

const (
	// AnswerLimit is how long a miner may take for anything but an audit's
	// leaves.
	AnswerLimit = 30 * time.Second
	// pullLimit is how long all pages of one pull may take.
	pullLimit = 10 * time.Minute
)

// Miners is how manifests are asked for. Answers are authentic: package peer has
// checked the signatures.
type Miners interface {
	Status(ctx context.Context, ep wire.Endpoint) (wire.Status, error)
	Manifest(ctx context.Context, ep wire.Endpoint, q wire.ManifestQuery) (wire.ManifestPage, error)
}

// Config is what a puller is made of; all of it is needed.
type Config struct {
	Self    strata.Hotkey // the validator
	Domain  wire.Domain
	Profile strata.Profile
	Miners  Miners
	Subnet  *subnet.Subnet
	Ledger  catalog.Ledger
	Frauds  *fraud.Desk
	Log     *slog.Logger
}

// Puller pulls manifests. It is safe for concurrent use.
type Puller struct {
	Config
	large book.Turn // held by a pull that takes much memory
}

// New returns one.
func New(c Config) *Puller { return &Puller{Config: c, large: book.NewTurn()} }

// Look asks a miner for its status and for what is new in each partition, ours
// first. What is wrong with one partition does not keep the others from being
// seen; the first such error is returned.
func (p *Puller) Look(ctx context.Context, b *book.Book) error {
	partitions := p.partitions(b)
	b.Looking(true)
	defer b.Looking(false)
	if err := p.askStatus(ctx, b); err != nil {
		b.Shown(ctx, err, partitions...)
		b.Looked(ctx, err, err)
		return err
	}
	var first, own error
	defer func() { b.Looked(ctx, own, first) }()
	for i, validator := range partitions {
		err := p.Pull(ctx, b, validator)
		if validator == p.Self && strata.CodeOf(err) != strata.NotFound { // an empty partition is an answer
			own = err
		}
		if strata.CodeOf(err) == strata.NotFound && b.Head(validator) == (wire.Head{}) {
			err = nil // it has never had anything for this validator
		}
		if first == nil {
			first = err
		}
		if strata.CodeOf(err) == strata.Unavailable || ctx.Err() != nil {
			b.Shown(ctx, err, partitions[i:]...)
			break // nobody answers: the rest would wait in vain
		}
		b.Shown(ctx, err, validator)
	}
	return first
}

// partitions returns the validators whose partitions are looked at: those with
// a permit, and those that had one when something was held for them, as that
// counts until it is replaced.
func (p *Puller) partitions(b *book.Book) []strata.Hotkey {
	out := p.Subnet.Counted(p.Self)
	for validator := range b.View().Holdings {
		if !slices.Contains(out, validator) {
			out = append(out, validator)
		}
	}
	return out
}

func (p *Puller) askStatus(ctx context.Context, b *book.Book) error {
	ctx, cancel := context.WithTimeout(ctx, AnswerLimit)
	defer cancel()
	st, err := p.Miners.Status(ctx, b.Endpoint())
	if err != nil {
		return err
	}
	plan := wire.Partition{Validator: p.Self}
	for _, said := range st.Partitions {
		if said.Validator == p.Self {
			plan = said
		}
	}
	b.Plans(plan)
	return nil
}

// errDisagrees is wrapped by the error for entries that do not give the head.
var errDisagrees = errors.New("the entries are not the head's")

// errOvertaken says that another pull came first: the changes that were fetched
// are not to what is known now.
var errOvertaken = errors.New("another pull came first")

// Pull brings one partition up to date. What does not fit together (a sequence
// that goes back, entries that do not hash to the head) is refused whole; the
// ledger keeps what it had, and that is what is audited. Changes that do not
// fit what is known are asked for once more as a whole manifest, so that a miner
// that lost its index is not refused for ever.
func (p *Puller) Pull(ctx context.Context, b *book.Book, validator strata.Hotkey) error {
	ctx, cancel := context.WithTimeout(ctx, pullLimit)
	defer cancel()
	for whole := false; ; {
		known := b.Head(validator)
		err := p.pullFrom(ctx, b, validator, known, whole)
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
func (p *Puller) pullFrom(ctx context.Context, b *book.Book, validator strata.Hotkey, known wire.Head, whole bool) error {
	since := known.Sequence
	if whole {
		since = 0
	}
	f := &fetching{entries: map[uint64]wire.Entry{}, large: p.large}
	defer f.done()
	head, entries, err := p.fetch(ctx, b.Endpoint(), validator, since, f)
	if err != nil {
		return err
	}
	if err := b.Turn.Take(ctx); err != nil {
		return err
	}
	defer b.Turn.Give()
	if b.Head(validator) != known {
		return errOvertaken
	}
	if same(known, head) {
		return nil
	}
	if err := p.follows(known, head); err != nil {
		p.Frauds.TwoHeads(ctx, b, known, head)
		return err
	}
	at := catalog.Partition{Miner: b.Hotkey, Validator: validator}
	m, err := p.merge(ctx, at, entries, since == 0)
	if err == nil {
		err = m.agrees(head)
	}
	if err != nil {
		return err
	}
	m.held.Head = head
	if m.second != nil {
		p.Frauds.ShowTwoRoots(ctx, b, validator, fraud.Under{Head: head, Entry: *m.second, Hashes: m.hashes, Index: m.secondAt})
	}
	return b.List(validator, m.held, m.events, func(r catalog.MinerRecord) error {
		return p.Ledger.SavePull(ctx, r, at, head, m.changed)
	})
}

// same says whether two heads say the same: a signature is made with chance, so
// the same statement may carry another.
func same(a, b wire.Head) bool {
	a.Signature = b.Signature
	return a == b
}

// follows checks that a head can come after the one that is known.
func (p *Puller) follows(known, head wire.Head) error {
	switch {
	case head.Sequence < known.Sequence:
		return strata.E(strata.Invalid, "the manifest went back from sequence %d to %d: the miner restored old data or lies", known.Sequence, head.Sequence)
	case head.Sequence == known.Sequence:
		return strata.E(strata.Invalid, "two manifests with sequence %d: the miner shows different ones", head.Sequence)
	case head.Sequence == known.Sequence+1 && known.Sequence > 0 && head.Previous != known.Hash(p.Domain):
		return strata.E(strata.Invalid, "manifest %d does not follow the one before", head.Sequence)
	}
	return nil
}
