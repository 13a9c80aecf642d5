package sim

import (
	"context"
	"math/rand/v2"

	"strata"
	"strata/score"
)

// The bounds of a network.
const (
	MaxMiners     = 256
	MaxValidators = 64
	MaxDays       = 3660
	MaxSegments   = 1 << 16
)

const (
	blocksAnHour = 300 // of 12 s
	blocksADay   = 24 * blocksAnHour
)

// Part is how many of a hundred miners follow a strategy.
type Part struct {
	Strategy Strategy
	Percent  int
}

// Config is what is played. Rates are averages; chance has its own.
type Config struct {
	Seed       uint64
	Miners     int
	Validators int
	Days       int
	Mix        []Part // strategies other than the honest one

	DiskSectors uint64 // mean of a miner's sectors
	DataPercent int    // of the space is users' data in the end, parity included
	Segments    int    // that stand for it
	Budget      uint64 // bytes of repair a second, read and written, all validators together

	Outages      int // of a miner in a year
	OutageHours  int // mean length
	DiskFailures int // of a thousand disks in a year
	Leavers      int // of a hundred miners in a year, without notice
	StakeMove    int // most that a validator's stake moves in a day, in millionths

	Emission uint64 // rao a day for miners and validators
}

// Default returns a network of middling size and luck.
func Default() Config {
	return Config{
		Seed: 1, Miners: 64, Validators: 8, Days: 90,
		DiskSectors: 12_500, // 50 TB
		DataPercent: 10, Segments: 1000, Budget: 64 * uint64(strata.MiB) * 64,
		Outages: 12, OutageHours: 3, DiskFailures: 15, Leavers: 50, StakeMove: 5000,
		Emission: 5904 * uint64(strata.RaoPerTao), // 82 % of 7,200 a day: the rest is the owner's
	}
}

// Validate bounds the configuration. The error has code Invalid.
func (c Config) Validate() error {
	percent := 0
	for _, p := range c.Mix {
		if p.Percent < 0 || p.Strategy >= strategies {
			return strata.E(strata.Invalid, "%d %% of miners with strategy %s", p.Percent, p.Strategy)
		}
		percent += p.Percent
	}
	rates := min(c.DataPercent, c.Outages, c.OutageHours, c.DiskFailures, c.Leavers, c.StakeMove)
	switch {
	case c.Miners < 1 || c.Miners > MaxMiners:
		return strata.E(strata.Invalid, "%d miners: give 1 to %d", c.Miners, MaxMiners)
	case c.Validators < 1 || c.Validators > MaxValidators:
		return strata.E(strata.Invalid, "%d validators: give 1 to %d", c.Validators, MaxValidators)
	case c.Days < 1 || c.Days > MaxDays:
		return strata.E(strata.Invalid, "%d days: give 1 to %d", c.Days, MaxDays)
	case c.Segments < 0 || c.Segments > MaxSegments:
		return strata.E(strata.Invalid, "%d segments: give at most %d", c.Segments, MaxSegments)
	case percent > 100:
		return strata.E(strata.Invalid, "the strategies are %d %% of the miners: give 100 at most", percent)
	case rates < 0 || c.DataPercent > 90 || c.StakeMove > million/2:
		return strata.E(strata.Invalid, "a rate is below zero, data above 90 %% of the space, or stake moves by more than a half a day")
	case c.DiskSectors < 2*disks*uint64(c.Validators) || c.DiskSectors > 1<<24:
		return strata.E(strata.Invalid, "%d sectors on a miner: give %d to %d", c.DiskSectors, 2*disks*c.Validators, 1<<24)
	}
	return nil
}

// sim is one network. One goroutine plays it.
type sim struct {
	c       Config
	profile strata.Profile
	rules   score.Rules
	report  *Report

	// Chance, each kind its own, so that one does not move the others.
	fate, luck, market, users *rand.Rand

	hour       int
	validators []*validator
	index      map[strata.Hotkey]int // of validators
	miners     []*miner              // by slot; nil: vacant
	vacant     []int                 // by slot: hour at which a new miner comes
	registered int
	byKey      map[strata.Hotkey]*miner

	segments    []*segment
	uploaded    int
	segmentSize uint64
}

// Run plays a network. progress, if not nil, is called after each day.
func Run(ctx context.Context, c Config, progress func(day, of int)) (*Report, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := newSim(c)
	for day := range c.Days {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.day(); err != nil {
			return nil, err
		}
		if progress != nil {
			progress(day+1, c.Days)
		}
	}
	s.finish()
	return s.report, nil
}

func newSim(c Config) *sim {
	s := &sim{
		c: c, profile: strata.MainProfile, rules: score.RulesFor(strata.MainProfile, 360), report: newReport(c),
		fate: rand.New(rand.NewPCG(c.Seed, 1)), luck: rand.New(rand.NewPCG(c.Seed, 2)),
		market: rand.New(rand.NewPCG(c.Seed, 3)), users: rand.New(rand.NewPCG(c.Seed, 4)),
		index: map[strata.Hotkey]int{}, miners: make([]*miner, c.Miners), vacant: make([]int, c.Miners), byKey: map[strata.Hotkey]*miner{},
	}
	for i := range c.Validators {
		v := s.newValidator(i)
		s.validators, s.index[v.hotkey] = append(s.validators, v), i
	}
	var sectors uint64
	for slot := range s.miners {
		s.miners[slot] = s.newMiner(slot)
		sectors += s.miners[slot].disk
	}
	if c.Segments > 0 { // shards are three times the data where the network is large
		s.segmentSize = sectors * uint64(s.profile.SectorSize()) / 300 * uint64(c.DataPercent) / uint64(c.Segments)
	}
	return s
}

func (s *sim) hours() int    { return 24 * s.c.Days }
func (s *sim) block() uint64 { return uint64(s.hour) * blocksAnHour }

// day plays 24 hours, the stake's day at their beginning, the votes at their end.
func (s *sim) day() error {
	if err := s.allocate(); err != nil {
		return err
	}
	for range 24 {
		s.live()
		if err := s.upload(); err != nil {
			return err
		}
		if err := s.repair(); err != nil {
			return err
		}
		s.hour++
	}
	if err := s.observe(); err != nil {
		return err
	}
	if err := s.pay(); err != nil {
		return err
	}
	s.moveStake()
	return nil
}
