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
	"strata/chain/devchain/ledger"
	"strata/chain/devchain/metadata"
	"strata/chain/devchain/pallets"
	"strata/chain/devchain/pool"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/timelock"
	"strata/internal/lifecycle"
)

// Node is a running local chain. Its methods are safe for concurrent use.
type Node struct {
	cfg      Config
	url      string
	beacon   *timelock.Beacon
	shield   *mlkem.DecapsulationKey768 // what is encrypted to the author is for it
	runtimes *runtimes

	group *lifecycle.Group
	done  chan struct{} // closed when everything has ended
	err   error         // what it ended with; read after done

	mu     sync.RWMutex      // guards what follows
	rt     *metadata.Runtime // builds the next block
	ledger *ledger.Ledger
	pool   *pool.Pool
	feeds  map[int]feed
	// versions are told of a new runtime, with the lock held; they must not block.
	versions map[int]func(metadata.Version)
	nextID   int
	stopped  bool // no more blocks
}

// feed is told of each new block and what it changed, with the node's lock
// held; it must not block.
type feed func(b *ledger.Block, c state.Changes)

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
	l, err := ledger.Open(ctx, cfg.Dir, func() (state.Changes, error) { return pallets.Genesis(cfg.Params, cfg.Accounts) })
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	n := &Node{
		cfg: cfg, url: "ws://" + listener.Addr().String(), ledger: l, pool: pool.New(), shield: shield,
		feeds: map[int]feed{}, versions: map[int]func(metadata.Version){}, runtimes: &runtimes{blockTime: cfg.BlockTime, made: map[uint32]*metadata.Runtime{}},
		group: lifecycle.New(ctx, cfg.Log, closeGrace), done: make(chan struct{}),
	}
	if n.rt, err = n.runtimes.of(l.State()); err == nil {
		n.beacon, err = loadBeacon(cfg.Dir)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), listener.Close())
	}
	cfg.Log.Info("local chain starts", "url", n.url, "genesis", hexOf(l.Genesis().Hash[:]), "block", l.Head().Header.Number)
	n.run(listener)
	return n, nil
}

// run starts the node's parts and what waits for their end.
func (n *Node) run(listener net.Listener) {
	rpc := n.server()
	server := &http.Server{Handler: rpc, ReadHeaderTimeout: 10 * time.Second}
	n.group.OnClose("chain files", n.closeLedger)
	n.group.OnStop("connections", rpc.Close)
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

func (n *Node) closeLedger() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped = true
	return n.ledger.Close()
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
func (n *Node) Genesis() strata.GenesisHash { return n.ledger.Genesis().Hash }

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
	x := pallets.NewExecution(n.rt, n.ledger.State(), n.ledger.Next(), n.cfg.Params)
	ms, err := x.Begin(n.ledger.Head().Hash, n.beacon, uint64(max(n.cfg.Now().UnixMilli(), 0)))
	if err != nil {
		return err
	}
	x.OfferKey(n.shield.EncapsulationKey().Bytes())
	inherent, err := x.Timestamp(ms)
	if err != nil {
		return err
	}
	in, out := n.pool.Fill(x)
	diff, err := x.Finish()
	if err != nil {
		return err
	}
	body := [][]byte{inherent}
	for _, t := range in {
		body = append(body, t.Raw)
	}
	b, err := n.ledger.Append(context.Background(), body, diff)
	if err != nil {
		return err
	}
	n.pool.Settle(n.nonces, in, out, b.Header.Number)
	n.announce(b, diff, in, out)
	return n.enact()
}

// nonces returns an account's next nonce after the last block. The caller holds
// the node's lock.
func (n *Node) nonces(who state.Account) uint64 { return storage.NonceAt(n.ledger.State(), who) }

// announce tells feeds and watchers of a block that is on disk.
func (n *Node) announce(b *ledger.Block, diff state.Changes, in, out []*pool.Tx) {
	for _, f := range n.feeds {
		f(b, diff)
	}
	for _, t := range in {
		t.Tell(map[string]string{"inBlock": hexOf(b.Hash[:])})
		t.Tell(map[string]string{"finalized": hexOf(b.Hash[:])})
	}
	for _, t := range out {
		t.Tell("invalid")
	}
}

// submit takes an extrinsic into the pool. The error is a pallets.Refusal.
func (n *Node) submit(raw []byte) (*pool.Tx, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	next := n.ledger.Next()
	if err := n.pool.Known(state.HashOf(raw), next); err != nil {
		return nil, err
	}
	x, err := pallets.DecodeExtrinsic(n.rt, raw, n.ledger)
	if err != nil {
		return nil, err
	}
	if err := x.ValidFor(n.rt, n.ledger.State(), next); err != nil {
		return nil, err
	}
	t := pool.NewTx(x, false)
	if err := n.pool.Add(n.nonces, t); err != nil {
		return t, err
	}
	n.unshield(t)
	return t, nil
}

// watch tells f what happened to a transaction and what will; the result ends it.
func (n *Node) watch(t *pool.Tx, f func(any)) (stop func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	end := t.Watch(f)
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		end()
	}
}

// follow calls first with the head and f with each later block; the result ends it.
func (n *Node) follow(first func(b *ledger.Block, s state.Reader), f feed) (stop func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	first(n.ledger.Head(), n.ledger.State())
	n.nextID++
	id := n.nextID
	n.feeds[id] = f
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.feeds, id)
	}
}
