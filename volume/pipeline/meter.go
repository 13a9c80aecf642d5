package pipeline

import (
	"sync"
	"time"

	"strata"
)

// reportEach is the least time between two reports, but for those that end a job.
const reportEach = 50 * time.Millisecond

// meter estimates which part of a run's time has passed: the time so far over
// that and the time to come. The time to come is that of the slower stage, at
// the rate measured in this run, since fills and disks work at the same time.
type meter struct {
	cfg     Config
	started time.Time
	fills   *stage
	stores  *stage

	mu   sync.Mutex // guards what follows, and is held during a report
	last time.Time
	most strata.ByteSize
}

func newMeter(cfg Config) *meter {
	return &meter{cfg: cfg, started: time.Now(), fills: newStage(), stores: newStage()}
}

// watch returns what a task's worker tells its progress to.
func (m *meter) watch(t *task) Watch {
	return func(done, total uint64) {
		t.set(done, total)
		m.report(false)
	}
}

// report tells how far the run is; always says to do so even if it just was.
func (m *meter) report(always bool) {
	if m.cfg.Report == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if !always && now.Sub(m.last) < reportEach {
		return
	}
	m.last = now
	total := strata.ByteSize(m.cfg.Jobs) * m.cfg.Size
	m.most = max(m.most, strata.ByteSize(m.part(now)*float64(total)))
	m.cfg.Report(m.most, total)
}

// part returns the part of the time that has passed, from 0 to 1.
func (m *meter) part(now time.Time) float64 {
	fills, stores := m.fills.measure(now), m.stores.measure(now)
	switch {
	case stores.ended >= m.cfg.Jobs:
		return 1
	case fills.work == 0:
		return 0
	}
	fill, disk := fills.each(), stores.each()
	if stores.work == 0 {
		disk = fill / 2 // until the first is measured
	}
	left := stores.left(m.cfg.Jobs, m.cfg.Lanes) * disk
	if f := fills.left(m.cfg.Jobs, m.cfg.Workers) * fill; f > 0 {
		left = max(left, f+disk) // the last to be filled is stored after that
	}
	passed := now.Sub(m.started).Seconds()
	if passed+left <= 0 { // a clock too coarse for what was done
		return float64(stores.ended) / float64(m.cfg.Jobs)
	}
	return passed / (passed + left)
}

// stage is all tasks of one kind.
type stage struct {
	mu    sync.Mutex // guards what follows, tasks included
	tasks map[*task]bool
	ended int
	took  time.Duration // by those that ended well
}

func newStage() *stage { return &stage{tasks: map[*task]bool{}} }

// task is one fill or one store under way.
type task struct {
	stage *stage
	begun time.Time
	part  float64
}

func (s *stage) begin() *task {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &task{stage: s, begun: time.Now()}
	s.tasks[t] = true
	return t
}

// end takes a task out; one that failed leaves nothing.
func (s *stage) end(t *task, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tasks, t)
	if ok {
		s.ended++
		s.took += time.Since(t.begun)
	}
}

func (t *task) set(done, total uint64) {
	t.stage.mu.Lock()
	defer t.stage.mu.Unlock()
	t.part = float64(done) / float64(max(total, 1))
}

// measured is a stage at one moment.
type measured struct {
	ended int     // tasks
	work  float64 // tasks, those under way in part
	spent float64 // seconds of work, of all together
}

func (s *stage) measure(now time.Time) measured {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := measured{ended: s.ended, work: float64(s.ended), spent: s.took.Seconds()}
	for t := range s.tasks {
		if t.part > 0 {
			m.work += t.part
			m.spent += now.Sub(t.begun).Seconds()
		}
	}
	return m
}

// each returns the seconds that one task takes.
func (m measured) each() float64 { return m.spent / max(m.work, 1e-9) }

// left returns how many tasks of jobs are still to be done by each of so many
// hands.
func (m measured) left(jobs, hands int) float64 {
	return max(float64(jobs)-m.work, 0) / float64(max(min(hands, jobs-m.ended), 1))
}
