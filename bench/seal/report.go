package seal

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"strata"
	"strata/bench"
	rules "strata/seal"
)

// Write prints the rows, the ratios that matter among them and the peers.
func (r Result) Write(w io.Writer) error {
	if err := r.table().Write(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, line := range r.ratios() {
		fmt.Fprintln(w, line)
	}
	for _, line := range r.Skipped {
		fmt.Fprintln(w, "not measured: "+line)
	}
	fmt.Fprint(w, "\nBeside what others publish of proofs that take space or time to make:\n\n")
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range r.peers() {
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	return tw.Flush()
}

func (r Result) table() bench.Table {
	t := bench.Table{Head: []string{"isa", "sector", "P", "workers", "perm ns", "block-pass ns", "× perm", "fill MB/s", "sector s", "gather ns", "memory ns",
		"pipeline MB/s", "raw disk MB/s", "opening B", "open µs", "verify µs"}}
	for _, x := range r.Rows {
		t.Rows = append(t.Rows, []string{
			string(x.ISA), strata.ByteSize(x.SectorBytes).String(), fmt.Sprint(x.Passes), fmt.Sprint(x.Workers),
			figure(x.Perm), figure(x.BlockPass), fmt.Sprintf("%.2f", x.BlockPass/x.Perm), figure(x.Fill), fmt.Sprintf("%.3f", x.Sector), figure(x.Gather), figure(x.Latency),
			figure(float64(x.Pipeline)), figure(float64(x.Raw)), figure(float64(x.Opening)), figure(x.Open), figure(x.Verify),
		})
	}
	return t
}

// figure is a number with three digits or more, or nothing where it is 0.
func figure(f float64) string {
	switch {
	case f == 0:
		return ""
	case f < 100:
		return fmt.Sprintf("%.1f", f)
	default:
		return fmt.Sprintf("%.0f", f)
	}
}

// ratios compares rows of this run.
func (r Result) ratios() (lines []string) {
	var clock float64
	for _, x := range r.Rows {
		clock = max(clock, x.Clock)
	}
	if clock > 0 {
		lines = append(lines, fmt.Sprintf("The clock, from a chain of dependent instructions: %.2f GHz.", clock))
	}
	for _, x := range r.Rows {
		if x.Pipeline > 0 {
			lines = append(lines, fmt.Sprintf("Sealing onto the disk with %d at once runs at %.2f of the slower of fill and disk, measured in turn with it.", x.Workers, float64(x.Ratio)))
		}
		if x.Workers > 1 {
			if one, ok := r.find(x.ISA, x.SectorBytes, 1); ok {
				lines = append(lines, fmt.Sprintf("%s, %s: %d workers fill %.2f times as fast as one.", x.ISA, strata.ByteSize(x.SectorBytes), x.Workers, float64(x.Workers)*one.BlockPass/x.BlockPass))
			}
			continue
		}
		if small, ok := r.find(x.ISA, x.SectorBytes/4, 1); ok {
			lines = append(lines, fmt.Sprintf("%s: %s fills at %.2f of the rate of %s.", x.ISA, strata.ByteSize(x.SectorBytes), small.BlockPass/x.BlockPass, strata.ByteSize(x.SectorBytes/4))+x.bound(small))
		}
	}
	return lines
}

// bound says what the memory alone leaves of a smaller sector's rate.
func (x Row) bound(small Row) string {
	if x.Gather <= small.BlockPass {
		return ""
	}
	return fmt.Sprintf(" Its lines alone take %s ns a block, so no fill on this machine reaches more than %.2f.", figure(x.Gather), small.BlockPass/x.Gather)
}

func (r Result) find(isa rules.ISA, size int64, workers int) (Row, bool) {
	for _, x := range r.Rows {
		if x.ISA == isa && x.SectorBytes == size && x.Workers == workers {
			return x, true
		}
	}
	return Row{}, false
}

// peers puts published figures beside the fastest row of one worker.
func (r Result) peers() [][]string {
	var best Row
	for _, x := range r.Rows {
		if x.Workers == 1 && x.Fill > best.Fill {
			best = x
		}
	}
	rate := fmt.Sprintf("%s MB/s on one core", figure(best.Fill))
	shown := r.Rows[len(r.Rows)-1]
	return [][]string{
		{"what", "peer", "published", "here"},
		{"seal", "Filecoin PC1, 32 GiB", "1.4 MB/s (6 h 48 min)", rate},
		{"seal", "CESS PoIS", "3.3 MB/s", rate},
		{"seal", "Spacemesh label, a core", "0.01 MB/s", rate},
		{"plot", "Chia k32, 101 GB, GPU and 256 GB RAM", "1200 MB/s (80–90 s)", rate},
		{"plot", "Autonomys sector, GPU", "< 5 s", fmt.Sprintf("%.2f s for %s on one core", best.Sector, strata.ByteSize(best.SectorBytes))},
		{"audit", "Storj share", "256 B (and a whole stripe to the auditor)", fmt.Sprintf("%d B a leaf", shown.Opening)},
		{"verify", "Filecoin, a sector's seal", "59 ms", fmt.Sprintf("%s of refilling, by choice", seconds(best.Sector))},
		{"verify", "Filecoin WindowPoSt, of 2349 sectors", "85 ms (38 min to prove)", fmt.Sprintf("%s µs a leaf (%s µs to prove)", figure(shown.Verify), figure(shown.Open))},
	}
}

func seconds(s float64) string { return fmt.Sprintf("%.2f s", s) }
