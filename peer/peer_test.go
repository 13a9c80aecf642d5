package peer

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/zeebo/blake3"

	"strata"
	"strata/wire"
)

func TestStatus(t *testing.T) {
	n := newNetwork(t, nil)
	s, err := n.client.Status(context.Background(), n.ep)
	if err != nil {
		t.Fatal(err)
	}
	if s.Hotkey != n.ep.Hotkey || s.Limits != DefaultLimits(strata.LocalProfile) {
		t.Errorf("got %+v", s)
	}
}

func TestStatusOfStrangersAndUnsigned(t *testing.T) {
	n := newNetwork(t, nil)
	if _, err := n.newClient(newKey(t, 3), nil).Status(context.Background(), n.ep); err != nil {
		t.Errorf("a stranger: %v", err)
	}
	r := n.sign("GET", pathStatus, nil)
	r.header = map[string][]string{}
	if code := n.send(r); code != "" {
		t.Errorf("nobody: %s", code)
	}
}

func TestStatusOfAnotherNetwork(t *testing.T) {
	n := newNetwork(t, nil)
	n.miner.key = newKey(t, 5) // its status names another hotkey than serves
	_, err := n.client.Status(context.Background(), n.ep)
	wantCode(t, "status", err, strata.Conflict)
}

func TestManifest(t *testing.T) {
	n := newNetwork(t, nil)
	other := newKey(t, 3).hotkey // any partition may be read
	p, err := n.client.Manifest(context.Background(), n.ep, wire.ManifestQuery{Validator: other, Since: 4, After: 9})
	if err != nil {
		t.Fatal(err)
	}
	if p.Head.Validator != other || len(p.Entries) != 1 || p.Entries[0].Number != 9 {
		t.Errorf("got %+v", p)
	}
}

func TestManifestRefused(t *testing.T) {
	n := newNetwork(t, nil)
	tests := []struct {
		name   string
		change func(*wire.ManifestPage)
		code   strata.Code
	}{
		{"unsigned head", func(p *wire.ManifestPage) { p.Head.Shards++ }, strata.Corrupt},
		{"another partition", func(p *wire.ManifestPage) { p.Head.Validator[0]++ }, strata.Corrupt},
		{"before the cursor", func(p *wire.ManifestPage) { p.Entries[0].Number-- }, strata.Corrupt},
		{"not changed", func(p *wire.ManifestPage) { p.Entries[0].Changed-- }, strata.Corrupt},
		{"invalid, caught by the server", func(p *wire.ManifestPage) { p.Entries[0].State = 0 }, strata.Internal},
	}
	for _, tt := range tests {
		n.miner.manifest = func(q wire.ManifestQuery) (wire.ManifestPage, error) {
			p, err := n.miner.page(q)
			tt.change(&p)
			return p, err
		}
		_, err := n.client.Manifest(context.Background(), n.ep, wire.ManifestQuery{Validator: n.validator.hotkey, Since: 4, After: 9})
		wantCode(t, tt.name, err, tt.code)
	}
}

func TestAudit(t *testing.T) {
	n := newNetwork(t, nil)
	data, root := n.store(200_000)
	req := wire.AuditRequest{Partition: n.validator.hotkey, Leaves: []wire.LeafRef{
		{Shard: root, Leaf: 0}, {Shard: root, Leaf: 195}, {Shard: strata.Root{1}, Leaf: 3},
	}}
	start := time.Now()
	a, took, err := n.client.Audit(context.Background(), n.ep, req)
	all := time.Since(start)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range req.Leaves[:2] {
		if err := a.Openings[i].Verify(root, uint64(len(data)), uint64(l.Leaf)); err != nil {
			t.Errorf("leaf %d: %v", l.Leaf, err)
		}
	}
	if !a.Openings[2].Missing {
		t.Error("a leaf of an unknown shard opens")
	}
	if took < 0 || took > all {
		t.Errorf("took %s of %s", took, all)
	}
}

