package object

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"strata"
	"strata/catalog"
	"strata/object/fetch"
	"strata/object/keyring"
	"strata/object/memory"
	"strata/object/packer"
	"strata/object/renew"
	"strata/object/roster"
	"strata/object/send"
	"strata/wire"
)

// Catalog is the metadata that a Store needs.
type Catalog interface {
	catalog.Objects
	catalog.Packs
	catalog.Uploads
	catalog.Deletions
	catalog.Keys
	catalog.Repairs
	catalog.Undeletes
}

// Transport moves shards. It is safe for concurrent use, and gives up when ctx
// is done. Code NotFound means that the miner does not have the shard, NoSpace
// that it has no room.
type Transport interface {
	send.Transport
	fetch.Transport
	// DeleteShard deletes a shard.
	DeleteShard(ctx context.Context, at wire.Endpoint, root strata.Root) error
	// RestoreShard takes a deletion back. Code NotFound when the miner has
	// forgotten the shard.
	RestoreShard(ctx context.Context, at wire.Endpoint, root strata.Root) error
}

// Timing bounds how long a Store waits. A zero field takes its default.
type Timing struct {
	Hedge       time.Duration // a shard's chunk is late after this: a spare is read too (500 ms)
	SendSlow    time.Duration // a send is late after this and 2 s a MiB: another miner is tried (5 s)
	SendTail    time.Duration // sends may go on after a segment counts, while memory lasts (30 s)
	DeleteEvery time.Duration // between two looks at the deletion queue (5 s)
	DeleteRetry time.Duration // before a failed deletion is tried again; it doubles up to 6 h (10 s)
	DeleteLimit time.Duration // for one miner to answer a deletion (20 s)
	Reserve     time.Duration // before a place that a repair did not come to use is cleared (1 h)
}

// defaultMemory keeps a gateway that streams well below 256 MiB resident: the
// garbage collector lets the heap grow to twice what is live.
const defaultMemory = 96 * strata.MiB

// Options configures a Store. All but Memory, Timing, Now and Log are needed.
type Options struct {
	Catalog   Catalog
	Transport Transport
	Network   roster.Network
	Secret    keyring.Secret
	Profile   strata.Profile
	Memory    strata.ByteSize // for encoded segments on their way, all objects together (96 MiB)
	Timing    Timing
	Now       func() time.Time
	Log       *slog.Logger
}

// Store stores objects. It is safe for concurrent use.
type Store struct {
	cat    Catalog
	peers  Transport
	prof   strata.Profile
	timing Timing
	now    func() time.Time
	log    *slog.Logger

	keys    *keyring.Keyring
	miners  *roster.Roster
	shards  *fetch.Source
	sends   *send.Sender
	renewer *renew.Renewer

	memory *memory.Memory // of encoded segments on their way
	rows   sync.Pool      // *[]byte, rows of bodies
	packs  *packer.Packer[small]
	use    use // of users
	wake   chan struct{}

	born time.Time
	life context.Context // ends with Close
	end  context.CancelFunc
}

// New returns a Store, and on a new catalog draws its first key. Code Conflict
// if the catalog was written with another hotkey's secret. Close ends it.
func New(ctx context.Context, o Options) (*Store, error) {
	s := &Store{
		cat: o.Catalog, peers: o.Transport, prof: o.Profile, timing: o.Timing.withDefaults(),
		now: o.Now, log: o.Log, wake: make(chan struct{}, 1),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.born = s.now()
	var err error
	if s.keys, err = keyring.Load(ctx, o.Catalog, o.Secret, s.now); err != nil {
		return nil, err
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.furnish(o)
	return s, nil
}

// furnish makes what the store is composed of.
func (s *Store) furnish(o Options) {
	s.miners = roster.New(o.Network, s.now)
	s.shards = fetch.New(fetch.Options{
		Miners: s.miners, Transport: o.Transport, Keys: s.keys, Records: o.Catalog,
		Hedge: s.timing.Hedge, Used: s.use.touch, Now: s.now, Log: s.log,
	})
	s.memory = memory.New(int64(cmp.Or(o.Memory, defaultMemory)))
	s.sends = send.New(s.life, send.Options{
		Miners: s.miners, Transport: o.Transport, Records: o.Catalog, Memory: s.memory,
		Slow: s.timing.SendSlow, Tail: s.timing.SendTail, Log: s.log,
	})
	s.renewer = renew.New(renew.Options{
		Miners: s.miners, Shards: s.shards, Sends: s.sends, Memory: s.memory, Records: o.Catalog,
		Reserve: s.timing.Reserve, Now: s.now, Log: s.log,
	})
	s.packs = packer.New(s.life, s.now, s.sendBatch)
}

// Close ends the sends that go on in the background, and waits for them. What
// they have not finished stays recorded as Sending. No Put or PutPart may be
// under way or begin.
func (s *Store) Close() {
	s.end()
	s.packs.Wait()
	s.sends.Wait() // the packs' have all begun
}

func (t Timing) withDefaults() Timing {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&t.Hedge, 500 * time.Millisecond},
		{&t.SendSlow, 5 * time.Second},
		{&t.SendTail, 30 * time.Second},
		{&t.DeleteEvery, 5 * time.Second},
		{&t.DeleteRetry, 10 * time.Second},
		{&t.DeleteLimit, 20 * time.Second},
		{&t.Reserve, time.Hour},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return t
}

// busyFor is how long after the last row of a user's file a Store is busy.
const busyFor = time.Second

// use notes when a user's file last moved. Its zero value is ready; it is safe
// for concurrent use.
type use struct{ last atomic.Int64 }

func (u *use) touch() { u.last.Store(time.Now().UnixNano()) }

// Busy says whether users' files are being stored or read just now, so that
// repair can leave them the network.
func (s *Store) Busy() bool { return time.Now().UnixNano()-s.use.last.Load() < int64(busyFor) }

func newID() (id strata.ObjectID) {
	rand.Read(id[:]) // never fails: crypto/rand
	return id
}
