package objects

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
)

// noisePeriod is a prime number of bytes, so that no repetition falls on a
// chunk's border; the block's number is mixed in, so that there is none.
const noisePeriod = 1<<20 - 3

// base is random bytes that every noise is made of: drawing as many fresh ones
// as are sent would cost as much as sending them.
var base = sync.OnceValue(func() []byte {
	b := make([]byte, noisePeriod)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
})

// noise is an endless stream of bytes that differs by seed and place.
type noise struct {
	seed uint64
	at   uint64 // block
	rest []byte
	buf  []byte
}

func newNoise(seed int) *noise { return &noise{seed: uint64(seed)} }

// block returns what is left of the block at hand, at least a byte.
func (n *noise) block() []byte {
	if len(n.rest) == 0 {
		if n.buf == nil {
			n.buf = bytes.Clone(base())
		}
		binary.LittleEndian.PutUint64(n.buf, n.seed)
		binary.LittleEndian.PutUint64(n.buf[8:], n.at)
		n.at++
		n.rest = n.buf
	}
	return n.rest
}

// Read implements io.Reader; it never fails.
func (n *noise) Read(p []byte) (int, error) {
	m := copy(p, n.block())
	n.rest = n.rest[m:]
	return m, nil
}

func (n *noise) writeN(w io.Writer, size int64) (int64, error) {
	return io.Copy(w, io.LimitReader(n, size))
}

// check is a writer that fails at the first byte that differs from the noise.
type check struct {
	noise *noise
	at    int64
}

// Write implements io.Writer.
func (c *check) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		want := c.noise.block()
		want = want[:min(len(want), len(p)-done)]
		if !bytes.Equal(want, p[done:done+len(want)]) {
			return done, fmt.Errorf("other bytes came back, from %d on", c.at)
		}
		c.noise.rest = c.noise.rest[len(want):]
		c.at += int64(len(want))
		done += len(want)
	}
	return len(p), nil
}
