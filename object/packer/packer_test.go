package packer

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// packing is a packer whose packs take a time and are counted.
type packing struct {
	*Packer[string]
	mu    sync.Mutex
	packs []int // how many objects each had
	now   int   // packs under way
	most  int
	bytes int // of the largest pack
}

func newPacking(ctx context.Context, took time.Duration) *packing {
	k := &packing{}
	k.Packer = New(ctx, time.Now, func(batch []*Item[string]) {
		k.mu.Lock()
		k.packs = append(k.packs, len(batch))
		k.now++
		k.most = max(k.most, k.now)
		size := 0
		for _, it := range batch {
			size += it.size
		}
		k.bytes = max(k.bytes, size)
		k.mu.Unlock()
		time.Sleep(took)
		k.mu.Lock()
		k.now--
		k.mu.Unlock()
		for _, it := range batch {
			it.Done(nil)
		}
	})
	return k
}

func (k *packing) put(ctx context.Context, size int) error { return k.Do(ctx, size, "") }

// TestPackerFillsUp: clients that send the next object when the last is
// answered share packs all together, and one alone never waits.
func TestPackerFillsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newPacking(t.Context(), 100*time.Millisecond)
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for range 10 {
					if err := k.put(t.Context(), 1000); err != nil {
						t.Error(err)
					}
					time.Sleep(10 * time.Millisecond) // what a client does between
				}
			})
			synctest.Wait() // the first two leave alone, the others come behind them
		}
		wg.Wait()
		k.Wait()
		// Two leave alone, the others behind them, and from then on all.
		if len(k.packs) > 13 {
			t.Errorf("packs of %v", k.packs)
		}
		k.packs = nil
		began := time.Now()
		for range 10 {
			time.Sleep(time.Second)
			_ = k.put(t.Context(), 1000) // as above
		}
		if took := time.Since(began); took != 11*time.Second || len(k.packs) != 10 {
			t.Errorf("objects alone: %v in %v", k.packs, took)
		}
	})
}

// TestPackerLetsTwoPass: an object does not wait for a single other one, of a
// program that stores one after the other.
func TestPackerLetsTwoPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newPacking(t.Context(), time.Second)
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 300 * time.Millisecond)
				for range 5 {
					began := time.Now()
					_ = k.put(t.Context(), 1) // checked elsewhere
					if took := time.Since(began); took != time.Second {
						t.Errorf("an object took %s", took)
					}
					time.Sleep(50 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		k.Wait()
	})
}

// TestPackerDoesNotLinger: whoever comes after a crowd that does not come back
// waits a part of its pack's time at most.
func TestPackerDoesNotLinger(t *testing.T) {
	for name, c := range map[string]struct{ took, most time.Duration }{
		"a part of the pack's time": {100 * time.Millisecond, 25 * time.Millisecond},
		"and never longer than":     {10 * time.Second, lingerMost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newPacking(t.Context(), c.took)
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() { _ = k.put(t.Context(), 1) }) // checked elsewhere
					synctest.Wait()                             // two alone, then six together
				}
				wg.Wait()
				began := time.Now()
				_ = k.put(t.Context(), 1) // as above
				if took := time.Since(began) - c.took; took <= 0 || took > c.most {
					t.Errorf("waited for %s", took)
				}
			})
		})
	}
}

// TestPackerEnds: a packer that waits for others does not hold up the end.
func TestPackerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		k := newPacking(ctx, 10*time.Second)
		for range 4 {
			go func() { _ = k.put(ctx, 1) }() // checked elsewhere
			synctest.Wait()                   // one after the other
		}
		time.Sleep(20*time.Second + lingerMost/2) // two alone, then two together
		synctest.Wait()
		cancel()
		began := time.Now()
		k.Wait()
		if d := time.Since(began); d > 0 {
			t.Errorf("ended after %s", d)
		}
	})
}

// TestPackerKeepsItsBounds: whatever comes and goes, each object is answered
// once, packs stay within their bounds, and few are under way at once.
func TestPackerKeepsItsBounds(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		type client struct{ Size, Think, Leaves, Puts int }
		clients := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) client {
			return client{
				rapid.SampledFrom([]int{1, 17, 10_000, 65_536}).Draw(r, "size"), rapid.IntRange(0, 300).Draw(r, "ms between"),
				rapid.SampledFrom([]int{0, 0, 0, 50, 250}).Draw(r, "ms until it gives up"), rapid.IntRange(1, 6).Draw(r, "puts"),
			}
		}), 1, 80).Draw(r, "clients")
		took := time.Duration(rapid.IntRange(0, 2000).Draw(r, "ms a pack takes")) * time.Millisecond
		fault := ""
		synctest.Test(t, func(t *testing.T) {
			k := newPacking(t.Context(), took)
			want, left := 0, 0
			var wg sync.WaitGroup
			var mu sync.Mutex
			for _, c := range clients {
				want += c.Puts
				wg.Go(func() {
					for range c.Puts {
						ctx, cancel := t.Context(), context.CancelFunc(func() {})
						if c.Leaves > 0 {
							ctx, cancel = context.WithTimeout(ctx, time.Duration(c.Leaves)*time.Millisecond)
						}
						if err := k.put(ctx, c.Size); err != nil {
							mu.Lock()
							left++
							mu.Unlock()
						}
						cancel()
						time.Sleep(time.Duration(c.Think) * time.Millisecond)
					}
				})
			}
			wg.Wait()
			k.Wait()
			for _, n := range k.packs {
				want -= n
			}
			if want != left || k.bytes > packBytes || k.most > packsAtOnce || k.running != 0 || len(k.waiting) != 0 || k.Packer.bytes != 0 {
				fault = fmt.Sprintf("%d unaccounted for, %d of them left; a pack of %d bytes; %d at once; running %d, waiting %d of %d bytes",
					want, left, k.bytes, k.most, k.running, len(k.waiting), k.Packer.bytes)
			}
		})
		if fault != "" {
			r.Fatal(fault)
		}
	})
}
