package renew_test

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/catalog"
	"strata/envelope"
	"strata/internal/leaks"
	"strata/object/fetch"
	"strata/object/keyring"
	"strata/object/memory"
	"strata/object/objecttest"
	"strata/object/renew"
	"strata/object/roster"
	"strata/object/send"
	"strata/wire"
)

func TestMain(m *testing.M) { leaks.Main(m) }

const k, total, row = 3, 7, 3 * envelope.ChunkPlain

// place is a shard at a miner.
type place struct {
	miner strata.Hotkey
	root  strata.Root
}

// ledger is one segment on a fleet, what is on record of it, and what renews it.
type ledger struct {
	t       *testing.T
	fleet   *objecttest.Fleet
	renewer *renew.Renewer

	mu       sync.Mutex // guards what follows
	seg      catalog.Segment
	reserved map[place]time.Time // when their deletion is due
}

func newLedger(t *testing.T, miners, size int) *ledger {
	l := &ledger{t: t, fleet: objecttest.New(miners), reserved: map[place]time.Time{}}
	plain := make([]byte, size)
	rand.NewChaCha8([32]byte{}).Read(plain)
	var err error
	if l.seg, err = l.fleet.Shelve(envelope.Key{1}, 0, k, total, plain); err != nil {
		t.Fatal(err)
	}
	o := renew.Options{
		Miners: roster.New(l.fleet, time.Now), Memory: memory.New(1 << 30), Records: l,
		Reserve: time.Hour, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	o.Shards = fetch.New(fetch.Options{Miners: o.Miners, Transport: l.fleet, Keys: keyring.Bare{}, Records: l})
	o.Sends = send.New(context.Background(), send.Options{
		Miners: o.Miners, Transport: l, Records: l, Memory: o.Memory, Slow: time.Minute, Tail: time.Minute, Log: o.Log,
	})
	l.renewer = renew.New(o)
	return l
}

// PutShard implements send.Transport: nothing is sent that no deletion is reserved for.
func (l *ledger) PutShard(ctx context.Context, to wire.Endpoint, root strata.Root, body []byte) (wire.Receipt, error) {
	l.mu.Lock()
	if due, ok := l.reserved[place{to.Hotkey, root}]; !ok || due.Before(time.Now().Add(time.Hour-renewLimit)) {
		l.t.Error("a shard is sent that a crash would leave where it is")
	}
	l.mu.Unlock()
	return l.fleet.PutShard(ctx, to, root, body)
}

// renewLimit is how long a renewal may take.
const renewLimit = 10 * time.Minute

// Segment implements renew.Records, as do the methods up to Retry.
func (l *ledger) Segment(context.Context, catalog.SegmentRef) (catalog.Segment, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seg := l.seg
	seg.Shards = slices.Clone(seg.Shards)
	return seg, nil
}

func (l *ledger) Reserve(_ context.Context, _ catalog.SegmentRef, miner strata.Hotkey, root strata.Root, due time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reserved[place{miner, root}] = due
	return nil
}

func (l *ledger) PlaceShard(_ context.Context, _ catalog.SegmentRef, h catalog.Shard) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.reserved, place{h.Miner, h.Root})
	l.seg.Shards[h.Index] = h
	return nil
}

func (l *ledger) Retry(_ context.Context, d catalog.Deletion) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reserved[place{d.Miner, d.Root}] = d.Next
	return nil
}

// Shards implements fetch.Records, with UpdateShards.
func (l *ledger) Shards(ctx context.Context, ref catalog.SegmentRef) ([]catalog.Shard, error) {
	seg, err := l.Segment(ctx, ref)
	return seg.Shards, err
}

func (l *ledger) UpdateShards(_ context.Context, _ strata.ObjectID, _ uint64, news []catalog.ShardUpdate) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, u := range news {
		l.seg.Shards[u.Index].State = u.State
	}
	return nil
}

// request asks to renew shards; the miners of the others keep theirs.
func (l *ledger) request(shards ...int) renew.Request {
	seg, _ := l.Segment(l.t.Context(), catalog.SegmentRef{}) // never fails
	r := renew.Request{Segment: seg, Renew: shards}
	for _, h := range seg.Shards {
		if !slices.Contains(shards, h.Index) {
			r.Kept = append(r.Kept, h.Miner)
		}
	}
	return r
}

