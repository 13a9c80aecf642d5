package devchain

import (
	"context"
	"crypto/mlkem"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"strata"
	"strata/chain/scale"
	"strata/chain/timelock"
	"strata/internal/lifecycle"
)

// Node is a running local chain. Its methods are safe for concurrent use.
type Node struct {
	cfg    Config
	url    string
	beacon *timelock.Beacon

	rtMu     sync.Mutex // guards runtimes; may be taken under mu
	runtimes map[uint32]*runtime

	group *lifecycle.Group
	done  chan struct{} // closed when everything has ended
	err   error         // what it ended with; read after done

	shield *mlkem.DecapsulationKey768 // what is encrypted to the author is for it

	mu     sync.RWMutex // guards what follows
	rt     *runtime     // builds the next block
	ledger *ledger
	pool   *pool
	feeds  map[int]feed
	// versions are told of a new runtime, with the lock held; they must not block.
	versions map[int]func(runtimeVersion)
	nextID   int
	stopped  bool // no more blocks
	closing  bool // no more connections
	conns    sync.WaitGroup
}

// feed is told of each new block and what it changed, with the node's lock
// held; it must not block.
type feed func(b *block, c changes)

// closeGrace is how long connections have to end.
const closeGrace = 5 * time.Second

// Start opens or makes the chain in cfg.Dir, continues it from its last block
// and serves it until ctx is done or Close is called. Errors: Locked if another
// process has the directory, Corrupt if its chain is damaged, Unavailable if
// the address is taken.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, strata.E(strata.Unavailable, "the local chain cannot listen on %s: %w; stop what uses the port or choose another", cfg.Listen, err)
	}
	shield, err := mlkem.GenerateKey768()
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	l, err := openLedger(ctx, cfg)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	n := &Node{
		cfg: cfg, url: "ws://" + listener.Addr().String(), ledger: l, pool: newPool(), shield: shield,
		feeds: map[int]feed{}, versions: map[int]func(runtimeVersion){}, runtimes: map[uint32]*runtime{},
		group: lifecycle.New(ctx, cfg.Log, closeGrace), done: make(chan struct{}),
	}
	if n.rt, err = n.runtimeOf(l.state); err == nil {
		n.beacon, err = loadBeacon(cfg.Dir)
	}
	if err != nil {
		return nil, errors.Join(err, l.close(), listener.Close())
	}
	cfg.Log.Info("local chain starts", "url", n.url, "genesis", hexOf(l.genesis.hash[:]), "block", l.head().header.number)
	n.run(listener)
	return n, nil
}

// run starts the node's parts and what waits for their end.
func (n *Node) run(listener net.Listener) {
	server := &http.Server{Handler: n.handler(), ReadHeaderTimeout: 10 * time.Second}
	n.group.OnClose("chain files", n.closeLedger)
	n.group.OnStop("connections", n.closeConns)
	n.group.OnStop("rpc server", server.Close)
	n.group.Go("rpc server", func(context.Context) error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	if n.cfg.BlockTime > 0 {
		n.group.Go("block maker", n.makeBlocks)
	}
	go func() {
		n.err = n.group.Wait()
		close(n.done)
	}()
}

// enter counts a connection in, unless the node is closing.
func (n *Node) enter() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closing {
		n.conns.Add(1)
	}
	return !n.closing
}

// closeConns waits for the connections, which end with the group's context.
func (n *Node) closeConns() error {
	n.mu.Lock()
	n.closing = true
	n.mu.Unlock()
	n.conns.Wait()
	return nil
}

func (n *Node) closeLedger() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped = true
	return n.ledger.close()
}

// makeBlocks makes a block at each tick. A block that cannot be written is
// tried again at the next one: the chain stands still meanwhile.
func (n *Node) makeBlocks(ctx context.Context) error {
	tick := time.NewTicker(n.cfg.BlockTime)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := n.Step(); err != nil {
				n.cfg.Log.Error("no block was made", "err", err)
			}
		}
	}
}

// URL returns the websocket address, such as ws://127.0.0.1:9944. The same
// port takes JSON-RPC by HTTP POST.
func (n *Node) URL() string { return n.url }

// Genesis returns the hash of block 0.
func (n *Node) Genesis() strata.GenesisHash { return n.ledger.genesis.hash }

// Close stops the node and returns when its port and directory are free.
func (n *Node) Close() error {
	n.group.Stop()
	<-n.done
	return n.err
}

// Step makes one block now: what waits in the pool goes in, and it is final
// and on disk when Step returns. The error has code Unavailable on a closed
// node; otherwise it says why the block could not be stored, and the chain and
// the pool are as before.
func (n *Node) Step() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return strata.E(strata.Unavailable, "the local chain is closed")
	}
	head := n.ledger.head()
	x := &exec{rt: n.rt, s: newLayer(n.ledger.state), number: head.header.number + 1, params: n.cfg.Params}
	ms := max(uint64(max(n.cfg.Now().UnixMilli(), 0)), u64at(x.s, timeNow.key())+1)
	if err := x.begin(head.hash, n.beacon, ms/1000); err != nil {
		return err
	}
	x.offerKey(n.shield)
	x.timestamp(ms)
	in, out := n.pool.fill(x)
	if err := x.finish(); err != nil {
		return err
	}
	inherent, err := n.rt.meta.EncodeCall("Timestamp", "set", scale.Struct{"now": ms})
	if err != nil {
		return err
	}
	b := &block{header: header{parent: head.hash, number: x.number}, body: [][]byte{scale.EncodeUnsigned(inherent)}}
	for _, t := range in {
		b.body = append(b.body, t.raw)
	}
	diff := x.s.effective()
	if err := n.ledger.append(context.Background(), b, diff); err != nil {
		return err
	}
	n.pool.settle(n.ledger.state, in, out, x.number)
	n.announce(b, diff, in, out)
	return n.enact()
}

// announce tells feeds and watchers of a block that is on disk.
func (n *Node) announce(b *block, diff changes, in, out []*tx) {
	for _, f := range n.feeds {
		f(b, diff)
	}
	for _, t := range in {
		t.tell(map[string]string{"inBlock": hexOf(b.hash[:])})
		t.tell(map[string]string{"finalized": hexOf(b.hash[:])})
	}
	for _, t := range out {
		t.tell("invalid")
	}
}

// submit takes an extrinsic into the pool.
func (n *Node) submit(raw []byte) (*tx, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	next := n.ledger.head().header.number + 1
	if err := n.pool.known(hashOf(raw), next); err != nil {
		return nil, err
	}
	t, err := n.decodeTx(raw)
	if err != nil {
		return nil, err
	}
	if err := n.rt.validFor(n.ledger.state, t, next); err != nil {
		return nil, err
	}
	if err := n.pool.add(n.ledger.state, t); err != nil {
		return t, err
	}
	n.unshield(t)
	return t, nil
}

// watch tells f what happened to a transaction and what will; the result ends it.
func (n *Node) watch(t *tx, f func(any)) (stop func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range t.status {
		f(s)
	}
	n.nextID++
	id := n.nextID
	t.watchers[id] = f
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(t.watchers, id)
	}
}

// follow calls first with the head and f with each later block; the result ends it.
func (n *Node) follow(first func(b *block, s reader), f feed) (stop func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	first(n.ledger.head(), n.ledger.state)
	n.nextID++
	id := n.nextID
	n.feeds[id] = f
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.feeds, id)
	}
}
