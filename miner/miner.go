package miner

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
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

// Progress reports on sealing: bytes done and to do in this run. It is never
// called twice at once.
type Progress = func(done, total strata.ByteSize)

// Space is the miner's sectors on its disks (package volume). All methods are
// safe for concurrent use. A validator without a partition gives code NotFound.
type Space interface {
	// Disks returns the room of each volume, for planning.
	Disks() ([]allocation.Disk, error)
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
	// Leave makes all manifest heads from here on say whether the miner leaves.
	Leave(leaving bool)

	// Manifest returns a page of at most limit entries, 0 for as many as fit;
	// sign signs the head when a new one is due.
	Manifest(ctx context.Context, q wire.ManifestQuery, limit int, sign func(*wire.Head) error) (wire.ManifestPage, error)
	// OpenLeaves opens leaves; what cannot be read is Missing.
	OpenLeaves(ctx context.Context, r wire.AuditRequest) (wire.AuditResponse, error)
	// PutShard stores a shard durably and returns the receipt, not yet signed.
	PutShard(ctx context.Context, v strata.Hotkey, root strata.Root, size int64, body io.Reader, order *wire.Order) (wire.Receipt, error)
	// OpenShard opens a shard; the caller closes it.
	OpenShard(ctx context.Context, v strata.Hotkey, root strata.Root) (wire.ShardSource, error)
	// DeleteShard marks a shard deleted.
	DeleteShard(ctx context.Context, v strata.Hotkey, root strata.Root) error
	// RestoreShard makes a shard that is marked deleted live again.
	RestoreShard(ctx context.Context, v strata.Hotkey, root strata.Root) error
	// Retain marks deleted what the list does not name.
	Retain(ctx context.Context, v strata.Hotkey, list wire.Retain) (wire.RetainResult, error)
	// StoreSuperblock keeps the highest version.
	StoreSuperblock(ctx context.Context, v strata.Hotkey, s wire.Superblock) error
	// LoadSuperblock returns what was stored.
	LoadSuperblock(ctx context.Context, v strata.Hotkey) (wire.Superblock, error)
	// Tend looks once, slowly, after everything that is sealed, and mends it.
	Tend(ctx context.Context) error
	// Compact turns sectors whose shards are past undelete into filler again.
	Compact(ctx context.Context) error
}

// Config is what a miner is made of. All fields but Now and Certificates are
// needed.
type Config struct {
	Chain    Chain
	Key      Signer
	Space    Space
	Domain   wire.Domain
	Profile  strata.Profile
	Amount   Amount
	External netip.AddrPort // published on chain
	// Certificates, if not nil, are published with the address.
	Certificates Certificates
	Workers      int    // sectors sealed at once
	LookEach     uint64 // blocks between two looks at the allocation
	Version      string
	Leave        bool // ask the validators to move their shards away, then end
	Log          *slog.Logger
	Now          func() time.Time // time.Now unless given
}

// Miner is the role. Its exported methods answer validators (package peer) and
// are safe for concurrent use; Run keeps it going. Start comes before Run.
type Miner struct {
	Config
	self   strata.Hotkey
	access *access
	grown  chan struct{} // has a value when sectors may be queued that Seal has not seen
	watch  watch         // used by Start, then by follow alone
	moves  []move        // of the last day; used by follow alone
}

// New returns a miner that answers requests at once, refusing all validators
// until Start; Run makes it grow.
func New(c Config) *Miner {
	if c.Now == nil {
		c.Now = time.Now
	}
	c.External = netip.AddrPortFrom(c.External.Addr().Unmap(), c.External.Port())
	self := strata.Hotkey(c.Key.PublicKey())
	m := &Miner{
		Config: c, self: self,
		access: newAccess(self, c.Now, func() map[strata.Hotkey]bool { return holders(c.Space) }),
		grown:  make(chan struct{}, 1),
	}
	c.Space.Leave(c.Leave)
	m.grown <- struct{}{} // a run before this one may have left sectors to seal
	return m
}

// Start reads the metagraph, so that validators are let in, and publishes the
// axon where it changed. Code Forbidden if the hotkey is not registered. An axon
// that the chain does not take for now (its serving rate limit, say) is no
// error: Run publishes it later.
func (m *Miner) Start(ctx context.Context) error {
	g, err := m.metagraph(ctx, strata.BlockHash{})
	if err != nil {
		return err
	}
	row, err := g.Registered(m.self)
	if err != nil {
		return err
	}
	m.access.update(g)
	if err := m.publish(ctx, row); passing(err) {
		m.Log.Warn("the axon is not published yet; trying again", "axon", m.External, "err", err)
	} else if err != nil {
		return err
	}
	m.Log.Info("serving", "axon", m.External, "uid", row.UID, "hotkey", m.self)
	return nil
}

// Run follows the chain, re-allocates, seals and compacts until ctx is done,
// then returns nil, or ErrLeft (Config.Leave). Neither the chain nor a disk can end it: what fails is tried
// again, and what is stored is served meanwhile.
func (m *Miner) Run(ctx context.Context) error {
	g := lifecycle.New(ctx, m.Log, time.Minute)
	g.Go("follow", m.follow)
	g.Go("seal", m.seal)
	g.Go("compact", m.compact)
	g.Go("tend", m.tend)
	if m.Leave {
		g.Go("leave", m.leave)
	}
	return g.Wait()
}
