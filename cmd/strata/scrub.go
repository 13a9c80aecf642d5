package main

import (
	"context"
	"fmt"
	"io"

	"strata"
	"strata/volume"
)

// scrubCmd needs no chain and no key: what lies on the disks says what it is.
type scrubCmd struct {
	walletFlags
	dbFlags
	logFlags
	MaxRate strata.ByteSize `name:"max_rate" help:"Most that is read in a second, like 100MiB, from all disks together; 0 is no bound."`
}

// Run reads, compares and mends; an interrupted run continues where it was. The
// exit status is 0 when nothing is damaged any more.
func (c *scrubCmd) Run(ctx context.Context, s streams) error {
	log, err := c.logger(s.err)
	if err != nil {
		return err
	}
	if err := c.dbFlags.check(); err != nil {
		return err
	}
	cfg, err := volume.Found(c.paths(), c.Name, c.Hotkey)
	if err != nil {
		return err
	}
	cfg.Log = log
	store, err := volume.Open(ctx, cfg)
	if strata.CodeOf(err) == strata.Locked {
		return strata.E(strata.Locked, "%w; a miner that runs there scrubs by itself, slowly", err)
	}
	if err != nil {
		return err
	}
	defer store.Close()
	bar := newBar(s.err, "scrubbing", log)
	found, err := store.Scrub(ctx, c.MaxRate, bar.set)
	bar.close(err == nil)
	printScrubbed(s.out, found)
	switch {
	case err != nil:
		return resumable{err}
	case !found.Whole():
		return strata.E(strata.Corrupt, "%d sectors and %d users' shards are damaged: check the disk; the validators' gateways make the shards anew elsewhere", len(found.Left), len(found.Shards))
	}
	return nil
}

// printScrubbed says what was found, a line each, and how much was read.
func printScrubbed(w io.Writer, found volume.Scrubbed) {
	for _, d := range found.Mended {
		fmt.Fprintf(w, "mended   sector %d of validator %s in %s: %s\n", d.Number, d.Validator, d.Dir, d.Why)
	}
	for _, d := range found.Left {
		fmt.Fprintf(w, "damaged  sector %d of validator %s in %s: %s\n", d.Number, d.Validator, d.Dir, d.Why)
	}
	for _, d := range found.Shards {
		fmt.Fprintf(w, "damaged  shard %s of validator %s, sector %d in %s\n", d.Root, d.Validator, d.Sector, d.Dir)
	}
	fmt.Fprintf(w, "%d sectors read: %d mended, %d still damaged; %d shards damaged\n", found.Sectors, len(found.Mended), len(found.Left), len(found.Shards))
}
