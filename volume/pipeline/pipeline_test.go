package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/internal/leaks"
)

// plant is a source of sectors that take a known time to fill and to store.
type plant struct {
	fill, store time.Duration
	fail        map[int]error // by number

	mu                     sync.Mutex
	next, jobs             int
	filling, storing, held int
	most                   [3]int // of each of those at once
	order                  []int  // as they were through
	errs                   []error
}

type sector struct {
	p    *plant
	n    int
	lane int
}

func (p *plant) Next(load []int) (Job, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == p.jobs {
		return nil, nil
	}
	p.next++
	best := 0
	for i := range load {
		if load[i] < load[best] {
			best = i
		}
	}
	return sector{p, p.next - 1, best}, nil
}

func (p *plant) Done(j Job, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.order = append(p.order, j.(sector).n)
	if err != nil {
		p.errs = append(p.errs, err)
	}
}

func (p *plant) count(i int, at *int, by int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*at += by
	p.most[i] = max(p.most[i], *at)
}

func (s sector) Lane() int { return s.lane }

func (s sector) Fill(ctx context.Context, buf []byte, watch Watch) error {
	s.p.count(2, &s.p.held, 1)
	s.p.count(0, &s.p.filling, 1)
	defer s.p.count(0, &s.p.filling, -1)
	buf[0] = byte(s.n)
	return spend(ctx, s.p.fill, watch)
}

func (s sector) Store(ctx context.Context, buf []byte, free func(), watch Watch) error {
	s.p.count(1, &s.p.storing, 1)
	defer s.p.count(1, &s.p.storing, -1)
	if buf[0] != byte(s.n) {
		return fmt.Errorf("sector %d came with the bytes of %d", s.n, buf[0])
	}
	err := spend(ctx, s.p.store, watch)
	s.p.count(2, &s.p.held, -1)
	free()
	return errors.Join(err, s.p.fail[s.n])
}

// spend takes that long, and says how far it is.
func spend(ctx context.Context, d time.Duration, watch Watch) error {
	for i := range uint64(20) {
		watch(i, 20)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d / 20):
		}
	}
	watch(20, 20)
	return nil
}

const size = 64 * strata.KiB

// TestStagesOverlap: the time of a run is that of its slower stage, and memory
// and lanes are not exceeded.
func TestStagesOverlap(t *testing.T) {
	for _, c := range []struct {
		name                          string
		workers, buffers, lanes, jobs int
		fill, store                   time.Duration
		want                          time.Duration
	}{
		{"a slow fill", 1, 2, 1, 10, 10 * time.Second, 5 * time.Second, 105 * time.Second},
		{"a slow disk", 1, 2, 1, 10, 5 * time.Second, 10 * time.Second, 105 * time.Second},
		{"two workers", 2, 3, 1, 10, 10 * time.Second, 5 * time.Second, 60 * time.Second},
		{"three disks", 2, 5, 3, 30, 2 * time.Second, 10 * time.Second, 114 * time.Second},
		{"one buffer: they take turns", 1, 1, 1, 4, 10 * time.Second, 5 * time.Second, 60 * time.Second},
		{"more workers than buffers", 4, 2, 1, 4, 10 * time.Second, time.Second, 23 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &plant{fill: c.fill, store: c.store, jobs: c.jobs}
				began := time.Now()
				cfg := Config{Workers: c.workers, Buffers: c.buffers, Lanes: c.lanes, Size: size, Jobs: c.jobs}
				if err := Run(t.Context(), cfg, p); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > c.want {
					t.Errorf("it took %s, want %s", took, c.want)
				}
				if len(p.order) != c.jobs || len(p.errs) > 0 {
					t.Errorf("%d of %d through, %v", len(p.order), c.jobs, p.errs)
				}
				for i, most := range []int{c.workers, c.lanes, c.buffers} {
					if p.most[i] > most {
						t.Errorf("%d at once of what there are %d of (%d)", p.most[i], most, i)
					}
				}
			})
		})
	}
}

