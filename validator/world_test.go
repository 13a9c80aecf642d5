package validator

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"strata/validator/validatortest"
)

// world is a small world whose rooms are those of a whole validator.
type world struct {
	*validatortest.World
	pace  Pace             // all but what the world's own says
	clock func() time.Time // nil: the world's Now
	v     *Validator
	t     testing.TB
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{World: validatortest.New(t), t: t}
	w.Compose = w.compose
	return w
}

func (w *world) config() Config {
	pace := w.pace
	pace.Recheck, pace.Cohort, pace.First, pace.Pull, pace.Fresh = w.Pace.Recheck, w.Pace.Cohort, w.Pace.First, w.Pace.Pull, w.Pace.Fresh
	clock := w.clock
	if clock == nil {
		clock = func() time.Time { return w.Now }
	}
	return Config{
		Chain: w.Chain, Key: w.Key, Miners: w.Net, Ledger: w.Ledger, Shards: w.Record, Domain: validatortest.Domain,
		Profile: validatortest.Profile, Pace: pace, Log: slog.New(slog.DiscardHandler), Now: clock,
		Chance: w.Chance, Fill: w.Fill,
		Account: &Account{Log: w.Log, Journal: w.DB, Frauds: w.DB, Version: "test", Retain: w.Retain, Commit: w.Commit},
	}
}

func (w *world) compose(ctx context.Context) (validatortest.Rooms, error) {
	v, err := New(ctx, w.config())
	if err != nil {
		return validatortest.Rooms{}, err
	}
	w.v = v
	return validatortest.Rooms{
		Subnet: v.subnet, Books: v.books, Account: v.account, Frauds: v.frauds, Manifests: v.manifests, Checks: v.checks,
		Refused: v.refused, Shards: v.shards, Audits: v.audits, Weigher: v.weights,
	}, v.Start(ctx)
}
