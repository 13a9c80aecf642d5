package files

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"

	"strata"
	"strata/catalog"
	"strata/gateway"
	"strata/object"
	"strata/object/roster"
	"strata/placement"
	"strata/wire"
)

func unhexInto(dst []byte, text, what string) error {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(dst) {
		return strata.E(strata.Invalid, "its %s is not %d bytes in hex", what, len(dst))
	}
	copy(dst, b)
	return nil
}

// Exported is what a manifest holds: all that reads its object without a gateway.
type Exported struct {
	Object object.Manifest
	Seed   [32]byte // of the delegate's key
	Grants map[strata.Root]wire.Delegation
	Miners roster.Fixed // where they were at the export; without an address those that served nowhere
}

// DecodeManifest reads a manifest. The error has code Invalid.
func DecodeManifest(m gateway.Manifest) (Exported, error) {
	out := Exported{
		Object: object.Manifest{Info: object.Info{ID: m.ID, Name: m.Name, Size: m.Size, ContentType: m.ContentType}},
		Grants: map[strata.Root]wire.Delegation{},
	}
	err := errors.Join(unhexInto(out.Seed[:], m.DelegateSeed, "delegate seed"), unhexInto(out.Object.Info.Digest[:], m.Digest, "digest"))
	miners := map[strata.Hotkey]roster.Candidate{}
	for _, g := range m.Segments {
		seg := object.ManifestSegment{
			Origin: g.Origin, Number: g.Number, Codec: g.Codec, K: g.Needed, Total: g.Total, Success: g.Success, Size: g.Size,
		}
		err = errors.Join(err, unhexInto(seg.Key[:], g.Key, "key"))
		for _, h := range g.Shards {
			grant, gerr := wire.ParseDelegation(h.Grant)
			err = errors.Join(err, gerr)
			out.Grants[h.Root] = grant
			seg.Shards = append(seg.Shards, catalog.Shard{Index: h.Index, Miner: h.Miner, Root: h.Root, Length: h.Length, State: catalog.Stored})
			addr, _ := netip.ParseAddrPort(h.Address) // one that served nowhere may do so by now
			miners[h.Miner] = roster.Candidate{
				Candidate: placement.Candidate{Hotkey: h.Miner, Addr: addr.Addr()}, Endpoint: wire.Endpoint{Hotkey: h.Miner, Addr: addr},
			}
		}
		if err != nil {
			break // one fault is enough
		}
		out.Object.Segments = append(out.Object.Segments, seg)
	}
	if m.Slice != nil {
		out.Object.Slice = &object.ManifestSlice{Off: m.Slice.Off, Length: m.Slice.Length}
		err = errors.Join(err, unhexInto(out.Object.Slice.Key[:], m.Slice.Key, "key"))
	}
	if err != nil {
		return Exported{}, strata.E(strata.Invalid, "the manifest is damaged: %s", strings.Join(strings.Split(err.Error(), "\n"), "; "))
	}
	for _, c := range miners {
		out.Miners = append(out.Miners, c)
	}
	return out, nil
}
