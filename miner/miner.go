package miner

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"strata"
	"strata/allocation"
	"strata/chain"
	"strata/internal/lifecycle"
	"strata/wire"
)

// Chain is what a miner needs of the chain.
type Chain interface {
	Stakes
	Heads(ctx context.Context) (<-chan chain.Head, error)
	ServeAxon(ctx context.Context, hot chain.Signer, n strata.Netuid, a chain.Axon) (strata.BlockHash, error)
}

// Signer is the miner's hotkey.
type Signer = chain.Signer

// Progress reports on sealing: bytes done and to do in this run.
type Progress func(done, total strata.ByteSize)

// Space is the miner's sectors on its disks (package volume). All methods are
// safe for concurrent use. A validator without a partition gives code NotFound.
type Space interface {
	// Disks returns the room of each volume, for planning.
	Disks() ([]Disk, error)
	// Partitions returns what each validator has, Moved left 0.
	Partitions() []allocation.Partition
	// SetTargets makes the plan the one to reach: new sectors are queued, those
	// without live shards released.
	SetTargets(ctx context.Context, targets []allocation.Target) error
	// Seal fills queued sectors until there are none, workers at a time. After
	// an error or a cancelled ctx it continues with the next call.
	Seal(ctx context.Context, workers int, p Progress) error
	// Sealed returns how far each partition is.
	Sealed() []wire.Partition

	// Manifest returns a page; sign signs the head when a new one is due.
	Manifest(ctx context.Context, q wire.ManifestQuery, sign func(*wire.Head) error) (wire.ManifestPage, error)
	// OpenLeaves opens leaves; what cannot be read is Missing.
	OpenLeaves(ctx context.Context, r wire.AuditRequest) (wire.AuditResponse, error)
	// PutShard stores a shard durably and returns the receipt, not yet signed.
	PutShard(ctx context.Context, v strata.Hotkey, root strata.Root, size int64, body io.Reader, order *wire.Order) (wire.Receipt, error)
	// OpenShard opens a shard; the caller closes it.
	OpenShard(ctx context.Context, v strata.Hotkey, root strata.Root) (wire.ShardSource, error)
	// DeleteShard marks a shard deleted.
	DeleteShard(ctx context.Context, v strata.Hotkey, root strata.Root) error
	// Retain marks deleted what the list does not name.
	Retain(ctx context.Context, v strata.Hotkey, list wire.Retain) (wire.RetainResult, error)
	// StoreSuperblock keeps the highest version.
	StoreSuperblock(ctx context.Context, v strata.Hotkey, s wire.Superblock) error
	// LoadSuperblock returns what was stored.
	LoadSuperblock(ctx context.Context, v strata.Hotkey) (wire.Superblock, error)
	// Compact turns sectors whose shards are past undelete into filler again.
	Compact(ctx context.Context) error
}

// Config is what a miner is made of. All fields but Now are needed.
type Config struct {
	Chain    Chain
	Key      Signer
	Space    Space
	Domain   wire.Domain
	Profile  strata.Profile
	Amount   Amount
	External netip.AddrPort // published on chain
	Workers  int            // sectors sealed at once
	LookEach uint64         // blocks between two looks at the allocation
	Version  string
	Log      *slog.Logger
	Now      func() time.Time // time.Now unless given
}

// Miner is the role. Its exported methods answer validators (package peer) and
// are safe for concurrent use; Run keeps it going.
type Miner struct {
	Config
	self   strata.Hotkey
	access *access
	sealed chan struct{} // has a value when there may be something to seal
	moves  []move        // of the last day; used by follow alone
}

// move is sectors taken away from a partition. Moves are kept in memory, so a
// restart lets the daily limit begin anew.
type move struct {
	at        time.Time
	validator strata.Hotkey
	sectors   uint64
}

// New returns a miner that answers requests at once; Run makes it grow.
func New(c Config) *Miner {
	if c.Now == nil {
		c.Now = time.Now
	}
	self := strata.Hotkey(c.Key.PublicKey())
	return &Miner{
		Config: c, self: self,
		access: newAccess(self, c.Now, func(v strata.Hotkey) bool { return hasLive(c.Space, v) }),
		sealed: make(chan struct{}, 1),
	}
}

// Start reads the metagraph, so that validators are let in, and publishes the
// axon where it changed. Code Forbidden if the hotkey is not registered.
func (m *Miner) Start(ctx context.Context) error {
	g, err := m.Chain.Metagraph(ctx, m.Domain.Netuid, strata.BlockHash{})
	if err != nil {
		return err
	}
	row, ok := g.Neuron(m.self)
	if !ok {
		return strata.E(strata.Forbidden, "hotkey %s is not registered on subnet %d: run strata register --netuid %d", m.self, m.Domain.Netuid, m.Domain.Netuid)
	}
	m.access.update(g)
	if err := publish(ctx, m.Chain, m.Key, row, m.Domain.Netuid, m.External); err != nil {
		return err
	}
	m.Log.Info("serving", "axon", m.External, "uid", row.UID, "hotkey", m.self)
	return nil
}

