package validator

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"strata"
	"strata/catalog"
	"strata/chain"
	"strata/internal/lifecycle"
	"strata/score"
	"strata/seal"
	"strata/wire"
)

// Chain is what a validator needs of the chain.
type Chain interface {
	Heads(ctx context.Context) (<-chan chain.Head, error)
	Metagraph(ctx context.Context, n strata.Netuid, at strata.BlockHash) (*chain.Metagraph, error)
	Hyperparameters(ctx context.Context, n strata.Netuid) (chain.Hyperparameters, error)
	SetWeights(ctx context.Context, hot chain.Signer, n strata.Netuid, w []chain.Weight, kept chain.Commits) (chain.WeightsReceipt, error)
	RevealWeights(ctx context.Context, hot chain.Signer, n strata.Netuid, kept chain.Commits) (chain.Reveals, error)
}

// Miners is how a validator talks to them. Answers are authentic: package peer
// has checked the signatures.
type Miners interface {
	Status(ctx context.Context, ep wire.Endpoint) (wire.Status, error)
	Manifest(ctx context.Context, ep wire.Endpoint, q wire.ManifestQuery) (wire.ManifestPage, error)
	// Audit returns the answer and the time from the request's last byte to
	// the answer's last byte.
	Audit(ctx context.Context, ep wire.Endpoint, r wire.AuditRequest) (wire.AuditResponse, time.Duration, error)
	// ReadShard reads n bytes from off of a shard of size bytes, as a gateway does.
	// It returns the BLAKE3 of them, all verified against the root, and the time.
	ReadShard(ctx context.Context, ep wire.Endpoint, root strata.Root, size, off, n uint64) (strata.Root, time.Duration, error)
	// Retain tells the miner which shards to keep.
	Retain(ctx context.Context, ep wire.Endpoint, list wire.Retain) (wire.RetainResult, error)
	// RestoreShard takes back a shard's deletion.
	RestoreShard(ctx context.Context, ep wire.Endpoint, root strata.Root) error
	// RoundTrip returns the time of a TCP connect.
	RoundTrip(ctx context.Context, ep wire.Endpoint) (time.Duration, error)
}

// Shards is where it is recorded what became of a shard.
type Shards interface {
	// SettleShard records what a shard on a miner turned out to be, if it is
	// still on record there; it says whether it was.
	SettleShard(ctx context.Context, miner strata.Hotkey, p catalog.Placed, to catalog.ShardState) (bool, error)
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
	Shards Shards
	// Refusals are what a gateway in another process has noted; nil means that
	// there is none.
	Refusals catalog.Refusals
	Keep     Keeping // nil: no miner is told to delete what the catalog does not name
	Domain   wire.Domain
	Profile  strata.Profile
	Pace     Pace
	Log      *slog.Logger
	Now      func() time.Time
	// Account is the validator's audit log; nil means that it keeps none.
	Account *Account
	// Chance returns 64 random bits. A simulation gives its own, to be repeated;
	// nil means secret ones, without which a miner could foresee its checks.
	Chance func() uint64
	// Fill computes a sector's true root with room for the sector in buf; nil
	// fills it. What checks the same few sectors thousands of times remembers
	// their roots here.
	Fill func(ctx context.Context, s seal.Sector, buf []byte) (strata.Root, error)
}

// Validator is the role. Run keeps it going; Status and Candidates are safe for
// concurrent use at any time.
type Validator struct {
	Config
	self strata.Hotkey
	// underway is the sectors that are being refilled.
	underway underway
	large    turn      // held by a pull that takes much memory
	born     time.Time // no miner was silent before

	line line // over which shards go to miners

	handing sync.Mutex // held while entries go from the journal to the audit log

	mu         sync.Mutex // guards what follows
	books      map[strata.Hotkey]*book
	graph      *chain.Metagraph
	params     chain.Hyperparameters
	rules      score.Rules
	stakes     shares
	head       chain.Head
	weights    map[strata.Hotkey]uint16 // last set
	weightedAt uint64                   // block of the last vector, or of the last attempt
	unset      string                   // why there are no weights, as last logged
	onlooker   bool                     // another process validates; this one reads its ledger
	computed   computed                 // the last vector that was logged
	ended      []ended                  // what waits to become public
	accused    []accusation             // false roots that others say they found
	others     bool                     // whose turn it was last: others' proofs or our checks
	distrusted map[string]uint64        // until which block nobody listens to an accuser
}

