// Package objecttest is a network of miners in memory, for the tests of what
// stores objects.
package objecttest

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/zeebo/blake3"

	"strata"
	"strata/object/roster"
	"strata/wire"
)

// Mood is how a miner behaves.
type Mood int

// The moods.
const (
	Honest   Mood = iota
	Refuses       // answers every request with an error
	Hangs         // answers nothing until the caller gives up
	Full          // has no room
	Corrupt       // flips a bit of every shard it gives
	Breaks        // closes a read after its first chunk and a half
	Stalls        // hangs after the first chunk of a read
	Pretends      // signs for shards and stores nothing
	Crawls        // takes four seconds for each shard
)

// Fleet is a network of miners in memory. It implements object.Transport and
// roster.Network. Its fields may be set while nobody uses it, or with Mu held.
type Fleet struct {
	Mu     sync.Mutex
	Miners []*Miner // in order of their number; guarded by Mu, contents too

	Puts, Gets int
	Served     int64            // bytes given to readers
	Asked      []uint64         // how many bytes each read asked for
	OnPut      func(stored int) // called with the number of shards stored so far, Mu not held
	Gate       chan struct{}    // when set, a put waits for one
}

// Miner is one of a Fleet.
type Miner struct {
	roster.Candidate
	Mood   Mood
	Shards map[strata.Root][]byte
	Trash  map[strata.Root][]byte // deleted, and not yet forgotten
}

// New returns a fleet of honest miners, each on a network and a coldkey of its own.
func New(n int) *Fleet {
	f := &Fleet{}
	for i := range n {
		m := &Miner{Shards: map[strata.Root][]byte{}}
		m.Hotkey = strata.Hotkey{0: byte(i + 1), 31: 7}
		m.Coldkey = strata.Coldkey{0: byte(i + 1)}
		m.Addr = netip.AddrFrom4([4]byte{10, byte(i), 0, 1})
		m.Free = strata.GiB
		m.Score = 1_000_000
		m.Endpoint = wire.Endpoint{Hotkey: m.Hotkey, Addr: netip.AddrPortFrom(m.Addr, 8091)}
		f.Miners = append(f.Miners, m)
	}
	return f
}

// Candidates implements roster.Network.
func (f *Fleet) Candidates(context.Context) ([]roster.Candidate, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	var out []roster.Candidate
	for _, m := range f.Miners {
		out = append(out, m.Candidate)
	}
	return out, nil
}

// Find returns a miner, nil if there is none; Mu is held.
func (f *Fleet) Find(h strata.Hotkey) *Miner {
	for _, m := range f.Miners {
		if m.Hotkey == h {
			return m
		}
	}
	return nil
}

// Meet applies what a mood does to any request.
func (f *Fleet) Meet(ctx context.Context, h strata.Hotkey) (Mood, error) {
	f.Mu.Lock()
	m := f.Find(h)
	f.Mu.Unlock()
	if m == nil {
		return Honest, fmt.Errorf("no such miner")
	}
	f.Mu.Lock()
	mood := m.Mood
	f.Mu.Unlock()
	switch mood {
	case Refuses:
		return mood, strata.E(strata.Unavailable, "connection refused")
	case Hangs:
		<-ctx.Done()
		return mood, ctx.Err()
	}
	return mood, ctx.Err()
}

// PutShard implements object.Transport.
func (f *Fleet) PutShard(ctx context.Context, to wire.Endpoint, root strata.Root, body []byte) (wire.Receipt, error) {
	mood, err := f.Meet(ctx, to.Hotkey)
	if err != nil {
		return wire.Receipt{}, err
	}
	if f.Gate != nil {
		select {
		case <-f.Gate:
		case <-ctx.Done():
			return wire.Receipt{}, ctx.Err()
		}
	}
	if mood == Crawls {
		select {
		case <-time.After(4 * time.Second): // of a test's own clock
		case <-ctx.Done():
			return wire.Receipt{}, ctx.Err()
		}
	}
	if mood == Full {
		return wire.Receipt{}, strata.E(strata.NoSpace, "no room")
	}
	if blake3.Sum256(body) != root {
		return wire.Receipt{}, strata.E(strata.Corrupt, "body does not match its root")
	}
	f.Mu.Lock()
	if mood != Pretends {
		f.Find(to.Hotkey).Shards[root] = bytes.Clone(body)
	}
	f.Puts++
	n, hook := f.Puts, f.OnPut
	f.Mu.Unlock()
	if hook != nil {
		hook(n)
	}
	return wire.Receipt{Root: root, Length: uint64(len(body))}, nil
}

