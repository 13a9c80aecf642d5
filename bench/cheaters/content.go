package cheaters

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"strata"
	"strata/merkle"
	"strata/seal"
	"strata/wallet"
	"strata/wire"
)

// content is bytes whose leaves can be opened: a sealed sector, what a cheater
// made up, a shard. It does not change, so that games share it.
type content struct {
	data     []byte
	tree     merkle.Tree
	root     strata.Root
	openings []atomic.Pointer[wire.Opening] // by leaf, made when first asked for
}

func newContent(data []byte) *content {
	c := &content{data: data, tree: merkle.Build(data)}
	c.root = c.tree.Root()
	c.openings = make([]atomic.Pointer[wire.Opening], (len(data)+merkle.LeafSize-1)/merkle.LeafSize)
	return c
}

// open opens a leaf; one that does not exist is missing.
func (c *content) open(leaf uint32) wire.Opening {
	if int(leaf) >= len(c.openings) {
		return wire.Opening{Missing: true}
	}
	if o := c.openings[leaf].Load(); o != nil {
		return *o
	}
	from := int(leaf) * merkle.LeafSize / merkle.GroupSize * merkle.GroupSize
	group := c.data[from:min(len(c.data), from+merkle.GroupSize)]
	o, err := merkle.Open(uint64(len(c.data)), uint64(leaf), group, c.tree)
	if err != nil {
		return wire.Opening{Missing: true}
	}
	at := int(leaf) * merkle.LeafSize
	o.Block = c.data[at:min(len(c.data), at+merkle.LeafSize)] // not the copy
	out := &wire.Opening{Opening: o}
	c.openings[leaf].Store(out)
	return *out
}

// library is what all games of a run share: keys and sealed sectors, which take
// long to make. It is safe for concurrent use.
type library struct {
	keys    sync.Map // name → *wallet.Key
	sectors sync.Map // seal.Sector → *content
	made    sync.Map // invention → *content
}

// key returns the key of a name, the same in every game.
func (l *library) key(name string) (*wallet.Key, error) {
	if k, ok := l.keys.Load(name); ok {
		return k.(*wallet.Key), nil
	}
	k, err := wallet.FromURI("//" + name)
	if err != nil {
		return nil, err
	}
	l.keys.Store(name, k)
	return k, nil
}

// sector returns a sealed sector.
func (l *library) sector(s seal.Sector) (*content, error) {
	if c, ok := l.sectors.Load(s); ok {
		return c.(*content), nil
	}
	data := make([]byte, s.Size())
	if err := s.Fill(context.Background(), data); err != nil {
		return nil, err
	}
	c, _ := l.sectors.LoadOrStore(s, newContent(data))
	return c.(*content), nil
}

// root is a validator's refill.
func (l *library) root(_ context.Context, s seal.Sector, _ []byte) (strata.Root, error) {
	c, err := l.sector(s)
	if err != nil {
		return strata.Root{}, err
	}
	return c.root, nil
}

// invention names bytes that anyone can compute at once: they take no disk.
type invention struct {
	seed uint64
	size int
}

// invented returns made-up bytes.
func (l *library) invented(v invention) *content {
	if c, ok := l.made.Load(v); ok {
		return c.(*content)
	}
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], v.seed)
	data := make([]byte, v.size)
	_, _ = rand.NewChaCha8(seed).Read(data) // never fails
	c, _ := l.made.LoadOrStore(v, newContent(data))
	return c.(*content)
}