// New restores a validator from its ledger.
func New(ctx context.Context, c Config) (*Validator, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Chance == nil {
		c.Chance = secret
	}
	if c.Fill == nil {
		c.Fill = fill
	}
	c.Pace = c.Pace.withDefaults(c.Profile)
	v := &Validator{Config: c, self: strata.Hotkey(c.Key.PublicKey()), large: make(turn, 1), books: map[strata.Hotkey]*book{}, weights: map[strata.Hotkey]uint16{}, distrusted: map[string]uint64{}}
	v.born = c.Now()
	if err := v.restore(ctx); err != nil {
		return nil, err
	}
	return v, nil
}

func (v *Validator) restore(ctx context.Context) error {
	records, err := v.Ledger.Miners(ctx)
	if err != nil {
		return err
	}
	for _, r := range records {
		v.books[r.Hotkey] = newBook(v, r)
	}
	heads, err := v.Ledger.Heads(ctx)
	if err != nil {
		return err
	}
	for p, h := range heads {
		b := v.books[p.Miner]
		if b == nil {
			return strata.E(strata.Corrupt, "the ledger has a manifest of miner %s but no record of it: restore strata.db from a backup", p.Miner)
		}
		if err := b.load(ctx, p, h); err != nil {
			return err
		}
	}
	block, last, err := v.Ledger.LastWeights(ctx)
	if err != nil {
		return err
	}
	v.weightedAt = block
	for _, w := range last {
		v.weights[w.Hotkey] = w.Value
	}
	return nil
}

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
	if err := v.open(ctx); err != nil {
		return err
	}
	v.Log.Info("validating", "uid", row.UID, "hotkey", v.self, "stake", row.Stake.String(), "permit", row.Permit)
	return nil
}

// Run validates until ctx is done. Start has succeeded before.
func (v *Validator) Run(ctx context.Context) error {
	g := lifecycle.New(ctx, v.Log, time.Minute)
	g.Go("follow", v.follow)
	g.Go("check", v.check)
	g.Go("flush", v.flush)
	if v.Account != nil {
		g.Go("account", v.account)
		g.Go("accusers", v.listen)
	}
	return g.Wait()
}

// flush writes audit results now and then, and once more at the end.
func (v *Validator) flush(ctx context.Context) error {
	for {
		err := lifecycle.Sleep(ctx, v.Pace.Flush)
		if ferr := v.save(context.WithoutCancel(ctx)); ferr != nil {
			v.Log.Error("audit results were not written; trying again", "err", ferr)
		}
		if err != nil {
			return err
		}
	}
}

// save writes the records that changed. A crash before it loses the audits
// since the last one. A miner whose turn is taken is left for the next time, or
// for the write that is being made: it delays nobody.
func (v *Validator) save(ctx context.Context) error {
	var dirty []catalog.MinerRecord
	var from []*book
	for _, b := range v.all() {
		if !b.turn.try() {
			continue
		}
		defer b.turn.give()
		if r, ok := b.takeDirty(); ok {
			dirty, from = append(dirty, r), append(from, b)
		}
	}
	if len(dirty) == 0 {
		return nil
	}
	err := v.Ledger.SaveMiners(ctx, dirty)
	if err != nil {
		for i, b := range from {
			b.unsaved(dirty[i].Journal)
		}
	}
	return err
}

// all returns every book, in order of hotkey.
func (v *Validator) all() []*book {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := make([]*book, 0, len(v.books))
	for _, b := range v.books {
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b *book) int { return compareKeys(a.hotkey, b.hotkey) })
	return out
}
