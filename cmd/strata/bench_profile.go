package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"strata"
	"strata/bench"
	"strata/bench/profile"
)

type benchProfileCmd struct {
	Profile []string        `default:"local,test,main" enum:"local,test,main" help:"Profiles to judge: local, test, main."`
	Span    strata.ByteSize `default:"1GiB" help:"How much of the disk reads are spread over; it is written first."`
	jsonFlag
	dbFlags
}

// profiles are those that can be asked for.
var profiles = map[string]strata.Profile{
	"local": strata.LocalProfile, "test": strata.TestProfile, "main": strata.MainProfile,
}

// Run says which networks this machine can serve. A disk that is not there yet
// is made, as allocate does.
func (c *benchProfileCmd) Run(ctx context.Context, s streams) error {
	dir, err := c.one()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return strata.E(strata.Invalid, "make %s: %w", dir, err)
	}
	cfg := profile.Config{Dir: dir, Span: c.Span}
	for _, name := range c.Profile {
		cfg.Profiles = append(cfg.Profiles, profiles[name])
	}
	list, err := profile.Measure(ctx, cfg, counter(s.err, "measuring"))
	if err != nil {
		return err
	}
	machine := bench.Machine(time.Now())
	if c.JSON {
		for i := range list {
			list[i].Machine = machine
		}
		return printRows(s.out, list)
	}
	fmt.Fprintf(s.out, "What this machine can serve, with data at %s. %s\n\n", dir, machine)
	return printVerdicts(s.out, list)
}

func printVerdicts(w io.Writer, list []profile.Verdict) error {
	t := bench.Table{Head: []string{"profile", "serves", "sector", "memory free", "16 reads, median", "slowest", "deadline", "refill", "in deadlines", "with RTT cap"}}
	for _, v := range list {
		refill, ratio, capped := "", "", ""
		if v.RefillS > 0 {
			refill, ratio, capped = fmt.Sprintf("%.3f s", v.RefillS), fmt.Sprintf("%.2f", v.RefillRatio), fmt.Sprintf("%.2f", v.RefillCapped)
		}
		t.Rows = append(t.Rows, []string{
			v.Profile, map[bool]string{true: "yes", false: "no"}[v.Serves],
			strata.ByteSize(v.SectorBytes).String(), strata.ByteSize(v.MemoryBytes).String(),
			fmt.Sprintf("%.2f ms", v.DiskMedian), fmt.Sprintf("%.2f ms", v.DiskSlowest), fmt.Sprintf("%.0f ms", v.DeadlineMS),
			refill, ratio, capped,
		})
	}
	if err := t.Write(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, v := range list {
		for _, line := range v.Why {
			fmt.Fprintf(w, "%s: no: %s\n", v.Profile, line)
		}
		for _, line := range v.Notes {
			fmt.Fprintf(w, "%s: note: %s\n", v.Profile, line)
		}
	}
	return nil
}
