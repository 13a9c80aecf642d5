package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"strata"
	"strata/chain"
)

func TestJudgeClock(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	before := chain.Head{Number: 10, Time: at.Add(-12 * time.Second)}
	head := chain.Head{Number: 11, Time: at}
	for name, c := range map[string]struct {
		now    time.Time
		before chain.Head
		says   string // "" for a good clock
	}{
		"exact":                        {at, before, ""},
		"a block begun a slot ago":     {at.Add(12 * time.Second), before, ""},
		"a little behind":              {at.Add(-1900 * time.Millisecond), before, ""},
		"behind":                       {at.Add(-2100 * time.Millisecond), before, "2.1s behind"},
		"ahead":                        {at.Add(15 * time.Second), before, "15s ahead"},
		"ahead of a fast chain":        {at.Add(3 * time.Second), chain.Head{Number: 10, Time: at.Add(-time.Second / 4)}, "3s ahead"},
		"several blocks at once":       {at.Add(5 * time.Second), chain.Head{Number: 1, Time: at.Add(-30 * time.Second)}, ""},
		"the first block has no time":  {at.Add(3 * time.Second), chain.Head{Number: 0}, "3s ahead"},
		"an hour behind, said as such": {at.Add(-time.Hour), before, "1h0m0s behind"},
	} {
		err := judgeClock(c.now, head, c.before)
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.says != "" && (strata.CodeOf(err) != strata.Invalid || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v, want code invalid and %q", name, err, c.says)
		}
	}
}

// twoBlocks is a chain of which the last two blocks are known.
type twoBlocks struct {
	chain.Reader
	took time.Duration
	err  error
}

func (c twoBlocks) BlockAt(_ context.Context, number uint64) (chain.Head, error) {
	return chain.Head{Number: number, Time: time.Unix(1_800_000_000, 0).Add(-c.took)}, c.err
}

func TestBlockPatience(t *testing.T) {
	for name, c := range map[string]struct {
		chain  twoBlocks
		number uint64
		want   time.Duration
	}{
		"fast":           {twoBlocks{took: 250 * time.Millisecond}, 9, time.Minute},
		"a block a min.": {twoBlocks{took: time.Minute}, 9, 3 * time.Minute},
		"on demand":      {twoBlocks{took: 48 * time.Hour}, 9, 10 * time.Minute},
		"first block":    {twoBlocks{took: 48 * time.Hour}, 1, time.Minute},
		"no history":     {twoBlocks{err: strata.E(strata.NotFound, "pruned")}, 9, time.Minute},
	} {
		if got := blockPatience(t.Context(), c.chain, chain.Head{Number: c.number, Time: time.Unix(1_800_000_000, 0)}); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestSubnetMustBeNamedOnPublicNetworks(t *testing.T) {
	five := uint16(5)
	for name, c := range map[string]struct {
		flag    *uint16
		profile strata.Profile
		want    strata.Netuid
		refused bool
	}{
		"local, default": {nil, strata.LocalProfile, 1, false},
		"local, named":   {&five, strata.LocalProfile, 5, false},
		"finney, named":  {&five, strata.MainProfile, 5, false},
		"finney":         {nil, strata.MainProfile, 0, true},
		"test":           {nil, strata.TestProfile, 0, true},
	} {
		got, err := chainFlags{Netuid: c.flag}.subnet(c.profile)
		if got != c.want || (strata.CodeOf(err) == strata.Invalid) != c.refused {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
}

func TestEveryCodeHasAnExitStatus(t *testing.T) {
	for _, c := range []strata.Code{
		strata.Invalid, strata.NotFound, strata.Unauthenticated, strata.Forbidden, strata.Conflict, strata.TooLarge,
		strata.NoSpace, strata.Locked, strata.Unavailable, strata.Throttled, strata.Corrupt, strata.Internal,
	} {
		if exitStatus[c] == 0 {
			t.Errorf("code %s would exit with 0", c)
		}
	}
}
