package validator

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zeebo/blake3"

	"strata"
	"strata/chain"
	"strata/merkle"
	"strata/seal"
	"strata/wallet"
	"strata/wire"
)

// prof has the smallest sectors that still hold a shard: four groups.
var prof = func() strata.Profile {
	p := strata.LocalProfile
	p.Blocks = 256
	return p
}()

var domain = wire.Domain{Genesis: strata.GenesisHash{1, 2, 3}, Netuid: 7}

const (
	sectorSize = 256 << 10
	group      = merkle.GroupSize / merkle.LeafSize
)

func newKey(t testing.TB, uri string) *wallet.Key {
	t.Helper()
	k, err := wallet.FromURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// network is the Miners of a test: fake miners over real sectors, heads,
// orders and openings. Every page goes through its encoding.
type network struct{ miners map[strata.Hotkey]*fakeMiner }

func (n *network) Status(ctx context.Context, ep wire.Endpoint) (wire.Status, error) {
	m, err := n.reach(ctx, ep)
	if err != nil {
		return wire.Status{}, err
	}
	return wire.Status{Hotkey: m.key.Hotkey(), Partitions: m.plan}, nil
}

// Retain notes the list.
func (n *network) Retain(ctx context.Context, ep wire.Endpoint, list wire.Retain) (wire.RetainResult, error) {
	m, err := n.reach(ctx, ep)
	if err != nil {
		return wire.RetainResult{}, err
	}
	m.retained = append(m.retained, list)
	return wire.RetainResult{}, nil
}

// RestoreShard takes back a deletion in any partition.
func (n *network) RestoreShard(ctx context.Context, ep wire.Endpoint, root strata.Root) error {
	m, err := n.reach(ctx, ep)
	if err != nil {
		return err
	}
	m.restored = append(m.restored, root)
	if m.forgets {
		return strata.E(strata.NotFound, "no shard %s any more", root)
	}
	return nil
}

func (n *network) Manifest(ctx context.Context, ep wire.Endpoint, q wire.ManifestQuery) (wire.ManifestPage, error) {
	m, err := n.reach(ctx, ep)
	if err != nil {
		return wire.ManifestPage{}, err
	}
	page, err := m.manifest(q)
	if err != nil {
		return page, err
	}
	if f := m.shown; f != nil {
		m.shown = nil
		f()
	}
	return wire.DecodeManifestPage(page.Encode())
}

func (n *network) Audit(ctx context.Context, ep wire.Endpoint, r wire.AuditRequest) (wire.AuditResponse, time.Duration, error) {
	m, err := n.reach(ctx, ep)
	if err != nil {
		return wire.AuditResponse{}, 0, err
	}
	if err := r.Validate(); err != nil {
		return wire.AuditResponse{}, 0, err
	}
	if m.busy {
		return wire.AuditResponse{}, 0, strata.E(strata.Throttled, "too many audits")
	}
	a := m.audit(r)
	if m.answer != nil {
		m.answer(&a)
	}
	// It goes through its encoding, as package peer would have it.
	if a, err = wire.DecodeAuditResponse(a.Encode()); err != nil {
		return wire.AuditResponse{}, 0, err
	}
	return a, m.late, nil
}

// ReadShard reads a shard that the miner has, through its groups' proofs.
func (n *network) ReadShard(ctx context.Context, ep wire.Endpoint, root strata.Root, size, off, length uint64) (strata.Root, time.Duration, error) {
	m, err := n.reach(ctx, ep)
	if err != nil {
		return strata.Root{}, 0, err
	}
	if m.reading != nil {
		if err := m.reading(); err != nil {
			return strata.Root{}, m.slow, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	for _, p := range m.parts {
		for _, s := range p.sectors {
			body, ok := s.body[root]
			switch {
			case !ok:
			case uint64(len(body)) != size || merkle.Build(body).Root() != root:
				return strata.Root{}, m.slow, strata.E(strata.Corrupt, "other bytes than shard %s", root)
			default:
				return blake3.Sum256(body[off : off+length]), m.slow, nil
			}
		}
	}
	return strata.Root{}, m.slow, strata.E(strata.NotFound, "no shard %s", root)
}

func (n *network) RoundTrip(ctx context.Context, ep wire.Endpoint) (time.Duration, error) {
	_, err := n.reach(ctx, ep)
	return time.Millisecond, err
}

func (n *network) reach(ctx context.Context, ep wire.Endpoint) (*fakeMiner, error) {
	m := n.miners[ep.Hotkey]
	if m.hangs {
		<-ctx.Done()
	}
	if m.hangs || m.dead {
		return nil, strata.E(strata.Unavailable, "miner %s is not there", ep.Hotkey.Short())
	}
	return m, nil
}

// fakeMiner keeps sectors in memory. Its faults are fields that a test sets
// while nothing runs.
type fakeMiner struct {
	t     testing.TB
	key   *wallet.Key
	plan  []wire.Partition
	late  time.Duration // what an audit takes
	slow  time.Duration // what a read takes
	dead  bool          // refuses connections
	hangs bool          // takes connections and is silent
	busy  bool          // says of every audit that it is too many
	// answer changes the answer to an audit before it is sent.
	answer func(*wire.AuditResponse)

	// forge changes a page before it is shown.
	forge func(*wire.ManifestPage)
	// shown is called once after a page was made and before it arrives.
	shown func()
	// asked is called with every audit before it is answered.
	asked func(wire.AuditRequest)
	// reading is called with every read before it is answered, with its error if
	// it gives one.
	reading func() error
	pages   int // entries in a page, 0: all
	// restored are the shards whose deletion was taken back; one that forgets
	// does not.
	restored []strata.Root
	retained []wire.Retain
	forgets  bool
	// leaving is what its heads say.
	leaving bool

	mu    sync.Mutex // guards what follows
	reads int
	parts map[strata.Hotkey]*part
}

type part struct {
	head    wire.Head
	dirty   bool
	sectors map[uint64]*sector
}

type sector struct {
	entry wire.Entry
	data  []byte // the filler; nil if it was dropped
	tree  merkle.Tree
	body  map[strata.Root][]byte
}

func newMiner(t testing.TB, uri string) *fakeMiner {
	return &fakeMiner{t: t, key: newKey(t, uri), parts: map[strata.Hotkey]*part{}}
}

func (m *fakeMiner) part(v strata.Hotkey) *part {
	p := m.parts[v]
	if p == nil {
		p = &part{sectors: map[uint64]*sector{}}
		m.parts[v] = p
	}
	return p
}

// alter changes a sector and notes it for the next head.
func (m *fakeMiner) alter(v strata.Hotkey, number uint64, f func(*sector)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.part(v)
	s := p.sectors[number]
	if s == nil {
		s = &sector{entry: wire.Entry{Number: number, State: wire.Filler}, body: map[strata.Root][]byte{}}
		p.sectors[number] = s
	}
	f(s)
	s.entry.Changed, p.dirty = p.head.Sequence+1, true
}

// seal fills sectors from up to, not including, to.
func (m *fakeMiner) seal(v strata.Hotkey, from, to uint64) {
	for n := from; n < to; n++ {
		m.store(v, n, m.filler(v, n))
	}
}

// sealed are the sectors that any test has filled: filling is slow.
var sealed sync.Map

func (m *fakeMiner) filler(v strata.Hotkey, n uint64) []byte {
	id := seal.Sector{Genesis: domain.Genesis, Netuid: domain.Netuid, Miner: m.key.Hotkey(), Validator: v, Number: n, Blocks: prof.Blocks, Passes: prof.Passes}
	if data, ok := sealed.Load(id); ok {
		return data.([]byte)
	}
	data := make([]byte, sectorSize)
	if err := id.Fill(context.Background(), data); err != nil {
		m.t.Fatal(err)
	}
	sealed.Store(id, data)
	return data
}

// fake stores what can be computed from a number and signs its true hash, which
// is not the sector's: it can open every leaf of it.
func (m *fakeMiner) fake(v strata.Hotkey, n uint64, salt byte) {
	m.store(v, n, junk(sectorSize, n, salt))
}

func (m *fakeMiner) store(v strata.Hotkey, n uint64, data []byte) {
	m.alter(v, n, func(s *sector) {
		s.data, s.tree = data, merkle.Build(data)
		s.entry.Root, s.entry.State = s.tree.Root(), wire.Filler
	})
}

func junk(size int, n uint64, salt byte) []byte {
	out := make([]byte, 0, size+sha256.Size)
	for i := uint64(0); len(out) < size; i++ {
		h := sha256.Sum256(append(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, n), i), salt))
		out = append(out, h[:]...)
	}
	return out[:size]
}

// state sets a sector's state, as when it is released or withdrawn.
func (m *fakeMiner) state(v strata.Hotkey, number uint64, to wire.State) {
	m.alter(v, number, func(s *sector) { s.entry.State = to })
}

// drop forgets the bytes of a sector and goes on claiming it.
func (m *fakeMiner) drop(v strata.Hotkey, number uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.parts[v].sectors[number].data = nil
}

// put lays an ordered shard over a sector's filler.
func (m *fakeMiner) put(v strata.Hotkey, number uint64, body []byte, o *wire.Order) strata.Root {
	root := merkle.Build(body).Root()
	m.alter(v, number, func(s *sector) {
		e := &s.entry
		e.Shards = append(slices.Clone(e.Shards), wire.ShardEntry{Root: root, Offset: e.Tail, Length: uint32(len(body)), Order: o})
		e.Tail += uint32((len(body)+merkle.GroupSize-1)/merkle.GroupSize) * group
		e.State = wire.Data
		s.body[root] = body
	})
	return root
}

// take removes a shard from a sector and returns its entry.
func (m *fakeMiner) take(v strata.Hotkey, number uint64, root strata.Root) (out wire.ShardEntry) {
	m.alter(v, number, func(s *sector) {
		i := slices.IndexFunc(s.entry.Shards, func(h wire.ShardEntry) bool { return h.Root == root })
		out = s.entry.Shards[i]
		s.entry.Shards = slices.Delete(slices.Clone(s.entry.Shards), i, i+1)
		delete(s.body, root)
	})
	return out
}

func (m *fakeMiner) manifest(q wire.ManifestQuery) (wire.ManifestPage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.parts[q.Validator]
	if p == nil {
		return wire.ManifestPage{}, strata.E(strata.NotFound, "no partition for %s", q.Validator)
	}
	m.publish(q.Validator, p)
	page := wire.ManifestPage{Head: p.head}
	for _, n := range slices.Sorted(maps.Keys(p.sectors)) {
		e := p.sectors[n].entry
		if n < q.After || e.Changed <= q.Since {
			continue
		}
		if m.pages > 0 && len(page.Entries) == m.pages {
			page.More = true
			break
		}
		page.Entries = append(page.Entries, e)
	}
	if m.forge != nil {
		m.forge(&page)
	}
	return page, nil
}

// publish signs a new head if anything changed. The caller holds mu.
func (m *fakeMiner) publish(v strata.Hotkey, p *part) {
	if !p.dirty && p.head.Leaving == m.leaving {
		return
	}
	h := wire.Head{Validator: v, Sequence: p.head.Sequence + 1, Leaving: m.leaving}
	if p.head.Sequence > 0 {
		h.Previous = p.head.Hash(domain)
	}
	var hashes [][32]byte
	for _, n := range slices.Sorted(maps.Keys(p.sectors)) {
		e := p.sectors[n].entry
		if e.Listed() {
			hashes = append(hashes, e.Hash())
		}
		if e.State == wire.Filler || e.State == wire.Data {
			h.Sectors++
		}
		h.Shards += uint32(len(e.Shards))
	}
	h.EntriesRoot = wire.EntriesRoot(slices.Values(hashes))
	m.sign(&h)
	p.head, p.dirty = h, false
}

func (m *fakeMiner) sign(h *wire.Head) {
	if err := h.Sign(domain, m.key); err != nil {
		m.t.Error(err)
	}
}

func (m *fakeMiner) audit(r wire.AuditRequest) wire.AuditResponse {
	if m.asked != nil {
		m.asked(r)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out wire.AuditResponse
	for _, ref := range r.Leaves {
		out.Openings = append(out.Openings, m.open(r.Partition, ref))
	}
	return out
}

func (m *fakeMiner) open(v strata.Hotkey, ref wire.LeafRef) wire.Opening {
	missing := wire.Opening{Missing: true}
	p := m.parts[v]
	if p == nil || p.sectors[ref.Sector] == nil {
		return missing
	}
	s := p.sectors[ref.Sector]
	data, tree := s.data, s.tree
	if ref.Shard != (strata.Root{}) {
		data = s.body[ref.Shard]
		tree = merkle.Build(data)
	} else if ref.Leaf < s.entry.Tail || s.entry.State == wire.Gone || s.entry.State == wire.Withdrawn {
		return missing
	}
	from := int(ref.Leaf) / group * merkle.GroupSize
	if from >= len(data) {
		return missing
	}
	o, err := merkle.Open(uint64(len(data)), uint64(ref.Leaf), data[from:min(len(data), from+merkle.GroupSize)], tree)
	if err != nil {
		return missing
	}
	return wire.Opening{Opening: o}
}

// order is a validator's order to a miner to store a body.
func order(t testing.TB, validator *wallet.Key, miner strata.Hotkey, body []byte) *wire.Order {
	t.Helper()
	root := merkle.Build(body).Root()
	uri := wire.ShardURI(domain, root, uint64(len(body)))
	a, err := wire.SignRequest(http.Header{}, validator, "PUT", uri, root, 1, validator.Hotkey(), miner)
	if err != nil {
		t.Fatal(err)
	}
	return &wire.Order{Root: root, Length: uint64(len(body)), Nonce: 1, Signature: a.Signature}
}

// fakeChain is a chain whose heads the test drives.
type fakeChain struct {
	mu      sync.Mutex // guards what follows
	graph   chain.Metagraph
	params  chain.Hyperparameters
	sets    []vector // weights that were set
	reveals int      // calls of RevealWeights
	refuse  error    // answer to SetWeights
	down    error    // answer to Metagraph
	heads   chan chain.Head
}

type vector struct {
	block   uint64
	weights []chain.Weight
}

func newChain() *fakeChain {
	return &fakeChain{params: chain.Hyperparameters{Tempo: 19, WeightsVersionKey: 5}, heads: make(chan chain.Head)}
}

// neuron registers a hotkey, the next UID for each.
func (c *fakeChain) neuron(h strata.Hotkey, permit bool, served bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := chain.Neuron{UID: strata.UID(len(c.graph.Neurons)), Hotkey: h, Permit: permit, Stake: 1000}
	if served {
		n.Axon.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(n.UID)}), 8091)
	}
	c.graph.Neurons = append(c.graph.Neurons, n)
}

