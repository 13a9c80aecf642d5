package cheaters

import (
	"context"
	"maps"
	"slices"

	"strata"
	"strata/catalog"
	"strata/wire"
)

// ledger is a validator's ledger in memory, for one goroutine: no game outlives
// its process. Lists are kept in order, so that games can be repeated.
type ledger struct {
	miners map[strata.Hotkey]catalog.MinerRecord
	heads  map[catalog.Partition]wire.Head
	parts  map[catalog.Partition]map[uint64]catalog.Sector
	order  map[catalog.Partition][]uint64 // the numbers of parts, ascending
	placed map[strata.Hotkey][]catalog.Placed
	block  uint64
	last   []catalog.WeightRecord
}

func newLedger() *ledger {
	return &ledger{
		miners: map[strata.Hotkey]catalog.MinerRecord{}, heads: map[catalog.Partition]wire.Head{},
		parts: map[catalog.Partition]map[uint64]catalog.Sector{}, order: map[catalog.Partition][]uint64{},
		placed: map[strata.Hotkey][]catalog.Placed{},
	}
}

func (l *ledger) Miners(context.Context) ([]catalog.MinerRecord, error) {
	return slices.Collect(maps.Values(l.miners)), nil
}

func (l *ledger) SaveMiners(_ context.Context, m []catalog.MinerRecord) error {
	for _, r := range m {
		l.miners[r.Hotkey] = r
	}
	return nil
}

func (l *ledger) Heads(context.Context) (map[catalog.Partition]wire.Head, error) {
	return maps.Clone(l.heads), nil
}

func (l *ledger) SavePull(_ context.Context, m catalog.MinerRecord, p catalog.Partition, h wire.Head, changed []catalog.Sector) error {
	l.miners[m.Hotkey], l.heads[p] = m, h
	part := l.parts[p]
	if part == nil {
		part = map[uint64]catalog.Sector{}
		l.parts[p] = part
	}
	known := len(part)
	for _, s := range changed {
		part[s.Entry.Number] = s
	}
	if len(part) != known {
		l.order[p] = slices.Sorted(maps.Keys(part))
	}
	return nil
}

func (l *ledger) SaveMarks(_ context.Context, m catalog.MinerRecord, marks []catalog.Mark) error {
	for _, k := range marks {
		part := l.parts[catalog.Partition{Miner: m.Hotkey, Validator: k.Validator}]
		s, ok := part[k.Number]
		if !ok {
			return strata.E(strata.NotFound, "no sector %d of miner %s", k.Number, m.Hotkey)
		}
		s.Cohort, s.Checked, s.Void = k.Cohort, k.Checked, k.Void
		part[k.Number] = s
	}
	l.miners[m.Hotkey] = m
	return nil
}

func (l *ledger) Sector(_ context.Context, p catalog.Partition, number uint64) (catalog.Sector, error) {
	s, ok := l.parts[p][number]
	if !ok {
		return s, strata.E(strata.NotFound, "no sector %d of miner %s", number, p.Miner)
	}
	return s, nil
}

func (l *ledger) Sectors(_ context.Context, p catalog.Partition, fn func(catalog.Sector) error) error {
	for _, n := range l.order[p] {
		if err := fn(l.parts[p][n]); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) SaveWeights(_ context.Context, block uint64, w []catalog.WeightRecord) error {
	l.block, l.last = block, w
	return nil
}

func (l *ledger) SaveCommit(context.Context, [32]byte, []byte) error { return nil }

func (l *ledger) Commits(context.Context) (map[[32]byte][]byte, error) { return nil, nil }

func (l *ledger) DeleteCommit(context.Context, [32]byte) error { return nil }

func (l *ledger) LastWeights(context.Context) (uint64, []catalog.WeightRecord, error) {
	return l.block, l.last, nil
}

func (l *ledger) PlacedOn(_ context.Context, miner strata.Hotkey) ([]catalog.Placed, error) {
	return slices.Clone(l.placed[miner]), nil
}

func (l *ledger) Totals(context.Context) (objects, bytes uint64, err error) { return 0, 0, nil }

// place records a shard that a miner has signed for.
func (l *ledger) place(miner strata.Hotkey, p catalog.Placed) {
	p.State = catalog.Stored
	l.placed[miner] = append(l.placed[miner], p)
}

// SettleShard takes note of shards that are lost. Each shard is an object of its
// own here, and stored.
func (l *ledger) SettleShard(_ context.Context, miner strata.Hotkey, p catalog.Placed, _ catalog.ShardState) (bool, error) {
	was := len(l.placed[miner])
	l.placed[miner] = slices.DeleteFunc(l.placed[miner], func(q catalog.Placed) bool { return p.Origin == q.Origin })
	return len(l.placed[miner]) < was, nil
}
