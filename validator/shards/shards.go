package shards

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"strata"
	"strata/catalog"
	"strata/validator/manifest"
	"strata/validator/refusal"
	"strata/wire"
)

// Miners is how miners are told about shards. Answers are authentic: package peer
// has checked the signatures.
type Miners interface {
	// Retain tells the miner which shards to keep.
	Retain(ctx context.Context, ep wire.Endpoint, list wire.Retain) (wire.RetainResult, error)
	// RestoreShard takes back a shard's deletion.
	RestoreShard(ctx context.Context, ep wire.Endpoint, root strata.Root) error
}

// Record is where it is recorded what became of a shard.
type Record interface {
	// SettleShard records what a shard on a miner turned out to be, if it is
	// still on record there; it says whether it was.
	SettleShard(ctx context.Context, miner strata.Hotkey, p catalog.Placed, to catalog.ShardState) (bool, error)
}

// Config is what a keeper is made of; all fields but Keep and Others are needed.
type Config struct {
	Self      strata.Hotkey // the validator
	Profile   strata.Profile
	Miners    Miners
	Manifests *manifest.Puller
	Ledger    catalog.Ledger
	Record    Record
	Keep      Keeping          // nil: no miner is told to delete what the catalog does not name
	Refused   *refusal.Tally   // by this process's miners
	Others    catalog.Refusals // what a gateway in another process has noted; nil: there is none
	Patience  time.Duration    // how old that may be
	Now       func() time.Time
	Log       *slog.Logger
}

// Keeper compares the catalog's shards with the miners'. It is safe for concurrent
// use, each miner being dealt with by one at a time.
type Keeper struct {
	Config

	mu      sync.Mutex // guards what follows
	between map[strata.Hotkey]*memory
}

// memory is what is remembered of a miner from one comparison to the next. It
// belongs to who deals with the miner.
type memory struct {
	// unsent are the shards on their way that the manifest has not shown, since
	// when.
	unsent map[catalog.Placed]time.Time
	// orphaned is the manifest's sequence at which shards were first seen that
	// nobody wants, 0 while there are none.
	orphaned uint64
}

// New returns one.
func New(c Config) *Keeper { return &Keeper{Config: c, between: map[strata.Hotkey]*memory{}} }

func (k *Keeper) of(miner strata.Hotkey) *memory {
	k.mu.Lock()
	defer k.mu.Unlock()
	m := k.between[miner]
	if m == nil {
		m = &memory{}
		k.between[miner] = m
	}
	return m
}
