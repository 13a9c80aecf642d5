package repair

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/catalog"
	"strata/health"
	"strata/object/renew"
)

// world is a catalog, a store and a network in memory.
type world struct {
	mu       sync.Mutex        // guards what follows
	segments []catalog.Segment // in order of their names
	miners   []Miner
	err      error // of every survey

	busy     bool          // users' files move
	took     time.Duration // for each renewal
	fails    error         // of every renewal
	rebuilt  []renew.Request
	copied   []renew.Request
	letGo    []int
	surveyed int
}

// edit changes the world while repair runs.
func (w *world) edit(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) Standings(context.Context) ([]Miner, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.miners, nil
}

func (w *world) Unsettled(_ context.Context, after catalog.SegmentRef, sound []strata.Hotkey, limit int) (out []catalog.Segment, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if after == (catalog.SegmentRef{}) {
		w.surveyed++
	}
	for _, s := range w.segments {
		unsound := slices.ContainsFunc(s.Shards, func(h catalog.Shard) bool {
			return h.State != catalog.Stored || !slices.Contains(sound, h.Miner)
		})
		if compare(s.Ref(), after) > 0 && unsound && len(out) < limit {
			s.Shards = slices.Clone(s.Shards)
			out = append(out, s)
		}
	}
	return out, w.err
}

func compare(a, b catalog.SegmentRef) int {
	return cmp.Or(bytes.Compare(a.Origin[:], b.Origin[:]), cmp.Compare(a.Number, b.Number))
}

func (w *world) Segment(_ context.Context, ref catalog.SegmentRef) (catalog.Segment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.segments {
		if s.Ref() == ref {
			s.Shards = slices.Clone(s.Shards)
			return s, nil
		}
	}
	return catalog.Segment{}, strata.E(strata.NotFound, "no such segment")
}

func (w *world) LetGo(_ context.Context, ref catalog.SegmentRef, index int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.letGo = append(w.letGo, index)
	return w.set(ref, func(h *catalog.Shard) { h.State = catalog.Lost }, index)
}

func (w *world) set(ref catalog.SegmentRef, change func(*catalog.Shard), indices ...int) error {
	for i := range w.segments {
		if w.segments[i].Ref() == ref {
			for _, j := range indices {
				change(&w.segments[i].Shards[j])
			}
		}
	}
	return nil
}

// fresh is a miner that takes whatever is renewed.
var fresh = strata.Hotkey{200}

func (w *world) Rebuild(ctx context.Context, r renew.Request) (renew.Result, error) {
	w.edit(func() { w.rebuilt = append(w.rebuilt, r) })
	return w.renew(ctx, r, int64(r.Segment.K)*100)
}

func (w *world) Busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.busy
}

func (w *world) Copy(ctx context.Context, r renew.Request) (renew.Result, error) {
	w.edit(func() { w.copied = append(w.copied, r) })
	return w.renew(ctx, r, int64(len(r.Renew))*100)
}

func (w *world) renew(ctx context.Context, r renew.Request, read int64) (renew.Result, error) {
	time.Sleep(w.took)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails != nil || ctx.Err() != nil {
		return renew.Result{}, errors.Join(w.fails, ctx.Err())
	}
	err := w.set(r.Segment.Ref(), func(h *catalog.Shard) { h.Miner, h.State = fresh, catalog.Stored }, r.Renew...)
	return renew.Result{Placed: r.Renew, Read: read, Written: int64(len(r.Renew)) * 100}, err
}

// network returns n miners in good standing, and fresh.
func network(n int) []Miner {
	out := []Miner{{Hotkey: fresh, Condition: health.Safe}}
	for i := range n {
		out = append(out, Miner{Hotkey: strata.Hotkey{byte(i + 1)}, Condition: health.Safe})
	}
	return out
}

// add makes a segment 10/16/24/30 whose first `lost` shards are lost and whose
// others lie on miners 1 to 30.
func (w *world) add(id byte, lost int) catalog.SegmentRef {
	s := catalog.Segment{Origin: strata.ObjectID{id}, Codec: "rs8", K: 10, Success: 24, Total: 30, Size: 1000}
	for i := range 30 {
		h := catalog.Shard{Index: i, Miner: strata.Hotkey{byte(i + 1)}, Length: 100, State: catalog.Stored}
		if i < lost {
			h.State = catalog.Lost
		}
		s.Shards = append(s.Shards, h)
	}
	w.segments = append(w.segments, s)
	return s.Ref()
}

