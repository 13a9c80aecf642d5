package send_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeebo/blake3"

	"strata"
	"strata/catalog"
	"strata/object/memory"
	"strata/object/objecttest"
	"strata/object/roster"
	"strata/object/send"
	"strata/wire"
)

const success, total = 4, 6

// desk is a sender to a fleet, with the records that it keeps.
type desk struct {
	t      *testing.T
	fleet  *objecttest.Fleet
	sender *send.Sender
	memory *memory.Memory
	end    context.CancelFunc

	mu     sync.Mutex // guards what follows
	record catalog.Segment
	causes map[strata.Hotkey][]error // why sends that failed were ended
}

func newDesk(t *testing.T, miners int) *desk {
	return newPatientDesk(t, miners, 5*time.Second, 30*time.Second)
}

func newPatientDesk(t *testing.T, miners int, slow, tail time.Duration) *desk {
	d := &desk{t: t, fleet: objecttest.New(miners), memory: memory.New(1 << 20), causes: map[strata.Hotkey][]error{}}
	var life context.Context
	life, d.end = context.WithCancel(context.Background())
	d.sender = send.New(life, send.Options{
		Miners: roster.New(d.fleet, time.Now), Transport: d, Records: d, Memory: d.memory,
		Slow: slow, Tail: tail, Log: slog.New(slog.DiscardHandler),
	})
	return d
}

// PutShard implements send.Transport.
func (d *desk) PutShard(ctx context.Context, to wire.Endpoint, root strata.Root, body []byte) (wire.Receipt, error) {
	if !d.sender.Held(root) {
		d.t.Error("a shard is under way, and its deletion does not wait")
	}
	d.mu.Lock()
	if !slices.ContainsFunc(d.record.Shards, func(h catalog.Shard) bool { return h.Root == root && h.Miner == to.Hotkey }) {
		d.t.Error("a shard is sent to a miner that has it not on record")
	}
	d.mu.Unlock()
	r, err := d.fleet.PutShard(ctx, to, root, body)
	if err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.causes[to.Hotkey] = append(d.causes[to.Hotkey], context.Cause(ctx))
	}
	return r, err
}

// UpdateShards implements send.Records.
func (d *desk) UpdateShards(_ context.Context, _ strata.ObjectID, _ uint64, news []catalog.ShardUpdate) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, u := range news {
		h := &d.record.Shards[u.Index]
		if h.State = u.State; u.Miner != (strata.Hotkey{}) {
			h.Miner = u.Miner
		}
	}
	return nil
}

// parcel makes a segment of random shards.
func (d *desk) parcel() send.Parcel {
	d.t.Helper()
	m, err := d.memory.Acquire(d.t.Context(), total, 1000)
	if err != nil {
		d.t.Fatal(err)
	}
	p := send.Parcel{Record: catalog.Segment{Success: success, Total: total}, Memory: m}
	for i := range m.Bodies {
		m.Bodies[i] = fmt.Append(m.Bodies[i], "shard ", i)
		p.Record.Shards = append(p.Record.Shards, catalog.Shard{
			Index: i, Root: blake3.Sum256(m.Bodies[i]), Length: int64(len(m.Bodies[i])), State: catalog.Sending,
		})
	}
	p.Enter = func(_ context.Context, seg catalog.Segment) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.record = seg
		d.record.Shards = slices.Clone(seg.Shards)
		return nil
	}
	return p
}

// over waits for all sends, and checks that nothing is kept of them.
func (d *desk) over(b *send.Delivery) {
	d.t.Helper()
	b.Release()
	d.sender.Wait()
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Second)
	defer cancel()
	m, err := d.memory.Acquire(ctx, 1, d.memory.Size())
	if err != nil {
		d.t.Fatalf("memory is missing: %v", err)
	}
	m.Close()
	for _, h := range d.record.Shards {
		if d.sender.Held(h.Root) {
			d.t.Errorf("shard %d is held", h.Index)
		}
	}
}

// states counts the shards on record by state.
func (d *desk) states() (n map[catalog.ShardState]int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n = map[catalog.ShardState]int{}
	for _, h := range d.record.Shards {
		n[h.State]++
	}
	return n
}

// TestSend: a segment counts when Success miners have signed, and what became of each
// shard is on record in the end.
func TestSend(t *testing.T) {
	const none = strata.Code("")
	for name, c := range map[string]struct {
		miners  int
		moods   map[int]objecttest.Mood
		code    strata.Code
		stored  int
		sending int // may have arrived
		lost    int
	}{
		"all take theirs":             {miners: 6, stored: 6},
		"one more than has to refuse": {miners: 6, moods: map[int]objecttest.Mood{0: objecttest.Refuses, 4: objecttest.Refuses}, stored: 4, lost: 2},
		"others take their place":     {miners: 9, moods: map[int]objecttest.Mood{0: objecttest.Refuses, 4: objecttest.Full, 8: objecttest.Refuses}, stored: 6},
		"one hangs":                   {miners: 6, moods: map[int]objecttest.Mood{3: objecttest.Hangs}, stored: 5, lost: 1},
		"too few take theirs":         {miners: 6, moods: map[int]objecttest.Mood{0: objecttest.Refuses, 1: objecttest.Refuses, 2: objecttest.Full}, code: strata.Unavailable, stored: -1},
		"too few have room":           {miners: 6, moods: map[int]objecttest.Mood{0: objecttest.Full, 1: objecttest.Full, 2: objecttest.Full}, code: strata.NoSpace, stored: -1},
		"too few serve":               {miners: 3, code: strata.NoSpace},
		"fewer than Total serve":      {miners: 5, stored: 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, c.miners)
				defer d.end()
				for i, m := range c.moods {
					d.fleet.Set(m, i)
				}
				b := d.sender.Begin()
				err := b.Send(t.Context(), d.parcel())
				if strata.CodeOf(err) != c.code {
					t.Errorf("%v, want code %q", err, c.code)
				}
				if c.code != none {
					b.Abandon()
				}
				d.over(b)
				got := d.states()
				if c.stored >= 0 && (got[catalog.Stored] != c.stored || got[catalog.Sending] != c.sending || got[catalog.Lost] != c.lost) {
					t.Errorf("on record as %v, want %d stored, %d sending, %d lost", got, c.stored, c.sending, c.lost)
				}
			})
		})
	}
}

