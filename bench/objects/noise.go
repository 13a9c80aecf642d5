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

// noise is an endless stream of bytes that differs by seed and place. It costs
// next to nothing, as processor time is part of what is measured.
type noise struct {
	seed uint64
	at   uint64 // block
	head [16]byte
	rest []byte // of the block: of its head, then of base
	tail bool   // rest is of base
}

func newNoise(seed int) *noise { return &noise{seed: uint64(seed)} }

// block returns what comes next of the block at hand, at least a byte.
func (n *noise) block() []byte {
	switch {
	case len(n.rest) > 0:
	case n.tail || n.at == 0:
		binary.LittleEndian.PutUint64(n.head[:], n.seed)
		binary.LittleEndian.PutUint64(n.head[8:], n.at)
		n.at++
		n.rest, n.tail = n.head[:], false
	default:
		n.rest, n.tail = base()[len(n.head):], true
	}
	return n.rest
}

// Read implements io.Reader; it fills p and never fails.
func (n *noise) Read(p []byte) (int, error) {
	for done := 0; done < len(p); {
		m := copy(p[done:], n.block())
		n.rest = n.rest[m:]
		done += m
	}
	return len(p), nil
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
