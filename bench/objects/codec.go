package objects

import (
	"context"
	"time"

	"github.com/zeebo/blake3"
	"golang.org/x/sync/errgroup"

	"strata/envelope"
	"strata/erasure"
)

const (
	codecK     = 10
	codecTotal = 30
)

// codec measures what the bytes go through without a network: the erasure code,
// the encryption of every shard and its hash, on every core.
func (r *run) codec(context.Context) error {
	c, err := erasure.New(erasure.RS8, codecK, codecTotal)
	if err != nil {
		return err
	}
	sealers, row, err := codecInput()
	if err != nil {
		return err
	}
	const rowBytes = codecK * envelope.ChunkPlain
	rows := max(1, int(r.cfg.Size)/rowBytes)
	sealed := make([][]byte, codecTotal)
	r.res.Encode, err = rate(rows*rowBytes, rows, func(n int) error {
		for i := range sealed {
			sealed[i] = sealed[i][:0]
		}
		return encodeRow(c, sealers, row, sealed, uint64(n))
	})
	if err != nil {
		return err
	}
	last := uint64(rows - 1)
	r.res.Decode, err = rate(rows*rowBytes, rows, func(int) error { return decodeRow(c, sealers, sealed, last) })
	return err
}

// codecInput returns a sealer for each shard and a row of noise with room for
// its parity.
func codecInput() (sealers []*envelope.Sealer, row [][]byte, err error) {
	for i := range codecTotal {
		s, err := envelope.NewSealer(envelope.Key{byte(i)})
		if err != nil {
			return nil, nil, err
		}
		chunk := make([]byte, envelope.ChunkPlain)
		_, _ = newNoise(i).Read(chunk) // never fails
		sealers, row = append(sealers, s), append(row, chunk)
	}
	return sealers, row, nil
}

func rate(bytes, times int, fn func(int) error) (float64, error) {
	start := time.Now()
	for i := range times {
		if err := fn(i); err != nil {
			return 0, err
		}
	}
	return float64(bytes) / time.Since(start).Seconds(), nil
}

// encodeRow makes the row's parity, and appends to each shard its sealed chunk.
func encodeRow(c *erasure.Codec, sealers []*envelope.Sealer, row, shards [][]byte, number uint64) error {
	if err := c.EncodeRow(row); err != nil {
		return err
	}
	var g errgroup.Group
	for half := range 2 {
		g.Go(func() (err error) {
			for i := half; i < len(row); i += 2 {
				was := len(shards[i])
				if shards[i], err = sealers[i].SealChunk(shards[i], row[i], number, false); err != nil {
					return err
				}
				_ = blake3.Sum256(shards[i][was:])
			}
			return nil
		})
	}
	return g.Wait()
}

// decodeRow gives a row back from its last k shards, which is the dearest way.
func decodeRow(c *erasure.Codec, sealers []*envelope.Sealer, sealed [][]byte, number uint64) error {
	chunks := make([][]byte, len(sealed))
	var g errgroup.Group
	for half := range 2 {
		g.Go(func() (err error) {
			for i := len(sealed) - codecK + half; i < len(sealed); i += 2 {
				_ = blake3.Sum256(sealed[i])
				if chunks[i], err = sealers[i].OpenChunk(nil, sealed[i], number, false); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return c.ReconstructRow(chunks)
}
