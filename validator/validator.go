package validator

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"strata"
	"strata/catalog"
	"strata/chain"
	"strata/internal/lifecycle"
	"strata/object"
	"strata/validator/account"
	"strata/validator/audit"
	"strata/validator/book"
	"strata/validator/chance"
	"strata/validator/check"
	"strata/validator/fraud"
	"strata/validator/manifest"
	"strata/validator/refusal"
	"strata/validator/shards"
	"strata/validator/subnet"
	"strata/validator/weigh"
	"strata/wire"
)

// Chain is what a validator needs of the chain.
type Chain interface {
	Heads(ctx context.Context) (<-chan chain.Head, error)
	subnet.Chain
	weigh.Chain
}

// Miners is how a validator talks to them. Answers are authentic: package peer
// has checked the signatures.
type Miners interface {
	manifest.Miners
	audit.Miners
	shards.Miners
}

// Pace is how often things are done. Zero fields take the profile's default.
type Pace struct {
	Pull      time.Duration // between two looks at a miner's manifests
	Recheck   time.Duration // before a failed leaf is compared with a new manifest
	Reconcile time.Duration // between two searches for missing shards
	Flush     time.Duration // between two writes of audit results
	Fresh     time.Duration // of silence, before a miner gets no shards and its audits fail unasked
	Doubt     time.Duration // of silence, before a miner's shards are doubtful
	Gone      time.Duration // of silence, before they count as lost
	// CheckShare is what commitment checks take, in per cent of one core: over
	// 100, several are made at once, each in the memory of one sector.
	CheckShare int
	// Cohort is how many blocks new sectors are collected before they become
	// a cohort; First the same for a miner's first.
	Cohort, First uint64
}

