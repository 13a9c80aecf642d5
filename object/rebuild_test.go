package object_test

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"strata"
	"strata/catalog"
	"strata/object"
	"strata/object/renew"
)

// segmentsOf returns an object's segments with all shards on record as stored.
func (w *world) segmentsOf(id strata.ObjectID) []catalog.Segment {
	w.t.Helper()
	var segs []catalog.Segment
	w.eventually("every shard on record as stored", func() bool {
		var err error
		if segs, err = w.db.Segments(w.t.Context(), id); err != nil {
			w.t.Fatal(err)
		}
		return !slices.ContainsFunc(segs, func(s catalog.Segment) bool {
			return slices.ContainsFunc(s.Shards, func(h catalog.Shard) bool { return h.State != catalog.Stored })
		})
	})
	return segs
}

// renewal asks to renew the shards that lie on some miners, by number.
func (w *world) renewal(seg catalog.Segment, dead ...int) renew.Request {
	r := renew.Request{Segment: seg}
	for _, h := range seg.Shards {
		if slices.ContainsFunc(dead, func(i int) bool { return w.fleet.Miners[i].Hotkey == h.Miner }) {
			r.Renew = append(r.Renew, h.Index)
		} else {
			r.Kept = append(r.Kept, h.Miner)
		}
	}
	return r
}

