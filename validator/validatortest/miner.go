package validatortest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zeebo/blake3"

	"strata"
	"strata/merkle"
	"strata/seal"
	"strata/wallet"
	"strata/wire"
)

// Profile has the smallest sectors that still hold a shard: four groups.
var Profile = func() strata.Profile {
	p := strata.LocalProfile
	p.Blocks = 256
	return p
}()

// Domain is that of all tests.
var Domain = wire.Domain{Genesis: strata.GenesisHash{1, 2, 3}, Netuid: 7}

const (
	// SectorSize is the profile's; Group the leaves of one of merkle's groups.
	SectorSize = 256 << 10
	Group      = merkle.GroupSize / merkle.LeafSize
)

// NewKey returns the key of a URI.
func NewKey(t testing.TB, uri string) *wallet.Key {
	t.Helper()
	k, err := wallet.FromURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Network is the Miners of a test: fake miners over real sectors, heads,
// orders and openings. Every page goes through its encoding.
type Network struct{ Miners map[strata.Hotkey]*Miner }

// Status asks the miner.
func (n *Network) Status(ctx context.Context, ep wire.Endpoint) (wire.Status, error) {
	m, err := n.reach(ctx, ep)
	if err != nil {
		return wire.Status{}, err
	}
	return wire.Status{Hotkey: m.Key.Hotkey(), Partitions: m.Plan}, nil
}

// Retain notes the list.
func (n *Network) Retain(ctx context.Context, ep wire.Endpoint, list wire.Retain) (wire.RetainResult, error) {
	m, err := n.reach(ctx, ep)
	if err != nil {
		return wire.RetainResult{}, err
	}
	m.Retained = append(m.Retained, list)
	return wire.RetainResult{}, nil
}

// RestoreShard takes back a deletion in any partition.
func (n *Network) RestoreShard(ctx context.Context, ep wire.Endpoint, root strata.Root) error {
	m, err := n.reach(ctx, ep)
	if err != nil {
		return err
	}
	m.Restored = append(m.Restored, root)
	if m.Forgets {
		return strata.E(strata.NotFound, "no shard %s any more", root)
	}
	return nil
}

// Manifest asks the miner.
func (n *Network) Manifest(ctx context.Context, ep wire.Endpoint, q wire.ManifestQuery) (wire.ManifestPage, error) {
	m, err := n.reach(ctx, ep)
	if err != nil {
		return wire.ManifestPage{}, err
	}
	page, err := m.Manifest(q)
	if err != nil {
		return page, err
	}
	if f := m.Shown; f != nil {
		m.Shown = nil
		f()
	}
	return wire.DecodeManifestPage(page.Encode())
}

// Audit asks the miner.
func (n *Network) Audit(ctx context.Context, ep wire.Endpoint, r wire.AuditRequest) (wire.AuditResponse, time.Duration, error) {
	m, err := n.reach(ctx, ep)
	if err != nil {
		return wire.AuditResponse{}, 0, err
	}
	if err := r.Validate(); err != nil {
		return wire.AuditResponse{}, 0, err
	}
	if m.Busy {
		return wire.AuditResponse{}, 0, strata.E(strata.Throttled, "too many audits")
	}
	a := m.audit(r)
	if m.Answer != nil {
		m.Answer(&a)
	}
	// It goes through its encoding, as package peer would have it.
	if a, err = wire.DecodeAuditResponse(a.Encode()); err != nil {
		return wire.AuditResponse{}, 0, err
	}
	return a, m.Late, nil
}

// ReadShard reads a shard that the miner has, through its groups' proofs.
func (n *Network) ReadShard(ctx context.Context, ep wire.Endpoint, root strata.Root, size, off, length uint64) (strata.Root, time.Duration, error) {
	m, err := n.reach(ctx, ep)
	if err != nil {
		return strata.Root{}, 0, err
	}
	if m.Reading != nil {
		if err := m.Reading(); err != nil {
			return strata.Root{}, m.Slow, err
		}
	}
	m.Mu.Lock()
	defer m.Mu.Unlock()
	m.Reads++
	for _, p := range m.Parts {
		for _, s := range p.Sectors {
			body, ok := s.Body[root]
			switch {
			case !ok:
			case uint64(len(body)) != size || merkle.Build(body).Root() != root:
				return strata.Root{}, m.Slow, strata.E(strata.Corrupt, "other bytes than shard %s", root)
			default:
				return blake3.Sum256(body[off : off+length]), m.Slow, nil
			}
		}
	}
	return strata.Root{}, m.Slow, strata.E(strata.NotFound, "no shard %s", root)
}

// RoundTrip asks the miner.
func (n *Network) RoundTrip(ctx context.Context, ep wire.Endpoint) (time.Duration, error) {
	_, err := n.reach(ctx, ep)
	return time.Millisecond, err
}

func (n *Network) reach(ctx context.Context, ep wire.Endpoint) (*Miner, error) {
	m := n.Miners[ep.Hotkey]
	if m.Hangs {
		<-ctx.Done()
	}
	if m.Hangs || m.Dead {
		return nil, strata.E(strata.Unavailable, "miner %s is not there", ep.Hotkey.Short())
	}
	return m, nil
}

// Miner keeps sectors in memory. Its faults are fields that a test sets
// while nothing runs.
type Miner struct {
	t     testing.TB
	Key   *wallet.Key
	Plan  []wire.Partition
	Late  time.Duration // what an audit takes
	Slow  time.Duration // what a read takes
	Dead  bool          // refuses connections
	Hangs bool          // takes connections and is silent
	Busy  bool          // says of every audit that it is too many
	// Answer changes the answer to an audit before it is sent.
	Answer func(*wire.AuditResponse)

	// Forge changes a page before it is shown.
	Forge func(*wire.ManifestPage)
	// Shown is called once after a page was made and before it arrives.
	Shown func()
	// Asked is called with every audit before it is answered.
	Asked func(wire.AuditRequest)
	// Reading is called with every read before it is answered, with its error if
	// it gives one.
	Reading func() error
	Pages   int // entries in a page, 0: all
	// Restored are the shards whose deletion was taken back; one that forgets
	// does not.
	Restored []strata.Root
	Retained []wire.Retain
	Forgets  bool
	// Leaving is what its heads say.
	Leaving bool

	Mu    sync.Mutex // guards what follows
	Reads int
	Parts map[strata.Hotkey]*Part
}

// Part is what it holds for one validator.
type Part struct {
	Head    wire.Head
	dirty   bool
	Sectors map[uint64]*Sector
}

// Sector is one of them.
type Sector struct {
	Entry wire.Entry
	data  []byte // the filler; nil if it was dropped
	tree  merkle.Tree
	Body  map[strata.Root][]byte
}

// NewMiner returns one that holds nothing.
func NewMiner(t testing.TB, uri string) *Miner {
	return &Miner{t: t, Key: NewKey(t, uri), Parts: map[strata.Hotkey]*Part{}}
}

// Part returns what it holds for a validator.
func (m *Miner) Part(v strata.Hotkey) *Part {
	p := m.Parts[v]
	if p == nil {
		p = &Part{Sectors: map[uint64]*Sector{}}
		m.Parts[v] = p
	}
	return p
}

// Alter changes a sector and notes it for the next head.
func (m *Miner) Alter(v strata.Hotkey, number uint64, f func(*Sector)) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	p := m.Part(v)
	s := p.Sectors[number]
	if s == nil {
		s = &Sector{Entry: wire.Entry{Number: number, State: wire.Filler}, Body: map[strata.Root][]byte{}}
		p.Sectors[number] = s
	}
	f(s)
	s.Entry.Changed, p.dirty = p.Head.Sequence+1, true
}

