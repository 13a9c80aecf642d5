package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"strata"
	"strata/bench"
	"strata/bench/objects"
)

type benchObjectsCmd struct {
	Dir      string          `help:"Where the network lives; a temporary directory unless given."`
	Miners   int             `default:"30" help:"Miner processes."`
	Size     strata.ByteSize `default:"320MiB" help:"Size of the large object."`
	Rounds   int             `default:"3" help:"How often it goes up and down; the median counts."`
	Small    int             `default:"2000" help:"Objects of 10 KiB."`
	InFlight int             `name:"in_flight" default:"32" help:"Small objects under way at once."`
	Stream   strata.ByteSize `default:"0" help:"Size of one more object, for the gateway's peak of memory; it takes 5 times that on the disk."`
	JSON     bool            `name:"json" help:"Print JSON."`
	logFlags
}

// Run measures objects against a network of its own.
func (c *benchObjectsCmd) Run(ctx context.Context, s streams) error {
	log, err := c.logger(s.err)
	if err != nil {
		return err
	}
	if c.Miners < 1 || c.Miners > 200 || c.Rounds < 1 || c.Small < 1 || c.InFlight < 1 || c.Size < strata.MiB {
		return strata.E(strata.Invalid, "bench objects: at least 1 MiB, a round, a small object, one in flight, and 1 to 200 miners")
	}
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's file: %w", err)
	}
	dir, err := os.MkdirTemp(expand(c.Dir), "strata-bench-")
	if err != nil {
		return strata.E(strata.NoSpace, "make a directory for the network: %w", err)
	}
	defer os.RemoveAll(dir)
	res, err := objects.Run(ctx, objects.Config{
		Dir: dir, Binary: binary, Miners: c.Miners, Size: c.Size, Rounds: c.Rounds,
		Small: c.Small, InFlight: c.InFlight, Stream: c.Stream, Log: log,
	})
	if err != nil {
		return err
	}
	res.Machine = bench.Machine(time.Now())
	if c.JSON {
		return json.NewEncoder(s.out).Encode(res)
	}
	fmt.Fprintln(s.out, res.Machine)
	return res.Table().Write(s.out)
}
