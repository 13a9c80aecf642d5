package audit

import (
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"strata"
)

// TestMain is also the fleet's process.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "fleet" {
		var f Fleet
		flags := flag.NewFlagSet("fleet", flag.ExitOnError)
		flags.IntVar(&f.Miners, "miners", 0, "")
		flags.IntVar(&f.Partitions, "partitions", 0, "")
		flags.IntVar(&f.Sectors, "sectors", 0, "")
		flags.StringVar(&f.Profile, "profile", "", "")
		_ = flags.Parse(os.Args[2:]) // it exits
		if err := f.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			slog.Error("fleet", "err", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestRun measures a small network: everything is done, and nothing fails.
func TestRun(t *testing.T) {
	r, err := Run(t.Context(), Config{
		Fleet: Fleet{Miners: 3, Partitions: 4, Sectors: 4000, Profile: "local"},
		Dir:   t.TempDir(), Command: []string{os.Args[0], "fleet"}, Steady: 3 * time.Second, Flood: 3 * time.Second,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed != 0 || r.MostAudits == 0 || r.SteadyAudits == 0 || r.MostBytes < r.MostAudits*16*1024 {
		t.Errorf("%+v", r)
	}
	if r.NeedAudits != 6 { // three miners with two an second: the most that a local miner gets
		t.Errorf("%v audits a second are scheduled", r.NeedAudits)
	}
	if r.DiskPerSector < 32 || r.LoadTime == 0 || len(r.Detection) != len(missing) {
		t.Errorf("%+v", r)
	}
	b, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(b), `"disk_bytes_per_sector"`) {
		t.Errorf("%s, %v", b, err)
	}
	var out strings.Builder
	for _, table := range r.Tables() {
		if err := table.Write(&out); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(out.String(), "noticed within an hour") {
		t.Error(out.String())
	}
}

// TestDetection computes some cells as the schedule gives them.
func TestDetection(t *testing.T) {
	d := detect(strata.MainProfile, 100*strata.TiB) // 100 audits an hour
	for i, want := range map[int][2]float64{
		0: {1, 1},             // half is missing: every audit meets it
		3: {0.999999, 1},      // a hundredth: 14.9 meet it in an hour
		4: {0.79569, 1},       // a thousandth: 1.588
		5: {0.14776, 0.97845}, // 0.15988 in an hour, 3.837 in a day
	} {
		if got := d[i]; abs(got.Hour-want[0]) > 2e-5 || abs(got.Day-want[1]) > 2e-5 {
			t.Errorf("%v missing: %v, want %v", got.Missing, got, want)
		}
	}
	for i := range d[1:] {
		if d[i].Hour < d[i+1].Hour || d[i].Day < d[i].Hour {
			t.Errorf("%+v and %+v", d[i], d[i+1])
		}
	}
}

func abs(x float64) float64 { return max(x, -x) }
