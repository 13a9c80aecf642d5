package main

import (
	"context"
	"net"
	"testing"

	"strata"
	"strata/allocation"
	"strata/peer"
	"strata/volume"
	"strata/wallet"
	"strata/wire"
)

// auditable is a miner that answers audits and nothing else.
type auditable struct {
	peer.Miner
	space  *volume.Store
	miner  strata.Hotkey
	domain wire.Domain
}

func (a auditable) Authorize(context.Context, strata.Hotkey, wire.Action, strata.Hotkey) error {
	return nil
}

func (a auditable) Status(context.Context) wire.Status {
	return wire.Status{Version: "bench", Hotkey: a.miner, Genesis: a.domain.Genesis, Netuid: a.domain.Netuid, Profile: strata.LocalProfile.Name}
}

func (a auditable) Audit(ctx context.Context, _ strata.Hotkey, r wire.AuditRequest) (wire.AuditResponse, error) {
	return a.space.OpenLeaves(ctx, r)
}

// BenchmarkAuditEndToEnd is a validator's audit of sixteen leaves of sixteen
// sectors over loopback: signatures, TLS, openings and their verification
// (target: 20 ms).
func BenchmarkAuditEndToEnd(b *testing.B) {
	v, err := wallet.FromURI("//Alice")
	if err != nil {
		b.Fatal(err)
	}
	m, err := wallet.FromURI("//Bob")
	if err != nil {
		b.Fatal(err)
	}
	domain := wire.Domain{Genesis: strata.GenesisHash{1}, Netuid: 1}
	store := sealedStore(b, domain, strata.Hotkey(m.PublicKey()), strata.Hotkey(v.PublicKey()))
	limits := wire.Limits{LeavesPerSec: 1 << 40, LeavesBurst: 1 << 40, BytesPerSec: 1 << 40, BytesBurst: 1 << 40, RequestsAtOnce: 9}
	server, err := peer.NewServer(peer.ServerConfig{Hotkey: strata.Hotkey(m.PublicKey()), Signer: m, Domain: domain, Miner: auditable{space: store, miner: strata.Hotkey(m.PublicKey()), domain: domain}, Limits: limits})
	if err != nil {
		b.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = server.Serve(ln) }()
	defer server.Close()
	client := peer.NewClient(peer.ClientConfig{Hotkey: strata.Hotkey(v.PublicKey()), Signer: v, Domain: domain})
	defer client.Close()
	ep := wire.Endpoint{Hotkey: strata.Hotkey(m.PublicKey()), Addr: ln.Addr().(*net.TCPAddr).AddrPort()}
	req := wire.AuditRequest{Partition: strata.Hotkey(v.PublicKey())}
	for i := range uint64(wire.MaxLeaves) {
		req.Leaves = append(req.Leaves, wire.LeafRef{Sector: i, Leaf: uint32(i) * 201})
	}
	roots := rootsOf(b, store, req.Partition)
	for b.Loop() {
		res, _, err := client.Audit(context.Background(), ep, req)
		if err != nil {
			b.Fatal(err)
		}
		for i, o := range res.Openings {
			if err := o.Verify(roots[uint64(i)], uint64(strata.LocalProfile.SectorSize()), uint64(req.Leaves[i].Leaf)); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// sealedStore holds as many sealed sectors for a validator as an audit asks for.
func sealedStore(b *testing.B, d wire.Domain, miner, validator strata.Hotkey) *volume.Store {
	b.Helper()
	dir := b.TempDir()
	store, err := volume.Open(b.Context(), volume.Config{Paths: []string{dir}, Wallet: "w", Hotkey: "h",
		Miner: miner, Genesis: d.Genesis, Netuid: d.Netuid, Profile: strata.LocalProfile})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	target := allocation.Target{Validator: validator, Sectors: wire.MaxLeaves, Holdings: []allocation.Holding{{Volume: dir, Sectors: wire.MaxLeaves}}}
	if err := store.SetTargets(b.Context(), []allocation.Target{target}); err != nil {
		b.Fatal(err)
	}
	if err := store.Seal(b.Context(), 1, nil); err != nil {
		b.Fatal(err)
	}
	return store
}

func rootsOf(b *testing.B, store *volume.Store, validator strata.Hotkey) map[uint64]strata.Root {
	b.Helper()
	page, err := store.Manifest(b.Context(), wire.ManifestQuery{Validator: validator}, 0, func(*wire.Head) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	roots := map[uint64]strata.Root{}
	for _, e := range page.Entries {
		roots[e.Number] = e.Root
	}
	return roots
}
