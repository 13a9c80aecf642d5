package seal

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"strata"
	rules "strata/seal"
)

const tiny = 64 * strata.KiB

func TestRunMeasuresEveryColumn(t *testing.T) {
	told := 0
	rowsOf2 := 2*len(rules.ISAs()) + 1
	if len(rules.ISAs()) > 1 {
		rowsOf2-- // plain Go is left out of the second size
	}
	cfg := Config{Sizes: []strata.ByteSize{tiny, 4 * tiny}, Passes: 4, Workers: 2, Dir: t.TempDir(), Disk: true}
	res, err := Run(t.Context(), cfg, func(done, total int) {
		if told++; done != told || total != rowsOf2 {
			t.Errorf("%d of %d at report %d", done, total, told)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := rowsOf2; len(res.Rows) != want || len(res.Skipped) > 0 {
		t.Fatalf("%d rows, want %d; skipped %q", len(res.Rows), want, res.Skipped)
	}
	for _, r := range res.Rows {
		if r.Perm <= 0 || r.BlockPass <= 0 || r.Fill <= 0 || r.Sector <= 0 || r.Clock <= 0 || r.Passes != 4 || r.Open <= 0 || r.Gather <= 0 || r.Latency <= 0 || r.Verify <= 0 {
			t.Errorf("%+v", r)
		}
	}
	if first := res.Rows[0]; first.Opening != 1024+6*32 || first.Workers != 1 {
		t.Errorf("openings of 64 KiB: %+v", first)
	}
	if last := res.Rows[len(res.Rows)-1]; last.Pipeline <= 0 || last.Raw <= 0 || last.Ratio <= 0 || last.Workers != 2 || last.ISA != rules.ISAs()[0] {
		t.Errorf("the pipeline: %+v", last)
	}
}

// A size without memory for it is skipped; when it is the only one, the error
// says how much is needed.
func TestRunSkipsWhatDoesNotFit(t *testing.T) {
	cfg := Config{Sizes: []strata.ByteSize{tiny, 2 * strata.TiB}, Passes: 4, ISAs: []rules.ISA{rules.Portable}, Workers: 1}
	res, err := Run(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Rows) != 1 || len(res.Skipped) != 2 || !strings.Contains(res.Skipped[0], "2 TiB are needed") {
		t.Errorf("%d rows, skipped %q", len(res.Rows), res.Skipped)
	}
	cfg.Sizes = cfg.Sizes[1:]
	if _, err := Run(t.Context(), cfg, nil); strata.CodeOf(err) != strata.Unavailable || !strings.Contains(err.Error(), "2 TiB are needed") {
		t.Errorf("nothing fits: %v", err)
	}
}

func TestRunRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no size":     {Passes: 4},
		"odd size":    {Passes: 4, Sizes: []strata.ByteSize{48 * strata.KiB}},
		"part block":  {Passes: 4, Sizes: []strata.ByteSize{tiny + 1}},
		"huge":        {Passes: 4, Sizes: []strata.ByteSize{4 * strata.TiB}},
		"passes":      {Passes: 3, Sizes: []strata.ByteSize{tiny}},
		"unknown ISA": {Passes: 4, Sizes: []strata.ByteSize{tiny}, ISAs: []rules.ISA{"mmx"}},
	} {
		if _, err := Run(t.Context(), cfg, nil); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Config{Passes: 4, Sizes: []strata.ByteSize{tiny}}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// All workers are measured where caches do not help, if such a size is asked for.
func TestPlans(t *testing.T) {
	isas := []rules.ISA{rules.AVX2, rules.Portable}
	for _, c := range []struct {
		sizes []strata.ByteSize
		want  int64 // size of the last plan
	}{
		{[]strata.ByteSize{tiny}, int64(tiny)},
		{[]strata.ByteSize{strata.GiB, 4 * strata.GiB}, int64(strata.GiB)},
		{[]strata.ByteSize{tiny, 4 * strata.GiB}, int64(4 * strata.GiB)},
	} {
		list, err := Config{Sizes: c.sizes, Passes: 6, ISAs: isas}.plans()
		if err != nil {
			t.Fatal(err)
		}
		last := list[len(list)-1]
		if n := len(list) - 2*len(c.sizes); n < 1 || n > 2 || last.sector.Size() != c.want || last.isa != rules.AVX2 || last.workers != runtime.GOMAXPROCS(0) {
			t.Errorf("%v: %d plans, last %+v", c.sizes, len(list), last)
		}
	}
}

func TestCalmStretchesCount(t *testing.T) {
	var looks []time.Time
	at := time.UnixMilli(0)
	for i := range 321 { // stretches of 1 to 16 ms, in any order; from half way on a ms longer
		looks = append(looks, at)
		at = at.Add(time.Duration(1+i*7%16+i/160) * time.Millisecond)
	}
	s := stretches{blockPasses: 321e6} // a million in each of them and the last
	s.add(looks)
	if got := s.calm(); got != 2.5 { // 2 in each of the first ten parts, 3 in the others
		t.Errorf("%v ns, want 2.5", got)
	}
}

func TestRefill(t *testing.T) {
	s := rules.Sector{Blocks: 64, Passes: 4}
	buf := make([]byte, s.Size())
	if took, err := Refill(t.Context(), s, buf); err != nil || took <= 0 {
		t.Errorf("%v, %v", took, err)
	}
	if _, err := Refill(t.Context(), s, buf[1:]); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("a short buffer: %v", err)
	}
}

func TestWriteComparesRows(t *testing.T) {
	row := func(isa rules.ISA, size strata.ByteSize, workers int, bp float64) Row {
		return Row{ISA: isa, SectorBytes: int64(size), Passes: 6, Workers: workers, Perm: 80, BlockPass: bp, Fill: 1000, Sector: 1.05, Clock: 3.5}
	}
	res := Result{Rows: []Row{
		row(rules.AVX512, strata.GiB, 1, 160), row(rules.AVX512, 4*strata.GiB, 1, 200), row(rules.AVX512, strata.GiB, 2, 200),
	}, Skipped: []string{"something"}}
	res.Rows[2].Pipeline, res.Rows[2].Raw, res.Rows[2].Ratio = 900, 3000, 0.9
	res.Rows[1].Gather = 180
	var b strings.Builder
	if err := res.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"3.50 GHz", "4 GiB fills at 0.80", "alone take 180 ns a block", "more than 0.89", "2 workers fill 1.60 times", "0.90 of the slower", "not measured: something", "Filecoin PC1", "2.50"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
