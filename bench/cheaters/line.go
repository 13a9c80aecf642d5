package cheaters

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/zeebo/blake3"

	"strata"
	"strata/merkle"
	"strata/peer"
	"strata/wire"
)

// meter adds up the time that a miner takes for an answer.
type meter struct{ took time.Duration }

type meterKey struct{}

// spend charges time to the answer that is being made.
func spend(ctx context.Context, d time.Duration) {
	if m, ok := ctx.Value(meterKey{}).(*meter); ok {
		m.took += d
	}
}

// connector is a miner that has a say in how long a connect to it takes.
type connector interface{ Connect() time.Duration }

// roundTrip is that of every wire.
const roundTrip = 30 * time.Millisecond

// line is a validator's view of the network: what it sends goes through its
// encoding to the interface that a miner's server serves, and the answer through
// its own back. It checks what package peer's client checks.
type line struct {
	w      *world
	caller strata.Hotkey
}

func (l *line) reach(ctx context.Context, ep wire.Endpoint, a wire.Action, partition strata.Hotkey) (peer.Miner, error) {
	m := l.w.miners[ep.Hotkey]
	if m == nil {
		return nil, strata.E(strata.Unavailable, "miner %s is not there", ep.Hotkey.Short())
	}
	if a == "" {
		return m, nil
	}
	return m, m.Authorize(ctx, l.caller, a, partition)
}

// Status asks who the miner is.
func (l *line) Status(ctx context.Context, ep wire.Endpoint) (wire.Status, error) {
	m, err := l.reach(ctx, ep, "", strata.Hotkey{})
	if err != nil {
		return wire.Status{}, err
	}
	return wire.DecodeStatus(m.Status(ctx).Encode())
}

// Manifest asks for a page and checks that it is what was asked for.
func (l *line) Manifest(ctx context.Context, ep wire.Endpoint, q wire.ManifestQuery) (wire.ManifestPage, error) {
	m, err := l.reach(ctx, ep, wire.ActionManifest, q.Validator)
	if err != nil {
		return wire.ManifestPage{}, err
	}
	made, err := m.Manifest(ctx, q)
	if err != nil {
		return wire.ManifestPage{}, err
	}
	p, err := wire.DecodeManifestPage(made.Encode())
	if err != nil {
		return wire.ManifestPage{}, err
	}
	for _, e := range p.Entries {
		if e.Changed <= q.Since || e.Number < q.After {
			return wire.ManifestPage{}, strata.E(strata.Corrupt, "sector %d was not asked for", e.Number)
		}
	}
	if p.Head.Validator != q.Validator {
		return wire.ManifestPage{}, strata.E(strata.Corrupt, "manifest of another validator")
	}
	return p, l.w.verifyHead(p.Head, ep.Hotkey)
}

// Audit asks for leaves; the time is the wire's and what the miner spent.
func (l *line) Audit(ctx context.Context, ep wire.Endpoint, r wire.AuditRequest) (wire.AuditResponse, time.Duration, error) {
	clock := &meter{took: roundTrip}
	ctx = context.WithValue(ctx, meterKey{}, clock)
	m, err := l.reach(ctx, ep, wire.ActionAudit, strata.Hotkey{})
	if err != nil {
		return wire.AuditResponse{}, clock.took, err
	}
	sent, err := wire.DecodeAuditRequest(r.Encode())
	if err != nil {
		return wire.AuditResponse{}, 0, err
	}
	made, err := m.Audit(ctx, l.caller, sent)
	if err != nil {
		return wire.AuditResponse{}, clock.took, err
	}
	a, err := wire.DecodeAuditResponse(made.Encode())
	if err == nil && len(a.Openings) != len(r.Leaves) {
		err = strata.E(strata.Corrupt, "%d openings for %d leaves", len(a.Openings), len(r.Leaves))
	}
	return a, clock.took, err
}

// Retain tells a miner what to keep: no game does.
func (l *line) Retain(ctx context.Context, ep wire.Endpoint, list wire.Retain) (wire.RetainResult, error) {
	m, err := l.reach(ctx, ep, wire.ActionRetain, l.caller)
	if err != nil {
		return wire.RetainResult{}, err
	}
	return m.Retain(ctx, l.caller, list)
}

// RestoreShard finds nothing to restore: no game deletes.
func (l *line) RestoreShard(ctx context.Context, ep wire.Endpoint, root strata.Root) error {
	m, err := l.reach(ctx, ep, wire.ActionRestore, l.caller)
	if err != nil {
		return err
	}
	return m.RestoreShard(ctx, l.caller, root)
}

// ReadShard reads a piece of a shard; the time is the wire's and what the miner
// spends, which is cut off at the context's by nobody here.
func (l *line) ReadShard(ctx context.Context, ep wire.Endpoint, root strata.Root, size, off, n uint64) (strata.Root, time.Duration, error) {
	clock := &meter{took: roundTrip}
	ctx = context.WithValue(ctx, meterKey{}, clock)
	m, err := l.reach(ctx, ep, wire.ActionGet, l.caller)
	if err != nil {
		return strata.Root{}, clock.took, err
	}
	src, err := m.ShardRange(ctx, l.caller, root)
	if err != nil {
		return strata.Root{}, clock.took, err
	}
	body := make([]byte, size)
	if _, err := src.Data.ReadAt(body, 0); err != nil && err != io.EOF || src.Size != size || merkle.Build(body).Root() != root {
		return strata.Root{}, clock.took, errors.Join(strata.E(strata.Corrupt, "other bytes than shard %s", root), src.Close())
	}
	return blake3.Sum256(body[off : off+n]), clock.took, src.Close()
}

// RoundTrip times a connect, which the miner can draw out.
func (l *line) RoundTrip(ctx context.Context, ep wire.Endpoint) (time.Duration, error) {
	m, err := l.reach(ctx, ep, "", strata.Hotkey{})
	if c, ok := m.(connector); ok && err == nil {
		return roundTrip + c.Connect(), nil
	}
	return roundTrip, err
}

// verifyHead checks a head's signature, each head once: one that does not move
// is asked for many times.
func (w *world) verifyHead(h wire.Head, miner strata.Hotkey) error {
	if w.verified[miner] == nil {
		w.verified[miner] = map[wire.Head]bool{}
	}
	if w.verified[miner][h] {
		return nil
	}
	if err := h.Verify(w.domain, miner); err != nil {
		return err
	}
	clear(w.verified[miner])
	w.verified[miner][h] = true
	return nil
}