// check says that each shard lies where it is on record, on a miner of its own, and
// how many are due for deletion by now.
func (l *ledger) check(was catalog.Segment, due int) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := map[strata.Hotkey]bool{}
	for i, h := range l.seg.Shards {
		if h.Root != was.Shards[i].Root {
			l.t.Errorf("shard %d has another root", i)
		}
		if seen[h.Miner] {
			l.t.Errorf("two shards lie at one miner")
		}
		seen[h.Miner] = true
		if body := l.fleet.Find(h.Miner).Shards[h.Root]; h.State == catalog.Stored && int64(len(body)) != h.Length {
			l.t.Errorf("shard %d is not where it is on record", i)
		}
	}
	for _, at := range l.reserved {
		if at.After(time.Now()) {
			l.t.Error("a reservation is left, and nothing is on its way")
		}
	}
	if len(l.reserved) != due {
		l.t.Errorf("%d deletions are due, want %d", len(l.reserved), due)
	}
}

// TestRebuild: lost shards come out as they were, at miners that have none, and cost
// k shards to read; a miner that does not take one is let be.
func TestRebuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(t, 12, 2*row+100)
		l.fleet.Set(objecttest.Refuses, 0, 6, 10, 11)
		was := l.request().Segment
		got, err := l.renewer.Rebuild(t.Context(), l.request(0, 6))
		if err != nil {
			t.Fatal(err)
		}
		length := was.Shards[0].Length
		if !slices.Equal(got.Placed, []int{0, 6}) || got.Read != k*length || got.Written != 2*length {
			t.Errorf("%+v, want shards 0 and 6 of %d bytes placed", got, length)
		}
		for _, i := range got.Placed {
			if m := l.seg.Shards[i].Miner; slices.ContainsFunc(was.Shards, func(h catalog.Shard) bool { return h.Miner == m }) {
				t.Errorf("shard %d went to a miner that had one", i)
			}
		}
		refused := 0
		for p := range l.reserved {
			if p.miner == l.fleet.Miners[10].Hotkey || p.miner == l.fleet.Miners[11].Hotkey {
				refused++
			}
		}
		l.check(was, refused) // those that refused may have it all the same
	})
}

// TestRebuildTrustsNoRecord: bytes that do not fit the root on record go nowhere.
func TestRebuildTrustsNoRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(t, 9, row)
		l.seg.Shards[2].Root[0] ^= 1
		if _, err := l.renewer.Rebuild(t.Context(), l.request(2)); strata.CodeOf(err) != strata.Corrupt || l.fleet.Puts > 0 {
			t.Errorf("%v, %d shards sent", err, l.fleet.Puts)
		}
	})
}

// TestNoTaker: where no miner can take a shard nothing is read, and where fewer can
// than are asked for the first ones are made.
func TestNoTaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(t, total, row)
		for _, do := range []func(context.Context, renew.Request) (renew.Result, error){l.renewer.Rebuild, l.renewer.Copy} {
			if _, err := do(t.Context(), l.request(1)); strata.CodeOf(err) != strata.NoSpace || l.fleet.Gets > 0 {
				t.Errorf("%v, %d shards read", err, l.fleet.Gets)
			}
		}
		was := l.request().Segment
		l.fleet.Grow(1)
		got, err := l.renewer.Rebuild(t.Context(), l.request(1, 2))
		if err != nil || !slices.Equal(got.Placed, []int{1}) {
			t.Errorf("%+v, %v, want shard 1 placed", got, err)
		}
		l.check(was, 0)
		for i := range total - 1 { // left are one that has been there, and who came
			l.fleet.Set(objecttest.Refuses, i)
		}
		l.fleet.Grow(1)
		if _, err := l.renewer.Rebuild(t.Context(), l.request(0)); strata.CodeOf(err) != strata.Unavailable {
			t.Errorf("fewer than k miners answer: %v", err)
		}
	})
}

// TestCopy: a shard is read from its own miner and no other.
func TestCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(t, 9, 2*row)
		was := l.request().Segment
		got, err := l.renewer.Copy(t.Context(), l.request(4))
		if err != nil || !slices.Equal(got.Placed, []int{4}) || got.Read != was.Shards[4].Length || l.fleet.Gets != 1 {
			t.Errorf("%+v, %v, %d shards read", got, err, l.fleet.Gets)
		}
		l.check(was, 0)
		from, to := l.fleet.Find(was.Shards[4].Miner), l.fleet.Find(l.seg.Shards[4].Miner)
		if root := was.Shards[4].Root; from == to || !bytes.Equal(from.Shards[root], to.Shards[root]) {
			t.Error("the copy is not one, or nowhere else")
		}
		l.fleet.Set(objecttest.Corrupt, 5)
		if _, err := l.renewer.Copy(t.Context(), l.request(5)); strata.CodeOf(err) != strata.Corrupt {
			t.Errorf("a miner that gives other bytes: %v", err)
		}
	})
}