// TestAuditTime: the miner's time counts, the making of the connection does
// not.
func TestAuditTime(t *testing.T) {
	n := newNetwork(t, nil)
	const work = 30 * time.Millisecond
	sent := make(chan bool, 4) // requests of which the client knows that they have left
	n.miner.audit = func(context.Context, wire.AuditRequest) (wire.AuditResponse, error) {
		<-sent // that which warms the connection
		<-sent // this one
		timer := time.NewTimer(work)
		<-timer.C
		return wire.AuditResponse{Openings: []wire.Opening{{Missing: true}}}, nil
	}
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { sent <- true },
	})
	start := time.Now()
	_, took, err := n.client.Audit(ctx, n.ep, wire.AuditRequest{Leaves: make([]wire.LeafRef, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if all := time.Since(start); took < work || took >= all {
		t.Errorf("took %s of %s, the miner works %s", took, all, work)
	}
	if err := n.server.Close(); err != nil { // all is logged
		t.Error(err)
	}
	if log := n.log.String(); strings.Count(log, "path="+pathStatus) != 1 {
		t.Errorf("the connection was not warmed once:\n%s", log)
	}
}

func TestAuditRefused(t *testing.T) {
	n := newNetwork(t, nil)
	one := wire.AuditRequest{Leaves: make([]wire.LeafRef, 1)}
	answer := func(openings int) {
		n.miner.audit = func(context.Context, wire.AuditRequest) (wire.AuditResponse, error) {
			a := wire.AuditResponse{}
			for range openings {
				a.Openings = append(a.Openings, wire.Opening{Missing: true})
			}
			return a, nil
		}
	}
	answer(2)
	_, _, err := n.client.Audit(context.Background(), n.ep, one)
	wantCode(t, "more openings than leaves", err, strata.Corrupt)
	answer(0)
	_, _, err = n.client.Audit(context.Background(), n.ep, one)
	wantCode(t, "no openings", err, strata.Internal)
	_, _, err = n.client.Audit(context.Background(), n.ep, wire.AuditRequest{})
	wantCode(t, "no leaves", err, strata.Invalid)
}

func TestRoundTrip(t *testing.T) {
	n := newNetwork(t, nil)
	if d, err := n.client.RoundTrip(context.Background(), n.ep); err != nil || d <= 0 {
		t.Errorf("%s, %v", d, err)
	}
}

func TestShard(t *testing.T) {
	n := newNetwork(t, nil)
	ctx := context.Background()
	data, root := shard(300_000)
	r, err := n.client.PutShard(ctx, n.ep, root, data)
	if err != nil {
		t.Fatal(err)
	}
	if r.Root != root || r.Length != uint64(len(data)) {
		t.Errorf("receipt %+v", r)
	}
	if err := n.miner.orders[root].Verify(testDomain, n.validator.hotkey, n.ep.Hotkey); err != nil {
		t.Errorf("third parties cannot verify the order: %v", err)
	}
	for _, span := range [][2]uint64{{0, 300_000}, {0, 1}, {299_999, 1}, {65_535, 2}, {65_536, 65_536}, {100_000, 150_000}} {
		body, err := n.client.GetShard(ctx, n.ep, root, uint64(len(data)), span[0], span[1])
		if err != nil {
			t.Fatalf("%v: %v", span, err)
		}
		got, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(got, data[span[0]:span[0]+span[1]]) {
			t.Errorf("%v: %d bytes, %v", span, len(got), err)
		}
		if err := body.Close(); err != nil {
			t.Errorf("%v: close: %v", span, err)
		}
		digest, took, err := n.client.ReadShard(ctx, n.ep, root, uint64(len(data)), span[0], span[1])
		if err != nil || digest != blake3.Sum256(data[span[0]:span[0]+span[1]]) || took <= 0 {
			t.Errorf("%v: read to its end gives %s after %s, %v", span, digest, took, err)
		}
	}
	if err := n.client.DeleteShard(ctx, n.ep, root); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "delete again", n.client.DeleteShard(ctx, n.ep, root), strata.NotFound)
	wantCode(t, "restore what was never there", n.client.RestoreShard(ctx, n.ep, strata.Root{1}), strata.NotFound)
	if err := n.client.RestoreShard(ctx, n.ep, root); err != nil {
		t.Fatal(err)
	}
	if err := n.client.DeleteShard(ctx, n.ep, root); err != nil {
		t.Errorf("delete after it was restored: %v", err)
	}
	_, err = n.client.GetShard(ctx, n.ep, root, uint64(len(data)), 0, 1)
	wantCode(t, "read a deleted shard", err, strata.NotFound)
	_, _, err = n.client.ReadShard(ctx, n.ep, root, uint64(len(data)), 0, 1)
	wantCode(t, "read a deleted shard to its end", err, strata.NotFound)
}

// TestConnectionIsKept: all calls in a row, ranges included, use one
// connection. net/http gives up one whose writer has not been heard of 50 ms after
// the answer, which happens on a busy machine, but not each time.
func TestConnectionIsKept(t *testing.T) {
	var from map[string]bool
	for range 5 {
		if from = callers(t); len(from) == 1 {
			return
		}
	}
	t.Errorf("requests came from %d connections: %v", len(from), from)
}

// callers makes several calls and returns the addresses that they came from.
func callers(t *testing.T) map[string]bool {
	t.Helper()
	n := newNetwork(t, nil)
	data, root := n.store(200_000)
	for range 3 {
		body, err := n.client.GetShard(context.Background(), n.ep, root, uint64(len(data)), 5, 100_000)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(body); err != nil {
			t.Fatal(err)
		}
		_ = body.Close()
		if _, err := n.client.Status(context.Background(), n.ep); err != nil {
			t.Fatal(err)
		}
	}
	from := map[string]bool{}
	for line := range strings.Lines(n.log.String()) {
		_, rest, _ := strings.Cut(line, " from=")
		addr, _, _ := strings.Cut(rest, " ")
		from[addr] = true
	}
	return from
}

func TestGetShardAbandoned(t *testing.T) {
	n := newNetwork(t, nil)
	data, root := n.store(1 << 20)
	body, err := n.client.GetShard(context.Background(), n.ep, root, uint64(len(data)), 0, uint64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(body, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	_ = body.Close()
	eventually(t, "the miner's source is closed", func() bool {
		n.miner.mu.Lock()
		defer n.miner.mu.Unlock()
		return n.miner.closed == 1
	})
}

func TestGetShardBounds(t *testing.T) {
	n := newNetwork(t, nil)
	for _, x := range [][3]uint64{{0, 0, 1}, {10, 0, 0}, {10, 10, 1}, {10, 0, 11}, {10, 1 << 63, 1 << 63}, {wire.MaxShard + 1, 0, 1}} {
		_, err := n.client.GetShard(context.Background(), n.ep, strata.Root{}, x[0], x[1], x[2])
		wantCode(t, "range", err, strata.Invalid)
	}
	data, root := n.store(1000)
	_, err := n.client.GetShard(context.Background(), n.ep, root, uint64(len(data))+1, 0, 1)
	wantCode(t, "wrong size", err, strata.Corrupt)
}

// TestGetShardDamaged: no wrong byte comes out, and the good ones before do.
func TestGetShardDamaged(t *testing.T) {
	n := newNetwork(t, nil)
	data, root := n.store(200_000)
	bad := bytes.Clone(data)
	bad[70_000]++
	n.miner.source = func(s *wire.ShardSource) { s.Data = bytes.NewReader(bad) }
	body, err := n.client.GetShard(context.Background(), n.ep, root, uint64(len(data)), 0, uint64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	got, err := io.ReadAll(body)
	wantCode(t, "damaged group", err, strata.Corrupt)
	if !bytes.Equal(got, data[:65_536]) {
		t.Errorf("%d bytes came before the damage", len(got))
	}
}

// TestGetShardCutOff: a miner whose disk fails in the middle cannot pass for
// one that ended.
func TestGetShardCutOff(t *testing.T) {
	n := newNetwork(t, nil)
	data, root := n.store(200_000)
	n.miner.source = func(s *wire.ShardSource) { s.Data = bytes.NewReader(data[:70_000]) }
	body, err := n.client.GetShard(context.Background(), n.ep, root, uint64(len(data)), 0, uint64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	_, err = io.ReadAll(body)
	wantCode(t, "cut off", err, strata.Unavailable)
}

func TestRetain(t *testing.T) {
	n := newNetwork(t, nil)
	_, root := n.store(1000)
	n.store(1001)
	missing := strata.Root{0: 0xff, 1: 0xff}
	r, err := n.client.Retain(context.Background(), n.ep, wire.Retain{Sequence: 1, Roots: []strata.Root{root, missing}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Removed != 1 || r.Kept != 1 || len(r.Missing) != 1 || r.Missing[0] != missing {
		t.Errorf("got %+v", r)
	}
	_, err = n.client.Retain(context.Background(), n.ep, wire.Retain{Roots: []strata.Root{missing, root}})
	wantCode(t, "unsorted", err, strata.Invalid)
}

func TestSuperblock(t *testing.T) {
	n := newNetwork(t, nil)
	ctx := context.Background()
	_, err := n.client.GetSuperblock(ctx, n.ep)
	wantCode(t, "none yet", err, strata.NotFound)
	s := wire.Superblock{Version: 2, Payload: []byte("there")}
	wantCode(t, "unsigned", n.client.PutSuperblock(ctx, n.ep, s), strata.Invalid)
	if err := s.Sign(testDomain, n.validator); err != nil {
		t.Fatal(err)
	}
	if err := n.client.PutSuperblock(ctx, n.ep, s); err != nil {
		t.Fatal(err)
	}
	got, err := n.client.GetSuperblock(ctx, n.ep)
	if err != nil || got.Version != 2 || string(got.Payload) != "there" {
		t.Errorf("got %+v, %v", got, err)
	}
	old := wire.Superblock{Version: 1}
	if err := old.Sign(testDomain, n.validator); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "older", n.client.PutSuperblock(ctx, n.ep, old), strata.Conflict)
	n.miner.supers[n.validator.hotkey] = wire.Superblock{Version: 9}
	_, err = n.client.GetSuperblock(ctx, n.ep)
	wantCode(t, "made up by the miner", err, strata.Corrupt)
	wantCode(t, "too large", n.client.PutSuperblock(ctx, n.ep, wire.Superblock{Payload: make([]byte, 5000)}), strata.TooLarge)
}

func TestPutShardRefused(t *testing.T) {
	n := newNetwork(t, nil)
	ctx := context.Background()
	data, root := shard(1000)
	_, err := n.client.PutShard(ctx, n.ep, strata.Root{1}, data)
	wantCode(t, "wrong root", err, strata.Invalid)
	_, err = n.client.PutShard(ctx, n.ep, root, nil)
	wantCode(t, "empty", err, strata.Invalid)
	big, bigRoot := shard(1<<20 + 1)
	_, err = n.client.PutShard(ctx, n.ep, bigRoot, big)
	wantCode(t, "over the profile", err, strata.TooLarge)
	n.miner.receipt = func(r *wire.Receipt) { r.Sector++ }
	_, err = n.client.PutShard(ctx, n.ep, root, data)
	wantCode(t, "receipt not signed", err, strata.Corrupt)
	n.miner.receipt = func(r *wire.Receipt) { r.Length++ }
	_, err = n.client.PutShard(ctx, n.ep, root, data)
	wantCode(t, "receipt for another shard", err, strata.Internal)
	n.miner.receipt, n.miner.put = nil, func(io.Reader) error { return strata.E(strata.NoSpace, "no filler left") }
	_, err = n.client.PutShard(ctx, n.ep, root, data)
	wantCode(t, "no space", err, strata.NoSpace)
}

// TestInternalErrorsStayHome: the text goes to the log, not to the caller.
func TestInternalErrorsStayHome(t *testing.T) {
	n := newNetwork(t, nil)
	n.miner.put = func(io.Reader) error { return io.ErrNoProgress }
	data, root := shard(10)
	_, err := n.client.PutShard(context.Background(), n.ep, root, data)
	wantCode(t, "defect", err, strata.Internal)
	if strings.Contains(err.Error(), io.ErrNoProgress.Error()) {
		t.Errorf("the caller sees %v", err)
	}
	eventually(t, "the cause is logged", func() bool { return strings.Contains(n.log.String(), io.ErrNoProgress.Error()) })
}

// eventually polls until a condition holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	n := newNetwork(t, nil)
	errs := make(chan error)
	const workers = 12
	for i := range workers {
		go func() {
			data, root := shard(70_000 + i)
			_, err := n.client.PutShard(context.Background(), n.ep, root, data)
			if err == nil {
				_, _, err = n.client.Audit(context.Background(), n.ep, wire.AuditRequest{Leaves: []wire.LeafRef{{Shard: root}}})
			}
			errs <- err
		}()
	}
	for range workers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// TestKeptConnectionBreaks: a connection from an earlier call that breaks
// before the answer costs nothing but a second request.
func TestKeptConnectionBreaks(t *testing.T) {
	n := newNetwork(t, nil)
	kept := false // the last call began on a connection from an earlier one
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { kept = kept || i.Reused }})
	data, root := shard(1000)
	put := func() error {
		kept = false
		_, err := n.client.PutShard(ctx, n.ep, root, data)
		return err
	}
	breaks := 0
	broken := func() {
		if breaks > 0 {
			breaks--
			panic(http.ErrAbortHandler) // the connection ends without an answer
		}
	}
	n.miner.put = func(io.Reader) error { broken(); return nil }
	for name, c := range map[string]struct {
		warm bool
		ends int
		code strata.Code
	}{
		"kept, breaks once":    {true, 1, ""},
		"kept, breaks twice":   {true, 2, strata.Unavailable},
		"fresh, breaks":        {false, 1, strata.Unavailable},
		"kept, does not break": {true, 0, ""},
	} {
		var err error
		for tries := 0; tries == 0 || kept != c.warm && tries < 5; tries++ { // most often one, see above
			n.client.transport.CloseIdleConnections()
			if breaks = 0; c.warm {
				if err := put(); err != nil {
					t.Fatal(err)
				}
			}
			breaks = c.ends
			err = put()
		}
		if strata.CodeOf(err) != c.code || breaks != 0 || kept != c.warm {
			t.Errorf("%s: %v, not the code %q (kept %v)", name, err, c.code, kept)
		}
	}
}

// TestDelegatedRead: a key to which the validator has delegated a shard reads
// that one, until the time is over, and does nothing else.
func TestDelegatedRead(t *testing.T) {
	n := newNetwork(t, nil)
	ctx := context.Background()
	data, root := n.store(100_000)
	other, otherRoot := n.store(5000)
	delegate := newKey(t, 7)
	grant := func(from testKey, root strata.Root, until time.Time) wire.Delegation {
		g := wire.Delegation{Validator: from.hotkey, Delegate: delegate.hotkey, Expiry: uint64(until.Unix())}
		if err := g.Sign(testDomain, from, root); err != nil {
			t.Fatal(err)
		}
		return g
	}
	later := time.Now().Add(time.Hour)
	read := func(g wire.Delegation, root strata.Root, size int) error {
		c := n.newClient(delegate, func(c *ClientConfig) { c.Delegations = map[strata.Root]wire.Delegation{root: g} })
		r, err := c.GetShard(ctx, n.ep, root, uint64(size), 0, uint64(size))
		if err != nil {
			return err
		}
		defer r.Close()
		got, err := io.ReadAll(r)
		if err == nil && size == len(data) && !bytes.Equal(got, data) {
			t.Error("other bytes came")
		}
		return err
	}
	good := grant(n.validator, root, later)
	if err := read(good, root, len(data)); err != nil {
		t.Error(err)
	}
	wantCode(t, "of another shard", read(good, otherRoot, len(other)), strata.Unauthenticated)
	wantCode(t, "over", read(grant(n.validator, root, time.Now().Add(-time.Second)), root, len(data)), strata.Unauthenticated)
	wantCode(t, "of a stranger", read(grant(newKey(t, 3), root, later), root, len(data)), strata.Forbidden)
	forged := good
	forged.Signature[3] ^= 1
	wantCode(t, "forged", read(forged, root, len(data)), strata.Unauthenticated)
	stolen := n.newClient(newKey(t, 8), func(c *ClientConfig) { c.Delegations = map[strata.Root]wire.Delegation{root: good} })
	_, err := stolen.GetShard(ctx, n.ep, root, uint64(len(data)), 0, 1)
	wantCode(t, "another's", err, strata.Unauthenticated)
	c := n.newClient(delegate, func(c *ClientConfig) { c.Delegations = map[strata.Root]wire.Delegation{root: good} })
	wantCode(t, "deletion", c.DeleteShard(ctx, n.ep, root), strata.Forbidden)
	_, err = c.PutShard(ctx, n.ep, root, data)
	wantCode(t, "storing", err, strata.Forbidden)
}
