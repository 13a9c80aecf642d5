package object_test

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/zeebo/blake3"

	"strata"
	"strata/catalog"
	"strata/catalog/sqlite"
	"strata/object"
	"strata/wire"
)

// mood is how a miner behaves.
type mood int

const (
	honest   mood = iota
	refuses       // answers every request with an error
	hangs         // answers nothing until the caller gives up
	full          // has no room
	corrupt       // flips a bit of every shard it gives
	breaks        // closes a read after its first chunk and a half
	stalls        // hangs after the first chunk of a read
	pretends      // signs for shards and stores nothing
	crawls        // takes four seconds for each shard
)

// fleet is a network of miners in memory. It implements object.Transport and
// object.Network.
type fleet struct {
	mu     sync.Mutex
	miners []*fakeMiner // in order of their number; guarded by mu, contents too

	puts, gets int
	served     int64            // bytes given to readers
	asked      []uint64         // how many bytes each read asked for
	onPut      func(stored int) // called with the number of shards stored so far, mu not held
	gate       chan struct{}    // when set, a put waits for one
}

type fakeMiner struct {
	object.Candidate
	mood   mood
	shards map[strata.Root][]byte
	trash  map[strata.Root][]byte // deleted, and not yet forgotten
}

func newFleet(n int) *fleet {
	f := &fleet{}
	for i := range n {
		m := &fakeMiner{shards: map[strata.Root][]byte{}}
		m.Hotkey = strata.Hotkey{0: byte(i + 1), 31: 7}
		m.Coldkey = strata.Coldkey{0: byte(i + 1)}
		m.Addr = netip.AddrFrom4([4]byte{10, byte(i), 0, 1})
		m.Free = strata.GiB
		m.Score = 1_000_000
		m.Endpoint = wire.Endpoint{Hotkey: m.Hotkey, Addr: netip.AddrPortFrom(m.Addr, 8091)}
		f.miners = append(f.miners, m)
	}
	return f
}

func (f *fleet) Candidates(context.Context) ([]object.Candidate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []object.Candidate
	for _, m := range f.miners {
		out = append(out, m.Candidate)
	}
	return out, nil
}

func (f *fleet) find(h strata.Hotkey) *fakeMiner {
	for _, m := range f.miners {
		if m.Hotkey == h {
			return m
		}
	}
	return nil
}

// meet applies what a mood does to any request.
func (f *fleet) meet(ctx context.Context, h strata.Hotkey) (mood, error) {
	f.mu.Lock()
	m := f.find(h)
	f.mu.Unlock()
	if m == nil {
		return honest, fmt.Errorf("no such miner")
	}
	f.mu.Lock()
	mood := m.mood
	f.mu.Unlock()
	switch mood {
	case refuses:
		return mood, strata.E(strata.Unavailable, "connection refused")
	case hangs:
		<-ctx.Done()
		return mood, ctx.Err()
	}
	return mood, ctx.Err()
}

func (f *fleet) PutShard(ctx context.Context, to wire.Endpoint, root strata.Root, body []byte) (wire.Receipt, error) {
	mood, err := f.meet(ctx, to.Hotkey)
	if err != nil {
		return wire.Receipt{}, err
	}
	if f.gate != nil {
		select {
		case <-f.gate:
		case <-ctx.Done():
			return wire.Receipt{}, ctx.Err()
		}
	}
	if mood == crawls {
		select {
		case <-time.After(4 * time.Second): // of a test's own clock
		case <-ctx.Done():
			return wire.Receipt{}, ctx.Err()
		}
	}
	if mood == full {
		return wire.Receipt{}, strata.E(strata.NoSpace, "no room")
	}
	if blake3.Sum256(body) != root {
		return wire.Receipt{}, strata.E(strata.Corrupt, "body does not match its root")
	}
	f.mu.Lock()
	if mood != pretends {
		f.find(to.Hotkey).shards[root] = bytes.Clone(body)
	}
	f.puts++
	n, hook := f.puts, f.onPut
	f.mu.Unlock()
	if hook != nil {
		hook(n)
	}
	return wire.Receipt{Root: root, Length: uint64(len(body))}, nil
}

func (f *fleet) GetShard(ctx context.Context, from wire.Endpoint, root strata.Root, size, off, n uint64) (io.ReadCloser, error) {
	mood, err := f.meet(ctx, from.Hotkey)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gets++
	f.asked = append(f.asked, n)
	body, ok := f.find(from.Hotkey).shards[root]
	if !ok {
		return nil, strata.E(strata.NotFound, "no such shard")
	}
	if uint64(len(body)) != size || off+n > size {
		return nil, strata.E(strata.Invalid, "range %d+%d of %d, the shard has %d", off, n, size, len(body))
	}
	part := bytes.Clone(body[off : off+n])
	f.served += int64(n)
	switch mood {
	case corrupt:
		part[len(part)/2] ^= 1
	case breaks:
		part = part[:min(len(part)-1, 98304)]
	case stalls:
		return io.NopCloser(io.MultiReader(bytes.NewReader(part[:min(len(part), 65536)]), waiter{ctx})), nil
	}
	return io.NopCloser(bytes.NewReader(part)), nil
}