// TestRefusedMinersAreLeftOut: who failed an object gets none of its next segments,
// as long as there are others.
func TestRefusedMinersAreLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 8)
		defer d.end()
		d.fleet.Set(objecttest.Refuses, 0, 1)
		b := d.sender.Begin()
		for range 10 {
			if err := b.Send(t.Context(), d.parcel()); err != nil {
				t.Fatal(err)
			}
			d.sender.Wait()
		}
		d.over(b)
		for i := range 2 {
			if n := len(d.causes[d.fleet.Miners[i].Hotkey]); n > 1 {
				t.Errorf("miner %d was sent to %d times", i, n)
			}
		}
	})
}

// TestSlowMinersAreNamed: a transport can tell that a send was ended because the
// miner was too slow for it, which it was only if the others were not.
func TestSlowMinersAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		others objecttest.Mood
		named  bool
	}{"others are quick": {objecttest.Honest, true}, "all are slow": {objecttest.Crawls, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, 6)
				defer d.end()
				d.fleet.Set(c.others, 0, 2, 3, 5)
				d.fleet.Set(objecttest.Hangs, 1)
				d.fleet.Set(objecttest.Refuses, 4)
				b := d.sender.Begin()
				if err := b.Send(t.Context(), d.parcel()); err != nil {
					t.Fatal(err)
				}
				d.over(b)
				for i, m := range d.fleet.Miners {
					got := d.causes[m.Hotkey]
					if (len(got) > 0) != (i == 1 || i == 4) {
						t.Errorf("miner %d: sends ended by %v", i, got)
					}
					for _, cause := range got {
						if want := c.named && i == 1; errors.Is(cause, send.ErrSlow) != want || i == 1 && cause == nil {
							t.Errorf("miner %d: a send ended by %v, too slow: %v", i, cause, want)
						}
					}
				}
			})
		})
	}
}

// TestTailIsBounded: sends that never end are given up a while after the segment
// counts; their shards may have arrived.
func TestTailIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newPatientDesk(t, 6, time.Hour, time.Minute)
		defer d.end()
		d.fleet.Set(objecttest.Hangs, 0, 5)
		b := d.sender.Begin()
		if err := b.Send(t.Context(), d.parcel()); err != nil {
			t.Fatal(err)
		}
		ended := func() int {
			synctest.Wait()
			d.mu.Lock()
			defer d.mu.Unlock()
			return len(d.causes)
		}
		time.Sleep(time.Minute - 1)
		if n := ended(); n != 0 {
			t.Errorf("%d sends were ended before their time", n)
		}
		time.Sleep(time.Nanosecond)
		if n := ended(); n != 2 {
			t.Errorf("%d sends of two were ended", n)
		}
		d.over(b)
		if got := d.states(); got[catalog.Stored] != 4 || got[catalog.Sending] != 2 {
			t.Errorf("on record as %v, want 4 stored and 2 sending", got)
		}
	})
}

// TestSendsEnd: with the request until the segment counts; then with the sender's life.
func TestSendsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, 6)
		defer d.end()
		d.fleet.Set(objecttest.Hangs, 0, 1, 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		b := d.sender.Begin()
		if err := b.Send(ctx, d.parcel()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a request that ends: %v", err)
		}
		d.over(b)
		d.fleet.Set(objecttest.Honest, 1, 2)
		b = d.sender.Begin()
		if err := b.Send(t.Context(), d.parcel()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // one hangs, the others are done
		began := time.Now()
		d.end()
		d.over(b)
		if took := time.Since(began); took > 0 {
			t.Errorf("it ended after %s", took)
		}
		if got := d.states(); got[catalog.Sending] != 1 {
			t.Errorf("on record as %v: what was not finished may have arrived", got)
		}
	})
}

// TestHold: a shard is held until whoever held it last lets go.
func TestHold(t *testing.T) {
	d := newDesk(t, 1)
	defer d.end()
	a, b := strata.Root{1}, strata.Root{2}
	first := d.sender.Hold(a, b)
	second := d.sender.Hold(b)
	first()
	if d.sender.Held(a) || !d.sender.Held(b) {
		t.Error("the second holds b alone")
	}
	second()
	if d.sender.Held(b) {
		t.Error("nobody holds b")
	}
}

// TestOne: what a miner signs for is what it was sent.
func TestOne(t *testing.T) {
	d := newDesk(t, 2)
	defer d.end()
	body := []byte("a shard")
	root := strata.Root(blake3.Sum256(body))
	d.record.Shards = []catalog.Shard{{Root: root, Miner: d.fleet.Miners[0].Hotkey}}
	defer d.sender.Hold(root)()
	if err := d.sender.One(t.Context(), d.fleet.Miners[0].Candidate, root, body); err != nil {
		t.Error(err)
	}
	d.fleet.Set(objecttest.Full, 0)
	if err := d.sender.One(t.Context(), d.fleet.Miners[0].Candidate, root, body); strata.CodeOf(err) != strata.NoSpace {
		t.Errorf("a full miner: %v", err)
	}
}
