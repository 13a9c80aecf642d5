package pipeline

import (
	"strings"
	"testing"

	"strata"
	"strata/seal"
)

func TestLimitWorkers(t *testing.T) {
	for _, c := range []struct {
		wish, cores  int
		free, sector strata.ByteSize
		want         int
		reason       string
	}{
		{10, 16, 64 * strata.GiB, strata.MiB, 10, ""},
		{10, 2, 64 * strata.GiB, strata.MiB, 2, "why"},
		{10, 8, 64 * strata.GiB, strata.MiB, 7, "why"},
		{8, 8, 64 * strata.GiB, strata.MiB, 8, ""}, // who asks for all cores gets them
		{10, 16, 16 * strata.GiB, 4 * strata.GiB, 2, "4 GiB"},
		{10, 16, 10 * strata.GiB, 4 * strata.GiB, 1, "4 GiB"}, // of two sectors one is being written
		{10, 16, 6 * strata.GiB, 4 * strata.GiB, 1, "4 GiB"},  // and with one it takes turns
		{10, 2, strata.GiB, 4 * strata.GiB, 0, "1 GiB are free"},
		{1, 2, 64 * strata.GiB, strata.GiB, 1, ""},
	} {
		n, reason := limitWorkers(c.wish, capacity{c.cores, c.cores - c.cores/8, "why"}, c.free, c.sector)
		if n != c.want || !strings.Contains(reason, c.reason) || (reason == "") != (c.reason == "") {
			t.Errorf("%+v: %d, %q", c, n, reason)
		}
	}
	if n, err := HashWorkers(1, strata.MiB); n != 1 || err != nil {
		t.Errorf("one that hashes: %d, %v", n, err)
	}
	if n, _, err := EffectiveWorkers(1, strata.MiB); n != 1 || err != nil {
		t.Errorf("one small worker: %d, %v", n, err)
	}
}

// A core is left for hashing where fills are fast, unless it is the only one.
func TestCapacityOf(t *testing.T) {
	for _, c := range []struct {
		cores int
		isa   seal.ISA
		want  int
		why   string
	}{
		{1, seal.AVX512, 1, "cores: 1"},
		{2, seal.AVX512, 1, "one of 2 cores hashes"},
		{16, seal.AVX512, 15, "one of 16 cores"},
		{2, seal.AVX2, 2, "cores: 2"},
		{2, seal.Portable, 2, "cores: 2"},
	} {
		if got := capacityOf(c.cores, c.isa); got.n != c.want || got.cores != c.cores || !strings.Contains(got.why, c.why) {
			t.Errorf("%d cores with %s: %+v", c.cores, c.isa, got)
		}
	}
}
