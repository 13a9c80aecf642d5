package main

import (
	"context"
	"time"

	"strata"
	"strata/bench"
	"strata/bench/objects"
)

type benchObjectsCmd struct {
	Miners   int             `default:"30" help:"Miner processes."`
	Size     strata.ByteSize `default:"320MiB" help:"Size of the large object."`
	Rounds   int             `default:"3" help:"How often it goes up and down; the median counts."`
	Small    int             `default:"2000" help:"Objects of 10 KiB."`
	InFlight int             `name:"in_flight" default:"32" help:"Small objects under way at once."`
	Stream   strata.ByteSize `default:"0" help:"Size of one more object, for the gateway's peak of memory; it takes 5 times that on the disk."`
	processFlags
}

// Run measures objects against a network of its own.
func (c *benchObjectsCmd) Run(ctx context.Context, s streams) error {
	if c.Miners < 1 || c.Miners > 200 || c.Rounds < 1 || c.Small < 1 || c.InFlight < 1 || c.Size < strata.MiB {
		return strata.E(strata.Invalid, "bench objects: at least 1 MiB, a round, a small object, one in flight, and 1 to 200 miners")
	}
	at, err := c.open(s)
	if err != nil {
		return err
	}
	defer at.close()
	res, err := objects.Run(ctx, objects.Config{
		Dir: at.dir, Binary: at.binary, Miners: c.Miners, Size: c.Size, Rounds: c.Rounds,
		Small: c.Small, InFlight: c.InFlight, Stream: c.Stream, Log: at.log,
	})
	if err != nil {
		return err
	}
	res.Machine = bench.Machine(time.Now())
	return c.print(s, res.Machine, res, res.Table())
}
