package peer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ChainSafe/go-schnorrkel"

	"strata"
	"strata/internal/leaks"
	"strata/merkle"
	"strata/wire"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// testKey is an sr25519 key made from a number.
type testKey struct {
	secret *schnorrkel.SecretKey
	hotkey strata.Hotkey
}

func newKey(t testing.TB, n uint32) testKey {
	t.Helper()
	seed := sha256.Sum256(binary.LittleEndian.AppendUint32(nil, n))
	mini, err := schnorrkel.NewMiniSecretKeyFromRaw(seed)
	if err != nil {
		t.Fatal(err)
	}
	return testKey{secret: mini.ExpandEd25519(), hotkey: mini.Public().Encode()}
}

func (k testKey) Sign(msg []byte) ([64]byte, error) {
	s, err := k.secret.Sign(schnorrkel.NewSigningContext([]byte("substrate"), msg))
	if err != nil {
		return [64]byte{}, err
	}
	return s.Encode(), nil
}

// patience is how long a test waits for what comes, on a machine that is busy.
const patience = 2 * time.Minute

var testDomain = wire.Domain{Genesis: strata.GenesisHash{1, 2, 3}, Netuid: 7}

// memMiner is a Miner in memory. Its validator is the only one permitted.
type memMiner struct {
	key       testKey
	validator strata.Hotkey

	mu     sync.Mutex // guards what follows
	shards map[strata.Root][]byte
	trash  map[strata.Root][]byte // deleted ones; guarded by mu
	orders map[strata.Root]wire.Order
	supers map[strata.Hotkey]wire.Superblock
	closed int // shard sources closed
	asked  []wire.Action

	audit    func(context.Context, wire.AuditRequest) (wire.AuditResponse, error)
	manifest func(wire.ManifestQuery) (wire.ManifestPage, error)
	put      func(io.Reader) error // before storing
	source   func(*wire.ShardSource)
	receipt  func(*wire.Receipt)
}

func newMemMiner(key testKey, validator strata.Hotkey) *memMiner {
	return &memMiner{
		key: key, validator: validator, shards: map[strata.Root][]byte{},
		orders: map[strata.Root]wire.Order{}, supers: map[strata.Hotkey]wire.Superblock{},
	}
}

func (m *memMiner) Status(context.Context) wire.Status {
	return wire.Status{Version: "test", Hotkey: m.key.hotkey, Genesis: testDomain.Genesis, Netuid: testDomain.Netuid, Profile: "local"}
}

func (m *memMiner) Authorize(_ context.Context, caller strata.Hotkey, what wire.Action, partition strata.Hotkey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, what)
	if caller != m.validator {
		return strata.E(strata.Forbidden, "%s is no validator here", caller.Short())
	}
	if own := partition == caller; !own && what != wire.ActionAudit && what != wire.ActionManifest {
		return strata.E(strata.Forbidden, "not %s's partition", caller.Short())
	}
	return nil
}

func (m *memMiner) Manifest(_ context.Context, q wire.ManifestQuery) (wire.ManifestPage, error) {
	if m.manifest != nil {
		return m.manifest(q)
	}
	return m.page(q)
}

// page is a manifest of one filler sector numbered as the cursor, changed after
// Since.
func (m *memMiner) page(q wire.ManifestQuery) (wire.ManifestPage, error) {
	h := wire.Head{Validator: q.Validator, Sequence: q.Since + 1, Sectors: 1}
	if err := h.Sign(testDomain, m.key); err != nil {
		return wire.ManifestPage{}, err
	}
	e := wire.Entry{Number: q.After, Root: strata.Root{9}, State: wire.Filler, Changed: q.Since + 1}
	return wire.ManifestPage{Head: h, Entries: []wire.Entry{e}}, nil
}

