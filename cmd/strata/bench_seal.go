package main

import (
	"context"
	"fmt"
	"time"

	"strata"
	"strata/bench"
	benchseal "strata/bench/seal"
	"strata/seal"
)

type benchSealCmd struct {
	Size    []strata.ByteSize `default:"1GiB,4GiB" help:"Sizes of the sectors, powers of two."`
	Passes  uint32            `default:"6" help:"Passes, 4 to 255."`
	ISA     []seal.ISA        `name:"isa" help:"Instruction sets: avx512, avx2, go. Unless given all that this processor has, plain Go in the first size only."`
	Workers int               `default:"0" help:"Fills at once in the last row; one for each core unless given."`
	Disk    bool              `default:"true" negatable:"" help:"Measure sealing onto the disk as well: it takes 7 sectors for each worker there, and one more."`
	Dir     string            `help:"Where on the disk; a temporary directory unless given."`
	jsonFlag
}

// Run measures how fast this machine fills sectors.
func (c *benchSealCmd) Run(ctx context.Context, s streams) error {
	if c.Workers < 0 || c.Workers > 1024 {
		return strata.E(strata.Invalid, "%d workers: give 1 to 1024, or 0 for one on each core", c.Workers)
	}
	res, err := benchseal.Run(ctx, benchseal.Config{
		Sizes: c.Size, Passes: c.Passes, ISAs: c.ISA, Workers: c.Workers, Dir: expand(c.Dir), Disk: c.Disk,
	}, counter(s.err, "measuring"))
	if err != nil {
		return err
	}
	machine := bench.Machine(time.Now())
	if c.JSON {
		for i := range res.Rows {
			res.Rows[i].Machine = machine
		}
		return printRows(s.out, res.Rows)
	}
	fmt.Fprintf(s.out, "Filling sectors, Seal v1. %s\n\n", machine)
	return res.Write(s.out)
}