// change edits the row of a hotkey.
func (c *fakeChain) change(h strata.Hotkey, f func(*chain.Neuron)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.graph.Neurons, func(n chain.Neuron) bool { return n.Hotkey == h })
	f(&c.graph.Neurons[i])
}

func (c *fakeChain) Heads(context.Context) (<-chan chain.Head, error) { return c.heads, nil }

func (c *fakeChain) Metagraph(context.Context, strata.Netuid, strata.BlockHash) (*chain.Metagraph, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down != nil {
		return nil, c.down
	}
	g := c.graph
	g.Neurons = slices.Clone(g.Neurons)
	return &g, nil
}

func (c *fakeChain) Hyperparameters(context.Context, strata.Netuid) (chain.Hyperparameters, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.params, nil
}

func (c *fakeChain) SetWeights(_ context.Context, hot chain.Signer, _ strata.Netuid, w []chain.Weight, _ chain.Commits) (chain.WeightsReceipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse != nil {
		return chain.WeightsReceipt{}, c.refuse
	}
	if err := c.params.MayWeigh(&c.graph, hot.PublicKey()); err != nil {
		return chain.WeightsReceipt{}, err
	}
	w, err := c.params.Fit(w, len(c.graph.Neurons))
	if err == nil {
		c.sets = append(c.sets, vector{c.graph.Head.Number, w})
	}
	return chain.WeightsReceipt{Block: strata.BlockHash{1}}, err
}

func (c *fakeChain) RevealWeights(_ context.Context, _ chain.Signer, _ strata.Netuid, kept chain.Commits) (chain.Reveals, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reveals++
	return chain.Reveals{}, nil
}

func (c *fakeChain) set() []vector {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sets)
}
