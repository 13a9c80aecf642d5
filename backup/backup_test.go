package backup

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ChainSafe/go-schnorrkel"

	"strata"
	"strata/catalog"
	"strata/catalog/sqlite"
	"strata/object"
	"strata/object/objecttest"
	"strata/object/roster"
	"strata/wire"
)

// key is an sr25519 hotkey, made from a word.
type key struct {
	name   string
	secret *schnorrkel.SecretKey
}

func newKey(name string) key {
	seed := sha256.Sum256([]byte(name))
	mini, err := schnorrkel.NewMiniSecretKeyFromRaw(seed)
	if err != nil {
		panic(err) // no seed of 32 bytes is refused
	}
	return key{name, mini.ExpandEd25519()}
}

func (k key) Sign(msg []byte) ([64]byte, error) {
	s, err := k.secret.Sign(schnorrkel.NewSigningContext([]byte("substrate"), msg))
	if err != nil {
		return [64]byte{}, err
	}
	return s.Encode(), nil
}

func (k key) hotkey(t testing.TB) strata.Hotkey {
	pub, err := k.secret.Public()
	if err != nil {
		t.Fatal(err)
	}
	return pub.Encode()
}

func (k key) Derive(info string, n int) ([]byte, error) {
	return hkdf.Key(sha256.New, []byte(k.name), nil, info, n)
}

var domain = wire.Domain{Genesis: strata.GenesisHash{5}, Netuid: 2}

// fleet is miners in memory that keep superblocks, too.
type fleet struct {
	*objecttest.Fleet
	blocks map[strata.Hotkey]*wire.Superblock // guarded by Mu, as shows
	shows  map[strata.Hotkey]*wire.Superblock // instead of what is in blocks
	reader strata.Hotkey                      // whose signature GetSuperblock checks
}

func newFleet(n int) *fleet {
	return &fleet{Fleet: objecttest.New(n), blocks: map[strata.Hotkey]*wire.Superblock{}, shows: map[strata.Hotkey]*wire.Superblock{}}
}

func (f *fleet) PutSuperblock(ctx context.Context, ep wire.Endpoint, s wire.Superblock) error {
	if _, err := f.Meet(ctx, ep.Hotkey); err != nil {
		return err
	}
	f.Mu.Lock()
	defer f.Mu.Unlock()
	if b := f.blocks[ep.Hotkey]; b != nil && b.Version >= s.Version && b.Hash() != s.Hash() {
		return strata.E(strata.Conflict, "there is a later one")
	}
	f.blocks[ep.Hotkey] = &s
	return nil
}

func (f *fleet) GetSuperblock(ctx context.Context, ep wire.Endpoint) (wire.Superblock, error) {
	if _, err := f.Meet(ctx, ep.Hotkey); err != nil {
		return wire.Superblock{}, err
	}
	f.Mu.Lock()
	defer f.Mu.Unlock()
	b := cmp.Or(f.shows[ep.Hotkey], f.blocks[ep.Hotkey])
	if b == nil {
		return wire.Superblock{}, strata.E(strata.NotFound, "no superblock")
	}
	return *b, b.Verify(domain, f.reader)
}

// block returns the superblock that a miner has, by its number.
func (f *fleet) block(i int) wire.Superblock { return *f.blocks[f.Miners[i].Hotkey] }

// show has a miner show a superblock that is not its own.
func (f *fleet) show(i int, b *wire.Superblock) { f.shows[f.Miners[i].Hotkey] = b }

