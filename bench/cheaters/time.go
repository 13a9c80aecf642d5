package cheaters

import (
	"context"
	"time"

	"strata"
	"strata/wire"
)

// blockPass is what the fake clock charges for each block of each pass that is
// computed again: the permutation alone takes as long in the first cache of a
// 3.5 GHz core.
const blockPass = 100 * time.Nanosecond

// cores is how many a cheater has for recomputing. An honest miner needs none.
const cores = 4

// fillTime is how long a sector takes to compute.
func fillTime(p strata.Profile) time.Duration {
	return time.Duration(p.Blocks) * time.Duration(p.Passes) * blockPass
}

// main is the sector that cheaters are charged for, however small their own are.
var mainFill = fillTime(strata.MainProfile)

// What a missing leaf costs, in hundredths of a fill (docs/proof-of-space.md):
// the work, by the part of the sector that is stored, and the chain of steps that
// no number of cores makes shorter.
func work(kept float64) time.Duration {
	switch {
	case kept >= 0.9:
		return 82
	case kept >= 0.5:
		return 87
	}
	return 100
}

const depth = 75

// refill returns how long it takes to compute leaves in so many sectors again.
func refill(sectors int, kept float64) time.Duration {
	if sectors == 0 {
		return 0
	}
	return max(mainFill*depth/100, time.Duration(sectors)*mainFill*work(kept)/100/cores)
}

// sparse is a miner that seals all its sectors, signs their true roots, and then
// keeps a part of each, or of them. What it is asked for and has not, it computes
// if there is time for it, or in any case.
type sparse struct {
	*disk
	keeps   func(number uint64, leaf uint32) bool // nil: everything
	kept    float64                               // the part of a sector that it keeps
	always  bool                                  // computes although it will be late
	connect time.Duration                         // by which connects are drawn out
}

// Connect is longer if the miner wants its round trip to look long.
func (s *sparse) Connect() time.Duration { return s.connect }

// Audit opens what is there, and what can be computed in time.
func (s *sparse) Audit(ctx context.Context, caller strata.Hotkey, r wire.AuditRequest) (wire.AuditResponse, error) {
	a, err := s.disk.Audit(ctx, caller, r)
	if err != nil || s.keeps == nil {
		return a, err
	}
	var gone []int
	sectors := map[uint64]bool{}
	for i, ref := range r.Leaves {
		if !s.keeps(ref.Sector, ref.Leaf) {
			gone = append(gone, i)
			sectors[ref.Sector] = true
		}
	}
	took := refill(len(sectors), s.kept)
	hopes := s.w.profile.Deadline + roundTrip + s.connect // what it believes to have
	reads := roundTrip + time.Duration(len(r.Leaves))*seek
	if s.always || took+reads <= hopes {
		spend(ctx, took)
		return a, nil
	}
	for _, i := range gone {
		a.Openings[i] = wire.Opening{Missing: true}
	}
	return a, nil
}

// joinSparse makes the joining of a sparse miner that says so many times what it
// holds.
func joinSparse(times int, change func(*sparse)) func(*world, int, bool) error {
	return func(w *world, sectors int, cheat bool) error {
		d, err := newDisk(w, "Cheater0")
		if err != nil {
			return err
		}
		s := &sparse{disk: d}
		if cheat {
			sectors *= times
			change(s)
		}
		w.member(d.hotkey(), s)
		return d.seal(0, sectors)
	}
}

// lastPass is a miner that keeps each sector as it stood before the last pass,
// and computes that pass when it is asked.
type lastPass struct{ *disk }

// Audit computes the last pass up to each leaf, as many at once as there are
// cores.
func (l *lastPass) Audit(ctx context.Context, caller strata.Hotkey, r wire.AuditRequest) (wire.AuditResponse, error) {
	var busy [cores]time.Duration
	blocks := time.Duration(strata.MainProfile.Blocks)
	for _, ref := range r.Leaves {
		core := 0
		for i, t := range busy {
			if t < busy[core] {
				core = i
			}
		}
		busy[core] += blocks * time.Duration(ref.Leaf+1) / time.Duration(l.w.profile.Blocks) * blockPass
	}
	longest := busy[0]
	for _, t := range busy {
		longest = max(longest, t)
	}
	spend(ctx, longest)
	return l.disk.Audit(ctx, caller, r)
}

func joinLastPass(w *world, sectors int, cheat bool) error {
	d, err := newDisk(w, "Cheater0")
	if err != nil {
		return err
	}
	if cheat {
		w.member(d.hotkey(), &lastPass{d})
	} else {
		w.member(d.hotkey(), d)
	}
	return d.seal(0, sectors)
}

// late is a miner that has everything on something slow.
type late struct {
	*disk
	by time.Duration
}

// Audit takes its time.
func (l *late) Audit(ctx context.Context, caller strata.Hotkey, r wire.AuditRequest) (wire.AuditResponse, error) {
	spend(ctx, l.by)
	return l.disk.Audit(ctx, caller, r)
}

// joinLate makes it late by 20 ms: the reads of an audit take 16 seeks, the rest
// is the medium's.
func joinLate(w *world, sectors int, cheat bool) error {
	d, err := newDisk(w, "Cheater0")
	if err != nil {
		return err
	}
	l := &late{disk: d}
	if cheat {
		l.by = strata.MainProfile.Deadline - wire.MaxLeaves*seek + 20*time.Millisecond
	}
	w.member(d.hotkey(), l)
	return d.seal(0, sectors)
}
