package pipeline

import (
	"context"
	"errors"
	"os"
	"testing"

	"strata"
)

var tiny = strata.Profile{Name: "tiny", Blocks: 1024, Passes: 4}

func TestMeasureGivesThreeRatesAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	told := 0
	f, err := Measure(t.Context(), Options{Dir: dir, Profile: tiny, Workers: 2, Rounds: 3, Report: func(Figures) { told++ }})
	if err != nil {
		t.Fatal(err)
	}
	if f.Fill <= 0 || f.Raw <= 0 || f.Seal <= 0 || f.Ratio() <= 0 || f.Sector != strata.MiB || f.Workers != 2 {
		t.Errorf("%+v", f)
	}
	if told != 3 {
		t.Errorf("told %d times, want once a round", told)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func TestMeasureStops(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Measure(ctx, Options{Dir: dir, Profile: tiny, Workers: 1, Rounds: 1000, Report: func(Figures) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func TestMeasureRefuses(t *testing.T) {
	if _, err := Measure(t.Context(), Options{Dir: t.TempDir(), Profile: tiny}); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("no worker: %v", err)
	}
	if _, err := Measure(t.Context(), Options{Dir: "/nowhere", Profile: tiny, Workers: 1}); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("no directory: %v", err)
	}
}