// Seal fills sectors from up to, not including, to.
func (m *Miner) Seal(v strata.Hotkey, from, to uint64) {
	for n := from; n < to; n++ {
		m.Store(v, n, m.Filler(v, n))
	}
}

// sealed are the sectors that any test has filled: filling is slow.
var sealed sync.Map

// Filler returns a sector's true bytes.
func (m *Miner) Filler(v strata.Hotkey, n uint64) []byte {
	id := seal.Sector{Genesis: Domain.Genesis, Netuid: Domain.Netuid, Miner: m.Key.Hotkey(), Validator: v, Number: n, Blocks: Profile.Blocks, Passes: Profile.Passes}
	if data, ok := sealed.Load(id); ok {
		return data.([]byte)
	}
	data := make([]byte, SectorSize)
	if err := id.Fill(context.Background(), data); err != nil {
		m.t.Fatal(err)
	}
	sealed.Store(id, data)
	return data
}

// Fake stores what can be computed from a number and signs its true hash, which
// is not the sector's: it can open every leaf of it.
func (m *Miner) Fake(v strata.Hotkey, n uint64, salt byte) {
	m.Store(v, n, Junk(SectorSize, n, salt))
}

// Store keeps bytes as a sector and signs their hash.
func (m *Miner) Store(v strata.Hotkey, n uint64, data []byte) {
	m.Alter(v, n, func(s *Sector) {
		s.data, s.tree = data, merkle.Build(data)
		s.Entry.Root, s.Entry.State = s.tree.Root(), wire.Filler
	})
}

// Junk returns bytes that follow from a number.
func Junk(size int, n uint64, salt byte) []byte {
	out := make([]byte, 0, size+sha256.Size)
	for i := uint64(0); len(out) < size; i++ {
		h := sha256.Sum256(append(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, n), i), salt))
		out = append(out, h[:]...)
	}
	return out[:size]
}

// State sets a sector's state, as when it is released or withdrawn.
func (m *Miner) State(v strata.Hotkey, number uint64, to wire.State) {
	m.Alter(v, number, func(s *Sector) { s.Entry.State = to })
}

// Drop forgets the bytes of a sector and goes on claiming it.
func (m *Miner) Drop(v strata.Hotkey, number uint64) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	m.Parts[v].Sectors[number].data = nil
}

