package cheaters

import (
	"math"
	"reflect"
	"testing"
	"time"
)

// atMost is the part of an honest reward that a cheater may get.
const atMost = 0.9

// openMost is what those get at most that the rule does not stop, of an honest
// reward, beside two honest miners: one that shuns a validator what it would have
// with it; the league's disk, and a sector of 40 more,
// count for 1 / (1 − 9/8 × 0.05) of their bytes, in thousandths that chance moves.
var openMost = map[string]float64{"league": 3 * leagueBytes / (2 + leagueBytes) * 1.005, "shuns-one": 1.005}

const leagueBytes = (1 + 1.0/40) / (1 - 9.0/8*0.05)

// lib is shared by all tests: sealing takes long.
var lib Library

// TestNoCheaterGains plays every cheater twenty times.
func TestNoCheaterGains(t *testing.T) {
	for _, c := range Zoo() {
		t.Run(c.Name, func(t *testing.T) {
			r, err := Run(t.Context(), &lib, c, Options{Rules: Fast(), Seeds: 20})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("share %.4f [%.4f, %.4f], honest %.4f, ratio %.3f; beside %.4f, spread %.4f", r.Share, r.Low, r.High, r.HonestShare, r.Ratio(), r.Beside, r.Spread)
			switch gains := r.High > atMost*r.HonestShare; {
			case c.Open != "" && !gains:
				t.Errorf("%s: earns %.4f, honesty %.4f: it is stopped now, so nothing is open", c.Crime, r.Share, r.HonestShare)
			case c.Open != "" && r.High > openMost[c.Name]*r.HonestShare:
				t.Errorf("%s: earns %.4f, honesty %.4f: more than %.2f of it", c.Crime, r.High, r.HonestShare, openMost[c.Name])
			case c.Open == "" && gains:
				t.Errorf("%s: earns %.4f (95 %%: %.4f to %.4f), honesty %.4f: more than %.2f of it", c.Crime, r.Share, r.Low, r.High, r.HonestShare, atMost)
			}
			if math.Abs(r.Beside-1) > 0.02 || r.Spread > 0.02 {
				t.Errorf("the honest miners beside it have %.4f of their credit, and differ by %.4f", r.Beside, r.Spread)
			}
		})
	}
}

// TestHonestTwin: the same miners with their cheating switched off earn their
// part, so that it is the cheating that costs.
func TestHonestTwin(t *testing.T) {
	for _, c := range Zoo() {
		t.Run(c.Name, func(t *testing.T) {
			for seed := range uint64(2) {
				out, err := lib.honest(t.Context(), Fast(), c, seed+1)
				if err != nil {
					t.Fatal(err)
				}
				if got := out.share / out.fair; math.Abs(got-1) > 0.02 {
					t.Errorf("seed %d: honest, it earns %.4f of what its bytes are worth", seed+1, got)
				}
			}
		})
	}
}

// TestWhatCheatingIsFor lifts what stops some cheaters: they do earn then, so
// that they are no straw men.
func TestWhatCheatingIsFor(t *testing.T) {
	patient := Fast()
	patient.Name, patient.Profile.Deadline = "patient", time.Minute
	bare := func(join func(*world, int, bool) error) func(*world, int, bool) error {
		return func(w *world, sectors int, cheat bool) error {
			w.users.bare = true
			return join(w, sectors, cheat)
		}
	}
	for name, c := range map[string]struct {
		rules Rules
		bare  bool
		ratio float64 // at least, of an honest reward
	}{
		"regenerates":       {rules: patient, ratio: 2.4}, // ten times its bytes, beside two others: 10/12 of all against 1/3
		"half-every-second": {rules: patient, ratio: 1.45},
		"last-but-one-pass": {rules: patient, ratio: 0.99},
		"late":              {rules: patient, ratio: 0.99},
		"inflates-rtt":      {rules: patient, ratio: 1.45},
		"rebuilds":          {rules: Fast(), bare: true, ratio: 0.99},
		"uploads-to-itself": {rules: Fast(), bare: true, ratio: 0.99},
	} {
		t.Run(name, func(t *testing.T) {
			z := named(t, name)
			honest, err := lib.honest(t.Context(), c.rules, z, 1)
			if err != nil {
				t.Fatal(err)
			}
			if c.bare {
				z.join = bare(z.join)
			}
			out, err := lib.cheat(t.Context(), c.rules, z, 1)
			if err != nil {
				t.Fatal(err)
			}
			if got := out.share / honest.share; got < c.ratio {
				t.Errorf("earns %.3f of an honest reward, want %.2f at least", got, c.ratio)
			} else {
				t.Logf("%.3f", got)
			}
		})
	}
}

func named(t *testing.T, name string) Cheater {
	t.Helper()
	for _, c := range Zoo() {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no cheater is called %s", name)
	return Cheater{}
}

// TestGamesRepeat: one seed gives one game, another one another.
func TestGamesRepeat(t *testing.T) {
	c := named(t, "fakes-1") // one whose luck varies
	game := func(seed uint64) outcome {
		out, err := play(t.Context(), &lib.library, Fast(), c, true, seed)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first, again, other := game(1), game(1), game(2)
	if !reflect.DeepEqual(first, again) {
		t.Errorf("one seed gave %+v and %+v", first, again)
	}
	if reflect.DeepEqual(first, other) {
		t.Error("two seeds gave the same game")
	}
}

func TestStudent(t *testing.T) {
	for df, want := range map[int]float64{1: 12.706, 4: 2.776, 5: 2.571, 19: 2.093, 100: 1.984} {
		if got := student(df); math.Abs(got-want) > 0.002 {
			t.Errorf("student(%d) = %.4f, want %.3f", df, got, want)
		}
	}
}
