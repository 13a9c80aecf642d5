// Package erasure cuts rows of plaintext into chunks and back with
// Reed–Solomon codes: any K of a row's Total chunks give the row again. It is a
// deterministic wrapper: the same row gives the same chunks on every machine.
//
// A row of K·c bytes becomes K data chunks of c bytes (the row itself, cut) and
// Total−K parity chunks. A segment's record names the codec, so that a later
// one can be added without touching stored data.
package erasure

import (
	"strings"
	"sync"

	"github.com/klauspost/reedsolomon"

	"strata"
)

// RS8 is the codec's name in a segment's record: systematic Reed–Solomon over
// GF(2⁸), polynomial 29, with the Vandermonde matrix made systematic, which is
// the default matrix of Backblaze's JavaReedSolomon and of klauspost/reedsolomon.
const RS8 = "rs8"

// MaxTotal is the most chunks in a row: GF(2⁸) has that many evaluation points.
const MaxTotal = 255

// MaxChunk is the largest chunk accepted, in bytes. It bounds what a caller
// can make this package allocate.
const MaxChunk = 1 << 20

// Codec encodes and reconstructs rows. It is safe for concurrent use.
type Codec struct {
	name     string
	k, total int
	enc      reedsolomon.Encoder
}

type params struct{ k, total int }

// codecs caches Codecs: building one inverts a matrix, and a store uses few.
var codecs sync.Map // params → *Codec

// New returns the codec of that name with k data chunks of total, where
// 1 ≤ k ≤ total ≤ MaxTotal; k = total makes no parity. The error has code Invalid.
func New(name string, k, total int) (*Codec, error) {
	if name != RS8 {
		return nil, strata.E(strata.Invalid, "erasure codec %q is unknown: a newer version of strata may have written it", strings.ToValidUTF8(clip(name), "?"))
	}
	if k < 1 || k > total || total > MaxTotal {
		return nil, strata.E(strata.Invalid, "erasure code of %d chunks of %d is not possible: it takes 1 ≤ k ≤ total ≤ %d", k, total, MaxTotal)
	}
	if c, ok := codecs.Load(params{k, total}); ok {
		return c.(*Codec), nil
	}
	enc, err := reedsolomon.New(k, total-k, reedsolomon.WithAutoGoroutines(64<<10))
	if err != nil {
		return nil, strata.E(strata.Invalid, "erasure code of %d chunks of %d: %w", k, total, err)
	}
	c, _ := codecs.LoadOrStore(params{k, total}, &Codec{name: name, k: k, total: total, enc: enc})
	return c.(*Codec), nil
}

// Name returns the codec's name as New takes it.
func (c *Codec) Name() string { return c.name }

// K returns how many chunks give a row.
func (c *Codec) K() int { return c.k }

// Total returns how many chunks a row has.
func (c *Codec) Total() int { return c.total }

// ChunkLen returns the length of the chunks of a row of n plaintext bytes:
// n/K rounded up. The last chunks of such a row are padded with zeros.
func (c *Codec) ChunkLen(n int) int { return (n + c.k - 1) / c.k }

// EncodeRow fills chunks[K:] with the parity of chunks[:K]. There must be Total
// chunks of one length, 1 to MaxChunk. The error has code Invalid.
func (c *Codec) EncodeRow(chunks [][]byte) error {
	if err := c.check(chunks, c.total); err != nil {
		return err
	}
	if err := c.enc.Encode(chunks); err != nil {
		return strata.E(strata.Invalid, "erasure: cannot encode a row: %w", err)
	}
	return nil
}

// ReconstructRow fills in the missing data chunks, chunks[:K]. There must be
// Total chunks; a missing one has length 0, its capacity is used when it is
// large enough, and at least K are present, of one length. Parity chunks are
// left as they are. The error has code Invalid, or Unavailable when fewer than
// K are present. Wrong chunks are not detected: the caller has authenticated them.
func (c *Codec) ReconstructRow(chunks [][]byte) error {
	if err := c.check(chunks, c.k); err != nil {
		return err
	}
	if err := c.enc.ReconstructData(chunks); err != nil {
		return strata.E(strata.Invalid, "erasure: cannot reconstruct a row: %w", err)
	}
	return nil
}

// check bounds the shape of a row: Total chunks, at least need of them present,
// all of one length.
func (c *Codec) check(chunks [][]byte, need int) error {
	if len(chunks) != c.total {
		return strata.E(strata.Invalid, "erasure: a row of %d chunks, the code has %d", len(chunks), c.total)
	}
	size, present := 0, 0
	for _, ch := range chunks {
		if len(ch) == 0 {
			continue
		}
		if size == 0 {
			size = len(ch)
		}
		if len(ch) != size || size > MaxChunk {
			return strata.E(strata.Invalid, "erasure: chunks of %d and %d bytes in one row (at most %d, all alike)", size, len(ch), MaxChunk)
		}
		present++
	}
	if present < need {
		return strata.E(strata.Unavailable, "erasure: %d chunks of a row are present, %d are needed", present, need)
	}
	return nil
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40]
	}
	return s
}
