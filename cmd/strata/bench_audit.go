package main

import (
	"context"
	"time"

	"strata"
	"strata/bench"
	"strata/bench/audit"
)

type benchAuditCmd struct {
	Miners     int             `default:"256" help:"Simulated miners."`
	Space      strata.ByteSize `default:"100TB" help:"Space of each."`
	Partitions int             `default:"64" help:"Validators for whom each miner holds something."`
	Profile    string          `default:"main" help:"local, test or main."`
	Steady     time.Duration   `default:"30s" help:"How long it audits at the profile's rate."`
	Flood      time.Duration   `default:"10s" help:"How long it audits as fast as it goes."`
	processFlags
}

// Run measures one validator against simulated miners in a process of their own.
func (c *benchAuditCmd) Run(ctx context.Context, s streams) error {
	sector, ok := map[string]strata.ByteSize{
		"local": strata.LocalProfile.SectorSize(), "test": strata.TestProfile.SectorSize(), "main": strata.MainProfile.SectorSize(),
	}[c.Profile]
	if !ok || c.Miners < 1 || c.Miners > 1024 || c.Partitions < 1 || c.Partitions > 64 || c.Space < sector*strata.ByteSize(c.Partitions) {
		return strata.E(strata.Invalid, "bench audit: a profile (local, test, main), 1 to 1024 miners, 1 to 64 partitions, and a sector for each")
	}
	at, err := c.open(s)
	if err != nil {
		return err
	}
	defer at.close()
	res, err := audit.Run(ctx, audit.Config{
		Fleet: audit.Fleet{Miners: c.Miners, Partitions: c.Partitions, Sectors: int(c.Space / sector), Profile: c.Profile},
		Dir:   at.dir, Command: []string{at.binary, "bench", "audit-miners"}, Steady: c.Steady, Flood: c.Flood, Log: at.log,
		Stage: func(what string) { at.log.Debug("bench", "stage", what) },
	})
	if err != nil {
		return err
	}
	res.Machine = bench.Machine(time.Now())
	return c.print(s, res.Machine, res, res.Tables()...)
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
