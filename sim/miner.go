package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"

	"strata"
	"strata/placement"
)

// Strategy is what a miner does.
type Strategy uint8

// The strategies. All but Honest want more than they are worth.
const (
	Honest  Strategy = iota
	Late             // answers every audit too late
	Half             // says to have twice what it has
	Fakes            // invents a twentieth of what it says to have
	Drops            // signs for shards, lists them and keeps only filler
	Unlists          // signs for shards and lists filler again
	Refuses          // takes no shards
	strategies
)

var strategyNames = [...]string{"honest", "late", "half", "fakes", "drops", "unlists", "refuses"}

// String returns the strategy in one word.
func (s Strategy) String() string {
	if int(s) < len(strategyNames) {
		return strategyNames[s]
	}
	return "unknown"
}

// Strategies returns the names of all, in order.
func Strategies() []string { return strategyNames[:] }

// ParseStrategy reads what String returns. The error has code Invalid.
func ParseStrategy(name string) (Strategy, error) {
	for i, n := range strategyNames {
		if n == name {
			return Strategy(i), nil
		}
	}
	return 0, strata.E(strata.Invalid, "no strategy is called %q; there are %v", name, strategyNames)
}

// disks is how many each miner has.
const disks = 8

// miner is one hotkey. Its place among the slots is its UID's.
type miner struct {
	slot     int
	strategy Strategy
	who      placement.Candidate // hotkey, coldkey and address; the rest is set for each choice
	disk     uint64              // sectors that its disks hold
	lost     uint64              // of these, on disks that failed and are not filled again
	refill   int                 // hour at which those are sealed again; 0: nothing is lost
	silent   int                 // hours that it has been silent; 0: it answers
	back     int                 // hour at which it answers again
	down     int                 // hours of the day at hand that it did not answer
	gone     bool                // it has left for ever
	parts    []partition         // by validator
	data     uint64              // bytes of users' data that it has signed for
}

// newMiner makes the n-th miner to take a slot.
func (s *sim) newMiner(slot int) *miner {
	s.registered++
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte("strata simulated miner "), uint64(s.registered)))
	n := uint32(s.registered)
	m := &miner{
		slot: slot, strategy: s.draw(),
		who: placement.Candidate{
			Hotkey: strata.Hotkey(sum), Coldkey: strata.Coldkey(sum),
			Addr: netip.AddrFrom4([4]byte{byte(11 + n>>16), byte(n >> 8), byte(n), 1}),
		},
		disk:  s.fate.Uint64N(3*s.c.DiskSectors) / 2 / disks * disks,
		parts: make([]partition, len(s.validators)),
	}
	m.disk = max(m.disk, s.c.DiskSectors/2/disks*disks) // from half to one and a half of the mean
	s.report.Strategies[m.strategy].Miners++
	return m
}

// draw draws a strategy from the mix.
func (s *sim) draw() Strategy {
	at := int(s.fate.Uint64N(100))
	for _, p := range s.c.Mix {
		if at -= p.Percent; at < 0 {
			return p.Strategy
		}
	}
	return Honest
}

// held is what the miner really has, in sectors.
func (m *miner) held() uint64 { return m.disk - m.lost }

// claimed is what it says to have, in sectors.
func (m *miner) claimed() uint64 {
	switch m.strategy {
	case Half:
		return 2 * m.held()
	case Fakes:
		return m.held() * 20 / 19
	}
	return m.held()
}

// false returns how many of a million roots are false.
func (m *miner) falseRoots() uint64 {
	if m.strategy == Fakes {
		return 50_000
	}
	return 0
}

// wrong returns how many of a million leaves it cannot open in time while it
// answers.
func (m *miner) wrong() uint64 {
	switch m.strategy {
	case Late:
		return million
	case Half:
		return million / 2
	case Drops: // a quarter of the leaves of a partition with data are data
		return million / 4 * m.soiled() / max(1, m.held())
	}
	return 0
}

// soiled returns how many sectors the partitions have in which users' data lies.
func (m *miner) soiled() (sectors uint64) {
	for _, p := range m.parts {
		if p.data > 0 {
			sectors += p.sectors
		}
	}
	return min(sectors, m.held())
}

// live lets an hour pass for every miner.
func (s *sim) live() {
	for slot, m := range s.miners {
		switch {
		case m == nil:
			if s.vacant[slot] == s.hour {
				s.miners[slot] = s.newMiner(slot)
			}
			continue
		case m.silent > 0:
			m.silent++
			if s.hour >= m.back {
				m.silent = 0
			}
		case s.happens(s.c.Outages, 1):
			m.silent, m.back = 1, s.hour+1+int(s.fate.Uint64N(uint64(2*max(1, s.c.OutageHours))))
			s.report.Outages++
		}
		if m.silent > 0 {
			m.down++
		}
		if m.refill == s.hour && m.lost > 0 {
			m.lost, m.refill = 0, 0
		}
		if m.lost == 0 && s.happens(s.c.DiskFailures*disks, 1000) {
			s.failDisk(m)
		}
		if s.happens(s.c.Leavers, 100) {
			s.leave(m)
		}
	}
}

// hoursAYear is the unit of all rates.
const hoursAYear = 8760

// happens says whether something that happens n times in so many years happens
// in this hour.
func (s *sim) happens(n, years int) bool {
	return s.fate.Uint64N(uint64(years)*hoursAYear) < uint64(n)
}

// failDisk loses an eighth of what a miner has. A new disk is full after a week.
func (s *sim) failDisk(m *miner) {
	s.report.FailedDisks++
	m.lost, m.refill = m.disk/disks, s.hour+7*24
	broken := uint8(s.fate.Uint64N(disks))
	for _, g := range s.segments {
		for i := range g.shards {
			if h := &g.shards[i]; h.miner == m && h.disk == broken {
				s.missing(g, h)
			}
		}
	}
}

// leave takes a miner away without notice. Its UID is taken again within a week.
func (s *sim) leave(m *miner) {
	s.report.Left++
	m.gone, m.silent = true, 1
	s.miners[m.slot], s.vacant[m.slot] = nil, s.hour+1+int(s.fate.Uint64N(7*24))
	for _, v := range s.validators {
		v.views[m.slot] = view{}
	}
}