func (w *world) rebuild(r renew.Request) renew.Result {
	w.t.Helper()
	out, err := w.store.Rebuild(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// TestRebuild repairs after a third of the miners is gone, then takes away all
// that were there at the beginning but the repaired part.
func TestRebuild(t *testing.T) {
	w := newWorld(t, 12)
	defer w.run()()
	data := noise(1, 3*segment+row+17)
	id := w.put("f", data).ID
	segs := w.segmentsOf(id)
	w.fleet.Grow(4)
	w.fleet.Set(refuses, 0, 1, 2, 3)
	for _, seg := range segs {
		before := w.fleet.Served
		out := w.rebuild(w.renewal(seg, 0, 1, 2, 3))
		read := w.fleet.Served - before
		if len(out.Placed) != 4 || read != out.Read {
			t.Fatalf("placed %v, read %d, served %d", out.Placed, out.Read, read)
		}
		if most := seg.Size + seg.Size/20; read > most {
			t.Errorf("a repair of %d bytes read %d, at most %d are allowed", seg.Size, read, most)
		}
	}
	again := w.segmentsOf(id)
	for i, seg := range again {
		if miners := holdersOf(seg); len(miners) != 12 || seg.Total != 12 {
			t.Errorf("segment %d lies on %d miners", i, len(miners))
		}
		for j, h := range seg.Shards {
			if h.Root != segs[i].Shards[j].Root {
				t.Errorf("segment %d: shard %d has another root", i, j)
			}
		}
	}
	// Only the four new ones are left: k is 4.
	w.fleet.Set(refuses, 4, 5, 6, 7, 8, 9, 10, 11)
	w.mustRead(id, data)
	// The old places are deleted once they answer.
	w.fleet.Set(honest, 0, 1, 2, 3)
	w.eventually("old places are cleared", func() bool { return w.fleet.Stored() == 12*len(segs) })
}

func holdersOf(seg catalog.Segment) map[strata.Hotkey]bool {
	out := map[strata.Hotkey]bool{}
	for _, h := range seg.Shards {
		out[h.Miner] = true
	}
	return out
}

// TestRebuildVerifies: what is damaged is neither used nor spread.
func TestRebuildVerifies(t *testing.T) {
	w := newWorld(t, 9) // 3 of 9
	data := noise(2, 5*row)
	id := w.put("f", data).ID
	seg := w.segmentsOf(id)[0]
	w.fleet.Grow(3)
	w.fleet.Set(refuses, 0)
	w.fleet.Set(corrupt, 1, 2, 3)
	w.fleet.Set(breaks, 4)
	w.rebuild(w.renewal(seg, 0))
	w.fleet.Set(honest, 1, 2, 3, 4)
	w.mustRead(id, data)
	for _, h := range mustSegments(w, id)[0].Shards {
		m := w.fleet.Find(h.Miner)
		body, ok := m.Shards[h.Root]
		if h.State == catalog.Stored && m.Mood != refuses && (!ok || int64(len(body)) != h.Length) {
			t.Errorf("shard %d is not where it is on record", h.Index)
		}
	}
}

func mustSegments(w *world, id strata.ObjectID) []catalog.Segment {
	w.t.Helper()
	segs, err := w.db.Segments(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return segs
}

func TestRebuildNeedsMiners(t *testing.T) {
	w := newWorld(t, 6)
	id := w.put("f", noise(3, row)).ID
	seg := w.segmentsOf(id)[0]
	w.fleet.Set(refuses, 0)
	if _, err := w.store.Rebuild(t.Context(), w.renewal(seg, 0)); strata.CodeOf(err) == "" {
		t.Errorf("a shard was placed where there is no miner for it")
	}
	w.fleet.Miners[0].Free = 0
	if _, err := w.store.Rebuild(t.Context(), w.renewal(seg, 0)); strata.CodeOf(err) != strata.NoSpace {
		t.Errorf("without a miner to take a shard: %v", err)
	}
	w.fleet.Grow(1)
	w.fleet.Set(refuses, 1, 2, 3, 4)
	if _, err := w.store.Rebuild(t.Context(), w.renewal(seg, 0)); strata.CodeOf(err) != strata.Unavailable {
		t.Errorf("with one of two shards to read: %v", err)
	}
	if got := mustSegments(w, id)[0]; got.Shards[0] != seg.Shards[0] && got.Shards[0].State != catalog.Stored {
		t.Errorf("a repair that failed changed the record to %+v", got.Shards[0])
	}
}

// TestRebuildMakesWhatWasNeverMade: a segment stored when some miners were full
// has no record of the last shards.
func TestRebuildMakesWhatWasNeverMade(t *testing.T) {
	w := newWorld(t, 6)
	w.fleet.Miners[5].Free = 1 // counts as a miner, but takes no shard
	data := noise(4, 4*row)
	id := w.put("f", data).ID
	seg := w.segmentsOf(id)[0]
	if len(seg.Shards) != 5 || seg.Total != 6 {
		t.Fatalf("%d shards of %d, want 5 of 6", len(seg.Shards), seg.Total)
	}
	w.fleet.Miners[5].Free = strata.GiB
	r := w.renewal(seg)
	r.Renew = []int{5}
	w.rebuild(r)
	w.fleet.Set(refuses, 0, 1, 2, 3)
	w.mustRead(id, data)
}

func TestCopyReadsTheShardAlone(t *testing.T) {
	w := newWorld(t, 12)
	defer w.run()()
	data := noise(5, 2*segment)
	id := w.put("f", data).ID
	segs := w.segmentsOf(id)
	w.fleet.Grow(1)
	w.fleet.Miners[0].Free = 0
	for _, seg := range segs {
		r := w.renewal(seg, 0)
		r.Kept = append(r.Kept, w.fleet.Miners[0].Hotkey)
		before := w.fleet.Served
		if _, err := w.store.Copy(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if read, want := w.fleet.Served-before, seg.Shards[r.Renew[0]].Length; read != want {
			t.Errorf("a move read %d bytes, the shard has %d", read, want)
		}
	}
	w.eventually("the leaving miner is empty", func() bool {
		w.fleet.Mu.Lock()
		defer w.fleet.Mu.Unlock()
		return len(w.fleet.Miners[0].Shards) == 0
	})
	w.mustRead(id, data)
	// What a miner gives wrong is not stored anywhere else.
	w.fleet.Grow(1)
	w.fleet.Set(corrupt, 1)
	stored := w.fleet.Stored()
	if _, err := w.store.Copy(t.Context(), w.renewal(w.segmentsOf(id)[0], 1)); strata.CodeOf(err) != strata.Corrupt {
		t.Errorf("a damaged shard was copied: %v", err)
	}
	if n := w.fleet.Stored(); n != stored {
		t.Errorf("%d shards are stored, want %d", n, stored)
	}
}

// TestCrashInRepair crashes at each shard that a repair stores, before it is on
// record: afterwards the object is whole, and no miner keeps what nobody names.
func TestCrashInRepair(t *testing.T) {
	w := newWorld(t, 6)
	w.timing.Reserve = 20 * time.Millisecond
	w.restart()
	data := noise(6, segment+row)
	id := w.put("f", data).ID
	segs := w.segmentsOf(id)
	w.fleet.Grow(3)
	w.fleet.Set(refuses, 0, 1, 2)
	var mu sync.Mutex
	var images []image
	w.fleet.OnPut = func(int) {
		mu.Lock()
		defer mu.Unlock()
		images = append(images, w.snap())
	}
	for _, seg := range segs {
		w.rebuild(w.renewal(seg, 0, 1, 2))
	}
	w.fleet.OnPut = nil
	if len(images) != 3*len(segs) {
		t.Fatalf("%d crash points, want %d", len(images), 3*len(segs))
	}
	for i, im := range images {
		c := im.restore(t)
		c.fleet.Set(refuses, 0, 1, 2)
		c.mustRead(id, data)
		c.fleet.Set(honest, 0, 1, 2)
		stop := c.run()
		c.eventually("nothing is stored that no row names", func() bool {
			named, stored := map[string]bool{}, 0
			for _, seg := range mustSegments(c, id) {
				for _, h := range seg.Shards {
					named[string(h.Miner[:])+string(h.Root[:])] = true
				}
			}
			c.fleet.Mu.Lock()
			defer c.fleet.Mu.Unlock()
			for _, m := range c.fleet.Miners {
				for root := range m.Shards {
					if stored++; !named[string(m.Hotkey[:])+string(root[:])] {
						return false
					}
				}
			}
			return stored == len(named)
		})
		stop()
		c.mustRead(id, data)
		if t.Failed() {
			t.Fatalf("after a crash at shard %d", i)
		}
		c.close()
	}
}

// TestRepairAndUsers: users read and write while segments are rebuilt, and both
// come to an end with little memory.
func TestRepairAndUsers(t *testing.T) {
	w := newWorld(t, 9)
	w.memory = 8 * strata.MiB
	w.restart()
	data := noise(7, 2*segment)
	id := w.put("f", data).ID
	segs := w.segmentsOf(id)
	w.fleet.Grow(3)
	w.fleet.Set(refuses, 0, 1)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			got, err := w.read(id)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("a read during repair: %d bytes, %v", len(got), err)
			}
			if _, err := w.store.Put(t.Context(), object.PutRequest{Bucket: "b", Name: string(rune('a' + i)), Size: int64(len(data)), Body: bytes.NewReader(data)}); err != nil {
				t.Errorf("a write during repair: %v", err)
			}
		})
	}
	for _, seg := range segs {
		w.rebuild(w.renewal(seg, 0, 1))
	}
	wg.Wait()
}
