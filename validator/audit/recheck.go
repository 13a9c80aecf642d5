package audit

import (
	"context"
	"slices"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/internal/lifecycle"
	"strata/merkle"
	"strata/validator/book"
	"strata/validator/manifest"
	"strata/wire"
)

// recheck judges leaves without a right answer by the manifest as it is now.
// Between a pull and an audit a shard may have been written over filler, and a
// deleted one forgotten: such a question is void. A live shard may have moved:
// it is asked for once more, where it is now. A leaf that the miner still
// claims, or whose sector it withdraws or releases now, has failed.
func (a *Auditor) recheck(ctx context.Context, b *book.Book, validator strata.Hotkey, qs []question) (void, failed uint64, err error) {
	if err := lifecycle.Sleep(ctx, a.Recheck); err != nil {
		return 0, 0, err
	}
	if err := a.repull(ctx, b, validator); err != nil {
		a.Log.Debug("no newer manifest explains failed leaves", "miner", b.Hotkey, "err", err)
	}
	places, err := a.placesOf(ctx, b, validator, qs)
	if err != nil {
		return 0, 0, err
	}
	var moved, bad []question
	for _, q := range qs {
		e, err := a.Ledger.Sector(ctx, catalog.Partition{Miner: b.Hotkey, Validator: validator}, q.ref.Sector)
		at, listed := places[q.ref.Shard]
		switch {
		case err != nil:
			return 0, 0, err
		case q.ref.Shard == strata.Root{} && overlaid(e.Entry, q.ref.Leaf), q.gone && !listed:
			void++
		case listed && at != q.ref.Sector:
			q.ref.Sector = at
			moved = append(moved, q)
		default:
			failed++
			bad = append(bad, q)
			a.Log.Debug("a leaf failed", "miner", b.Hotkey, "sector", q.ref.Sector, "leaf", q.ref.Leaf, "shard", q.ref.Shard)
		}
	}
	if len(moved) > 0 {
		wrong, answered := a.ask(ctx, b, validator, moved, &auditlog.Audit{})
		if !answered {
			wrong = moved
		}
		failed += uint64(len(wrong))
		bad = append(bad, wrong...)
	}
	return void, failed, a.damaged(ctx, b, validator, bad)
}

// repull is a pull that a miner cannot draw out to put off the verdict.
func (a *Auditor) repull(ctx context.Context, b *book.Book, validator strata.Hotkey) error {
	ctx, cancel := context.WithTimeout(ctx, manifest.AnswerLimit)
	defer cancel()
	return a.Manifests.Pull(ctx, b, validator)
}

// placesOf returns in which sectors the shards asked for are listed now.
func (a *Auditor) placesOf(ctx context.Context, b *book.Book, validator strata.Hotkey, qs []question) (map[strata.Root]uint64, error) {
	places := map[strata.Root]uint64{}
	if !slices.ContainsFunc(qs, func(q question) bool { return q.ref.Shard != strata.Root{} }) {
		return places, nil
	}
	return places, a.eachShard(ctx, b, validator, func(sector uint64, h wire.ShardEntry) { places[h.Root] = sector })
}

// eachShard visits all shards that a partition lists now, with their sectors.
func (a *Auditor) eachShard(ctx context.Context, b *book.Book, validator strata.Hotkey, visit func(sector uint64, h wire.ShardEntry)) error {
	return a.Ledger.Sectors(ctx, catalog.Partition{Miner: b.Hotkey, Validator: validator}, func(s catalog.Sector) error {
		for _, h := range s.Entry.Shards {
			visit(s.Entry.Number, h)
		}
		return nil
	})
}

// overlaid says whether ordered shards have come to lie over a leaf that was
// filler, up to the whole group of leaves in which the last of them ends.
func overlaid(e wire.Entry, leaf uint32) bool {
	const group = merkle.GroupSize / merkle.LeafSize
	for _, s := range e.Shards {
		end := uint64(s.Offset) + s.Leaves()
		if leaf >= s.Offset && uint64(leaf) < (end+group-1)/group*group {
			return leaf < e.Tail
		}
	}
	return false
}

// damaged records as lost the shards whose leaves a miner could not open although
// its manifest lists them.
func (a *Auditor) damaged(ctx context.Context, b *book.Book, validator strata.Hotkey, failed []question) error {
	roots := map[strata.Root]bool{}
	for _, q := range failed {
		if q.ref.Shard != (strata.Root{}) {
			roots[q.ref.Shard] = true
		}
	}
	return a.Shards.Damaged(ctx, b, validator, roots)
}
