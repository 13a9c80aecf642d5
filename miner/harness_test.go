package miner_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/chain"
	"strata/miner"
	"strata/volume"
	"strata/wallet"
	"strata/wire"
)

// small is the local profile with sectors that fill in a millisecond.
var small = func() strata.Profile {
	p := strata.LocalProfile
	p.Blocks = 256
	p.Deadline = time.Hour // audits wait for the machine, however busy it is
	return p
}()

const sector = 256 * strata.KiB

var (
	domain = wire.Domain{Genesis: strata.GenesisHash{7}, Netuid: 3}
	axon   = netip.MustParseAddrPort("198.51.100.7:8091")
)

// key makes a real sr25519 key of a name.
func key(t testing.TB, name string) *wallet.Key {
	t.Helper()
	k, err := wallet.FromURI("//" + name)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// fakeChain is a chain that the test drives: every block keeps the metagraph
// that it had. Block 0 has no neuron.
type fakeChain struct {
	mu     sync.Mutex // guards what follows
	blocks []*chain.Metagraph
	next   []chain.Neuron // of the block to come
	subs   []chan chain.Head
	asked  int // subscriptions
	served []chain.Axon

	pruned uint64                           // blocks below have no state
	hidden uint64                           // blocks below have no subnet
	fail   func(call string) error          // nil: nothing fails
	stall  func(ctx context.Context) error  // called by Metagraph before it answers
	lateOf func(read uint64, hits int) bool // the state is dropped between two reads
	hits   map[uint64]int
}

func newChain(neurons ...chain.Neuron) *fakeChain {
	c := &fakeChain{next: neurons, hits: map[uint64]int{}}
	c.blocks = []*chain.Metagraph{{Netuid: domain.Netuid, Head: headOf(0)}}
	return c
}

func headOf(number uint64) chain.Head {
	h := chain.Head{Number: number}
	binary.LittleEndian.PutUint64(h.Hash[:], number+1)
	return h
}

// neuron makes a row with a stake in TAO.
func neuron(k *wallet.Key, stake uint64, permit bool) chain.Neuron {
	return chain.Neuron{Hotkey: k.Hotkey(), Stake: strata.Rao(stake) * strata.RaoPerTao, Permit: permit}
}

// set changes the subnet from the next block on.
func (c *fakeChain) set(neurons ...chain.Neuron) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = neurons
}

// edit changes one row from the next block on.
func (c *fakeChain) edit(h strata.Hotkey, change func(*chain.Neuron)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.next {
		if c.next[i].Hotkey == h {
			change(&c.next[i])
		}
	}
}

// grow makes blocks up to a number without telling anybody.
func (c *fakeChain) grow(to uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := uint64(len(c.blocks)); n <= to; n++ {
		rows := append([]chain.Neuron(nil), c.next...)
		c.blocks = append(c.blocks, &chain.Metagraph{Netuid: domain.Netuid, Head: headOf(n), Neurons: rows})
	}
}

// mine makes blocks up to a number, tells the last one, and waits until
// everything in the bubble has come to rest.
func (c *fakeChain) mine(to uint64) {
	c.tell(to)
	synctest.Wait()
}

// tell makes blocks up to a number and tells the last one.
func (c *fakeChain) tell(to uint64) {
	c.grow(to)
	c.mu.Lock()
	subs := c.subs
	c.mu.Unlock()
	for _, s := range subs {
		s <- headOf(to)
	}
}

func (c *fakeChain) failing(call string) error {
	c.mu.Lock()
	f := c.fail
	c.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(call)
}

func (c *fakeChain) with(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// endHeads closes all subscriptions, as a node that goes away does.
func (c *fakeChain) endHeads() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.subs {
		close(s)
	}
	c.subs = nil
}

func (c *fakeChain) subscriptions() (asked, open int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked, len(c.subs)
}

func (c *fakeChain) published() []chain.Axon {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.served
}

func (c *fakeChain) Heads(ctx context.Context) (<-chan chain.Head, error) {
	c.with(func() { c.asked++ })
	if err := c.failing("Heads"); err != nil {
		return nil, err
	}
	s := make(chan chain.Head, 1)
	c.with(func() { c.subs = append(c.subs, s) })
	context.AfterFunc(ctx, func() {
		c.with(func() {
			for i := range c.subs {
				if c.subs[i] == s {
					c.subs = append(c.subs[:i:i], c.subs[i+1:]...)
					close(s)
					return
				}
			}
		})
	})
	return s, nil
}