// Run follows the chain, re-allocates, seals and compacts until ctx is done.
func (m *Miner) Run(ctx context.Context) error {
	g := lifecycle.New(ctx, m.Log, time.Minute)
	g.Go("follow", m.follow)
	g.Go("seal", m.seal)
	g.Go("compact", m.compact)
	return g.Wait()
}

// refreshEach is how many blocks a metagraph may be old.
const refreshEach = 5

// follow looks at every head: access every few blocks, the allocation when its
// time has come. A node that fails now is asked again at the next head.
func (m *Miner) follow(ctx context.Context) error {
	heads, err := m.Chain.Heads(ctx)
	if err != nil {
		return err
	}
	next := uint64(0) // block of the next look at the allocation
	for h := range heads {
		if h.Number%refreshEach == 0 {
			if g, err := m.Chain.Metagraph(ctx, m.Domain.Netuid, h.Hash); err == nil {
				m.access.update(g)
				m.checkRegistered(g)
			} else {
				m.Log.Warn("the metagraph was not read", "block", h.Number, "err", err)
			}
		}
		if h.Number >= next {
			if err := m.reallocate(ctx); err != nil {
				m.Log.Warn("the allocation stays as it is", "block", h.Number, "err", err)
				next = h.Number + refreshEach
				continue
			}
			next = h.Number + m.LookEach
		}
	}
	return ctx.Err()
}

func (m *Miner) checkRegistered(g *chain.Metagraph) {
	if _, ok := g.Neuron(m.self); !ok {
		m.Log.Error("this hotkey is no longer registered: nothing is earned until strata register", "hotkey", m.self)
	}
}

// reallocate plans anew and queues what there is to seal.
func (m *Miner) reallocate(ctx context.Context) error {
	p := Planner{Chain: m.Chain, Netuid: m.Domain.Netuid, Profile: m.Profile, Self: m.self}
	vs, next, err := p.Validators(ctx)
	if err != nil {
		return err
	}
	if len(vs) == 0 {
		return strata.E(strata.Unavailable, "no validator has a permit or stake yet; looking again at block %d", next)
	}
	disks, err := m.Space.Disks()
	if err != nil {
		return err
	}
	plan, err := p.Divide(vs, disks, m.Amount, m.partitions())
	if err != nil {
		return err
	}
	if err := m.Space.SetTargets(ctx, plan.Targets); err != nil {
		return err
	}
	for _, t := range plan.Targets {
		if t.Sectors < t.Current {
			m.moves = append(m.moves, move{m.Now(), t.Validator, t.Current - t.Sectors})
		}
	}
	select {
	case m.sealed <- struct{}{}:
	default: // already told
	}
	return nil
}

// partitions is what there is now, with what was taken away within a day.
func (m *Miner) partitions() []allocation.Partition {
	m.moves = slices.DeleteFunc(m.moves, func(v move) bool { return m.Now().Sub(v.at) > 24*time.Hour })
	parts := m.Space.Partitions()
	for i := range parts {
		for _, v := range m.moves {
			if v.validator == parts[i].Validator {
				parts[i].Moved += v.sectors
			}
		}
	}
	return parts
}

// hasLive says whether a validator has live shards here.
func hasLive(s Space, v strata.Hotkey) bool {
	for _, p := range s.Partitions() {
		for _, h := range p.Holdings {
			if p.Validator == v && h.Live > 0 {
				return true
			}
		}
	}
	return false
}

// sealRetry is how long a failed seal waits: a full or vanished disk may be
// back then.
const sealRetry = 30 * time.Second

func (m *Miner) seal(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.sealed:
		}
		for {
			err := m.Space.Seal(ctx, m.Workers, m.report())
			if err == nil || ctx.Err() != nil {
				break
			}
			m.Log.Error("sealing stopped; trying again", "in", sealRetry, "err", err)
			if err := wait(ctx, sealRetry); err != nil {
				return err
			}
		}
	}
}

// report logs progress at most every five seconds.
func (m *Miner) report() Progress {
	started := m.Now()
	last := started
	return func(done, total strata.ByteSize) {
		now := m.Now()
		if now.Sub(last) < 5*time.Second && done < total {
			return
		}
		last = now
		rate := float64(done) / max(now.Sub(started).Seconds(), 1e-3)
		m.Log.Info("sealing", "done", done, "of", total, "mb_per_s", int(rate/1e6),
			"eta", time.Duration(float64(total-done)/max(rate, 1)*float64(time.Second)).Round(time.Second).String())
	}
}

const compactEach = 20 * time.Second

func (m *Miner) compact(ctx context.Context) error {
	for {
		if err := wait(ctx, compactEach); err != nil {
			return err
		}
		if err := m.Space.Compact(ctx); err != nil && !errors.Is(err, context.Canceled) {
			m.Log.Warn("compaction stopped; trying again", "err", err)
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
