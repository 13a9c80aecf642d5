package object

import (
	"context"
	"time"

	"strata"
	"strata/catalog"
	"strata/envelope"
	"strata/erasure"
	"strata/object/fetch"
	"strata/object/keyring"
	"strata/object/roster"
)

// Manifest is all that is needed to read one object from its miners: where its
// shards lie, and its keys. Who has it can read the object.
type Manifest struct {
	Info     Info
	Segments []ManifestSegment
	Slice    *ManifestSlice // where a small object lies in them
}

// ManifestSegment is one segment of a Manifest.
type ManifestSegment struct {
	Origin  strata.ObjectID
	Number  uint64
	Codec   string
	K       int
	Total   int
	Success int
	Size    int64
	Key     envelope.Key
	Shards  []catalog.Shard
}

// ManifestSlice is where a small object lies in a segment that it shares, sealed
// under its own key: the segment's key alone opens none of the others.
type ManifestSlice struct {
	Off, Length int64
	Key         envelope.Key
}

// Export returns an object's manifest. It discloses the object's keys.
func (s *Store) Export(ctx context.Context, id strata.ObjectID) (Manifest, error) {
	o, segments, slice, err := s.load(ctx, id)
	if err != nil {
		return Manifest{}, err
	}
	m := Manifest{Info: infoOf(o)}
	for _, seg := range segments {
		key, err := s.keys.Open(seg.KeyID, seg.Wrapped, seg.Origin)
		if err != nil {
			return Manifest{}, err
		}
		m.Segments = append(m.Segments, ManifestSegment{
			Origin: seg.Origin, Number: seg.Number, Codec: seg.Codec, K: seg.K, Total: seg.Total, Success: seg.Success,
			Size: seg.Size, Key: key, Shards: seg.Shards,
		})
	}
	if slice.Pack == (strata.ObjectID{}) {
		return m, nil
	}
	key, err := s.keys.Open(slice.KeyID, slice.Wrapped, id)
	if err != nil {
		return Manifest{}, err
	}
	m.Slice = &ManifestSlice{Off: slice.Off, Length: slice.Length, Key: key}
	return m, nil
}

// OpenManifest reads an object from its miners with its manifest alone, as Open
// does with the catalog; ctx bounds its Reads. Code Invalid if the manifest contradicts itself.
func OpenManifest(ctx context.Context, m Manifest, peers Transport, net roster.Network, timing Timing) (*Reader, error) {
	segments, err := m.segments()
	if err != nil {
		return nil, err
	}
	shards := fetch.New(fetch.Options{
		Miners: roster.New(net, time.Now), Transport: peers, Keys: keyring.Bare{}, Hedge: timing.withDefaults().Hedge,
	})
	r := &Reader{shards: shards, keys: keyring.Bare{}, ctx: ctx, info: m.Info, segments: segments}
	if m.Slice != nil {
		r.slice = catalog.Slice{Pack: segments[0].Origin, Off: m.Slice.Off, Length: m.Slice.Length, Wrapped: m.Slice.Key[:]}
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

// segments returns the records that the manifest stands for.
func (m Manifest) segments() ([]catalog.Segment, error) {
	if len(m.Segments) == 0 && (m.Info.Size > 0 || m.Slice != nil) {
		return nil, strata.E(strata.Invalid, "the manifest names no segments")
	}
	var out []catalog.Segment
	for i, g := range m.Segments {
		if _, err := erasure.New(g.Codec, g.K, g.Total); err != nil {
			return nil, strata.E(strata.Invalid, "segment %d of the manifest: %w", i, err)
		}
		out = append(out, catalog.Segment{
			Origin: g.Origin, Number: g.Number, Codec: g.Codec, K: g.K, Total: g.Total, Success: g.Success,
			Size: g.Size, Wrapped: g.Key[:], Shards: g.Shards,
		})
	}
	return out, nil
}
