package object_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/catalog"
	"strata/object"
)

// TestHungMinersHoldUpNobody: while memory is short, sends to miners that are
// far slower than the others are ended, and for the rest of the object as soon as
// the segment counts; while there is enough, they have their time.
func TestHungMinersHoldUpNobody(t *testing.T) {
	for name, c := range map[string]struct {
		memory strata.ByteSize
		hung   []int
		most   time.Duration // of the clock in which nothing else takes time
	}{
		// Two of six hung miners keep a third of the memory of each segment.
		"memory is short":  {2 * strata.MiB, []int{1, 4}, 1500 * time.Millisecond},
		"memory is plenty": {strata.GiB, []int{1, 4}, time.Millisecond},
		"nobody hangs":     {2 * strata.MiB, nil, time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorldWith(t, 6, func(w *world) {
					w.memory = c.memory
					w.timing = object.Timing{} // as in production
				})
				w.fleet.Set(hangs, c.hung...)
				data := noise(3, 8<<20)
				began := time.Now()
				info := w.put("f", data)
				if took := time.Since(began); took > c.most {
					t.Errorf("the put took %s, at most %s are due to miners that hang", took, c.most)
				}
				for _, seg := range mustSegments(w, info.ID) {
					for _, h := range seg.Shards {
						if h.State == catalog.Lost {
							t.Errorf("shard %d of segment %d is said to be lost: its miner may have it", h.Index, seg.Number)
						}
					}
				}
				w.fleet.Set(honest, c.hung...)
				w.mustRead(info.ID, data)
				time.Sleep(2 * time.Minute) // all sends have ended
				began = time.Now()
				w.put("g", data) // all memory is there again
				if took := time.Since(began); took > time.Millisecond {
					t.Errorf("a put to miners that answer took %s", took)
				}
			})
		})
	}
}

// TestLateSendsHaveTimeWhileMemoryLasts: a miner that takes ten times what the
// others took gets its shard all the same.
func TestLateSendsHaveTimeWhileMemoryLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldWith(t, 6, func(w *world) { w.timing = object.Timing{} })
		w.fleet.Set(crawls, 2)
		for i := range 3 {
			w.put(fmt.Sprint("f", i), noise(uint64(i), 300_000))
		}
		time.Sleep(time.Minute)
		if got := w.fleet.Stored(); got != 18 {
			t.Errorf("%d shards are stored, want 18", got)
		}
	})
}

// TestHungMinerDoesNotHoldUpSmallObjects: packs follow one another whatever
// their last shards do.
func TestHungMinerDoesNotHoldUpSmallObjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldWith(t, 6, func(w *world) { w.timing = object.Timing{} })
		w.fleet.Set(hangs, 2)
		began := time.Now()
		for i := range 50 {
			w.put(fmt.Sprint("f", i), []byte("small"))
		}
		if took := time.Since(began); took > time.Millisecond {
			t.Errorf("50 small objects, one after the other, took %s", took)
		}
	})
}