// Put lays an ordered shard over a sector's filler.
func (m *Miner) Put(v strata.Hotkey, number uint64, body []byte, o *wire.Order) strata.Root {
	root := merkle.Build(body).Root()
	m.Alter(v, number, func(s *Sector) {
		e := &s.Entry
		e.Shards = append(slices.Clone(e.Shards), wire.ShardEntry{Root: root, Offset: e.Tail, Length: uint32(len(body)), Order: o})
		e.Tail += uint32((len(body)+merkle.GroupSize-1)/merkle.GroupSize) * Group
		e.State = wire.Data
		s.Body[root] = body
	})
	return root
}

// Take removes a shard from a sector and returns its entry.
func (m *Miner) Take(v strata.Hotkey, number uint64, root strata.Root) (out wire.ShardEntry) {
	m.Alter(v, number, func(s *Sector) {
		i := slices.IndexFunc(s.Entry.Shards, func(h wire.ShardEntry) bool { return h.Root == root })
		out = s.Entry.Shards[i]
		s.Entry.Shards = slices.Delete(slices.Clone(s.Entry.Shards), i, i+1)
		delete(s.Body, root)
	})
	return out
}

// Manifest returns a page of its manifest.
func (m *Miner) Manifest(q wire.ManifestQuery) (wire.ManifestPage, error) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	p := m.Parts[q.Validator]
	if p == nil {
		return wire.ManifestPage{}, strata.E(strata.NotFound, "no partition for %s", q.Validator)
	}
	m.publish(q.Validator, p)
	page := wire.ManifestPage{Head: p.Head}
	for _, n := range slices.Sorted(maps.Keys(p.Sectors)) {
		e := p.Sectors[n].Entry
		if n < q.After || e.Changed <= q.Since {
			continue
		}
		if m.Pages > 0 && len(page.Entries) == m.Pages {
			page.More = true
			break
		}
		page.Entries = append(page.Entries, e)
	}
	if m.Forge != nil {
		m.Forge(&page)
	}
	return page, nil
}

// publish signs a new head if anything changed. The caller holds mu.
func (m *Miner) publish(v strata.Hotkey, p *Part) {
	if !p.dirty && p.Head.Leaving == m.Leaving {
		return
	}
	h := wire.Head{Validator: v, Sequence: p.Head.Sequence + 1, Leaving: m.Leaving}
	if p.Head.Sequence > 0 {
		h.Previous = p.Head.Hash(Domain)
	}
	var hashes [][32]byte
	for _, n := range slices.Sorted(maps.Keys(p.Sectors)) {
		e := p.Sectors[n].Entry
		if e.Listed() {
			hashes = append(hashes, e.Hash())
		}
		if e.State == wire.Filler || e.State == wire.Data {
			h.Sectors++
		}
		h.Shards += uint32(len(e.Shards))
	}
	h.EntriesRoot = wire.EntriesRoot(slices.Values(hashes))
	m.Sign(&h)
	p.Head, p.dirty = h, false
}

// Sign signs a head.
func (m *Miner) Sign(h *wire.Head) {
	if err := h.Sign(Domain, m.Key); err != nil {
		m.t.Error(err)
	}
}

func (m *Miner) audit(r wire.AuditRequest) wire.AuditResponse {
	if m.Asked != nil {
		m.Asked(r)
	}
	m.Mu.Lock()
	defer m.Mu.Unlock()
	var out wire.AuditResponse
	for _, ref := range r.Leaves {
		out.Openings = append(out.Openings, m.open(r.Partition, ref))
	}
	return out
}

func (m *Miner) open(v strata.Hotkey, ref wire.LeafRef) wire.Opening {
	missing := wire.Opening{Missing: true}
	p := m.Parts[v]
	if p == nil || p.Sectors[ref.Sector] == nil {
		return missing
	}
	s := p.Sectors[ref.Sector]
	data, tree := s.data, s.tree
	if ref.Shard != (strata.Root{}) {
		data = s.Body[ref.Shard]
		tree = merkle.Build(data)
	} else if ref.Leaf < s.Entry.Tail || s.Entry.State == wire.Gone || s.Entry.State == wire.Withdrawn {
		return missing
	}
	from := int(ref.Leaf) / Group * merkle.GroupSize
	if from >= len(data) {
		return missing
	}
	o, err := merkle.Open(uint64(len(data)), uint64(ref.Leaf), data[from:min(len(data), from+merkle.GroupSize)], tree)
	if err != nil {
		return missing
	}
	return wire.Opening{Opening: o}
}

// Order is a validator's order to a miner to store a body.
func Order(t testing.TB, validator *wallet.Key, miner strata.Hotkey, body []byte) *wire.Order {
	t.Helper()
	root := merkle.Build(body).Root()
	uri := wire.ShardURI(Domain, root, uint64(len(body)))
	a, err := wire.SignRequest(http.Header{}, validator, "PUT", uri, root, 1, validator.Hotkey(), miner)
	if err != nil {
		t.Fatal(err)
	}
	return &wire.Order{Root: root, Length: uint64(len(body)), Nonce: 1, Signature: a.Signature}
}
