package attack

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"

	"strata"
)

const testBlocks = 4096

// played runs all strategies on a small sector, with Seal's parents or others.
func played(t *testing.T, rule func(blocks, passes uint32) Parents, passes ...uint32) []Row {
	t.Helper()
	rows, err := Run(context.Background(), Config{Blocks: testBlocks, Passes: passes, Seed: 7, Parents: rule}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// sealed are the rows of Seal's own graph that several tests look at.
var sealed = sync.OnceValues(func() ([]Row, error) {
	return Run(context.Background(), Config{Blocks: testBlocks, Passes: []uint32{4, 6}, Seed: 7}, nil)
})

func sealRows(t *testing.T) []Row {
	t.Helper()
	rows, err := sealed()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func find(t *testing.T, rows []Row, name string, passes uint32) Row {
	t.Helper()
	for _, r := range rows {
		if strings.Contains(r.Attack, name) && r.Passes == passes {
			return r
		}
	}
	t.Fatalf("no row %q with %d passes", name, passes)
	return Row{}
}

// The figures that the design rests on, found with another program.
func TestSealCostsWhatTheDesignSays(t *testing.T) {
	rows := sealRows(t)
	for _, c := range []struct {
		name       string
		passes     uint32
		cost, near float64
	}{
		{"random 10 %", 6, 0.82, 0.03},
		{"random 50 %", 6, 0.87, 0.03},
		{"random 10 %", 4, 0.74, 0.03},
		{"random 50 %", 4, 0.81, 0.03},
	} {
		if r := find(t, rows, c.name, c.passes); math.Abs(r.Cost-c.cost) > c.near {
			t.Errorf("%s at P = %d costs %.3f of a fill, want %.2f", r.Attack, r.Passes, r.Cost, c.cost)
		}
	}
	if r := find(t, rows, "random 10 %", 6); r.Depth < 0.75 {
		t.Errorf("depth %.3f of a fill at P = 6, want at least 0.75", r.Depth)
	}
	for _, b := range Bargains(rows, 0.25) {
		if b.Storage < 0.999 {
			t.Errorf("%s keeps %.3f of a sector at P = %d and pays at most a quarter of a fill", b.Attack, b.Storage, b.Passes)
		}
	}
}

func TestAChangedParentRuleChangesTheFigures(t *testing.T) {
	honest, changed := sealRows(t), played(t, Fewer(1), 4, 6)
	a, b := find(t, honest, "pass before of the rest", 6), find(t, changed, "pass before of the rest", 6)
	if b.Cost > a.Cost/2 {
		t.Errorf("%s costs %.3f with one parent and %.3f with sixteen: want less than half", a.Attack, b.Cost, a.Cost)
	}
	a, b = find(t, honest, "checkpoints, 1/16", 6), find(t, changed, "checkpoints, 1/16", 6)
	if b.Depth > a.Depth/2 {
		t.Errorf("%s are %.3f deep with one parent and %.3f with sixteen: want less than half", a.Attack, b.Depth, a.Depth)
	}
}

func TestSameSeedSameRows(t *testing.T) {
	if again := played(t, Fewer(Lines), 4, 6); !reflect.DeepEqual(sealRows(t), again) {
		t.Error("two runs with one seed differ, one with Seal's rule by its number of parents")
	}
}

func TestWhatIsKeptIsCounted(t *testing.T) {
	rows := sealRows(t)
	for name, want := range map[string][2]float64{
		"keeps every second block":      {0.5, 0.5},
		"drops the first 10 %":          {0.9, 0.1},
		"drops the last 50 %":           {0.5, 0.5},
		"keeps 100 % of the pass":       {1, 1},
		"checkpoints, 1/8":              {6. / 8, 7. / 8},
		"keeps half, the pass before":   {1, 0.5},
		"lines into every window of 1/": {1.6, 1},
	} {
		r := find(t, rows, name, 6)
		if math.Abs(r.Storage-want[0]) > 0.06 || math.Abs(r.Miss-want[1]) > 0.03 {
			t.Errorf("%s: storage %.3f, miss %.3f; want about %.3f, %.3f", r.Attack, r.Storage, r.Miss, want[0], want[1])
		}
	}
}

// naive finds the steps needed and their longest chain by recursion.
type naive struct {
	g    Graph
	k    *kept
	made map[node]uint32 // step → chain that ends in it
}

func (v *naive) make(n node) uint32 {
	if d, ok := v.made[n]; ok {
		return d
	}
	var in inputs
	v.g.inputs(n, &in)
	var deepest uint32
	for _, m := range append(in.whole[:in.n:in.n], in.lines[:in.m]...) {
		if !v.k.blocks.has(m) && !v.k.crosses(v.g, n, m) {
			deepest = max(deepest, v.make(m))
		}
	}
	v.made[n] = deepest + 1
	return deepest + 1
}

func TestScanEqualsRecursion(t *testing.T) {
	g := Graph{Blocks: 64, Passes: 4, Parents: Seal(64, 4)}
	for _, s := range strategies() {
		k := &kept{blocks: newBitset(g.nodes())}
		s.keep(g, k, rand.New(rand.NewPCG(3, 3)))
		missing := g.missing(k)
		if len(missing) > targets {
			missing = missing[:targets]
		}
		need, scratch := g.needed(k, missing), make([]uint32, g.nodes())
		steps := cost(need, len(missing))
		for i, n := range missing {
			v := &naive{g, k, map[node]uint32{}}
			depth := v.make(n)
			if steps[i] != len(v.made) || g.depth(k, need, i, scratch) != depth {
				t.Fatalf("%s, leaf %d: %d steps, chain %d; recursion finds %d and %d", s.name, i, steps[i], g.depth(k, need, i, scratch), len(v.made), depth)
			}
		}
	}
}

// Every input is made before the step that needs it, else the scans are wrong.
func TestInputsComeBefore(t *testing.T) {
	g := Graph{Blocks: 128, Passes: 5, Parents: Seal(128, 5)}
	var in inputs
	for n := range node(g.nodes()) {
		g.inputs(n, &in)
		for _, m := range append(in.whole[:in.n:in.n], in.lines[:in.m]...) {
			if m >= n {
				t.Fatalf("step %d needs step %d", n, m)
			}
		}
	}
}

func TestRefusesWhatCannotBePlayed(t *testing.T) {
	for _, c := range []Config{
		{Blocks: 1000, Passes: []uint32{4}}, {Blocks: 512, Passes: []uint32{4}}, {Blocks: 1 << 23, Passes: []uint32{4}},
		{Blocks: 1024, Passes: []uint32{1}}, {Blocks: 1024, Passes: []uint32{17}},
	} {
		if _, err := Run(context.Background(), c, nil); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%+v: %v, want code Invalid", c, err)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, Config{Blocks: 1024, Passes: []uint32{4}}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestProgressReachesTheEnd(t *testing.T) {
	var last, total int
	if _, err := Run(context.Background(), Config{Blocks: 1024, Passes: []uint32{2}}, func(d, n int) { last, total = d, n }); err != nil {
		t.Fatal(err)
	}
	if total == 0 || last != total {
		t.Errorf("progress ended at %d of %d", last, total)
	}
}