// GetShard implements object.Transport.
func (f *Fleet) GetShard(ctx context.Context, from wire.Endpoint, root strata.Root, size, off, n uint64) (io.ReadCloser, error) {
	mood, err := f.Meet(ctx, from.Hotkey)
	if err != nil {
		return nil, err
	}
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.Gets++
	f.Asked = append(f.Asked, n)
	body, ok := f.Find(from.Hotkey).Shards[root]
	if !ok {
		return nil, strata.E(strata.NotFound, "no such shard")
	}
	if uint64(len(body)) != size || off+n > size {
		return nil, strata.E(strata.Invalid, "range %d+%d of %d, the shard has %d", off, n, size, len(body))
	}
	part := bytes.Clone(body[off : off+n])
	f.Served += int64(n)
	switch mood {
	case Corrupt:
		part[len(part)/2] ^= 1
	case Breaks:
		part = part[:min(len(part)-1, 98304)]
	case Stalls:
		return io.NopCloser(io.MultiReader(bytes.NewReader(part[:min(len(part), 65536)]), waiter{ctx})), nil
	}
	return io.NopCloser(bytes.NewReader(part)), nil
}

// waiter is a body that never comes.
type waiter struct{ ctx context.Context }

func (w waiter) Read([]byte) (int, error) { <-w.ctx.Done(); return 0, w.ctx.Err() }

// DeleteShard implements object.Transport.
func (f *Fleet) DeleteShard(ctx context.Context, at wire.Endpoint, root strata.Root) error {
	if _, err := f.Meet(ctx, at.Hotkey); err != nil {
		return err
	}
	f.Mu.Lock()
	defer f.Mu.Unlock()
	m := f.Find(at.Hotkey)
	if _, ok := m.Shards[root]; !ok {
		return strata.E(strata.NotFound, "no such shard")
	}
	if m.Trash == nil {
		m.Trash = map[strata.Root][]byte{}
	}
	m.Trash[root] = m.Shards[root]
	delete(m.Shards, root)
	return nil
}

// RestoreShard implements object.Transport.
func (f *Fleet) RestoreShard(ctx context.Context, at wire.Endpoint, root strata.Root) error {
	if _, err := f.Meet(ctx, at.Hotkey); err != nil {
		return err
	}
	f.Mu.Lock()
	defer f.Mu.Unlock()
	m := f.Find(at.Hotkey)
	if _, ok := m.Shards[root]; ok {
		return nil
	}
	if _, ok := m.Trash[root]; !ok {
		return strata.E(strata.NotFound, "no such shard")
	}
	m.Shards[root] = m.Trash[root]
	return nil
}

// Set gives miners a mood.
func (f *Fleet) Set(m Mood, indices ...int) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	for _, i := range indices {
		f.Miners[i].Mood = m
	}
}

// Stored counts the shards that are live.
func (f *Fleet) Stored() (n int) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	for _, m := range f.Miners {
		n += len(m.Shards)
	}
	return n
}

// Secret is a hotkey's secret.
type Secret string

// Derive implements keyring.Secret.
func (s Secret) Derive(info string, n int) ([]byte, error) {
	return hkdf.Key(sha256.New, []byte(s), nil, info, n)
}

// Grow adds miners.
func (f *Fleet) Grow(n int) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	was := len(f.Miners)
	f.Miners = append(f.Miners, New(was + n).Miners[was:]...)
}
