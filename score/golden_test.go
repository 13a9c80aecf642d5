package score

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"strata"
)

var update = flag.Bool("update", false, "write testdata/golden.json anew")

// golden is the rule in numbers. They hold on every architecture: there is no
// floating point in the rule, and int is nowhere wider than it says.
type golden struct {
	LCB     []goldenLCB
	Weights []goldenWeights
	Rules   map[string]Rules
	Lives   []goldenLife
}

type goldenLCB struct{ Passed, N, PPM uint64 }

type goldenWeights struct {
	Credits []uint64
	Weights []uint16
}

// goldenLife is a miner's events and what it was after each tenth, and at the end.
type goldenLife struct {
	Profile string
	Parts   []Part // what it lists, in a life in which it leaves now and then
	Events  []Event
	After   []goldenState
}

type goldenState struct {
	Events int // applied
	Credit uint64
	Earned uint64 // with the life's parts
	Miner  Miner
}

// parts draws what a miner lists for five validators.
func parts(rng *rand.Rand, r Rules) (out []Part) {
	share := uint64(PPM)
	for range 5 {
		p := Part{Listed: rng.Uint64N(1000) * r.Sector, Share: rng.Uint64N(share)}
		p.Covered = p.Listed - rng.Uint64N(p.Listed/8+1)
		p.Data = rng.Uint64N(p.Covered + 1)
		out, share = append(out, p), share-p.Share
	}
	return out
}

// leaver is a life in which a miner leaves and comes back.
func leaver(seed uint64, p strata.Profile) goldenLife {
	rng := rand.New(rand.NewPCG(seed, 8))
	r := RulesFor(p, 360)
	g := goldenLife{Profile: p.Name, Parts: parts(rng, r)}
	var m Miner
	m, _ = m.Apply(r, Event{Kind: Arrived, Block: 1, Cohort: 1, Bytes: 100 * r.Sector})
	g.Events = append(g.Events, Event{Kind: Arrived, Block: 1, Cohort: 1, Bytes: 100 * r.Sector})
	for block := uint64(1); len(g.Events) < 80; block += rng.Uint64N(60) {
		e := Event{Kind: Matched, Block: block, Cohort: 1}
		switch rng.IntN(10) {
		case 0:
			e = Event{Kind: Leaving, Block: block}
		case 1, 2:
			e = Event{Kind: Staying, Block: block}
		case 3, 4, 5, 6:
			e = Event{Kind: Audited, Block: block, Leaves: Leaves{Passed: LeavesPerAudit}}
		}
		after, err := m.Apply(r, e)
		if err != nil {
			continue // it left, or stayed, already
		}
		m = after
		g.Events = append(g.Events, e)
		g.After = append(g.After, goldenState{len(g.Events), m.Credit(r, block), m.Earned(r, block, g.Parts), m})
	}
	return g
}

// life draws events that a validator could have had.
func life(seed uint64, p strata.Profile, honest bool) goldenLife {
	rng := rand.New(rand.NewPCG(seed, 7))
	r := RulesFor(p, 360)
	g := goldenLife{Profile: p.Name}
	var m Miner
	block, next := uint64(1), uint64(1)
	for range 120 {
		block += rng.Uint64N(40)
		e := Event{Block: block}
		switch k := rng.IntN(24); {
		case k < 3 || next == 1:
			e.Kind, e.Cohort, e.Bytes = Arrived, next, (rng.Uint64N(100)+1)*r.Sector
			next++
		case k < 12:
			e.Kind, e.Cohort = Matched, rng.Uint64N(next)
		case k < 20:
			passed := rng.Uint64N(3) + 14
			e.Kind, e.Leaves = Audited, Leaves{Passed: passed, Failed: LeavesPerAudit - passed}
		case k == 20:
			e.Kind, e.Cohort, e.Bytes = Withdrawn, rng.Uint64N(next), r.Sector
		case k == 21:
			e.Kind = Refused
		case k == 22 && !honest:
			e.Kind, e.Cohort, e.Bytes = Mismatched, rng.Uint64N(next), r.Sector
		case k == 23 && !honest && rng.IntN(3) == 0:
			e.Kind = SecondRoot
		}
		after, err := m.Apply(r, e)
		if err != nil {
			continue // a cohort that is gone
		}
		m = after
		g.Events = append(g.Events, e)
		if n := len(g.Events); n%10 == 0 {
			g.After = append(g.After, goldenState{n, m.Credit(r, block), 0, m})
		}
	}
	return g
}

func makeGolden() golden {
	g := golden{Rules: map[string]Rules{}}
	for _, n := range []uint64{0, 1, 2, 3, 4, 8, 16, 29, 30, 31, 100, 300, 1000, 4608, 1_000_000, 1 << 32, 1 << 53, 1<<64 - 1} {
		for _, s := range []uint64{0, n / 4, n / 2, n - n/10, n - n/100, n - min(n, 1), n} {
			g.LCB = append(g.LCB, goldenLCB{s, n, LCB(s, n)})
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 2, 3, 16, 64} {
		c := make([]uint64, n)
		for i := range c {
			c[i] = rng.Uint64() >> rng.IntN(64)
		}
		g.Weights = append(g.Weights, goldenWeights{c, Weights(c)})
	}
	profiles := []strata.Profile{strata.LocalProfile, strata.TestProfile, strata.MainProfile}
	for i, p := range profiles {
		g.Rules[p.Name] = RulesFor(p, 360)
		for j := range uint64(2) {
			g.Lives = append(g.Lives, life(uint64(i)*2+j, p, j == 0))
		}
		g.Lives = append(g.Lives, leaver(uint64(i), p))
	}
	return g
}

func TestGolden(t *testing.T) {
	path := filepath.Join("testdata", "golden.json")
	if *update {
		b, err := json.Marshal(makeGolden())
		if err == nil {
			err = os.WriteFile(path, append(b, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	for _, c := range g.LCB {
		if got := LCB(c.Passed, c.N); got != c.PPM {
			t.Errorf("LCB(%d of %d) = %d, want %d", c.Passed, c.N, got, c.PPM)
		}
	}
	for _, c := range g.Weights {
		if got := Weights(c.Credits); !reflect.DeepEqual(got, c.Weights) {
			t.Errorf("Weights(%v) = %v, want %v", c.Credits, got, c.Weights)
		}
	}
	for i, l := range g.Lives {
		l.play(t, i, g.Rules[l.Profile])
	}
	if len(g.LCB) < 100 || len(g.Weights) < 6 || len(g.Lives) < 9 {
		t.Errorf("%s is not whole", path)
	}
}

// play applies the events and compares every state that is recorded.
func (l goldenLife) play(t *testing.T, i int, r Rules) {
	t.Helper()
	var m Miner
	states := l.After
	for n, e := range l.Events {
		var err error
		if m, err = m.Apply(r, e); err != nil {
			t.Fatalf("life %d, event %d: %v", i, n, err)
		}
		if len(states) == 0 || states[0].Events != n+1 {
			continue
		}
		got := goldenState{n + 1, m.Credit(r, e.Block), m.Earned(r, e.Block, l.Parts), m}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(states[0])
		if string(a) != string(b) {
			t.Fatalf("life %d after %d events:\n%s\nwant\n%s", i, n+1, a, b)
		}
		states = states[1:]
	}
	if len(states) > 0 || len(l.After) == 0 {
		t.Errorf("life %d has %d states that were not compared", i, len(states))
	}
}
