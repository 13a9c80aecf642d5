package fetch

import (
	"context"
	"errors"
	"io"

	"github.com/zeebo/blake3"

	"strata"
	"strata/catalog"
	"strata/wire"
)

// Shard reads a whole shard, sealed as it is, into buf, which has its length, and
// says how many bytes came. Code Corrupt if they are not the shard's.
func (s *Source) Shard(ctx context.Context, from wire.Endpoint, h catalog.Shard, buf []byte) (int64, error) {
	body, err := s.peers.GetShard(ctx, from, h.Root, uint64(h.Length), 0, uint64(h.Length))
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(body, buf)
	if err = errors.Join(err, body.Close()); err != nil {
		return int64(n), err
	}
	if blake3.Sum256(buf) != h.Root {
		return int64(n), strata.E(strata.Corrupt, "miner %s gave other bytes than its shard's", h.Miner.Short())
	}
	return int64(n), nil
}

// Probe reads n bytes from off of a shard and forgets them: the transport has
// checked them against the root. Codes NotFound and Corrupt are the miner's fault.
func (s *Source) Probe(ctx context.Context, from wire.Endpoint, h catalog.Shard, off, n int64) error {
	ctx, cancel := context.WithTimeout(ctx, chunkSlow)
	defer cancel()
	r, err := s.peers.GetShard(ctx, from, h.Root, uint64(h.Length), uint64(off), uint64(n))
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := io.Copy(io.Discard, r)
	if err == nil && got != n {
		err = strata.E(strata.Corrupt, "%d bytes came of %d", got, n)
	}
	return err
}