// Audit opens leaves of shards; what it has not got is missing.
func (m *memMiner) Audit(ctx context.Context, _ strata.Hotkey, req wire.AuditRequest) (wire.AuditResponse, error) {
	if m.audit != nil {
		return m.audit(ctx, req)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var a wire.AuditResponse
	for _, l := range req.Leaves {
		a.Openings = append(a.Openings, m.open(l))
	}
	return a, nil
}

func (m *memMiner) open(l wire.LeafRef) wire.Opening {
	data, ok := m.shards[l.Shard]
	start := int(l.Leaf) / 64 * merkle.GroupSize
	if !ok || start >= len(data) {
		return wire.Opening{Missing: true}
	}
	group := data[start:min(len(data), start+merkle.GroupSize)]
	o, err := merkle.Open(uint64(len(data)), uint64(l.Leaf), group, merkle.Build(data))
	return wire.Opening{Missing: err != nil, Opening: o}
}

func (m *memMiner) PutShard(_ context.Context, validator strata.Hotkey, root strata.Root, size int64, body io.Reader, order wire.Order) (wire.Receipt, error) {
	if m.put != nil {
		if err := m.put(body); err != nil {
			return wire.Receipt{}, err
		}
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(body, data); err != nil {
		return wire.Receipt{}, err
	}
	if merkle.Build(data).Root() != root {
		return wire.Receipt{}, strata.E(strata.Invalid, "the bytes have another root")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shards[root], m.orders[root] = data, order
	r := wire.Receipt{Validator: validator, Root: root, Length: uint64(size), Sequence: 1, UnixNano: 1}
	err := r.Sign(testDomain, m.key)
	if m.receipt != nil {
		m.receipt(&r)
	}
	return r, err
}

func (m *memMiner) has(root strata.Root) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.shards[root] != nil
}

func (m *memMiner) ShardRange(_ context.Context, _ strata.Hotkey, root strata.Root) (wire.ShardSource, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.shards[root]
	if !ok {
		return wire.ShardSource{}, strata.E(strata.NotFound, "shard %s is not here", root)
	}
	src := wire.ShardSource{Size: uint64(len(data)), Tree: merkle.Build(data), Data: bytes.NewReader(data), Close: m.closeSource}
	if m.source != nil {
		m.source(&src)
	}
	return src, nil
}

func (m *memMiner) closeSource() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed++
	return nil
}

func (m *memMiner) DeleteShard(_ context.Context, _ strata.Hotkey, root strata.Root) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shards[root] == nil {
		return strata.E(strata.NotFound, "shard %s is not here", root)
	}
	if m.trash == nil {
		m.trash = map[strata.Root][]byte{}
	}
	m.trash[root] = m.shards[root]
	delete(m.shards, root)
	return nil
}

func (m *memMiner) RestoreShard(_ context.Context, _ strata.Hotkey, root strata.Root) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.trash[root] == nil {
		return strata.E(strata.NotFound, "shard %s is not here any more", root)
	}
	m.shards[root] = m.trash[root]
	return nil
}

func (m *memMiner) Retain(_ context.Context, _ strata.Hotkey, list wire.Retain) (wire.RetainResult, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var r wire.RetainResult
	for root := range m.shards {
		if !slices.Contains(list.Roots, root) {
			delete(m.shards, root)
			r.Removed++
		}
	}
	r.Kept = uint64(len(m.shards))
	for _, root := range list.Roots {
		if m.shards[root] == nil {
			r.Missing = append(r.Missing, root)
		}
	}
	return r, nil
}

func (m *memMiner) PutSuperblock(_ context.Context, v strata.Hotkey, s wire.Superblock) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.supers[v]; ok && old.Version > s.Version {
		return strata.E(strata.Conflict, "version %d is older than %d", s.Version, old.Version)
	}
	m.supers[v] = s
	return nil
}

func (m *memMiner) GetSuperblock(_ context.Context, v strata.Hotkey) (wire.Superblock, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.supers[v]
	if !ok {
		return s, strata.E(strata.NotFound, "no superblock")
	}
	return s, nil
}

// network is one miner that serves and the validator that it permits.
type network struct {
	t         testing.TB
	miner     *memMiner
	validator testKey
	server    *Server
	ep        wire.Endpoint
	client    *Client // the validator's
	log       *syncBuffer
}

// syncBuffer is a log that tests read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newNetwork(t testing.TB, change func(*ServerConfig)) *network {
	t.Helper()
	n := &network{t: t, validator: newKey(t, 1), log: &syncBuffer{}}
	n.miner = newMemMiner(newKey(t, 2), n.validator.hotkey)
	cfg := ServerConfig{
		Hotkey: n.miner.key.hotkey, Signer: n.miner.key, Domain: testDomain, Miner: n.miner,
		Log:           slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		CloseDeadline: 100 * time.Millisecond,
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if n.server, err = NewServer(cfg); err != nil {
		t.Fatal(err)
	}
	n.ep = wire.Endpoint{Hotkey: n.miner.key.hotkey, Addr: serve(t, n.server.Serve, n.server.Close)}
	n.client = n.newClient(n.validator, nil)
	return n
}

