package memory

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func acquire(t *testing.T, m *Memory, n int, size int64) *Lease {
	t.Helper()
	l, err := m.Acquire(t.Context(), n, size)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestComesBackWhole: in whatever order shards are freed, all memory is there again
// in the end, and never more than there was.
func TestComesBackWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := New(rapid.Int64Range(1, 1000).Draw(t, "memory"))
		n := rapid.IntRange(1, 30).Draw(t, "shards")
		l, err := m.Acquire(context.Background(), n, rapid.Int64Range(1, 100).Draw(t, "size"))
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Bodies) != n {
			t.Fatalf("%d buffers, want %d", len(l.Bodies), n)
		}
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, n, rapid.ID).Draw(t, "freed one by one") {
			l.Free(i)
		}
		if rapid.Bool().Draw(t, "closed") {
			l.Close()
			if !m.reserve.TryAcquire(m.Size()) || m.reserve.TryAcquire(1) {
				t.Fatal("what came back is not what there was")
			}
		}
	})
}

// TestBuffersAreUsedAgain where they have the size, and given empty.
func TestBuffersAreUsedAgain(t *testing.T) {
	const size = 1 << 20
	m := New(64 << 20)
	for range 100 { // the pool may drop any of them
		l := acquire(t, m, 1, size)
		l.Bodies[0] = append(l.Bodies[0], 1, 2, 3)
		was := &l.Bodies[0][0]
		l.Close()
		l = acquire(t, m, 1, size)
		got := l.Bodies[0]
		if len(got) != 0 || int64(cap(got)) < size {
			t.Fatalf("a buffer of %d bytes with room for %d", len(got), cap(got))
		}
		l.Close()
		if &got[:1][0] == was {
			return
		}
	}
	t.Error("no buffer was used again")
}

// TestLateSendsEndForWaiters: sends that linger are ended when they are late and
// somebody waits, be it before or after they become so; others have their time.
func TestLateSendsEndForWaiters(t *testing.T) {
	for name, c := range map[string]struct {
		late, comes time.Duration // from the beginning; comes 0: nobody
		remove      bool
		ends        time.Duration // 0: it does not
	}{
		"nobody waits":                    {late: time.Second},
		"who comes ends a late one":       {late: time.Second, comes: 3 * time.Second, ends: 3 * time.Second},
		"who waits has it end when late":  {late: 3 * time.Second, comes: time.Second, ends: 3 * time.Second},
		"what is late at once":            {late: 0, comes: time.Second, ends: time.Second},
		"a send that is over is let be":   {late: time.Second, comes: 3 * time.Second, remove: true},
		"also one that was not late then": {late: 4 * time.Second, comes: 3 * time.Second, remove: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				m := New(100)
				held := acquire(t, m, 1, 100)
				var ended atomic.Int64
				remove := m.Linger(c.late, func() {
					ended.Store(int64(time.Since(began)))
					go held.Close()
				})
				if c.comes > 0 {
					time.Sleep(c.comes - 1)
					if c.remove {
						remove()
					}
					time.Sleep(time.Nanosecond)
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					l, err := m.Acquire(ctx, 1, 1)
					if (err == nil) != (c.ends > 0) {
						t.Errorf("waiting ended with %v", err)
					}
					if err == nil {
						l.Close()
					}
				}
				time.Sleep(time.Hour)
				if ended := time.Duration(ended.Load()); ended != c.ends {
					t.Errorf("the send was ended after %s, want %s", ended, c.ends)
				}
			})
		})
	}
}

// TestLastIsLast: who takes memory last waits while others come and go, but no
// longer than a minute before it takes its turn, and ends nobody's sends.
func TestLastIsLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(100)
		held := acquire(t, m, 2, 50)
		m.Linger(0, func() { t.Error("a send was ended") })
		began := time.Now()
		got := make(chan time.Duration)
		go func() {
			l, err := m.AcquireLast(context.Background(), 1, 100)
			if err != nil {
				t.Error(err)
			} else {
				l.Close()
			}
			got <- time.Since(began)
		}()
		time.Sleep(30 * time.Second)
		held.Free(0)
		small := acquire(t, m, 1, 50) // goes first
		time.Sleep(40 * time.Second)
		held.Close()
		small.Close()
		if took := <-got; took != 70*time.Second {
			t.Errorf("it had memory after %s, want 70 s", took)
		}
	})
}

func TestAcquireEndsWithItsContext(t *testing.T) {
	m := New(100)
	defer acquire(t, m, 1, 100).Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Acquire(ctx, 1, 1); err == nil {
		t.Error("there was memory")
	}
	if _, err := m.AcquireLast(ctx, 1, 1); err == nil {
		t.Error("there was memory for the last")
	}
}