func (w *world) start(t *testing.T, p Pace) *Repairer {
	r := New(Config{Catalog: w, Store: w, Network: w, Profile: strata.LocalProfile, Pace: p, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}

// renewals returns what was rebuilt so far.
func (w *world) renewals() (list []renew.Request) {
	w.edit(func() { list = slices.Clone(w.rebuilt) })
	return list
}

// copies returns what was copied so far.
func (w *world) copies() (list []renew.Request) {
	w.edit(func() { list = slices.Clone(w.copied) })
	return list
}

// surveys returns how many surveys there were.
func (w *world) surveys() (n int) {
	w.edit(func() { n = w.surveyed })
	return n
}

func (w *world) order() (ids []byte) {
	for _, r := range w.renewals() {
		ids = append(ids, r.Segment.Origin[0])
	}
	return ids
}

func TestMostEndangeredFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{miners: network(30)}
		w.add(1, 14) // 16 left: not due
		w.add(2, 15)
		w.add(3, 20) // none to spare
		w.add(4, 17)
		w.add(5, 22) // unreadable
		w.add(6, 0)
		r := w.start(t, Pace{})
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := w.order(); !bytes.Equal(got, []byte{5, 3, 4, 2}) {
			t.Errorf("repaired %v, want 5, 3, 4, 2", got)
		}
		if got := w.renewals()[1]; len(got.Renew) != 20 || len(got.Kept) != 10 {
			t.Errorf("segment 3: renewed %v beside %d", got.Renew, len(got.Kept))
		}
		st := r.Status()
		if st.Endangered != 0 || st.BytesToGo != 0 || st.Repaired != 4 || st.Bytes != uint64(4*1000+100*(22+20+17+15)) {
			t.Errorf("status %+v", st)
		}
	})
}

// TestThirdOfTheMinersGoes: the miners go while a queue is being worked off, so
// that what was harmless comes first now.
func TestThirdOfTheMinersGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{miners: network(30), took: 400 * time.Millisecond}
		for i := range 40 {
			w.add(byte(i+1), 15) // five to spare
		}
		risky := w.add(100, 11) // 19 left: not due; it loses ten
		r := w.start(t, Pace{Budget: strata.GiB})
		time.Sleep(3 * time.Second)
		synctest.Wait()
		before := len(w.renewals())
		if before == 0 || before > 10 || r.Status().Endangered != 40 {
			t.Fatalf("%d repaired, status %+v", before, r.Status())
		}
		w.edit(func() { w.miners = network(20) }) // shards 20 to 29 are gone
		time.Sleep(3 * time.Second)
		synctest.Wait()
		for _, x := range w.renewals()[before+1:][:1] {
			if x.Segment.Ref().Origin[0] >= 100 {
				t.Errorf("segment %v, with less to lose, came first", x.Segment.Ref())
			}
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if st := r.Status(); st.Endangered != 0 {
			t.Errorf("not worked off: %+v", st)
		}
		if !slices.ContainsFunc(w.renewals(), func(x renew.Request) bool { return x.Segment.Ref() == risky }) {
			t.Error("the segment that lost ten shards was not repaired")
		}
	})
}

func TestRestartOfAMinerMovesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{miners: network(30)}
		w.add(1, 10) // 20 left
		for i := 20; i < 30; i++ {
			w.miners[i].Condition = health.Doubtful
		}
		w.add(2, 0)
		w.start(t, Pace{})
		time.Sleep(time.Minute)
		synctest.Wait()
		// The first has 10 without them: urgent. The second has 20: it waits.
		if got := w.order(); !bytes.Equal(got, []byte{1}) {
			t.Errorf("repaired %v, want the urgent one", got)
		}
	})
}

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{miners: network(30)}
		for i := range 20 {
			w.add(byte(i+1), 15) // 1000 read, 1500 written
		}
		w.start(t, Pace{Budget: 500})
		time.Sleep(52 * time.Second)
		synctest.Wait()
		if n := len(w.renewals()); n < 10 || n > 11 {
			t.Errorf("%d repairs of 2500 bytes in 52 s at 500 bytes/s, want 10 or 11", n)
		}
	})
}

// TestUsersFirst: while users' files move, what is not urgent goes at a quarter of
// the budget, and what is urgent does not wait.
func TestUsersFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{miners: network(30), busy: true}
		for i := range 20 {
			w.add(byte(i+1), 15) // 1000 read, 1500 written
		}
		w.add(100, 20) // urgent: 1000 and 2000
		w.start(t, Pace{Budget: 500})
		time.Sleep(101 * time.Second)
		synctest.Wait()
		// 3000 bytes at 2000/s, then 2500 each at 125/s.
		if n := len(w.renewals()); n < 5 || n > 7 || w.order()[0] != 100 {
			t.Errorf("%d repairs in 101 s: %v, want the urgent one and one each 20 s", n, w.order())
		}
		w.edit(func() { w.busy = false })
		time.Sleep(101 * time.Second)
		synctest.Wait()
		if n := len(w.renewals()); n < 20 {
			t.Errorf("%d repairs, want the rest done at the full budget", n)
		}
	})
}

func TestFailuresRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{miners: network(30), fails: strata.E(strata.NoSpace, "no room")}
		w.add(1, 15)
		r := w.start(t, Pace{Survey: time.Second})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(w.renewals()); n < 5 || n > 12 {
			t.Errorf("tried %d times in 10 minutes, want a few that double their rest", n)
		}
		if st := r.Status(); st.Blocked != 1 || st.Endangered != 1 {
			t.Errorf("status %+v, want one blocked", st)
		}
		w.edit(func() { w.fails = nil })
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if st := r.Status(); st.Blocked != 0 || st.Endangered != 0 || st.Repaired != 1 {
			t.Errorf("status %+v after there was room", st)
		}
	})
}

func TestLeavingMinersShardsAreCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{miners: network(30)}
		w.add(1, 0)
		w.miners[3].Condition = health.Leaving // miner 3 holds shard 2
		w.start(t, Pace{})
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(w.renewals()) != 0 || len(w.copies()) != 1 || !slices.Equal(w.copies()[0].Renew, []int{2}) {
			t.Errorf("rebuilt %v, copied %v", w.renewals(), w.copies())
		}
	})
}

// TestLettingGo: in a network where every miner has a shard already, a leaving
// one's is given up, but never below what an upload must have.
func TestLettingGo(t *testing.T) {
	for _, c := range []struct {
		lost int
		want []int
	}{{5, []int{29}}, {6, nil}} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{miners: network(30), fails: strata.E(strata.NoSpace, "no room")}
			w.add(1, c.lost)
			w.miners[30].Condition = health.Leaving
			w.start(t, Pace{})
			time.Sleep(time.Minute)
			synctest.Wait()
			if !slices.Equal(w.letGo, c.want) {
				t.Errorf("%d safe: let go %v, want %v", 29-c.lost, w.letGo, c.want)
			}
		})
	}
}

func TestShedding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{miners: network(30)}
		for i := range 5 {
			w.add(byte(i+1), 0)
		}
		w.miners[1].Shed = 250 // miner 1 holds shard 0 of each, of 100 bytes
		w.start(t, Pace{})
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		w.edit(func() { w.miners = network(30) }) // it has said that it is rid of enough
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(w.copies()) != 3 || len(w.renewals()) != 0 {
			t.Errorf("%d copied and %d rebuilt, want 3 moved", len(w.copies()), len(w.renewals()))
		}
	})
}

// TestSheddingKeepsWhatNobodyTakes: a miner that has more than it plans for keeps
// it all the same; only those that go are rid of what nobody else can take.
func TestSheddingKeepsWhatNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{miners: network(30), fails: strata.E(strata.NoSpace, "no room")}
		w.add(1, 0)
		w.miners[1].Shed = 1000
		r := w.start(t, Pace{})
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := r.Status(); len(w.letGo) != 0 || st.Moving != 1 || st.Blocked != 1 {
			t.Errorf("let go %v, status %+v", w.letGo, st)
		}
	})
}

func TestSurveyThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{miners: network(30), err: errors.New("disk I/O error")}
		w.add(1, 15)
		w.start(t, Pace{})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(w.renewals()) != 0 || w.surveys() < 5 {
			t.Errorf("%d repaired after %d surveys that failed", len(w.renewals()), w.surveys())
		}
		w.edit(func() { w.err = nil })
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(w.renewals()) != 1 {
			t.Errorf("%d repaired, want 1", len(w.renewals()))
		}
	})
}

// TestQueueIsBounded: more segments are endangered than wait in memory; the most
// endangered of all are found all the same, and then the rest.
func TestQueueIsBounded(t *testing.T) {
	w := &world{miners: network(30)}
	for i := range 3 * maxQueue {
		w.add(1, 15)
		last := &w.segments[len(w.segments)-1]
		last.Number = uint64(i)
		if i == 3*maxQueue-7 {
			for j := range 18 {
				last.Shards[j].State = catalog.Lost
			}
		}
	}
	r := New(Config{Catalog: w, Store: w, Network: w, Profile: strata.LocalProfile, Log: slog.New(slog.DiscardHandler)})
	r.miners = newStandings(w.miners)
	if err := r.survey(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.queue) != maxQueue || !r.more || r.queue[0].ref.Number != 3*maxQueue-7 || r.Status().Endangered != 3*maxQueue {
		t.Errorf("%d queued (more: %v), the first is %d, status %+v", len(r.queue), r.more, r.queue[0].ref.Number, r.Status())
	}
}