// waiter is a body that never comes.
type waiter struct{ ctx context.Context }

func (w waiter) Read([]byte) (int, error) { <-w.ctx.Done(); return 0, w.ctx.Err() }

func (f *fleet) DeleteShard(ctx context.Context, at wire.Endpoint, root strata.Root) error {
	if _, err := f.meet(ctx, at.Hotkey); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.find(at.Hotkey)
	if _, ok := m.shards[root]; !ok {
		return strata.E(strata.NotFound, "no such shard")
	}
	if m.trash == nil {
		m.trash = map[strata.Root][]byte{}
	}
	m.trash[root] = m.shards[root]
	delete(m.shards, root)
	return nil
}

func (f *fleet) RestoreShard(ctx context.Context, at wire.Endpoint, root strata.Root) error {
	if _, err := f.meet(ctx, at.Hotkey); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.find(at.Hotkey)
	if _, ok := m.shards[root]; ok {
		return nil
	}
	if _, ok := m.trash[root]; !ok {
		return strata.E(strata.NotFound, "no such shard")
	}
	m.shards[root] = m.trash[root]
	return nil
}

// set gives miners a mood.
func (f *fleet) set(m mood, indices ...int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range indices {
		f.miners[i].mood = m
	}
}

func (f *fleet) stored() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.miners {
		n += len(m.shards)
	}
	return n
}

// secret is a hotkey's secret.
type secret string

func (s secret) Derive(info string, n int) ([]byte, error) {
	return hkdf.Key(sha256.New, []byte(s), nil, info, n)
}

// world is a store over a fleet and a catalog file.
type world struct {
	t      testing.TB
	path   string
	fleet  *fleet
	db     *sqlite.DB
	store  *object.Store
	timing object.Timing
	memory strata.ByteSize
	mortal *mortal // between the store and all else, if it is set
}

// patient is a timing under which an honest miner is never late for a send,
// however busy the machine is.
var patient = object.Timing{
	Hedge: 50 * time.Millisecond, SendSlow: time.Minute, SendTail: time.Minute,
	DeleteEvery: 5 * time.Millisecond, DeleteRetry: 5 * time.Millisecond, DeleteLimit: 50 * time.Millisecond,
}

// hurry restarts the store for a test in which miners hang while they are sent to.
func (w *world) hurry(tail time.Duration) {
	w.timing.SendSlow, w.timing.SendTail = 500*time.Millisecond, tail
	w.restart()
}

func newWorld(t testing.TB, miners int) *world { return newWorldWith(t, miners, func(*world) {}) }

// newWorldWith returns a world that is changed before its store is opened.
func newWorldWith(t testing.TB, miners int, change func(*world)) *world {
	w := &world{t: t, path: filepath.Join(t.TempDir(), "strata.db"), fleet: newFleet(miners), timing: patient}
	change(w)
	w.open()
	t.Cleanup(w.close)
	if err := w.db.CreateBucket(t.Context(), catalog.Bucket{Name: "b", Created: time.Unix(1, 0)}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.db, err = sqlite.Open(w.t.Context(), w.path, sqlite.Gateway); err != nil {
		w.t.Fatal(err)
	}
	o := object.Options{
		Catalog: w.db, Transport: w.fleet, Network: w.fleet, Secret: secret("alice"), Profile: strata.LocalProfile, Timing: w.timing, Memory: w.memory,
	}
	if w.mortal != nil {
		w.mortal.Catalog, w.mortal.Transport = w.db, w.fleet
		o.Catalog, o.Transport = w.mortal, w.mortal
	}
	w.store, err = object.New(w.t.Context(), o)
	if err != nil && errors.Is(err, errKilled) {
		w.store = nil
		return
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	if w.store != nil {
		w.store.Close()
	}
	if err := w.db.Close(); err != nil {
		w.t.Error(err)
	}
}

// restart is what a crash and a new start leave: the catalog file and the miners.
func (w *world) restart() {
	w.close()
	w.open()
}

func (w *world) put(name string, data []byte) object.Info {
	w.t.Helper()
	info, err := w.store.Put(w.t.Context(), object.PutRequest{Bucket: "b", Name: name, Size: int64(len(data)), Body: bytes.NewReader(data)})
	if err != nil {
		w.t.Fatalf("put %s: %v", name, err)
	}
	return info
}

func (w *world) read(id strata.ObjectID) ([]byte, error) {
	r, err := w.store.Open(w.t.Context(), id)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var b bytes.Buffer
	_, err = r.WriteTo(&b)
	return b.Bytes(), err
}

func (w *world) mustRead(id strata.ObjectID, want []byte) {
	w.t.Helper()
	got, err := w.read(id)
	if err != nil {
		w.t.Fatalf("read: %v", err)
	}
	if !bytes.Equal(got, want) {
		w.t.Fatalf("read %d bytes that differ from the %d stored", len(got), len(want))
	}
}

// eventually polls a condition.
func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			w.t.Fatalf("not within 10 s: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// run runs the store's background loop until the returned function is called.
func (w *world) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.store.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	}
}

// noise returns n bytes that depend on seed alone.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	rand.NewChaCha8(key).Read(b)
	return b
}
