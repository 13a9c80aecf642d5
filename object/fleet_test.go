package object_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"strata"
	"strata/catalog"
	"strata/catalog/sqlite"
	"strata/object"
	"strata/object/objecttest"
)

// What tests use all the time, by its short name.
const (
	honest, refuses, hangs, full, crawls = objecttest.Honest, objecttest.Refuses, objecttest.Hangs, objecttest.Full, objecttest.Crawls
	corrupt, breaks, stalls, pretends    = objecttest.Corrupt, objecttest.Breaks, objecttest.Stalls, objecttest.Pretends
)

type (
	mood   = objecttest.Mood
	secret = objecttest.Secret
)

// world is a store over a fleet and a catalog file.
type world struct {
	t      testing.TB
	path   string
	fleet  *objecttest.Fleet
	db     *sqlite.DB
	store  *object.Store
	timing object.Timing
	memory strata.ByteSize
	mortal *mortal // between the store and all else, if it is set
}

// patient is a timing under which an honest miner is never late, however busy the
// machine is. Tests in which miners hang are in a bubble of synctest, where what
// the machine does takes no time, and have the timing of production.
var patient = object.Timing{
	Hedge: 10 * time.Minute, SendSlow: 10 * time.Minute, SendTail: 10 * time.Minute,
	DeleteEvery: 5 * time.Millisecond, DeleteRetry: 5 * time.Millisecond, DeleteLimit: 10 * time.Minute,
}

// production leaves all times at their defaults.
func production(w *world) { w.timing = object.Timing{} }

func newWorld(t testing.TB, miners int) *world { return newWorldWith(t, miners, func(*world) {}) }

// newWorldWith returns a world that is changed before its store is opened.
func newWorldWith(t testing.TB, miners int, change func(*world)) *world {
	w := &world{t: t, path: filepath.Join(t.TempDir(), "strata.db"), fleet: objecttest.New(miners), timing: patient}
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

// eventually polls a condition that comes true. That it takes minutes says that it
// never will: how long it takes is not what a test is about.
func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(3 * time.Minute)
	for pause := 2 * time.Millisecond; !ok(); pause = min(2*pause, 50*time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("not within 3 minutes: %s", what)
		}
		time.Sleep(pause)
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
