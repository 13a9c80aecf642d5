package score

import (
	"testing"

	"strata"
)

func TestRulesFor(t *testing.T) {
	for _, c := range []struct {
		p     strata.Profile
		tempo uint16
		want  Rules
	}{
		{strata.LocalProfile, 9, Rules{Penalty: 30, LeafBucket: 10, LeafKeep: 3, Sector: 4 << 20, Epoch: 10}},
		{strata.TestProfile, 360, Rules{Penalty: 7200, LeafBucket: 300, LeafKeep: 24, Sector: 1 << 30, Epoch: 361}},
		{strata.MainProfile, 360, Rules{Penalty: 7 * 7200, LeafBucket: 300, LeafKeep: 24, Sector: 4 << 30, Epoch: 361}},
	} {
		if got := RulesFor(c.p, c.tempo); got != c.want {
			t.Errorf("RulesFor(%s, %d) = %+v, want %+v", c.p.Name, c.tempo, got, c.want)
		}
	}
}

func TestArrivalChecks(t *testing.T) {
	for sectors, want := range map[uint64]uint64{0: 0, 1: 1, 29: 29, 30: 30, 1 << 40: 30} {
		if got := ArrivalChecks(sectors); got != want {
			t.Errorf("ArrivalChecks(%d) = %d, want %d", sectors, got, want)
		}
	}
}

func TestIntensity(t *testing.T) {
	for _, c := range []struct {
		p     strata.Profile
		bytes strata.ByteSize
		want  uint64
	}{
		{strata.MainProfile, 0, 0},
		{strata.MainProfile, 4 * strata.GiB, 12},
		{strata.MainProfile, 12 * strata.TiB, 12},
		{strata.MainProfile, 100 * strata.TiB, 100},
		{strata.MainProfile, 200 * strata.TiB, 200},
		{strata.TestProfile, 1 << 60, 360},
		{strata.LocalProfile, 4 * strata.MiB, 3600},
		{strata.LocalProfile, 5 * strata.GiB, 5120},
		{strata.LocalProfile, strata.TiB, 7200},
	} {
		if got := AuditsPerHour(c.p, c.bytes); got != c.want {
			t.Errorf("AuditsPerHour(%s, %s) = %d, want %d", c.p.Name, c.bytes, got, c.want)
		}
	}
	if n := TrickleChecks(strata.MainProfile, 0); n != 0 {
		t.Errorf("a miner without sectors gets %d checks", n)
	}
	if l, m := TrickleChecks(strata.LocalProfile, 1), TrickleChecks(strata.MainProfile, 1); l != 43200 || m != 12 {
		t.Errorf("trickle = %d local, %d main", l, m)
	}
}
