package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"strata"
	"strata/bench"
	"strata/bench/audit"
)

type benchAuditCmd struct {
	Dir        string          `help:"Where the validator's database lives; a temporary directory unless given."`
	Miners     int             `default:"256" help:"Simulated miners."`
	Space      strata.ByteSize `default:"100TB" help:"Space of each."`
	Partitions int             `default:"64" help:"Validators for whom each miner holds something."`
	Profile    string          `default:"main" help:"local, test or main."`
	Steady     time.Duration   `default:"30s" help:"How long it audits at the profile's rate."`
	Flood      time.Duration   `default:"10s" help:"How long it audits as fast as it goes."`
	JSON       bool            `name:"json" help:"Print JSON."`
	logFlags
}

// Run measures one validator against simulated miners in a process of their own.
func (c *benchAuditCmd) Run(ctx context.Context, s streams) error {
	log, err := c.logger(s.err)
	if err != nil {
		return err
	}
	sector, ok := map[string]strata.ByteSize{
		"local": strata.LocalProfile.SectorSize(), "test": strata.TestProfile.SectorSize(), "main": strata.MainProfile.SectorSize(),
	}[c.Profile]
	if !ok || c.Miners < 1 || c.Miners > 1024 || c.Partitions < 1 || c.Partitions > 64 || c.Space < sector*strata.ByteSize(c.Partitions) {
		return strata.E(strata.Invalid, "bench audit: a profile (local, test, main), 1 to 1024 miners, 1 to 64 partitions, and a sector for each")
	}
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's file: %w", err)
	}
	dir, err := os.MkdirTemp(expand(c.Dir), "strata-bench-")
	if err != nil {
		return strata.E(strata.NoSpace, "make a directory for the validator: %w", err)
	}
	defer os.RemoveAll(dir)
	res, err := audit.Run(ctx, audit.Config{
		Fleet: audit.Fleet{Miners: c.Miners, Partitions: c.Partitions, Sectors: int(c.Space / sector), Profile: c.Profile},
		Dir:   dir, Command: []string{binary, "bench", "audit-miners"}, Steady: c.Steady, Flood: c.Flood, Log: log,
		Stage: func(what string) { log.Debug("bench", "stage", what) },
	})
	if err != nil {
		return err
	}
	res.Machine = bench.Machine(time.Now())
	if c.JSON {
		return json.NewEncoder(s.out).Encode(res)
	}
	fmt.Fprintln(s.out, res.Machine)
	for _, t := range res.Tables() {
		if err := t.Write(s.out); err != nil {
			return err
		}
		fmt.Fprintln(s.out)
	}
	return nil
}

// benchAuditMinersCmd is the process of the simulated miners.
type benchAuditMinersCmd struct {
	Miners     int
	Partitions int
	Sectors    int
	Profile    string
}

func (c *benchAuditMinersCmd) Run(ctx context.Context, s streams) error {
	return audit.Fleet{Miners: c.Miners, Partitions: c.Partitions, Sectors: c.Sectors, Profile: c.Profile}.Serve(ctx, s.in, s.out)
}
