package validatortest

import (
	"context"

	"strata"
	"strata/catalog"
	"strata/chain"
	"strata/wire"
)

// Record is what a validator says of lost shards.
type Record struct {
	Updates []catalog.ShardUpdate
	Gone    bool // the shards are no longer on record
	Err     error
}

// SettleShard implements shards.Record.
func (r *Record) SettleShard(_ context.Context, _ strata.Hotkey, p catalog.Placed, to catalog.ShardState) (bool, error) {
	if r.Err == nil && !r.Gone {
		r.Updates = append(r.Updates, catalog.ShardUpdate{Index: p.Index, State: to})
	}
	return !r.Gone, r.Err
}

// Ledger is the real one. It fails the write after a number of good ones, and all after it,
// as if the process had died there.
type Ledger struct {
	catalog.Ledger
	Left  int  // writes that still succeed
	Dying bool // Left counts
}

// ErrKilled is the answer of a Ledger that has died.
var ErrKilled = strata.E(strata.Unavailable, "killed")

// Killed says that a write has failed.
func (l *Ledger) Killed() bool { return l.Dying && l.Left < 0 }

func (l *Ledger) write() error {
	if !l.Dying {
		return nil
	}
	if l.Left--; l.Left < 0 {
		return ErrKilled
	}
	return nil
}

// SaveMiners implements catalog.Ledger.
func (l *Ledger) SaveMiners(ctx context.Context, m []catalog.MinerRecord) error {
	if err := l.write(); err != nil {
		return err
	}
	return l.Ledger.SaveMiners(ctx, m)
}

// SavePull implements catalog.Ledger.
func (l *Ledger) SavePull(ctx context.Context, m catalog.MinerRecord, p catalog.Partition, h wire.Head, changed []catalog.Sector) error {
	if err := l.write(); err != nil {
		return err
	}
	return l.Ledger.SavePull(ctx, m, p, h, changed)
}

// SaveMarks implements catalog.Ledger.
func (l *Ledger) SaveMarks(ctx context.Context, m catalog.MinerRecord, marks []catalog.Mark) error {
	if err := l.write(); err != nil {
		return err
	}
	return l.Ledger.SaveMarks(ctx, m, marks)
}

// SaveWeights implements catalog.Ledger.
func (l *Ledger) SaveWeights(ctx context.Context, block uint64, ws []catalog.WeightRecord) error {
	if err := l.write(); err != nil {
		return err
	}
	return l.Ledger.SaveWeights(ctx, block, ws)
}

// WeightOf returns the weight of a miner in a vector, 0 if it has none.
func WeightOf(ws []chain.Weight, uid strata.UID) uint16 {
	for _, w := range ws {
		if w.UID == uid {
			return w.Value
		}
	}
	return 0
}

// PlacedLedger answers PlacedOn from a script.
type PlacedLedger struct {
	catalog.Ledger
	Calls [][]catalog.Placed
}

// PlacedOn implements catalog.Ledger.
func (l *PlacedLedger) PlacedOn(ctx context.Context, _ strata.Hotkey) ([]catalog.Placed, error) {
	next := l.Calls[0]
	l.Calls = l.Calls[1:]
	return append([]catalog.Placed(nil), next...), ctx.Err()
}
