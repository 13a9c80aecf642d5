package files

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"strata"
	"strata/catalog"
	"strata/gateway"
	"strata/object"
	"strata/object/roster"
	"strata/wire"
)

// Owner verifies and exports a gateway's objects.
type Owner struct {
	Store  *object.Store
	Net    roster.Network
	Hotkey strata.Hotkey // in whose partitions the shards are
	Signer wire.Signer   // signs for it
	Domain wire.Domain
	// KeyFrom returns the public key that a seed makes.
	KeyFrom func(seed [32]byte) (strata.Hotkey, error)
}

var _ gateway.Owner = Owner{}

// Verify implements gateway.Owner.
func (o Owner) Verify(ctx context.Context, id strata.ObjectID, deep bool) (gateway.Verification, error) {
	in, err := o.Store.Inspect(ctx, id, deep)
	if err != nil {
		return gateway.Verification{}, err
	}
	v := gateway.Verification{ID: id, Name: fileOf(in.Info).Name, Size: in.Size, Deep: deep, State: gateway.Healthy, Segments: []gateway.VerifiedSegment{}}
	var worst gateway.Health
	for i, g := range in.Segments {
		seg := gateway.VerifiedSegment{
			Size: g.Size, Needed: g.K, Repair: g.Repair, Good: g.Good, Total: g.Total,
			SharedColdkey: g.Spread.SharedColdkey, SharedPrefix: g.Spread.SharedPrefix,
		}
		for _, h := range g.Shards {
			sh := gateway.VerifiedShard{Index: h.Index, Miner: h.Miner, Finding: string(h.Finding), Audited: h.Audited}
			if h.Err != nil {
				sh.Error = h.Err.Error()
			}
			seg.Shards = append(seg.Shards, sh)
		}
		v.Segments = append(v.Segments, seg)
		if health := gateway.NewHealth(g.K, g.Good, g.Total); i == 0 || worse(health, worst) {
			worst, v.State = health, health.State
		}
	}
	return v, nil
}

const exportWarning = "Who has this file can read the object from the miners until it expires, and decrypt what they got of it for ever."

// Export implements gateway.Owner. It draws a key that may read the object's
// shards, and nothing else, until a time; the key goes with the manifest and is
// kept nowhere.
func (o Owner) Export(ctx context.Context, id strata.ObjectID, until time.Time) (gateway.Manifest, error) {
	m, err := o.Store.Export(ctx, id)
	if err != nil {
		return gateway.Manifest{}, err
	}
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // never fails: crypto/rand ends the process instead
	delegate, err := o.KeyFrom(seed)
	if err != nil {
		return gateway.Manifest{}, err
	}
	at, err := o.addresses(ctx)
	if err != nil {
		return gateway.Manifest{}, err
	}
	f := fileOf(m.Info)
	out := gateway.Manifest{
		Format: gateway.ManifestFormat, Warning: exportWarning, Genesis: o.Domain.Genesis, Netuid: o.Domain.Netuid,
		Validator: o.Hotkey, DelegateSeed: hex.EncodeToString(seed[:]), Expires: until.UTC().Truncate(time.Second),
		ID: id, Name: f.Name, ContentType: f.ContentType, Size: f.Size, Digest: hex.EncodeToString(m.Info.Digest[:]),
	}
	for _, g := range m.Segments {
		seg := gateway.ManifestSegment{
			Origin: g.Origin, Number: g.Number, Codec: g.Codec, Needed: g.K, Total: g.Total, Success: g.Success,
			Size: g.Size, Key: hex.EncodeToString(g.Key[:]),
		}
		for _, h := range g.Shards {
			sh, err := o.grant(h, delegate, out.Expires)
			if err != nil {
				return gateway.Manifest{}, err
			}
			sh.Address = at[h.Miner]
			seg.Shards = append(seg.Shards, sh)
		}
		out.Segments = append(out.Segments, seg)
	}
	if s := m.Slice; s != nil {
		out.Slice = &gateway.ManifestSlice{Off: s.Off, Length: s.Length, Key: hex.EncodeToString(s.Key[:])}
	}
	return out, nil
}

func (o Owner) addresses(ctx context.Context) (map[strata.Hotkey]string, error) {
	miners, err := o.Net.Candidates(ctx)
	if err != nil {
		return nil, err
	}
	at := map[strata.Hotkey]string{}
	for _, m := range miners {
		at[m.Hotkey] = m.Endpoint.Addr.String()
	}
	return at, nil
}

// grant lets the delegate read one shard.
func (o Owner) grant(h catalog.Shard, delegate strata.Hotkey, until time.Time) (gateway.ManifestShard, error) {
	g := wire.Delegation{Validator: o.Hotkey, Delegate: delegate, Expiry: uint64(until.Unix())}
	if err := g.Sign(o.Domain, o.Signer, h.Root); err != nil {
		return gateway.ManifestShard{}, fmt.Errorf("delegate the reading of a shard: %w", err)
	}
	return gateway.ManifestShard{Index: h.Index, Miner: h.Miner, Root: h.Root, Length: h.Length, Grant: wire.FormatDelegation(g)}, nil
}
