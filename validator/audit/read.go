package audit

import (
	"context"
	"time"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/envelope"
	"strata/internal/lifecycle"
	"strata/score"
	"strata/validator/book"
	"strata/wire"
)

const (
	// readEach is after how many audits of a miner, on average, one of our shards
	// on it is read as a user would read it: a fifth of its record then, so that one
	// that gives nothing has next to no credit.
	readEach = 4
	// readSlow and readSlowPerMiB are how long any miner may take to give a piece.
	// Users do not wait that long: they go on with other shards.
	readSlow, readSlowPerMiB = 5 * time.Second, 2 * time.Second
)

// piece is a part of a shard of ours that a miner lists.
type piece struct {
	sector uint64
	leaf   uint64 // of the sector, with which it begins
	root   strata.Root
	size   uint64 // bytes of the shard
	off, n uint64
}

// MaybeRead reads a piece of a user's shard now and then and counts it as an audit
// of as many leaves. A miner sees no difference to a gateway's read: the same key
// asks for the same pieces. What users read themselves counts nothing, as they
// could read often, or never.
func (a *Auditor) MaybeRead(ctx context.Context, b *book.Book) error {
	if b.View().Holding(a.Self).Data.Count() == 0 || a.Chance.Below(readEach) > 0 {
		return nil
	}
	p, ok, err := a.drawPiece(ctx, b)
	if err != nil || !ok {
		return err
	}
	told := &auditlog.Audit{Validator: a.Self, Read: p.n}
	for i := range uint64(score.LeavesPerAudit) { // fewer in a small piece: then some count more than once
		told.Leaves = append(told.Leaves, [2]uint64{p.sector, p.leaf + i%max(1, p.n/strata.BlockSize)})
	}
	leaves := score.Leaves{Passed: score.LeavesPerAudit}
	if !b.Hidden(a.Self) {
		err = a.read(ctx, b, p, told)
	} else {
		err = strata.E(strata.Unavailable, "its manifest is hidden")
	}
	if err != nil {
		void, rerr := a.excused(ctx, b, p, err, told)
		if void || rerr != nil {
			return rerr
		}
		leaves = score.Leaves{Failed: score.LeavesPerAudit}
		a.Log.Debug("a read failed", "miner", b.Hotkey, "shard", p.root, "err", err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.Note(auditlog.Entry{Kind: auditlog.Audited, Audit: told}, score.Event{Kind: score.Audited, Leaves: leaves})
	return nil
}

// drawPiece draws a leaf of our shards on a miner and the piece that a gateway
// would read from its row on: the row, four rows, or the rest of the shard.
func (a *Auditor) drawPiece(ctx context.Context, b *book.Book) (piece, bool, error) {
	number, data, ok := a.drawSector(b.View().Holding(a.Self), true)
	if !ok || !data {
		return piece{}, false, nil
	}
	s, err := a.Ledger.Sector(ctx, catalog.Partition{Miner: b.Hotkey, Validator: a.Self}, number)
	if err != nil {
		return piece{}, false, err
	}
	q, ok := a.questionAt(s, a.dataLeaf(s.Entry))
	if !ok || q.gone || q.ref.Shard == (strata.Root{}) {
		return piece{}, false, nil
	}
	p := piece{sector: number, root: q.root, size: q.size}
	p.off, p.n = pieceAt(p.size, uint64(q.ref.Leaf), a.Chance.Below(len(spans)))
	p.leaf = q.leaf - uint64(q.ref.Leaf) + p.off/strata.BlockSize
	return p, true, nil
}

// spans are how many bytes a gateway asks for from a row on: one, four, the rest.
var spans = [...]uint64{envelope.ChunkSealed, 4 * envelope.ChunkSealed, wire.MaxShard}

// pieceAt returns the piece of a shard that begins with a leaf's row.
func pieceAt(size, leaf uint64, which int) (off, n uint64) {
	off = leaf * strata.BlockSize / envelope.ChunkSealed * envelope.ChunkSealed
	return off, min(size-off, spans[which])
}

// read asks for a piece. What came, and when, goes to told.
func (a *Auditor) read(ctx context.Context, b *book.Book, p piece, told *auditlog.Audit) error {
	limit := readSlow + time.Duration(p.n)*readSlowPerMiB/time.Duration(strata.MiB)
	told.Limit, told.Answer = limit.Nanoseconds(), nil
	rctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	digest, took, err := a.Miners.ReadShard(rctx, b.Endpoint(), p.root, p.size, p.off, p.n)
	if told.Took = took.Nanoseconds(); err != nil {
		return err
	}
	if took > limit {
		return strata.E(strata.Unavailable, "a read took %s, %s are allowed", took.Round(time.Millisecond), limit)
	}
	told.Answer = &digest
	return nil
}

// excused says whether a read that failed is nobody's fault: the shard was deleted
// meanwhile, or the miner says that this is too much, and it gives our gateway so
// much that it may be or gives the piece when it is asked once more.
func (a *Auditor) excused(ctx context.Context, b *book.Book, p piece, cause error, told *auditlog.Audit) (bool, error) {
	if err := lifecycle.Sleep(ctx, a.Recheck); err != nil {
		return false, err
	}
	if err := a.repull(ctx, b, a.Self); err != nil {
		a.Log.Debug("no newer manifest explains a failed read", "miner", b.Hotkey, "err", err)
	}
	live := false
	err := a.eachShard(ctx, b, a.Self, func(_ uint64, h wire.ShardEntry) { live = live || h.Root == p.root && !h.Deleted })
	if err != nil || !live {
		return !live, err
	}
	switch strata.CodeOf(cause) {
	case strata.Throttled:
		return a.Busy(b.Hotkey) || a.read(ctx, b, p, told) == nil, nil
	case strata.NotFound, strata.Corrupt:
		return false, a.Shards.Damaged(ctx, b, a.Self, map[strata.Root]bool{p.root: true})
	}
	return false, nil
}