// TestProgressIsRight: what is reported is within a tenth of the part of the
// time that has passed, from a fifth to nine tenths of a run.
func TestProgressIsRight(t *testing.T) {
	for _, c := range []struct {
		workers, lanes, jobs int
		fill, store          time.Duration
	}{
		{1, 1, 1, 10 * time.Second, 4 * time.Second},
		{1, 1, 4, 10 * time.Second, 4 * time.Second},
		{1, 1, 4, 10 * time.Second, 10 * time.Second},
		{1, 1, 6, 4 * time.Second, 16 * time.Second},
		{1, 1, 50, time.Second, 10 * time.Second},
		{1, 1, 50, 10 * time.Second, time.Second},
		{2, 1, 2, 10 * time.Second, 4 * time.Second},
		{2, 1, 6, 10 * time.Second, 8 * time.Second},
		{2, 1, 40, 10 * time.Second, 3 * time.Second},
		{8, 1, 40, 10 * time.Second, time.Second},
		{8, 1, 80, 10 * time.Second, 5 * time.Second},
		{4, 3, 40, 5 * time.Second, 20 * time.Second},
		{4, 3, 41, 20 * time.Second, 5 * time.Second},
		{2, 2, 7, 9 * time.Second, 11 * time.Second},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				type told struct {
					at   time.Duration
					part float64
				}
				var all []told
				began := time.Now()
				cfg := Config{Workers: c.workers, Buffers: c.workers + c.lanes, Lanes: c.lanes, Size: size, Jobs: c.jobs}
				cfg.Report = func(done, total strata.ByteSize) {
					all = append(all, told{time.Since(began), float64(done) / float64(total)})
				}
				if err := Run(t.Context(), cfg, &plant{fill: c.fill, store: c.store, jobs: c.jobs}); err != nil {
					t.Fatal(err)
				}
				took := time.Since(began)
				seen := 0
				for i, r := range all {
					if i > 0 && r.part < all[i-1].part {
						t.Errorf("it went back from %.3f to %.3f", all[i-1].part, r.part)
					}
					real := r.at.Seconds() / took.Seconds()
					if real < 0.2 || real > 0.9 {
						continue
					}
					if seen++; r.part < real-0.1 || r.part > real+0.1 {
						t.Errorf("%.3f told at %.3f of the time", r.part, real)
					}
				}
				if last := all[len(all)-1].part; last != 1 {
					t.Errorf("the end is told as %.3f", last)
				}
				if seen < 10 {
					t.Errorf("told only %d times", seen)
				}
			})
		})
	}
}

// TestFailedJobsLeaveTheRest: an error is told, the others go on, and nothing
// that was used stays behind.
func TestFailedJobsLeaveTheRest(t *testing.T) {
	defer leaks.None(t)
	broken := errors.New("broken")
	p := &plant{jobs: 10, fail: map[int]error{3: broken, 7: broken}}
	if err := Run(t.Context(), Config{Workers: 2, Buffers: 3, Lanes: 2, Size: size, Jobs: 10}, p); err != nil {
		t.Fatal(err)
	}
	if len(p.order) != 10 || len(p.errs) != 2 || !errors.Is(p.errs[0], broken) {
		t.Errorf("%d through, %v", len(p.order), p.errs)
	}
}

func TestStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := &plant{fill: time.Minute, store: time.Minute, jobs: 100}
		time.AfterFunc(150*time.Second, cancel)
		err := Run(ctx, Config{Workers: 2, Buffers: 3, Lanes: 1, Size: size, Jobs: 100}, p)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if p.filling+p.storing > 0 || len(p.order) != p.next {
			t.Errorf("%d of %d begun jobs were told to be through", len(p.order), p.next)
		}
	})
}

func TestNoMemoryIsSaid(t *testing.T) {
	p := &plant{jobs: 1}
	err := Run(t.Context(), Config{Workers: 2, Buffers: 2, Lanes: 1, Size: 1 << 60, Jobs: 1}, p)
	if strata.CodeOf(err) != strata.Unavailable {
		t.Errorf("%v", err)
	}
	if p.next != 0 {
		t.Error("a sector was taken without memory to fill it in")
	}
}

// keeping is a sector whose store fails on lane 1 and keeps the buffer, as with a
// disk that hangs.
type keeping struct {
	sector
	kept chan<- func()
}

func (k keeping) Store(ctx context.Context, buf []byte, free func(), watch Watch) error {
	if k.lane == 1 {
		k.kept <- free
		return errors.New("it hangs")
	}
	return k.sector.Store(ctx, buf, free, watch)
}

// keeper is a plant of such sectors; those of lane 1 are few.
type keeper struct {
	plant
	bad  int // sectors of lane 1
	kept chan func()
}

func (p *keeper) Next([]int) (Job, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == p.jobs {
		return nil, nil
	}
	p.next++
	lane := 0
	if p.next <= p.bad {
		lane = 1
	}
	return keeping{sector{&p.plant, p.next - 1, lane}, p.kept}, nil
}

func (p *keeper) Done(j Job, err error) { p.plant.Done(j.(keeping).sector, err) }

// A buffer that does not come back leaves the others to work with; when none
// does, the run ends. Their memory goes when they come back.
func TestBuffersThatStay(t *testing.T) {
	for bad, want := range map[int]int{1: 10, 2: 2} {
		synctest.Test(t, func(t *testing.T) {
			p := &keeper{plant: plant{fill: time.Second, store: time.Second, jobs: 10}, bad: bad, kept: make(chan func(), 10)}
			if err := Run(t.Context(), Config{Workers: 1, Buffers: 2, Lanes: 2, Size: strata.MiB, Jobs: 10}, p); err != nil {
				t.Fatal(err)
			}
			if len(p.order) != want || len(p.errs) != bad {
				t.Errorf("%d buffers stay, and %d of 10 sectors are done, %d failed", bad, len(p.order), len(p.errs))
			}
			for range bad {
				free := <-p.kept
				free()
				free() // once more does nothing
			}
		})
	}
}
