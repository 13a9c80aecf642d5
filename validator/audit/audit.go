package audit

import (
	"context"
	"log/slog"
	"time"

	"github.com/zeebo/blake3"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/score"
	"strata/validator/book"
	"strata/validator/chance"
	"strata/validator/manifest"
	"strata/validator/shards"
	"strata/validator/subnet"
	"strata/wire"
)

// Miners is how leaves are asked for. Answers are authentic: package peer has
// checked the signatures.
type Miners interface {
	// Audit returns the answer and the time from the request's last byte to
	// the answer's last byte.
	Audit(ctx context.Context, ep wire.Endpoint, r wire.AuditRequest) (wire.AuditResponse, time.Duration, error)
	// ReadShard reads n bytes from off of a shard of size bytes, as a gateway does.
	// It returns the BLAKE3 of them, all verified against the root, and the time.
	ReadShard(ctx context.Context, ep wire.Endpoint, root strata.Root, size, off, n uint64) (strata.Root, time.Duration, error)
	// RoundTrip returns the time of a TCP connect.
	RoundTrip(ctx context.Context, ep wire.Endpoint) (time.Duration, error)
}

// Config is what an auditor is made of; all fields but Digests are needed.
type Config struct {
	Self      strata.Hotkey // the validator
	Profile   strata.Profile
	Miners    Miners
	Subnet    *subnet.Subnet
	Ledger    catalog.Ledger
	Manifests *manifest.Puller
	Shards    *shards.Keeper
	// Busy says whether a miner gives our gateway so much that it may say that more
	// is too much.
	Busy    func(strata.Hotkey) bool
	Chance  chance.Source
	Recheck time.Duration // before a failed leaf is compared with a new manifest
	Digests bool          // the audit log is told what was answered
	Log     *slog.Logger
}

// Auditor sends snap audits. It is safe for concurrent use.
type Auditor struct{ Config }

// New returns one.
func New(c Config) *Auditor { return &Auditor{c} }

// Until draws how long it is until a miner's next audit; false if it has nothing
// to be asked for. The times are exponential, so that nothing follows from the
// last one.
func (a *Auditor) Until(b *book.Book) (time.Duration, bool) {
	held := strata.ByteSize(b.View().Sectors()) * a.Profile.SectorSize()
	perHour := score.AuditsPerHour(a.Profile, held)
	if perHour == 0 {
		return 0, false
	}
	return a.Chance.Exponential(time.Hour / time.Duration(perHour)), true
}

// TimeConnect times a connect, which bounds what an answer may take.
func (a *Auditor) TimeConnect(ctx context.Context, b *book.Book) error {
	ctx, cancel := context.WithTimeout(ctx, manifest.AnswerLimit)
	defer cancel()
	took, err := a.Miners.RoundTrip(ctx, b.Endpoint())
	if err != nil {
		return err
	}
	b.Timed(took)
	return nil
}

// Audit asks for leaves of one partition and counts the answers. An error is
// the validator's own; what the miner does wrong is in the score.
func (a *Auditor) Audit(ctx context.Context, b *book.Book) error {
	if err := b.Backlog(); err != nil {
		return err
	}
	validator, qs, err := a.questions(ctx, b)
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
	if !b.Hidden(validator) { // else all have failed unasked
		wrong, answered = a.ask(ctx, b, validator, qs, told)
	}
	switch {
	case !answered:
		failed = asked
	case len(wrong) > 0:
		var void uint64
		if void, failed, err = a.recheck(ctx, b, validator, wrong); err != nil {
			return err
		}
		asked -= void
		told.Void = void
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.Note(auditlog.Entry{Kind: auditlog.Audited, Audit: told}, score.Event{Kind: score.Audited, Leaves: score.Leaves{Passed: asked - failed, Failed: failed}})
	return nil
}

// ask sends the questions. It returns those without a right answer, and false
// if there was none at all in time. What was answered, and when, goes to told.
func (a *Auditor) ask(ctx context.Context, b *book.Book, validator strata.Hotkey, qs []question, told *auditlog.Audit) (wrong []question, answered bool) {
	req := wire.AuditRequest{Partition: validator}
	for _, q := range qs {
		req.Leaves = append(req.Leaves, q.ref)
	}
	limit := a.Profile.Deadline + b.RTT(a.Profile.RTTCap)
	// The context leaves time beyond the deadline, so that a late answer is
	// told from none.
	actx, cancel := context.WithTimeout(ctx, limit+manifest.AnswerLimit)
	defer cancel()
	answer, took, err := a.Miners.Audit(actx, b.Endpoint(), req)
	told.Took, told.Limit = took.Nanoseconds(), limit.Nanoseconds()
	if err == nil && a.Digests {
		digest := strata.Root(blake3.Sum256(answer.Encode()))
		told.Answer = &digest
	}
	if err == nil && took > limit {
		err = strata.E(strata.Unavailable, "an audit was answered after %s, %s are allowed", took.Round(time.Millisecond), limit)
	}
	if ctx.Err() == nil {
		b.Seen(err)
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