func (p Pace) withDefaults(prof strata.Profile) Pace {
	d := Pace{Pull: time.Minute, Recheck: 10 * time.Second, Reconcile: 10 * time.Minute, Flush: time.Second, CheckShare: 50, Cohort: 1800, First: 25,
		Fresh: 2 * time.Minute, Doubt: 10 * time.Minute, Gone: 4 * time.Hour}
	if prof.Name == strata.LocalProfile.Name {
		d.Doubt, d.Gone = 6*time.Second, 15*time.Second
		d.Pull, d.Recheck, d.Reconcile, d.Cohort, d.First = time.Second, 2*time.Second, 5*time.Second, 10, 10
	}
	set(&p.Pull, d.Pull)
	set(&p.Recheck, d.Recheck)
	set(&p.Reconcile, d.Reconcile)
	set(&p.Flush, d.Flush)
	set(&p.Fresh, d.Fresh)
	set(&p.Doubt, d.Doubt)
	set(&p.Gone, d.Gone)
	set(&p.CheckShare, d.CheckShare)
	set(&p.Cohort, d.Cohort)
	set(&p.First, d.First)
	return p
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Config is what a validator is made of. Account, Refusals, Pace, Now, Chance and Fill may be left
// out, the other fields are needed.
type Config struct {
	Chain  Chain
	Key    chain.Signer
	Miners Miners
	Ledger catalog.Ledger
	Shards shards.Record
	// Refusals are what a gateway in another process has noted; nil means that
	// there is none.
	Refusals catalog.Refusals
	Keep     shards.Keeping // nil: no miner is told to delete what the catalog does not name
	Domain   wire.Domain
	Profile  strata.Profile
	Pace     Pace
	Log      *slog.Logger
	Now      func() time.Time
	// Account is the validator's audit log; nil means that it keeps none.
	Account *Account
	// Chance returns 64 random bits. A simulation gives its own, to be repeated;
	// nil means secret ones, without which a miner could foresee its checks.
	Chance chance.Source
	// Fill computes a sector's true root with room for the sector in buf; nil
	// fills it. What checks the same few sectors thousands of times remembers
	// their roots here.
	Fill check.Fill
}

// Account is what a validator needs to keep its audit log, and to act on others'
// proofs of fraud. All fields but Commit, Accusers and Retain are needed.
type Account struct {
	Log      AuditLog
	Journal  catalog.Journal // of the ledger
	Frauds   catalog.Frauds  // of the ledger
	Accusers []fraud.Accuser
	Version  string
	// Retain is for how many blocks after its end a public part of the log is
	// kept; 0 means for ever.
	Retain uint64
	// Commit puts the log's head on chain.
	Commit func(ctx context.Context, number uint64, hash strata.Root) error
}

// AuditLog is where a validator's account of itself goes (auditlog.Log).
type AuditLog interface {
	account.Log
	fraud.Public
}

// Validator is the role. Run keeps it going; Status, Candidates and Standings are
// safe for concurrent use at any time.
type Validator struct {
	Config
	self strata.Hotkey
	born time.Time // no miner was silent before
	// onlooker: another process validates; this one reads its ledger.
	onlooker atomic.Bool

	subnet    *subnet.Subnet
	books     *book.Books
	account   *account.Keeper // nil: no audit log is kept
	frauds    *fraud.Desk
	manifests *manifest.Puller
	checks    *check.Checker
	refused   *refusal.Tally
	shards    *shards.Keeper
	audits    *audit.Auditor
	weights   *weigh.Weigher
}

// New restores a validator from its ledger.
func New(ctx context.Context, c Config) (*Validator, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Chance == nil {
		c.Chance = chance.Secret
	}
	if c.Fill == nil {
		c.Fill = check.Refill
	}
	c.Pace = c.Pace.withDefaults(c.Profile)
	v := &Validator{Config: c, self: strata.Hotkey(c.Key.PublicKey()), born: c.Now()}
	v.subnet = subnet.New(c.Chain, c.Domain.Netuid, c.Profile)
	if err := v.restore(ctx); err != nil {
		return nil, err
	}
	v.compose()
	return v, nil
}

// restore makes the rooms that begin with what the ledger has.
func (v *Validator) restore(ctx context.Context) (err error) {
	books := book.Config{
		Self: v.self, Profile: v.Profile, Subnet: v.subnet, Ledger: v.Ledger, Chance: v.Chance, Now: v.Now, Log: v.Log,
		Cohort: v.Pace.Cohort, First: v.Pace.First, Patience: v.patience(), Fresh: v.Pace.Fresh,
	}
	if v.Account != nil {
		books.Journal = v.Account.Journal
	}
	if v.books, err = book.Restore(ctx, books); err != nil {
		return err
	}
	if a := v.Account; a != nil {
		v.account = account.New(account.Config{
			Audit: a.Log, Journal: a.Journal, Books: v.books, Subnet: v.subnet, Profile: v.Profile,
			Version: a.Version, Retain: a.Retain, Commit: a.Commit, Log: v.Log,
		})
	}
	v.weights, err = weigh.Restore(ctx, weigh.Config{
		Self: v.self, Key: v.Key, Netuid: v.Domain.Netuid, Chain: v.Chain, Ledger: v.Ledger,
		Subnet: v.subnet, Books: v.books, Refresh: v.refresh, Account: v.account, Log: v.Log,
	})
	return err
}

// compose makes the rooms that remember nothing.
func (v *Validator) compose() {
	frauds := fraud.Config{Books: v.books, Subnet: v.subnet, Ledger: v.Ledger, Domain: v.Domain, Log: v.Log}
	if v.Account != nil {
		frauds.Record, frauds.Public = v.Account.Frauds, v.Account.Log
	}
	v.frauds = fraud.New(frauds)
	v.manifests = manifest.New(manifest.Config{
		Self: v.self, Domain: v.Domain, Profile: v.Profile, Miners: v.Miners, Subnet: v.subnet, Ledger: v.Ledger, Frauds: v.frauds, Log: v.Log,
	})
	v.checks = check.New(check.Config{
		Domain: v.Domain, Profile: v.Profile, Books: v.books, Ledger: v.Ledger, Frauds: v.frauds,
		Chance: v.Chance, Fill: v.Fill, Share: v.Pace.CheckShare, Now: v.Now, Log: v.Log,
	})
	v.refused = refusal.NewTally(v.Now)
	v.shards = shards.New(shards.Config{
		Self: v.self, Profile: v.Profile, Miners: v.Miners, Manifests: v.manifests, Ledger: v.Ledger, Record: v.Shards, Keep: v.Keep,
		Refused: v.refused, Others: v.Refusals, Patience: v.patience(), Now: v.Now, Log: v.Log,
	})
	v.audits = audit.New(audit.Config{
		Self: v.self, Profile: v.Profile, Miners: v.Miners, Subnet: v.subnet, Ledger: v.Ledger, Manifests: v.manifests, Shards: v.shards,
		Busy: v.refused.Busy, Chance: v.Chance, Recheck: v.Pace.Recheck, Digests: v.Account != nil, Log: v.Log,
	})
}

// looksInVain is how many looks in vain it takes until what was last shown proves
// nothing any more.
const looksInVain = 10

// patience is how long these take.
func (v *Validator) patience() time.Duration { return looksInVain * v.Pace.Pull }

// Start reads the metagraph once. Code Forbidden if the hotkey is not
// registered.
func (v *Validator) Start(ctx context.Context) error {
	g, err := v.refresh(ctx, strata.BlockHash{})
	if err != nil {
		return err
	}
	row, err := g.Registered(v.self)
	if err != nil {
		return err
	}
	if err := v.account.Open(ctx); err != nil {
		return err
	}
	v.Log.Info("validating", "uid", row.UID, "hotkey", v.self, "stake", row.Stake.String(), "permit", row.Permit)
	return nil
}

// Run validates until ctx is done. Start has succeeded before.
func (v *Validator) Run(ctx context.Context) error {
	g := lifecycle.New(ctx, v.Log, time.Minute)
	g.Go("follow", v.follow)
	g.Go("check", v.checks.Run)
	g.Go("flush", v.flush)
	if v.Account != nil {
		g.Go("account", func(ctx context.Context) error { return v.account.Run(ctx, v.Pace.Flush) })
		g.Go("accusers", func(ctx context.Context) error { return v.frauds.Listen(ctx, v.Account.Accusers, v.Pace.Pull) })
	}
	return g.Wait()
}

// flush writes audit results now and then, and once more at the end.
func (v *Validator) flush(ctx context.Context) error {
	for {
		err := lifecycle.Sleep(ctx, v.Pace.Flush)
		if ferr := v.books.Save(context.WithoutCancel(ctx)); ferr != nil {
			v.Log.Error("audit results were not written; trying again", "err", ferr)
		}
		if err != nil {
			return err
		}
	}
}

// Accuse acts on a proof of fraud that somebody hands in (fraud.Desk.Accuse).
func (v *Validator) Accuse(ctx context.Context, proof []byte, from string) error {
	return v.frauds.Accuse(ctx, proof, from)
}

// Judge returns a transport that lets miners pay for shards that they refuse. A
// refusal counts when the next manifest still shows room in this validator's
// partition.
func (v *Validator) Judge(t object.Transport) object.Transport { return v.refused.Watch(t) }
