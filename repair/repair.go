// Package repair keeps segments whole: it looks for those that miss shards, or
// whose shards lie where they cannot stay, and has them renewed, the most
// endangered first, within a budget of bytes.
//
//	repair.go   what it is made of; Run
//	survey.go   which segments need something, and how much
//	work.go     what is done with one segment
//
// The rule is package health's; what is known of miners comes from Network. No
// list of jobs is kept: a survey derives it from the catalog, so that a restart
// forgets nothing and repeats nothing that is done. What a crash in the middle
// of a renewal leaves is package renew's to say.
package repair

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"strata"
	"strata/catalog"
	"strata/health"
	"strata/internal/lifecycle"
	"strata/object/renew"
)

// Miner is what is known of a miner that is registered and serves. One that is
// not listed is gone, and so are the shards on it.
type Miner struct {
	Hotkey    strata.Hotkey
	Condition health.Condition // what a shard stored there is worth
	// Shed is how many bytes of shards are to be moved away from a miner whose
	// partition has shrunk below what lies in it; its shards are safe otherwise.
	Shed strata.ByteSize
}

// Network knows the miners. It answers from memory.
type Network interface {
	Standings(ctx context.Context) ([]Miner, error)
}

// Catalog is the metadata that repair needs.
type Catalog interface {
	Unsettled(ctx context.Context, after catalog.SegmentRef, sound []strata.Hotkey, limit int) ([]catalog.Segment, error)
	Segment(ctx context.Context, ref catalog.SegmentRef) (catalog.Segment, error)
	LetGo(ctx context.Context, ref catalog.SegmentRef, index int) error
}

// Store renews shards (packages object and renew).
type Store interface {
	Rebuild(ctx context.Context, r renew.Request) (renew.Result, error)
	Copy(ctx context.Context, r renew.Request) (renew.Result, error)
	// Busy says whether users' files are being stored or read just now.
	Busy() bool
}

// Pace is how fast repair goes. A zero field takes the profile's default.
type Pace struct {
	// Budget is how many bytes of shards are read and written in a second, all
	// repairs together (32 MiB). Segments that are urgent may have four times as
	// much; while users store or read, the others have a quarter.
	Budget strata.ByteSize
	Look   time.Duration // between two looks at the miners (1 s locally, 30 s elsewhere)
	Survey time.Duration // between two surveys while nothing changes (10 s, 10 min)
	Retry  time.Duration // before a segment that could not be repaired is tried again, at first (2 s, 5 min)
	Now    func() time.Time
}

func (p Pace) withDefaults(prof strata.Profile) Pace {
	d := Pace{Look: 30 * time.Second, Survey: 10 * time.Minute, Retry: 5 * time.Minute}
	if prof.Name == strata.LocalProfile.Name {
		d = Pace{Look: time.Second, Survey: 10 * time.Second, Retry: 2 * time.Second}
	}
	if p.Budget == 0 {
		p.Budget = 32 * strata.MiB
	}
	if p.Look == 0 {
		p.Look = d.Look
	}
	if p.Survey == 0 {
		p.Survey = d.Survey
	}
	if p.Retry == 0 {
		p.Retry = d.Retry
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	return p
}

// Config is what a Repairer is made of. All but Pace are needed.
type Config struct {
	Catalog Catalog
	Store   Store
	Network Network
	Profile strata.Profile
	Pace    Pace
	Log     *slog.Logger
}

// Status is how far repair is.
type Status struct {
	Surveyed   time.Time // when the segments were last looked through; zero: not yet
	Endangered uint64    // segments below their threshold
	Urgent     uint64    // of these, so few shards that nothing is waited for
	Unreadable uint64    // of these, fewer than k shards can be read now
	Moving     uint64    // segments that are whole, with shards at miners that want to be rid of them
	Blocked    uint64    // segments of the three that no miner takes a shard of, for now
	BytesToGo  uint64    // of shards, to be read and written for all of them
	Repaired   uint64    // segments renewed since the start
	Bytes      uint64    // of shards, read and written for that
}

// Repairer repairs. Run keeps it going; Status is safe for concurrent use.
type Repairer struct {
	Config
	purse purse

	mu     sync.Mutex
	status Status // guarded by mu

	// What follows is Run's alone.
	trouble lifecycle.Complaint // about rounds
	miners  standings
	queue   []job // the most endangered first
	more    bool  // the survey found more than the queue holds
	resting map[catalog.SegmentRef]rest
}

// rest is a segment that could not be repaired.
type rest struct {
	until time.Time
	waits time.Duration // until the next try after that
}

// New returns a Repairer.
func New(c Config) *Repairer {
	c.Pace = c.Pace.withDefaults(c.Profile)
	return &Repairer{
		Config: c, purse: purse{rate: float64(c.Pace.Budget), now: c.Pace.Now},
		resting: map[catalog.SegmentRef]rest{},
	}
}

// Status returns how far repair is.
func (r *Repairer) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Run repairs until ctx is done, then returns nil. Errors of single segments are
// logged and tried again; so is a catalog that cannot be read.
func (r *Repairer) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := r.round(ctx)
		if ctx.Err() == nil {
			r.trouble.Say(r.Log, "segments are not surveyed for repair; trying again", err)
		}
		if err == nil && len(r.queue) > 0 {
			continue // it is long enough since the last look
		}
		if lifecycle.Sleep(ctx, r.Pace.Look) != nil {
			break
		}
	}
	return nil
}

// round looks at the miners, surveys if something changed or it is time, and
// works off the queue until the next look is due.
func (r *Repairer) round(ctx context.Context) error {
	now := r.Pace.Now()
	listed, err := r.Network.Standings(ctx)
	if err != nil {
		return err
	}
	next := newStandings(listed)
	due := !next.same(r.miners) || len(r.queue) == 0 && r.more || now.Sub(r.Status().Surveyed) >= r.Pace.Survey
	r.miners = next
	if due {
		if err := r.survey(ctx); err != nil {
			return err
		}
	}
	for len(r.queue) > 0 && ctx.Err() == nil && r.Pace.Now().Sub(now) < r.Pace.Look {
		j := r.queue[0]
		r.queue = r.queue[1:]
		r.work(ctx, j)
	}
	return nil
}
