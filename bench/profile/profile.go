// Package profile measures whether this machine can serve a network: its
// memory against a sector, its disk against the deadline of an audit, and how
// long it takes to fill a sector against that deadline, which must leave a
// cheater no time to do so.
package profile

import (
	"context"
	"fmt"
	"time"

	"strata"
	benchseal "strata/bench/seal"
	"strata/internal/hugepage"
	"strata/seal"
)

// Margin is how many times the deadline the refill of a sector takes at least,
// on the fastest machines, or audits prove nothing.
const Margin = 4

// Config says what to measure.
type Config struct {
	Dir      string          // where data is to lie; a temporary file is made there
	Span     strata.ByteSize // of that file: reads are spread over it
	Profiles []strata.Profile
}

// Facts are what was measured.
type Facts struct {
	Memory strata.ByteSize // free now
	Disk   Disk
	Refill map[string]time.Duration // one sector of a profile, by name; none where it does not fit into memory
	ISA    seal.ISA                 // that was filled with
}

// Verdict says whether this machine can serve a profile's network.
type Verdict struct {
	Profile string   `json:"profile"`
	Serves  bool     `json:"serves"`
	Why     []string `json:"why_not"` // one line for each reason against it
	Notes   []string `json:"notes"`   // what is good to know all the same

	SectorBytes  int64    `json:"sector_bytes"`
	MemoryBytes  int64    `json:"memory_bytes"` // free
	DiskMedian   float64  `json:"disk_median_ms"`
	DiskSlowest  float64  `json:"disk_slowest_ms"` // of so many answers
	DiskAnswers  int      `json:"disk_answers"`
	DeadlineMS   float64  `json:"deadline_ms"`
	RTTCapMS     float64  `json:"rtt_cap_ms"`
	ISA          seal.ISA `json:"isa"`
	RefillS      float64  `json:"refill_s"`              // 0: not measured
	RefillRatio  float64  `json:"refill_deadlines"`      // as so many deadlines
	RefillCapped float64  `json:"refill_deadlines_caps"` // as so many times deadline and round trip's cap together
	Machine      string   `json:"machine,omitempty"`     // set by whoever prints
}

// Measure measures and judges each profile, in the order given. It takes Span
// of disk and, while it fills, one sector of memory. report, if not nil, is
// told how many measurements of how many are done.
func Measure(ctx context.Context, cfg Config, report func(done, total int)) ([]Verdict, error) {
	if report == nil {
		report = func(_, _ int) {}
	}
	total := 1 + len(cfg.Profiles)
	free, err := hugepage.Available()
	if err != nil {
		return nil, err
	}
	f := Facts{Memory: free, Refill: map[string]time.Duration{}, ISA: seal.ISAs()[0]}
	if f.Disk, err = measureDisk(ctx, cfg.Dir, cfg.Span); err != nil {
		return nil, err
	}
	report(1, total)
	var list []Verdict
	for i, p := range cfg.Profiles {
		if free >= memoryFor(1, p) {
			if f.Refill[p.Name], err = refill(ctx, p); err != nil {
				return nil, err
			}
		}
		list = append(list, Judge(p, f))
		report(2+i, total)
	}
	return list, nil
}

// memoryFor is what must be free for so many sectors at once: sealing takes at
// most three quarters of it, see pipeline.EffectiveWorkers.
func memoryFor(sectors strata.ByteSize, p strata.Profile) strata.ByteSize {
	return sectors * p.SectorSize() / 3 * 4
}

// refill returns how long it takes to fill a sector of the profile.
func refill(ctx context.Context, p strata.Profile) (time.Duration, error) {
	m, err := hugepage.Alloc(p.SectorSize())
	if err != nil {
		return 0, err
	}
	defer m.Free()
	return benchseal.Refill(ctx, seal.Sector{Blocks: p.Blocks, Passes: p.Passes}, m.Bytes())
}

// Judge compares what was measured with what a profile asks for.
func Judge(p strata.Profile, f Facts) Verdict {
	v := Verdict{
		Profile: p.Name, SectorBytes: int64(p.SectorSize()), MemoryBytes: int64(f.Memory),
		DiskMedian: ms(f.Disk.Median), DiskSlowest: ms(f.Disk.Slowest), DiskAnswers: f.Disk.Answers,
		DeadlineMS: ms(p.Deadline), RTTCapMS: ms(p.RTTCap), ISA: f.ISA,
		Why: []string{}, Notes: []string{},
	}
	v.memory(p, f)
	v.disk(p, f)
	v.refill(p, f)
	v.Serves = len(v.Why) == 0
	return v
}

// memory: sealing and checking hold a sector, and leave a part of what is free
// to others.
func (v *Verdict) memory(p strata.Profile, f Facts) {
	if need := memoryFor(1, p); f.Memory < need {
		v.no("memory: filling one sector of %s needs %s free, and %s are", p.SectorSize(), need, f.Memory)
	} else if need := memoryFor(3, p); f.Memory < need {
		v.note("memory for one sealing worker; two, with a sector being written, need %s free", need)
	}
}

// disk: an audit asks for up to sixteen leaves at once.
func (v *Verdict) disk(p strata.Profile, f Facts) {
	if f.Disk.Slowest > p.Deadline {
		v.no("disk: %d reads at once took up to %s, and an audit waits %s", Leaves, round(f.Disk.Slowest), p.Deadline)
	}
}

// refill: whoever could fill a sector in time need not keep it. Local sectors
// are filled in milliseconds: such a network proves nothing, and says so.
func (v *Verdict) refill(p strata.Profile, f Facts) {
	took, ok := f.Refill[p.Name]
	if !ok {
		v.note("the refill of a sector was not measured: it does not fit into memory")
		return
	}
	v.RefillS = took.Seconds()
	v.RefillRatio = float64(took) / float64(p.Deadline)
	v.RefillCapped = float64(took) / float64(p.Deadline+p.RTTCap)
	switch {
	case p == strata.LocalProfile:
		v.note("a local network proves no space: a sector is refilled in %s", round(took))
	case v.RefillRatio < Margin:
		v.no("refill: a sector takes %s here, only %.1f times the deadline of %s where %d are needed: audits of a machine this fast prove nothing", round(took), v.RefillRatio, p.Deadline, Margin)
	case v.RefillCapped < Margin:
		v.note("a refill takes %.1f times the deadline, but only %.1f times deadline and longest round trip together", v.RefillRatio, v.RefillCapped)
	}
}

func (v *Verdict) no(format string, args ...any) { v.Why = append(v.Why, fmt.Sprintf(format, args...)) }

func (v *Verdict) note(format string, args ...any) {
	v.Notes = append(v.Notes, fmt.Sprintf(format, args...))
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// round leaves a person three or four digits.
func round(d time.Duration) time.Duration {
	for unit := time.Second; unit > 1; unit /= 10 {
		if d >= unit {
			return d.Round(unit / 100)
		}
	}
	return d
}