func (c *fakeChain) Finalized(context.Context) (chain.Head, error) {
	if err := c.failing("Finalized"); err != nil {
		return chain.Head{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blocks[len(c.blocks)-1].Head, nil
}

func (c *fakeChain) BlockAt(_ context.Context, number uint64) (chain.Head, error) {
	if err := c.failing("BlockAt"); err != nil {
		return chain.Head{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hits[number]++
	late := c.lateOf != nil && c.lateOf(number, c.hits[number])
	if number < c.pruned || late || number >= uint64(len(c.blocks)) {
		return chain.Head{}, strata.E(strata.NotFound, "no block %d", number)
	}
	return c.blocks[number].Head, nil
}

func (c *fakeChain) Metagraph(ctx context.Context, n strata.Netuid, at strata.BlockHash) (*chain.Metagraph, error) {
	c.mu.Lock()
	stall := c.stall
	c.mu.Unlock()
	if stall != nil {
		if err := stall(ctx); err != nil {
			return nil, err
		}
	}
	if err := c.failing("Metagraph"); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	number := uint64(len(c.blocks) - 1)
	if at != (strata.BlockHash{}) {
		number = binary.LittleEndian.Uint64(at[:]) - 1
	}
	late := c.lateOf != nil && c.lateOf(number, c.hits[number]+1)
	if n != domain.Netuid || number < c.hidden || number < c.pruned || late {
		return nil, strata.E(strata.NotFound, "no subnet %d, or no state", n)
	}
	return c.blocks[number], nil
}

func (c *fakeChain) ServeAxon(_ context.Context, hot chain.Signer, _ strata.Netuid, a chain.Axon) (strata.BlockHash, error) {
	if err := c.failing("ServeAxon"); err != nil {
		return strata.BlockHash{}, err
	}
	c.with(func() { c.served = append(c.served, a) })
	a.Block = 1
	c.edit(hot.PublicKey(), func(n *chain.Neuron) { n.Axon = a })
	return strata.BlockHash{}, nil
}

// logs is what was logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logs) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), text)
}

// node is a miner on real disks and a fake chain, in a synctest bubble.
type node struct {
	t     *testing.T
	chain *fakeChain
	key   *wallet.Key
	dirs  []string
	logs  *logs
	ahead atomic.Int64 // nanoseconds of the miner's clock over the bubble's

	config func(*miner.Config) // changes what open makes; may be nil

	*miner.Miner
	store  *volume.Store
	cancel context.CancelFunc
	ended  chan error
}

func newNode(t *testing.T, c *fakeChain) *node {
	n := &node{t: t, chain: c, key: key(t, "Miner"), dirs: []string{t.TempDir()}, logs: &logs{}}
	t.Cleanup(n.stop)
	return n
}

func (n *node) clock() time.Time { return time.Now().Add(time.Duration(n.ahead.Load())) }

// open opens the disks and makes the miner.
func (n *node) open() {
	n.t.Helper()
	store, err := volume.Open(n.t.Context(), volume.Config{
		Paths: n.dirs, Wallet: "w", Hotkey: "h", Miner: n.key.Hotkey(),
		Genesis: domain.Genesis, Netuid: domain.Netuid, Profile: small, Clock: n.clock,
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.store = store
	c := miner.Config{
		Chain: n.chain, Key: n.key, Space: store, Domain: domain, Profile: small,
		Amount: miner.Amount{Space: 8 * sector}, External: axon, Workers: 2, LookEach: 20,
		Version: "test", Log: slog.New(slog.NewTextHandler(n.logs, nil)), Now: n.clock,
	}
	if n.config != nil {
		n.config(&c)
	}
	n.Miner = miner.New(c)
}

// run starts the miner, as the program does, and waits until it is at rest.
func (n *node) run() {
	n.t.Helper()
	if n.store == nil {
		n.open()
	}
	if err := n.Start(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel, n.ended = cancel, make(chan error, 1)
	go func() { n.ended <- n.Run(ctx) }()
	synctest.Wait()
}

// stop ends it and closes the disks.
func (n *node) stop() {
	n.t.Helper()
	if n.cancel != nil {
		n.cancel()
		if err := <-n.ended; err != nil {
			n.t.Errorf("Run: %v", err)
		}
		n.cancel = nil
	}
	if n.store != nil {
		if err := n.store.Close(); err != nil {
			n.t.Error(err)
		}
		n.store = nil
	}
}

// sectors returns what each validator's partition is to have and has sealed.
func (n *node) sectors() map[strata.Hotkey][2]uint64 {
	out := map[strata.Hotkey][2]uint64{}
	for _, p := range n.Status(n.t.Context()).Partitions {
		out[p.Validator] = [2]uint64{p.Target, p.Sealed}
	}
	return out
}

// wantSectors checks that all partitions are sealed and of this size.
func (n *node) wantSectors(when string, want map[*wallet.Key]uint64) {
	n.t.Helper()
	got := n.sectors()
	if len(got) != len(want) {
		n.t.Errorf("%s: %d partitions, want %d", when, len(got), len(want))
	}
	for k, sectors := range want {
		if got[k.Hotkey()] != [2]uint64{sectors, sectors} {
			n.t.Errorf("%s: %s has target and sealed %v, want %d", when, k, got[k.Hotkey()], sectors)
		}
	}
}

// wantCode checks an error's code.
func wantCode(t testing.TB, what string, err error, code strata.Code) {
	t.Helper()
	if got := strata.CodeOf(err); got != code {
		t.Errorf("%s: %v (code %q), want code %q", what, err, got, code)
	}
}

var _ miner.Space = (*volume.Store)(nil)
