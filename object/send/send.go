// Package send brings encoded segments to miners: it chooses them, sends each its
// shard, another one where one fails, refuses or is slow, and says when enough have
// signed. It knows the records of shards, but neither names nor keys.
//
// A shard that is being sent may reach its miner later than a deletion that is sent
// after it. So a Sender also says which shards are held: under way, or about to be
// restored.
package send

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"strata"
	"strata/catalog"
	"strata/object/memory"
	"strata/object/roster"
	"strata/wire"
)

const (
	// slowPerMiB is added to Options.Slow for the length of a shard.
	slowPerMiB = 2 * time.Second
	// recordLimit bounds the transaction that records what became of sends.
	recordLimit = 30 * time.Second
)

// Transport takes shards to miners. It is safe for concurrent use, and gives up when
// ctx is done.
type Transport interface {
	// PutShard stores a shard and returns the miner's verified receipt. body is
	// not kept after it returns. Code NoSpace means that the miner has no room.
	PutShard(ctx context.Context, to wire.Endpoint, root strata.Root, body []byte) (wire.Receipt, error)
}

// Records is told where shards are. Code Conflict: their object is deleted.
type Records interface {
	UpdateShards(ctx context.Context, object strata.ObjectID, number uint64, news []catalog.ShardUpdate) error
}

// Options configures a Sender. All are needed.
type Options struct {
	Miners    *roster.Roster
	Transport Transport
	Records   Records
	Memory    *memory.Memory
	Slow      time.Duration // a send is late after this and 2 s a MiB: another miner is tried
	Tail      time.Duration // sends may go on after a segment counts, while memory lasts
	Log       *slog.Logger
}

// Sender sends for a store. It is safe for concurrent use.
type Sender struct {
	miners  *roster.Roster
	peers   Transport
	records Records
	memory  *memory.Memory
	slow    time.Duration
	tail    time.Duration
	log     *slog.Logger
	life    context.Context
	wg      sync.WaitGroup // background sends

	mu   sync.Mutex
	held map[strata.Root]int // guarded by mu
}

// New returns a Sender. When life ends, the sends that go on in the background do;
// what they have not finished stays recorded as Sending.
func New(life context.Context, o Options) *Sender {
	return &Sender{
		miners: o.Miners, peers: o.Transport, records: o.Records, memory: o.Memory, slow: o.Slow, tail: o.Tail, log: o.Log,
		life: life, held: map[strata.Root]int{},
	}
}

// Wait returns when no send is under way. Nobody calls Send meanwhile.
func (s *Sender) Wait() { s.wg.Wait() }

// Hold has the deletions of shards wait until release is called.
func (s *Sender) Hold(roots ...strata.Root) (release func()) {
	s.count(1, roots)
	return func() { s.count(-1, roots) }
}

func (s *Sender) count(n int, roots []strata.Root) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, root := range roots {
		if s.held[root] += n; s.held[root] == 0 {
			delete(s.held, root)
		}
	}
}

// Held says whether a deletion of the shard has to wait.
func (s *Sender) Held(root strata.Root) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[root] > 0
}

// One sends a shard to one miner. A slow miner counts as failed.
func (s *Sender) One(ctx context.Context, to roster.Candidate, root strata.Root, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, s.limit(body))
	defer cancel()
	receipt, err := s.peers.PutShard(ctx, to.Endpoint, root, body)
	if err == nil {
		err = check(receipt, to, root, body)
	}
	if err != nil {
		s.failed(to, err)
	}
	return err
}

// limit is how long a miner has for a shard.
func (s *Sender) limit(body []byte) time.Duration {
	return s.slow + time.Duration(len(body))*slowPerMiB/time.Duration(strata.MiB)
}

// failed notes that a miner did not take a shard. That it is full is no failure.
func (s *Sender) failed(to roster.Candidate, err error) {
	if strata.CodeOf(err) != strata.NoSpace {
		s.miners.Failed(to.Hotkey)
	}
}

// check says whether a miner has signed for the shard that it was sent.
func check(r wire.Receipt, to roster.Candidate, root strata.Root, body []byte) error {
	if r.Root != root || r.Length != uint64(len(body)) {
		return strata.E(strata.Corrupt, "miner %s signed for another shard than it was sent", to.Hotkey.Short())
	}
	return nil
}

// Delivery is the sends of one object's segments, which share the miners that failed
// it. They may outlive the request that the object came with. It is safe for
// concurrent use.
type Delivery struct {
	s     *Sender
	ctx   context.Context
	stop  context.CancelFunc
	users atomic.Int32 // who began it, and each segment; the last one ends ctx

	mu  sync.Mutex
	out map[strata.Hotkey]bool // miners that failed or refused the object; guarded by mu
}

// Begin begins a delivery, which Release or Abandon ends.
func (s *Sender) Begin() *Delivery {
	d := &Delivery{s: s, out: map[strata.Hotkey]bool{}}
	d.ctx, d.stop = context.WithCancel(s.life)
	d.users.Store(1)
	return d
}

// Abandon ends all sends.
func (d *Delivery) Abandon() { d.stop() }

// Release says that no segment is to come. Sends that go on are bounded in time.
func (d *Delivery) Release() {
	if d.users.Add(-1) == 0 {
		d.stop()
	}
}

// refuse leaves a miner out of the object's next segments.
func (d *Delivery) refuse(h strata.Hotkey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.out[h] = true
}

func (d *Delivery) refused(h strata.Hotkey) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.out[h]
}
