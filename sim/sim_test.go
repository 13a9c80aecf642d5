package sim

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"testing"

	"strata"
	"strata/score"
)

var update = flag.Bool("update", false, "write the golden report anew")

// small is a network that plays in a moment.
func small() Config {
	c := Default()
	c.Miners, c.Validators, c.Days, c.Segments = 40, 3, 30, 200
	return c
}

// calm is one in which nothing happens.
func calm() Config {
	c := small()
	c.Outages, c.DiskFailures, c.Leavers = 0, 0, 0
	return c
}

func run(t *testing.T, c Config) *Report {
	t.Helper()
	r, err := Run(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func encode(t *testing.T, r *Report) string {
	t.Helper()
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

// TestRepeats: a seed gives one report, on every machine; another gives another.
func TestRepeats(t *testing.T) {
	const golden = "testdata/report.json"
	c := small()
	c.Mix = []Part{{Half, 10}, {Drops, 10}, {Unlists, 5}, {Fakes, 5}, {Refuses, 5}, {Late, 5}}
	c.Leavers = 300
	got := encode(t, run(t, c))
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the report is\n%s\nwant\n%s", got, want)
	}
	c.Seed++
	if encode(t, run(t, c)) == got {
		t.Error("another seed gave the same report")
	}
}

// TestEmissionAddsUp: what is paid is what there is, but for what rounding
// leaves, and nobody is paid outside the strategies.
func TestEmissionAddsUp(t *testing.T) {
	c := small()
	c.Mix, c.Leavers = []Part{{Half, 10}, {Drops, 10}}, 300
	r := run(t, c)
	if want := c.Emission * uint64(c.Days); r.Emission != want {
		t.Errorf("emission %d, want %d", r.Emission, want)
	}
	paid := r.Mining + r.Validating
	if slack := uint64(c.Days) * 1_000_000; paid > r.Emission+slack || paid+slack < r.Emission {
		t.Errorf("%d were paid of %d", paid, r.Emission)
	}
	var sum uint64
	for _, s := range r.Strategies {
		sum += s.Paid
	}
	if sum != r.Mining {
		t.Errorf("strategies were paid %d, miners %d", sum, r.Mining)
	}
}

// TestNothingHappens: without failures nothing is lost, repaired or moved but by
// stake, and space is paid alike.
func TestNothingHappens(t *testing.T) {
	c := calm()
	c.StakeMove = 0
	r := run(t, c)
	if r.Segments != c.Segments || r.Lost+r.Refused+r.Repairs+r.MissingShards != 0 || r.RepairRead+r.RepairWritten != 0 {
		t.Errorf("%+v", r)
	}
	if r.MovedBytes != 0 || r.Outages+r.FailedDisks+r.Left != 0 {
		t.Errorf("%+v", r)
	}
	if len(r.Strategies) != 1 || r.Strategies[0].Miners != c.Miners || r.LeastTrust < 65000 {
		t.Errorf("%+v", r)
	}
}

// TestShortOutagesMoveNothing: a restart is waited for.
func TestShortOutagesMoveNothing(t *testing.T) {
	c := calm()
	c.Outages, c.OutageHours = 24, 1
	if r := run(t, c); r.Outages == 0 || r.Repairs != 0 || r.Lost != 0 {
		t.Errorf("%d outages led to %d repairs and %d lost segments", r.Outages, r.Repairs, r.Lost)
	}
}

// TestRepairSaves: where miners leave all the time, segments are lost that are
// kept with repair.
func TestRepairSaves(t *testing.T) {
	c := calm()
	c.Leavers, c.Segments = 1500, 100
	saved := run(t, c)
	c.Budget = 0
	lost := run(t, c)
	if saved.Lost != 0 || saved.Repairs == 0 || saved.RepairWritten == 0 {
		t.Errorf("with repair %d of %d were lost, %d repairs wrote %d bytes", saved.Lost, saved.Segments, saved.Repairs, saved.RepairWritten)
	}
	if lost.Lost == 0 || lost.Repairs != 0 {
		t.Errorf("without repair %d were lost, %d repairs", lost.Lost, lost.Repairs)
	}
	// k shards are read for each repair, so reads cost more than they write
	// unless two thirds of a segment are gone at once.
	if saved.RepairRead == 0 || saved.RepairWritten > 3*saved.RepairRead {
		t.Errorf("%d bytes were read and %d written", saved.RepairRead, saved.RepairWritten)
	}
}

// TestCheatersEarnLess: space that is not there, or not in time, is not paid.
func TestCheatersEarnLess(t *testing.T) {
	for _, s := range []Strategy{Late, Half, Fakes, Drops, Unlists, Refuses} {
		t.Run(s.String(), func(t *testing.T) {
			c := calm()
			c.Mix, c.DataPercent = []Part{{s, 20}}, 30
			r := run(t, c)
			if len(r.Strategies) != 2 || r.Strategies[1].Strategy != s.String() {
				t.Fatalf("played: %+v", r.Strategies)
			}
			if got := r.Strategies[1].Relative; got > 900_000 {
				t.Errorf("earns %d millionths of an honest reward for its space", got)
			}
		})
	}
}

// TestManyLeavesAtOnce: a day's audits in one step are what so many events are.
func TestManyLeavesAtOnce(t *testing.T) {
	s := newSim(small())
	s.hour = 5
	var fast view
	slow := score.Miner{}
	for day := range 3 {
		s.hour += 24 * day
		if err := s.apply(&fast, score.Event{Kind: score.Tick}); err != nil {
			t.Fatal(err)
		}
		s.count(&fast, score.Leaves{Passed: 160, Failed: 48})
		for i := range 13 {
			l := score.Leaves{Passed: 16}
			if i >= 10 {
				l = score.Leaves{Failed: 16}
			}
			var err error
			if slow, err = slow.Apply(s.rules, score.Event{Kind: score.Audited, Block: s.block(), Leaves: l}); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := fast.score.Leaves(s.rules, s.block()), slow.Leaves(s.rules, s.block()); got != want {
			t.Errorf("day %d: %+v, want %+v", day, got, want)
		}
	}
	if !reflect.DeepEqual(fast.score.Audits, slow.Audits) {
		t.Errorf("buckets %+v, want %+v", fast.score.Audits, slow.Audits)
	}
}

func TestInvalid(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no miners":           func(c *Config) { c.Miners = 0 },
		"too many miners":     func(c *Config) { c.Miners = MaxMiners + 1 },
		"no validators":       func(c *Config) { c.Validators = 0 },
		"too many validators": func(c *Config) { c.Validators = MaxValidators + 1 },
		"no time":             func(c *Config) { c.Days = 0 },
		"too many segments":   func(c *Config) { c.Segments = MaxSegments + 1 },
		"over a hundred":      func(c *Config) { c.Mix = []Part{{Half, 60}, {Late, 60}} },
		"below zero":          func(c *Config) { c.Leavers = -1 },
		"unknown strategy":    func(c *Config) { c.Mix = []Part{{strategies, 1}} },
		"small disks":         func(c *Config) { c.DiskSectors = 10 },
	} {
		c := small()
		change(&c)
		if _, err := Run(t.Context(), c, nil); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	days := 0
	_, err := Run(ctx, small(), func(day, _ int) {
		if days = day; day == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || days != 3 {
		t.Errorf("after %d days: %v", days, err)
	}
}
