package main

import (
	"context"
	"fmt"
	"time"

	"strata"
	"strata/bench"
	"strata/bench/attack"
)

type benchAttackCmd struct {
	Blocks  uint32   `default:"65536" help:"Blocks in the sector that is played on, a power of two."`
	Passes  []uint32 `default:"2,3,4,5,6,7,8" help:"Numbers of passes to play."`
	Seed    uint64   `default:"1" help:"Seed of what is dropped and asked for: the same seed, the same table."`
	Parents int      `default:"16" help:"Distinct parents of a block, 1 to 16: Seal has 16, with fewer it shows what they are for."`
	jsonFlag
}

// Run plays the pebbling game on Seal's graph and prints what cheating costs.
func (c *benchAttackCmd) Run(ctx context.Context, s streams) error {
	if c.Parents < 1 || c.Parents > attack.Lines {
		return strata.E(strata.Invalid, "a block has 1 to %d distinct parents, not %d", attack.Lines, c.Parents)
	}
	rows, err := attack.Run(ctx, attack.Config{Blocks: c.Blocks, Passes: c.Passes, Seed: c.Seed, Parents: attack.Fewer(c.Parents)}, counter(s.err, "pebbling"))
	if err != nil {
		return err
	}
	if c.JSON {
		return printRows(s.out, rows)
	}
	fmt.Fprintf(s.out, "Pebbling Seal v1's graph, %d blocks with %d parents each, seed %d. Storage as a part of the sector; cost and depth,\nfor one missing leaf, as parts of a fill.\n%s\n\n", c.Blocks, c.Parents, c.Seed, bench.Machine(time.Now()))
	if err := attackTable(rows).Write(s.out); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\nLeast storage of a cheater whose missing leaf costs at most a quarter of a fill, as deadlines demand:\n")
	for _, b := range attack.Bargains(rows, 0.25) {
		fmt.Fprintf(s.out, "  P = %d: %s (%s)\n", b.Passes, part(b.Storage), b.Attack)
	}
	return nil
}

func attackTable(rows []attack.Row) bench.Table {
	t := bench.Table{Head: []string{"cheater", "P", "storage", "of window", "miss", "cost", "least", "depth"}}
	for _, r := range rows {
		window := ""
		if r.WindowStorage > 0 {
			window = part(r.WindowStorage)
		}
		t.Rows = append(t.Rows, []string{r.Attack, fmt.Sprint(r.Passes), part(r.Storage), window, part(r.Miss), part(r.Cost), part(r.Least), part(r.Depth)})
	}
	return t
}

func part(f float64) string { return fmt.Sprintf("%.3f", f) }
