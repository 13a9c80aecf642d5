package object_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"strata"
	"strata/catalog"
	"strata/object"
	"strata/wire"
)

var errKilled = errors.New("killed")

// mortal is a process that dies at one of its writes to the catalog: just before
// it, or when it has become durable and nobody has been told yet. Dead, it
// neither writes nor reaches a miner. It stands between a store and both.
type mortal struct {
	object.Catalog
	object.Transport

	mu     sync.Mutex // guards what follows
	writes []string   // their names, in order
	at     int        // the write to die at
	after  bool       // once it is durable
	dead   bool
}

// write does a write, or dies.
func (m *mortal) write(name string, do func() error) error {
	m.mu.Lock()
	if m.dead {
		m.mu.Unlock()
		return errKilled
	}
	m.dead = len(m.writes) == m.at
	m.writes = append(m.writes, name)
	dies, after := m.dead, m.after
	m.mu.Unlock()
	if dies && !after {
		return errKilled
	}
	err := do()
	if dies {
		return errKilled
	}
	return err
}

// alive fails what a dead process would do.
func (m *mortal) alive() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errKilled
	}
	return nil
}

func (m *mortal) PutShard(ctx context.Context, to wire.Endpoint, root strata.Root, body []byte) (wire.Receipt, error) {
	if err := m.alive(); err != nil {
		return wire.Receipt{}, err
	}
	return m.Transport.PutShard(ctx, to, root, body)
}

func (m *mortal) GetShard(ctx context.Context, from wire.Endpoint, root strata.Root, size, off, n uint64) (io.ReadCloser, error) {
	if err := m.alive(); err != nil {
		return nil, err
	}
	return m.Transport.GetShard(ctx, from, root, size, off, n)
}

func (m *mortal) DeleteShard(ctx context.Context, at wire.Endpoint, root strata.Root) error {
	if err := m.alive(); err != nil {
		return err
	}
	return m.Transport.DeleteShard(ctx, at, root)
}

func (m *mortal) RestoreShard(ctx context.Context, at wire.Endpoint, root strata.Root) error {
	if err := m.alive(); err != nil {
		return err
	}
	return m.Transport.RestoreShard(ctx, at, root)
}

func (m *mortal) Begin(ctx context.Context, o catalog.Object) error {
	return m.write("Begin", func() error { return m.Catalog.Begin(ctx, o) })
}

func (m *mortal) AddSegment(ctx context.Context, id strata.ObjectID, seq uint64, s catalog.Segment) error {
	return m.write("AddSegment", func() error { return m.Catalog.AddSegment(ctx, id, seq, s) })
}

func (m *mortal) UpdateShards(ctx context.Context, origin strata.ObjectID, number uint64, u []catalog.ShardUpdate) error {
	return m.write("UpdateShards", func() error { return m.Catalog.UpdateShards(ctx, origin, number, u) })
}

func (m *mortal) Commit(ctx context.Context, o catalog.Object, c catalog.Condition) error {
	return m.write("Commit", func() error { return m.Catalog.Commit(ctx, o, c) })
}

func (m *mortal) Delete(ctx context.Context, id strata.ObjectID, at time.Time) error {
	return m.write("Delete", func() error { return m.Catalog.Delete(ctx, id, at) })
}

func (m *mortal) AbortPending(ctx context.Context, before, at time.Time) (n int, err error) {
	return n, m.write("AbortPending", func() error { n, err = m.Catalog.AbortPending(ctx, before, at); return err })
}

func (m *mortal) BeginPack(ctx context.Context, id strata.ObjectID, at time.Time, s catalog.Segment) error {
	return m.write("BeginPack", func() error { return m.Catalog.BeginPack(ctx, id, at, s) })
}

func (m *mortal) CommitPack(ctx context.Context, p catalog.Pack) (errs []error, err error) {
	return errs, m.write("CommitPack", func() error { errs, err = m.Catalog.CommitPack(ctx, p); return err })
}

func (m *mortal) CreateUpload(ctx context.Context, u catalog.Upload) error {
	return m.write("CreateUpload", func() error { return m.Catalog.CreateUpload(ctx, u) })
}

func (m *mortal) CommitPart(ctx context.Context, upload strata.ObjectID, number int, o catalog.Object) error {
	return m.write("CommitPart", func() error { return m.Catalog.CommitPart(ctx, upload, number, o) })
}

func (m *mortal) CompleteUpload(ctx context.Context, upload strata.ObjectID, parts []int, o catalog.Object, c catalog.Condition) error {
	return m.write("CompleteUpload", func() error { return m.Catalog.CompleteUpload(ctx, upload, parts, o, c) })
}

func (m *mortal) AbortUpload(ctx context.Context, upload strata.ObjectID, at time.Time) error {
	return m.write("AbortUpload", func() error { return m.Catalog.AbortUpload(ctx, upload, at) })
}

func (m *mortal) Deleted(ctx context.Context, d catalog.Deletion) error {
	return m.write("Deleted", func() error { return m.Catalog.Deleted(ctx, d) })
}

func (m *mortal) Retry(ctx context.Context, d catalog.Deletion) error {
	return m.write("Retry", func() error { return m.Catalog.Retry(ctx, d) })
}

func (m *mortal) AddGatewayKey(ctx context.Context, k catalog.GatewayKey) error {
	return m.write("AddGatewayKey", func() error { return m.Catalog.AddGatewayKey(ctx, k) })
}

func (m *mortal) Rewrap(ctx context.Context, keys []catalog.Rewrapped) error {
	return m.write("Rewrap", func() error { return m.Catalog.Rewrap(ctx, keys) })
}

func (m *mortal) Reserve(ctx context.Context, ref catalog.SegmentRef, miner strata.Hotkey, root strata.Root, due time.Time) error {
	return m.write("Reserve", func() error { return m.Catalog.Reserve(ctx, ref, miner, root, due) })
}

func (m *mortal) PlaceShard(ctx context.Context, ref catalog.SegmentRef, h catalog.Shard) error {
	return m.write("PlaceShard", func() error { return m.Catalog.PlaceShard(ctx, ref, h) })
}

func (m *mortal) LetGo(ctx context.Context, ref catalog.SegmentRef, index int) error {
	return m.write("LetGo", func() error { return m.Catalog.LetGo(ctx, ref, index) })
}

func (m *mortal) Undelete(ctx context.Context, id strata.ObjectID, since time.Time) error {
	return m.write("Undelete", func() error { return m.Catalog.Undelete(ctx, id, since) })
}

func (m *mortal) ForgetDeleted(ctx context.Context, before time.Time, limit int) (n int, err error) {
	return n, m.write("ForgetDeleted", func() error { n, err = m.Catalog.ForgetDeleted(ctx, before, limit); return err })
}
