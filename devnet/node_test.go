//go:build unix

package devnet

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"strata"
	"strata/chain/subtensor"
	"strata/miner"
	"strata/peer"
	"strata/volume"
	"strata/volume/layout"
	"strata/volume/vfs"
	"strata/volume/vfs/faultfs"
	"strata/wallet"
	"strata/wire"
)

// node is a real miner within the test, on disks that can lose power and behind
// a line that can hang, crawl and break. It serves at one address all its life.
type node struct {
	name   string
	db     string
	key    *wallet.Key
	chain  *subtensor.Client
	domain wire.Domain
	addr   string // listened on, from the first start on
	line   *line
	space  strata.ByteSize
	log    *slog.Logger
	// layer puts something between the store and the disks, nil for nothing.
	layer func(*faultfs.FS) vfs.FS

	store  *volume.Store // nil while it is off
	disks  *faultfs.FS
	server *peer.Server
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// on starts the node as a process would be started: with nothing but its disks.
func (d *node) on(ctx context.Context) error {
	d.disks = &faultfs.FS{}
	var fs vfs.FS = d.disks
	if d.layer != nil {
		fs = d.layer(d.disks)
	}
	store, err := volume.Open(ctx, volume.Config{
		Paths: []string{d.db}, Wallet: d.name, Hotkey: "default", Miner: d.key.Hotkey(),
		Genesis: d.domain.Genesis, Netuid: d.domain.Netuid, Profile: strata.LocalProfile, Log: d.log,
	}.On(fs))
	if err != nil {
		return err
	}
	d.store = store
	ln, err := d.listen()
	if err != nil {
		return err
	}
	m := miner.New(miner.Config{
		Chain: d.chain, Key: d.key, Space: store, Domain: d.domain, Profile: strata.LocalProfile,
		Amount: miner.Amount{Space: d.space}, External: netip.MustParseAddrPort(d.addr),
		Workers: 1, LookEach: 20, Version: "soak", Log: d.log,
	})
	d.server, err = peer.NewServer(peer.ServerConfig{Hotkey: d.key.Hotkey(), Signer: d.key, Domain: d.domain, Miner: m, Log: d.log})
	if err != nil {
		return err
	}
	if err := m.Start(ctx); err != nil {
		return err
	}
	run, cancel := context.WithCancel(ctx)
	d.cancel = cancel
	server := d.server
	d.wg.Go(func() { _ = server.Serve(ln) }) // its end is told by off
	d.wg.Go(func() { _ = m.Run(run) })
	return nil
}

func (d *node) listen() (net.Listener, error) {
	at := d.addr
	if at == "" {
		at = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", at)
	if err != nil {
		return nil, err
	}
	d.addr = ln.Addr().String()
	return d.line.over(ln), nil
}

// off lets the power go at once and applies loss to what was not synced. The
// node's goroutines find that nothing works any more; what they do after the
// cut reaches neither disk nor network.
func (d *node) off(loss faultfs.Loss) error {
	if d.store == nil {
		return nil
	}
	d.disks.Cut()
	d.line.cut()
	d.cancel()
	closed := d.server.Close()
	d.wg.Wait()
	d.disks.Keep = loss
	closed = errors.Join(closed, d.store.Close())
	d.store = nil
	_, err := d.disks.Crash()
	if errors.Is(closed, faultfs.ErrCut) {
		closed = nil
	}
	return errors.Join(err, closed)
}

// flip turns a bit in each of some places of the node's data, as a failing disk
// does.
func (d *node) flip(places []uint64) error {
	files, err := filepath.Glob(filepath.Join(layout.Dir(d.db, d.name, "default"), "data-*"))
	if err != nil || len(files) == 0 {
		return errors.Join(err, errors.New("the node has no data"))
	}
	f, err := os.OpenFile(files[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, 1)
	for _, p := range places {
		at := int64(p % uint64(size.Size()))
		if _, err := f.ReadAt(b, at); err != nil {
			return err
		}
		b[0] ^= 1 << (p % 8)
		if _, err := f.WriteAt(b, at); err != nil {
			return err
		}
	}
	return nil
}

// line is a node's network. It is safe for concurrent use.
type line struct {
	mu    sync.Mutex // guards what follows
	hung  chan struct{}
	pause time.Duration // before each read and write
	conns map[net.Conn]bool
}

func newLine() *line { return &line{conns: map[net.Conn]bool{}} }

// hang lets nothing through until heal: connections stay open.
func (l *line) hang() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hung == nil {
		l.hung = make(chan struct{})
	}
}

// slow makes every read and write of a connection take that long.
func (l *line) slow(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pause = d
}

// heal ends hang and slow.
func (l *line) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pause = 0
	if l.hung != nil {
		close(l.hung)
		l.hung = nil
	}
}

// cut breaks all connections, and ends hang so that nothing waits for ever.
func (l *line) cut() {
	l.heal()
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		_ = c.Close() // it may be closed already
	}
}

func (l *line) wait() {
	l.mu.Lock()
	hung, pause := l.hung, l.pause
	l.mu.Unlock()
	if hung != nil {
		<-hung
	}
	time.Sleep(pause) // what the line is there for
}

func (l *line) over(ln net.Listener) net.Listener { return &lineListener{ln, l} }

type lineListener struct {
	net.Listener
	line *line
}

func (l *lineListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.line.mu.Lock()
	defer l.line.mu.Unlock()
	l.line.conns[c] = true
	return &lineConn{c, l.line}, nil
}

type lineConn struct {
	net.Conn
	line *line
}

func (c *lineConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.line.wait()
	return n, err
}

func (c *lineConn) Write(b []byte) (int, error) {
	c.line.wait()
	return c.Conn.Write(b)
}

func (c *lineConn) Close() error {
	c.line.mu.Lock()
	delete(c.line.conns, c.Conn)
	c.line.mu.Unlock()
	return c.Conn.Close()
}

// unsynced is a disk layer with a bug to be found: it acknowledges a sync
// before anything is permanent.
type unsynced struct{ vfs.FS }

func (u unsynced) Open(path string) (vfs.File, error) {
	f, err := u.FS.Open(path)
	return unsyncedFile{f}, err
}

type unsyncedFile struct{ vfs.File }

func (unsyncedFile) Sync() error { return nil }
