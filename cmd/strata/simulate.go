package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"strata"
	"strata/bench"
	"strata/sim"
)

type simulateCmd struct {
	Miners     int            `default:"64" help:"Miners, at most 256."`
	Validators int            `default:"8" help:"Validators with a permit, at most 64."`
	Months     int            `default:"3" help:"Months of 30 days."`
	Seed       uint64         `default:"1" help:"The same seed gives the same report on every machine."`
	Cheaters   map[string]int `placeholder:"KIND=PERCENT" mapsep:"," help:"Miners in a hundred that cheat, by kind: late, half, fakes, drops, unlists, refuses. half=5,drops=10 for example."`

	Space   strata.ByteSize `default:"50TiB" help:"Mean space of a miner."`
	Data    int             `default:"10" help:"Per cent of the space that is users' data in the end, parity included."`
	Objects int             `default:"1000" help:"Segments that stand for that data; the more, the finer."`
	Repair  strata.ByteSize `default:"4GiB" help:"Bytes a second that repair may read and write, all validators together; 0: nothing is repaired."`

	Outages      int `default:"12" help:"Outages of a miner in a year."`
	OutageHours  int `default:"3" help:"Mean hours of one."`
	DiskFailures int `default:"15" help:"Of a thousand disks that fail in a year; a miner has eight."`
	Leavers      int `default:"50" help:"Miners in a hundred that leave within a year, without notice."`
	StakeMove    int `default:"5000" help:"Most that a validator's stake moves in a day, in millionths."`

	JSON bool `name:"json" help:"Print JSON."`
}

// Run plays a network and prints what came of it.
func (c *simulateCmd) Run(ctx context.Context, s streams) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	r, err := sim.Run(ctx, config, counter(s.err, "day"))
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.out, r)
	}
	return printReport(s, r)
}

func (c *simulateCmd) config() (sim.Config, error) {
	d := sim.Default()
	d.Seed, d.Miners, d.Validators, d.Days = c.Seed, c.Miners, c.Validators, 30*c.Months
	d.DiskSectors = uint64(c.Space / strata.MainProfile.SectorSize())
	d.DataPercent, d.Segments, d.Budget = c.Data, c.Objects, uint64(c.Repair)
	d.Outages, d.OutageHours, d.DiskFailures = c.Outages, c.OutageHours, c.DiskFailures
	d.Leavers, d.StakeMove = c.Leavers, c.StakeMove
	for _, name := range slices.Sorted(maps.Keys(c.Cheaters)) {
		kind, err := sim.ParseStrategy(name)
		if err != nil {
			return d, err
		}
		d.Mix = append(d.Mix, sim.Part{Strategy: kind, Percent: c.Cheaters[name]})
	}
	return d, d.Validate()
}

func printReport(s streams, r *sim.Report) error {
	fmt.Fprintf(s.out, "%d days of %d miners and %d validators, seed %d. Relative is the reward for space that a miner really has, as a\npart of the honest ones'.\n\n", r.Days, r.Miners, r.Validators, r.Seed)
	t := bench.Table{Head: []string{"strategy", "miners", "space × days", "reward, α", "relative"}}
	for _, x := range r.Strategies {
		space := strata.MainProfile.SectorSize() * strata.ByteSize(x.SectorDays/uint64(max(1, r.Days)))
		t.Rows = append(t.Rows, []string{
			x.Strategy, fmt.Sprint(x.Miners), fmt.Sprintf("%s × %d", space, r.Days),
			fmt.Sprintf("%.1f", float64(x.Paid)/1e9), part(float64(x.Relative) / 1e6),
		})
	}
	if err := t.Write(s.out); err != nil {
		return err
	}
	size := func(bytes uint64) string { return strata.ByteSize(bytes).String() }
	lines := []string{
		fmt.Sprintf("emission     %.1f α, %.1f of it to miners and %.1f to validators; least trust in a validator %s",
			float64(r.Emission)/1e9, float64(r.Mining)/1e9, float64(r.Validating)/1e9, part(float64(r.LeastTrust)/65535)),
		fmt.Sprintf("durability   %d of %d segments lost; each stands for %s", r.Lost, r.Segments, size(r.SegmentSize)),
		fmt.Sprintf("repair       %d segments: %s read, %s written; %d shards were found missing", r.Repairs, size(r.RepairRead), size(r.RepairWritten), r.MissingShards),
		fmt.Sprintf("misfortune   %d outages, %d disks failed, %d miners left", r.Outages, r.FailedDisks, r.Left),
		fmt.Sprintf("stake        %s moved from one validator's partition to another's", size(r.MovedBytes)),
	}
	if r.Refused > 0 {
		lines = append(lines, fmt.Sprintf("full         %d segments found no room", r.Refused))
	}
	_, err := fmt.Fprintln(s.out, "\n"+strings.Join(lines, "\n"))
	return err
}
