package miner

import (
	"context"
	"io"
	"slices"

	"strata"
	"strata/wire"
)

// Status says who and what the miner is. Partitions that are empty and to stay
// so are left out: those of validators long gone must not crowd out others.
func (m *Miner) Status(context.Context) wire.Status {
	parts := slices.DeleteFunc(m.Space.Sealed(), func(p wire.Partition) bool { return p.Sealed == 0 && p.Target == 0 })
	if len(parts) > wire.MaxPartitions {
		parts = parts[:wire.MaxPartitions]
	}
	return wire.Status{
		Version: m.Version, Hotkey: m.self, Genesis: m.Domain.Genesis, Netuid: m.Domain.Netuid,
		Profile: m.Profile.Name, Partitions: parts,
	}
}

// Authorize lets every permitted validator read all manifests, audit all
// partitions and use its own. One that lost its permit keeps its own, but to
// store there, for 30 days while it has live shards. The zero partition is one
// that is not known yet. Code Forbidden.
func (m *Miner) Authorize(_ context.Context, caller strata.Hotkey, what wire.Action, partition strata.Hotkey) error {
	return m.access.authorize(caller, what, partition)
}

// Share returns a validator's share of the stake of all who have a permit, 0 to
// 1: its requests may take as much of the miner, or the floor where that is more.
func (m *Miner) Share(caller strata.Hotkey) float64 { return m.access.share(caller) }

// Manifest returns a page of what is held for a validator, with a signed head.
func (m *Miner) Manifest(ctx context.Context, q wire.ManifestQuery) (wire.ManifestPage, error) {
	return m.Space.Manifest(ctx, q, 0, func(h *wire.Head) error { return h.Sign(m.Domain, m.Key) })
}

// Audit opens leaves. Whose partition it is shows in the request only, so the
// caller is checked again: code Forbidden.
func (m *Miner) Audit(ctx context.Context, caller strata.Hotkey, r wire.AuditRequest) (wire.AuditResponse, error) {
	if err := m.access.authorize(caller, wire.ActionAudit, r.Partition); err != nil {
		return wire.AuditResponse{}, err
	}
	return m.Space.OpenLeaves(ctx, r)
}

// PutShard stores a shard over filler. A crash before the receipt leaves either
// no shard or one that a repeated request finds stored.
func (m *Miner) PutShard(ctx context.Context, v strata.Hotkey, root strata.Root, size int64, body io.Reader, order wire.Order) (wire.Receipt, error) {
	if m.Leave {
		return wire.Receipt{}, errLeaving()
	}
	r, err := m.Space.PutShard(ctx, v, root, size, body, &order)
	if err != nil {
		return wire.Receipt{}, err
	}
	if err := r.Sign(m.Domain, m.Key); err != nil {
		return wire.Receipt{}, err
	}
	return r, nil
}

// ShardRange opens a shard for reading.
func (m *Miner) ShardRange(ctx context.Context, v strata.Hotkey, root strata.Root) (wire.ShardSource, error) {
	return m.Space.OpenShard(ctx, v, root)
}

// DeleteShard marks a shard deleted; its space is filler again after the
// undelete window.
func (m *Miner) DeleteShard(ctx context.Context, v strata.Hotkey, root strata.Root) error {
	return m.Space.DeleteShard(ctx, v, root)
}

// RestoreShard takes a deletion back while the undelete window lasts.
func (m *Miner) RestoreShard(ctx context.Context, v strata.Hotkey, root strata.Root) error {
	return m.Space.RestoreShard(ctx, v, root)
}

// Retain reconciles shards with the validator's list.
func (m *Miner) Retain(ctx context.Context, v strata.Hotkey, list wire.Retain) (wire.RetainResult, error) {
	return m.Space.Retain(ctx, v, list)
}

// PutSuperblock keeps a validator's superblock if its version is the highest.
func (m *Miner) PutSuperblock(ctx context.Context, v strata.Hotkey, s wire.Superblock) error {
	return m.Space.StoreSuperblock(ctx, v, s)
}

// GetSuperblock returns what a validator put.
func (m *Miner) GetSuperblock(ctx context.Context, v strata.Hotkey) (wire.Superblock, error) {
	return m.Space.LoadSuperblock(ctx, v)
}