// world is a gateway: catalog, store and keeper over a fleet.
type world struct {
	t     testing.TB
	fleet *fleet
	key   key
	path  string
	db    *sqlite.DB
	store *object.Store
	keep  *Keeper
	chain wire.Commitment
	clock atomic.Int64      // nanoseconds of Unix time; sends that go on read it
	files map[string][]byte // by name: what must be readable
	ids   map[string]strata.ObjectID
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, fleet: newFleet(6), key: newKey("validator"), path: filepath.Join(t.TempDir(), "strata.db"),
		files: map[string][]byte{}, ids: map[string]strata.ObjectID{}}
	w.clock.Store(time.Unix(1_800_000_000, 0).UnixNano())
	w.fleet.reader = w.key.hotkey(t)
	w.open()
	t.Cleanup(w.close)
	if err := w.db.CreateBucket(t.Context(), catalog.Bucket{Name: "b", Created: w.now()}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) now() time.Time { return time.Unix(0, w.clock.Load()) }

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.db, err = sqlite.Open(w.t.Context(), w.path, sqlite.Gateway); err != nil {
		w.t.Fatal(err)
	}
	w.store, err = object.New(w.t.Context(), object.Options{
		Catalog: w.db, Transport: w.fleet, Network: w.fleet, Secret: w.key, Profile: strata.LocalProfile,
		Now: w.now, Timing: object.Timing{SendTail: time.Second},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.keep = New(Config{
		Catalog: w.db, Store: w.store, Network: w.fleet, Miners: w.fleet, Secret: w.key, Signer: w.key, Domain: domain,
		Profile: strata.LocalProfile, Log: slog.New(slog.DiscardHandler), Pace: Pace{Now: w.now},
		Commit: func(_ context.Context, s wire.Superblock) error { w.chain = w.chain.WithSuperblock(s); return nil },
	})
}

func (w *world) close() {
	w.store.Close()
	if err := w.db.Close(); err != nil {
		w.t.Error(err)
	}
}

func (w *world) put(name string, size int) {
	w.t.Helper()
	data := make([]byte, size)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(data) // never fails
	info, err := w.store.Put(w.t.Context(), object.PutRequest{Bucket: "b", Name: name, Size: int64(size), Body: bytes.NewReader(data)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.files[name], w.ids[name] = data, info.ID
}

func (w *world) remove(name string) {
	w.t.Helper()
	if err := w.store.Delete(w.t.Context(), w.ids[name]); err != nil {
		w.t.Fatal(err)
	}
	delete(w.files, name)
}

func (w *world) flush() {
	w.t.Helper()
	w.clock.Add(int64(time.Hour))
	if err := w.keep.round(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) miners() roster.Fixed {
	m, _ := w.fleet.Candidates(w.t.Context()) // never fails
	return m
}

func (w *world) source() Source {
	return Source{
		Miners: w.fleet, Transport: w.fleet, Network: w.miners(), Secret: w.key, Committed: w.chain,
		Profile: strata.LocalProfile, Log: slog.New(slog.DiscardHandler),
	}
}

// lose takes the gateway's directory away and recovers into a new one.
func (w *world) lose(src Source) (Recovered, error) {
	w.t.Helper()
	w.close()
	w.path = filepath.Join(w.t.TempDir(), "strata.db")
	db, err := sqlite.Open(w.t.Context(), w.path, sqlite.Gateway)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := Recover(w.t.Context(), src, db)
	if cerr := db.Close(); cerr != nil {
		w.t.Fatal(cerr)
	}
	w.open()
	return r, err
}

// whole reads every file back, by name, and finds no other.
func (w *world) whole(want map[string][]byte) {
	w.t.Helper()
	list, err := w.store.List(w.t.Context(), object.ListRequest{Bucket: "b"})
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, o := range list.Objects {
		names = append(names, o.Name)
		r, err := w.store.Open(w.t.Context(), o.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		var got bytes.Buffer
		if _, err := r.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), want[o.Name]) {
			w.t.Errorf("%s comes back as %d bytes, %v", o.Name, got.Len(), err)
		}
		r.Close()
	}
	if wanted := slices.Sorted(maps.Keys(want)); !slices.Equal(names, wanted) {
		w.t.Errorf("the files are %q, want %q", names, wanted)
	}
}

func TestRecoverEverything(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.put(fmt.Sprintf("early-%d", i), 1000*(i+1))
	}
	w.flush()
	w.put("large", 5<<20)
	w.flush()
	w.remove("early-0")
	w.put("early-1", 77) // overwritten
	w.flush()
	w.flush() // nothing new
	for _, name := range []string{"large", "early-1"} {
		if is, err := w.db.BackedUp(t.Context(), w.ids[name]); err != nil || !is {
			t.Errorf("%s is not said to be backed up (%v)", name, err)
		}
	}
	kept := maps.Clone(w.files)
	w.put("after the last backup", 10)
	if is, err := w.db.BackedUp(t.Context(), w.ids["after the last backup"]); err != nil || is {
		t.Errorf("a file that is not backed up is said to be (%v)", err)
	}
	w.fleet.Set(objecttest.Refuses, 0, 3)
	r, err := w.lose(w.source())
	if err != nil || r.Version != 3 || r.Asked != 4 {
		t.Fatalf("recovered %+v, %v", r, err)
	}
	w.whole(kept)
	w.fleet.Set(objecttest.Honest, 0, 3)
	// Life goes on, and can be lost again.
	w.files = kept
	w.put("new", 300_000)
	w.remove("large")
	w.flush()
	if st := w.keep.Status(); st.Version != 4 || st.Behind != "" || !w.keep.Sound() {
		t.Errorf("status %+v", st)
	}
	if r, err := w.lose(w.source()); err != nil || r.Version != 4 {
		t.Fatalf("recovered %+v, %v", r, err)
	}
	w.whole(kept)
}

// TestRecoverManyIncrements: changes go from the index to objects of their own
// and then into a new snapshot, and nothing of older backups stays on miners.
func TestRecoverManyIncrements(t *testing.T) {
	w := newWorld(t)
	w.keep.maxTail, w.keep.minSnapshot = 3000, 6_000
	most, snapshots, last := 0, 0, ""
	for i := range 24 {
		w.put(fmt.Sprintf("file-%02d", i), 500)
		if i%5 == 4 {
			w.remove(fmt.Sprintf("file-%02d", i-2))
		}
		w.flush()
		s := w.saved()
		if most = max(most, len(s.Increments)); string(s.Snapshot.ID) != last {
			snapshots, last = snapshots+1, string(s.Snapshot.ID)
		}
		list, err := w.db.ListObjects(t.Context(), catalog.List{Bucket: catalog.BackupBucket})
		if err != nil || len(list) != 2+len(s.Increments) {
			t.Errorf("%d objects make up a backup of %d increments (%v)", len(list), len(s.Increments), err)
		}
		if i == 13 {
			if _, err := w.lose(w.source()); err != nil {
				t.Fatal(err)
			}
			w.whole(w.files)
			w.keep.maxTail, w.keep.minSnapshot = 3000, 6_000
		}
	}
	if most < 2 || snapshots < 3 {
		t.Errorf("%d increments at most and %d snapshots: the test shows nothing", most, snapshots)
	}
	if _, err := w.lose(w.source()); err != nil {
		t.Fatal(err)
	}
	w.whole(w.files)
}

// TestChangesAreMerged: however many backups there are, an index names few
// objects of changes, and what is written again stays within a factor that grows
// as a logarithm.
func TestChangesAreMerged(t *testing.T) {
	w := newWorld(t)
	w.keep.maxTail, w.keep.minSnapshot = 1500, 1<<30
	w.put("first", 500)
	w.flush()
	counting := &counting{Store: w.keep.Store}
	w.keep.Store = counting
	var s saved
	most := 0
	for i := range 64 {
		w.put(fmt.Sprintf("file-%02d", i), 100)
		w.flush()
		s = w.saved()
		most = max(most, len(s.Increments))
	}
	changes := int64(len(s.Tail))
	for _, b := range s.Increments {
		changes += b.Size
	}
	if most > 12 || counting.merged > 7*changes {
		t.Errorf("%d objects of changes at most, %d bytes written for %d of changes", most, counting.merged, changes)
	}
	if list, err := w.db.ListObjects(t.Context(), catalog.List{Bucket: catalog.BackupBucket}); err != nil || len(list) != 2+len(s.Increments) {
		t.Errorf("%d objects make up a backup of %d increments (%v)", len(list), len(s.Increments), err)
	}
	// Where earlier changes cannot be read, the newest go alone, and it goes on.
	counting.shut = true
	for i := range 4 {
		w.put(fmt.Sprintf("more-%d", i), 5000)
		w.flush()
	}
	if now := w.saved(); len(now.Increments) <= len(s.Increments) {
		t.Errorf("%d objects of changes, %d before they could not be read", len(now.Increments), len(s.Increments))
	}
	if _, err := w.lose(w.source()); err != nil {
		t.Fatal(err)
	}
	w.whole(w.files)
}

// counting counts the bytes of changes that are stored.
type counting struct {
	Store
	merged int64
	shut   bool // nothing can be read
}

func (c *counting) Put(ctx context.Context, r object.PutRequest) (object.Info, error) {
	info, err := c.Store.Put(ctx, r)
	if strings.HasPrefix(r.Name, "changes") {
		c.merged += info.Size
	}
	return info, err
}

func (c *counting) Open(ctx context.Context, id strata.ObjectID) (*object.Reader, error) {
	if c.shut {
		return nil, strata.E(strata.Unavailable, "too few miners answer")
	}
	return c.Store.Open(ctx, id)
}

// saved returns what the catalog keeps of its backup.
func (w *world) saved() saved {
	w.t.Helper()
	st, err := w.db.BackupState(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := loadSaved(st.Data)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// TestOldSuperblocks: some miners show old versions, garbage, or another
// hotkey's superblock; the latest is found all the same.
func TestOldSuperblocks(t *testing.T) {
	w := newWorld(t)
	w.put("a", 100)
	w.flush()
	old := w.fleet.block(0)
	w.put("b", 100)
	w.flush()
	latest := w.fleet.block(0)
	forged := wire.Superblock{Version: 99, Payload: []byte("forged")}
	if err := forged.Sign(domain, newKey("stranger")); err != nil {
		t.Fatal(err)
	}
	stale := latest
	stale.Version = 50 // signed for another version
	empty := wire.Superblock{Version: 98}
	if err := empty.Sign(domain, w.key); err != nil { // its own, from a defect of long ago
		t.Fatal(err)
	}
	for i, s := range []*wire.Superblock{&old, &forged, &stale, &empty, nil} {
		w.fleet.show(i, s)
	}
	r, err := w.lose(w.source())
	if err != nil || r.Version != latest.Version {
		t.Fatalf("recovered %+v, %v", r, err)
	}
	w.whole(w.files)
}

// TestRollbackIsRefused: all miners that answer show an old backup, and the chain
// knows better.
func TestRollbackIsRefused(t *testing.T) {
	w := newWorld(t)
	w.put("a", 100)
	w.flush()
	old := w.fleet.block(0)
	before := maps.Clone(w.files)
	w.put("b", 100)
	w.flush()
	if w.chain.Superblock != 2 || w.chain.SuperblockHash != w.fleet.block(0).Hash() {
		t.Fatalf("the chain has %+v", w.chain)
	}
	for i := range w.fleet.Miners {
		w.fleet.show(i, &old)
	}
	if _, err := w.lose(w.source()); strata.CodeOf(err) != strata.Conflict {
		t.Fatalf("an old backup was taken: %v", err)
	}
	src := w.source()
	src.AllowRollback = true
	if r, err := w.lose(src); err != nil || r.Version != 1 {
		// The index of version 1 is deleted by now, so it may be gone.
		if strata.CodeOf(err) != strata.Unavailable {
			t.Fatalf("recovered %+v, %v", r, err)
		}
		return
	}
	w.whole(before)
}

func TestNothingToRecover(t *testing.T) {
	w := newWorld(t)
	if _, err := w.lose(w.source()); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("without a backup: %v", err)
	}
	w2 := newWorld(t)
	w2.put("a", 10)
	w2.flush()
	w2.fleet.reader = newKey("stranger").hotkey(t)
	src := w2.source()
	src.Secret = newKey("stranger")
	if _, err := w2.lose(src); strata.CodeOf(err) != strata.NotFound || !strings.Contains(err.Error(), "no miner answers this hotkey") {
		t.Errorf("another hotkey's backup: %v", err)
	}
}

// TestOldCopyOfTheCatalog: a catalog restored from an old copy neither replaces
// the later backup nor is taken for sound.
func TestOldCopyOfTheCatalog(t *testing.T) {
	w := newWorld(t)
	w.put("a", 100)
	w.flush()
	w.close()
	old, err := os.ReadFile(w.path)
	if err != nil {
		t.Fatal(err)
	}
	w.open()
	w.put("b", 100)
	w.flush()
	latest := w.fleet.block(0).Hash()
	w.close()
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(w.path + suffix) // it may not be there
	}
	if err := os.WriteFile(w.path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	w.open()
	stored := w.fleet.Stored()
	w.put("c", 100)
	if err := w.keep.round(t.Context()); strata.CodeOf(err) != strata.Conflict {
		t.Errorf("an old copy backs itself up: %v", err)
	}
	if w.keep.Sound() || w.keep.Status().Behind == "" {
		t.Errorf("an old copy is said to be sound: %+v", w.keep.Status())
	}
	if w.fleet.block(0).Hash() != latest {
		t.Error("the later superblock was replaced")
	}
	if w.fleet.Stored() < stored {
		t.Error("shards were deleted")
	}
	delete(w.files, "c")
	if r, err := w.lose(w.source()); err != nil || r.Version != 2 {
		t.Fatalf("recovered %+v, %v", r, err)
	}
	w.whole(w.files)
}

// TestWatch: a validator without a gateway knows from miners and chain whether
// the catalog that it shares is the latest.
func TestWatch(t *testing.T) {
	w := newWorld(t)
	watcher := New(w.keep.Config)
	watcher.Config.Store = nil
	watcher.Config.Committed = func(context.Context) (wire.Commitment, error) { return w.chain, nil }
	look := func(when string, want bool) {
		t.Helper()
		err := watcher.glance(t.Context())
		if got := watcher.Sound(); got != want {
			t.Errorf("%s: sound %v, want %v (%v)", when, got, want, err)
		}
	}
	look("before the first backup", false)
	w.put("a", 100)
	w.flush()
	look("after it", true)
	w.fleet.Set(objecttest.Refuses, 0, 1, 2, 3)
	look("most miners are away", false)
	w.fleet.Set(objecttest.Honest, 0, 1, 2, 3)
	w.chain.Superblock += 5
	look("the chain knows a later one", false)
	w.chain.Superblock -= 5
	look("all is well again", true)
	later := w.fleet.block(5)
	later.Version += 9
	w.fleet.show(5, &later)
	w.fleet.reader = w.key.hotkey(t)
	if err := later.Sign(domain, w.key); err != nil {
		t.Fatal(err)
	}
	look("one miner has a later one", false)
}

// TestCrashInFlush crashes before and after each step of a backup: the backup
// before, or this one, is recovered, and later ones leave nothing behind. The
// backup is one of changes in the index; or one that merges changes into an
// object with earlier ones, and has the ledger anew.
func TestCrashInFlush(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(w *world)
		least   int // steps
	}{
		"changes in the index": {func(w *world) { w.flush() }, 4},
		"changes merged, ledger": {func(w *world) {
			w.keep.maxTail = 1
			w.learn(1)
			w.flush()
			w.put("c", 50)
			w.flush()
			w.learn(2)
		}, 8},
	} {
		crashed := 0
		for step := 0; step == crashed; step++ {
			w := newWorld(t)
			w.put("a", 100)
			c.prepare(w)
			if crashInFlush(t, fmt.Sprintf("%s, step %d", name, step), w, step) {
				crashed++
			}
		}
		if crashed < c.least {
			t.Errorf("%s: %d steps, want %d at least", name, crashed, c.least)
		}
	}
}

// crashInFlush lets a backup of one more file die after so many writes, and says
// whether it did.
func crashInFlush(t *testing.T, what string, w *world, step int) (crashed bool) {
	before, known := maps.Clone(w.files), w.learned()
	w.put("b", 3000)
	failing := &dying{Catalog: w.db, Store: w.store, Superblocks: w.fleet, left: step}
	w.keep.Config.Catalog, w.keep.Config.Store, w.keep.Config.Miners = failing, failing, failing
	w.clock.Add(int64(time.Hour))
	_ = w.keep.round(t.Context()) // what fails is seen below
	crashed = failing.left < 0
	tail := w.keep.maxTail
	w.close()
	w.open() // a new process
	w.keep.maxTail = tail
	if step%2 == 0 {
		w.flush()
		before = w.files
		list, err := w.db.ListObjects(t.Context(), catalog.List{Bucket: catalog.BackupBucket})
		if want := len(w.saved().ids()); err != nil || len(list) != want {
			t.Errorf("%s: %d objects, %d make up the backup (%v)", what, len(list), want, err)
		}
	}
	if _, err := w.lose(w.source()); err != nil {
		t.Errorf("%s: %v", what, err)
		return crashed
	}
	got, err := w.store.List(t.Context(), object.ListRequest{Bucket: "b"})
	if err != nil {
		t.Fatal(err)
	}
	if _, isNew := w.ids["b"]; isNew && len(got.Objects) == len(w.files) {
		before = w.files
	}
	w.whole(before)
	if now := w.learned(); now+1 < known || now > known {
		t.Errorf("%s: the ledger is of state %d, want %d or the one before", what, now, known)
	}
	return crashed
}

// dying lets so many writes through and none after.
type dying struct {
	Catalog
	Store
	Superblocks
	mu   sync.Mutex
	left int
}

func (d *dying) die() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left--; d.left < 0 {
		return strata.E(strata.Unavailable, "killed")
	}
	return nil
}

func (d *dying) SaveBackup(ctx context.Context, s catalog.BackupState, upTo uint64) error {
	if err := d.die(); err != nil {
		return err
	}
	return d.Catalog.SaveBackup(ctx, s, upTo)
}

func (d *dying) Put(ctx context.Context, r object.PutRequest) (object.Info, error) {
	if err := d.die(); err != nil {
		return object.Info{}, err
	}
	return d.Store.Put(ctx, r)
}

func (d *dying) Delete(ctx context.Context, id strata.ObjectID) error {
	if err := d.die(); err != nil {
		return err
	}
	return d.Store.Delete(ctx, id)
}

func (d *dying) PutSuperblock(ctx context.Context, ep wire.Endpoint, s wire.Superblock) error {
	if ep.Hotkey[0] == 4 {
		if err := d.die(); err != nil {
			return err
		}
	}
	return d.Superblocks.PutSuperblock(ctx, ep, s)
}