// serve runs a server on a port of its own until the test ends.
func serve(t testing.TB, run func(net.Listener) error, stop func() error) netip.AddrPort {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- run(ln) }()
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return ln.Addr().(*net.TCPAddr).AddrPort()
}

func (n *network) newClient(k testKey, change func(*ClientConfig)) *Client {
	cfg := ClientConfig{Hotkey: k.hotkey, Signer: k, Domain: testDomain, Timeout: patience, DialTimeout: patience}
	if change != nil {
		change(&cfg)
	}
	c := NewClient(cfg)
	n.t.Cleanup(func() { _ = c.Close() })
	return c
}

// shard is deterministic data with its root.
func shard(size int) ([]byte, strata.Root) {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i*i>>8 ^ i)
	}
	return data, merkle.Build(data).Root()
}

// store puts a shard and fails the test if that fails.
func (n *network) store(size int) ([]byte, strata.Root) {
	n.t.Helper()
	data, root := shard(size)
	if _, err := n.client.PutShard(context.Background(), n.ep, root, data); err != nil {
		n.t.Fatal(err)
	}
	return data, root
}

// raw is a request made by hand, to be wrong in one way.
type raw struct {
	method, uri string
	body        []byte
	bodySum     [32]byte // what is signed
	rooted      bool     // as the path's root: no header says it
	header      http.Header
}

// sign makes a request of the validator that is right.
func (n *network) sign(method, uri string, body []byte) *raw {
	n.t.Helper()
	r := &raw{method: method, uri: uri, body: body, bodySum: sha256.Sum256(body)}
	if hex, ok := strings.CutPrefix(uri, pathShards); ok && method == http.MethodPut {
		root, err := strata.ParseRoot(hex[:64])
		if err != nil {
			n.t.Fatal(err)
		}
		r.bodySum, r.rooted = root, true
	}
	n.resign(r, n.validator)
	return r
}

func (n *network) resign(r *raw, k testKey) {
	n.t.Helper()
	r.header = http.Header{}
	if !r.rooted {
		r.header.Set(wire.HeaderContent, hex.EncodeToString(r.bodySum[:]))
	}
	_, err := wire.SignRequest(r.header, k, r.method, r.uri, r.bodySum, uint64(time.Now().UnixNano()), k.hotkey, n.ep.Hotkey)
	if err != nil {
		n.t.Fatal(err)
	}
}

// send returns the code of the answer, "" if it is good.
func (n *network) send(r *raw) strata.Code {
	n.t.Helper()
	req, err := http.NewRequest(r.method, "https://"+n.ep.Addr.String()+r.uri, bytes.NewReader(r.body))
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header = r.header
	tr := &http.Transport{TLSClientConfig: clientTLS(testDomain, n.ep.Hotkey, time.Now)}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	n.checkSigned(r, resp, body)
	if resp.StatusCode == http.StatusOK {
		return ""
	}
	return strata.CodeOf(wire.DecodeError(resp.StatusCode, body))
}

// checkSigned verifies the answer's signature, over the request's where that
// could be read at all, or the receipt's.
func (n *network) checkSigned(r *raw, resp *http.Response, body []byte) {
	n.t.Helper()
	if r.rooted && resp.StatusCode == http.StatusOK {
		receipt, err := wire.DecodeReceipt(body)
		if err == nil {
			err = receipt.Verify(testDomain, n.ep.Hotkey)
		}
		if err != nil {
			n.t.Errorf("receipt: %v", err)
		}
		return
	}
	got, err := wire.ParseSignature(resp.Header.Get(wire.HeaderResponse))
	if err != nil {
		n.t.Errorf("answer %d is not signed: %v", resp.StatusCode, err)
		return
	}
	a := wire.Answer{Status: resp.StatusCode, Content: wire.BodyContent(sha256.Sum256(body))}
	if auth, err := wire.ParseAuth(r.header); err == nil {
		a.Request = auth.Signature
	}
	if err := a.Verify(testDomain, n.ep.Hotkey, got); err != nil {
		n.t.Errorf("answer %d: %v", resp.StatusCode, err)
	}
}

func wantCode(t testing.TB, what string, err error, code strata.Code) {
	t.Helper()
	if got := strata.CodeOf(err); got != code {
		t.Errorf("%s: code %q, want %q: %v", what, got, code, err)
	}
}
