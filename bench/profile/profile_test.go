package profile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strata"
)

// good are facts of a machine that serves every profile.
func good() Facts {
	return Facts{
		Memory: 64 * strata.GiB,
		Disk:   Disk{Answers: 40, Median: 2 * time.Millisecond, Slowest: 90 * time.Millisecond},
		Refill: map[string]time.Duration{"local": 4 * time.Millisecond, "test": 1100 * time.Millisecond, "main": 4500 * time.Millisecond},
		ISA:    "avx512",
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name    string
		profile strata.Profile
		change  func(*Facts)
		why     []string // a part of each reason; none: it serves
		notes   []string
	}{
		{"good main", strata.MainProfile, func(*Facts) {}, nil, nil},
		{"good test", strata.TestProfile, func(*Facts) {}, nil, nil},
		{"good local", strata.LocalProfile, func(*Facts) {}, nil, []string{"proves no space"}},
		{"little memory", strata.MainProfile, func(f *Facts) { f.Memory = 5 * strata.GiB; delete(f.Refill, "main") },
			[]string{"4 GiB needs 5.3 GiB free, and 5 GiB are"}, []string{"not measured"}},
		{"memory for one", strata.MainProfile, func(f *Facts) { f.Memory = 8 * strata.GiB }, nil, []string{"need 16 GiB free"}},
		{"enough for local", strata.LocalProfile, func(f *Facts) { f.Memory = 16 * strata.MiB }, nil, []string{"proves no space"}},
		{"slow disk", strata.TestProfile, func(f *Facts) { f.Disk.Slowest = 151 * time.Millisecond },
			[]string{"up to 151ms, and an audit waits 150ms"}, nil},
		{"that disk serves main", strata.MainProfile, func(f *Facts) { f.Disk.Slowest = 151 * time.Millisecond }, nil, nil},
		{"disk at the deadline", strata.TestProfile, func(f *Facts) { f.Disk.Slowest = 150 * time.Millisecond }, nil, nil},
		{"too fast", strata.TestProfile, func(f *Facts) { f.Refill["test"] = 590 * time.Millisecond },
			[]string{"3.9 times the deadline"}, nil},
		{"fast", strata.TestProfile, func(f *Facts) { f.Refill["test"] = 700 * time.Millisecond }, nil, []string{"4.7 times the deadline, but only 2.8 times"}},
		{"everything", strata.MainProfile, func(f *Facts) {
			f.Memory, f.Disk.Slowest, f.Refill["main"] = strata.GiB, time.Second, time.Second
		}, []string{"memory", "disk", "refill"}, nil},
	} {
		f := good()
		c.change(&f)
		v := Judge(c.profile, f)
		if v.Serves != (len(c.why) == 0) || v.Profile != c.profile.Name {
			t.Errorf("%s: %+v", c.name, v)
		}
		compare(t, c.name+": why not", v.Why, c.why)
		compare(t, c.name+": notes", v.Notes, c.notes)
	}
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %q, want %q", what, got, want)
		return
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("%s: %q, want %q", what, got[i], want[i])
		}
	}
}

var small = strata.Profile{Name: "small", Blocks: 64, Passes: 4, Deadline: time.Hour}

func TestMeasure(t *testing.T) {
	dir := t.TempDir()
	told := 0
	list, err := Measure(t.Context(), Config{Dir: dir, Span: 9 * strata.MiB, Profiles: []strata.Profile{small, strata.LocalProfile}}, func(done, total int) {
		if told++; done != told || total != 3 {
			t.Errorf("%d of %d at report %d", done, total, told)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 {
		t.Fatalf("%+v", list)
	}
	for _, v := range list {
		if v.MemoryBytes <= 0 || v.DiskMedian <= 0 || v.DiskSlowest < v.DiskMedian || v.DiskAnswers != answers || v.RefillS <= 0 || v.ISA == "" {
			t.Errorf("%+v", v)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func TestMeasureRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		cfg  Config
		want strata.Code
	}{
		"no place":  {Config{Dir: filepath.Join(dir, "missing"), Span: 8 * strata.MiB}, strata.Invalid},
		"no span":   {Config{Dir: dir, Span: strata.MiB}, strata.Invalid},
		"full disk": {Config{Dir: dir, Span: 1 << 60}, strata.NoSpace},
	} {
		if _, err := Measure(t.Context(), c.cfg, nil); strata.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want code %s", name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Measure(ctx, Config{Dir: dir, Span: 8 * strata.MiB}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}
