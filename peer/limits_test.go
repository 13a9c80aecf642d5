package peer

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"strata"
	"strata/wire"
)

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

func TestRates(t *testing.T) {
	now := time.Unix(100, 0)
	limits := wire.Limits{LeavesPerSec: 10, LeavesBurst: 20, BytesPerSec: 100, BytesBurst: 1000, RequestsAtOnce: 2}
	share := 0.0
	r := newRates(ServerConfig{
		Limits: limits, ShareOf: wire.Limits{LeavesPerSec: 100, RequestsAtOnce: 10},
		Share: func(strata.Hotkey) float64 { return share },
		Now:   func() time.Time { return now },
	})
	a, b := strata.Hotkey{1}, strata.Hotkey{2}
	steps := []struct {
		name   string
		who    strata.Hotkey
		wait   time.Duration
		leaves int
		ok     bool
	}{
		{"within the burst", a, 0, 16, true},
		{"into debt", a, 0, 16, true},
		{"in debt", a, 0, 1, false},
		{"another caller", b, 0, 16, true},
		{"debt half paid", a, time.Second, 1, false},
		{"debt paid", a, 300 * time.Millisecond, 1, true},
		{"never over the burst", a, time.Hour, 20, true},
		{"all of it used", a, 0, 1, false},
	}
	for _, s := range steps {
		now = now.Add(s.wait)
		if err := r.takeLeaves(s.who, s.leaves); (err == nil) != s.ok || !s.ok && strata.CodeOf(err) != strata.Throttled {
			t.Errorf("%s: %v", s.name, err)
		}
	}
	if got := r.limits(a); got != limits {
		t.Errorf("without a share: %+v", got)
	}
	share = 0.5
	if got := r.limits(a); got.LeavesPerSec != 50 || got.BytesPerSec != 100 || got.RequestsAtOnce != 5 {
		t.Errorf("with half: %+v", got)
	}
}

func TestRequestsAtOnce(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	n := newNetwork(t, func(c *ServerConfig) {
		c.Limits = DefaultLimits(strata.LocalProfile)
		c.Limits.RequestsAtOnce = 1
	})
	n.miner.audit = func(context.Context, wire.AuditRequest) (wire.AuditResponse, error) {
		entered <- true
		<-leave
		return wire.AuditResponse{Openings: []wire.Opening{{Missing: true}}}, nil
	}
	first := make(chan error)
	go func() {
		_, _, err := n.client.Audit(context.Background(), n.ep, wire.AuditRequest{Leaves: make([]wire.LeafRef, 1)})
		first <- err
	}()
	<-entered
	_, err := n.client.GetSuperblock(context.Background(), n.ep)
	wantCode(t, "a second request", err, strata.Throttled)
	_, err = n.client.GetShard(context.Background(), n.ep, strata.Root{1}, 1, 0, 1)
	wantCode(t, "a shard beside it", err, strata.NotFound)
	close(leave)
	if err := <-first; err != nil {
		t.Error(err)
	}
	eventually(t, "the place is given back", func() bool {
		_, err := n.client.GetSuperblock(context.Background(), n.ep)
		return strata.CodeOf(err) == strata.NotFound
	})
}

func TestThrottled(t *testing.T) {
	n := newNetwork(t, func(c *ServerConfig) {
		c.Limits = wire.Limits{MaxShard: 1 << 20, LeavesPerSec: 1, LeavesBurst: 1, BytesPerSec: 1, BytesBurst: 1, RequestsAtOnce: 9}
	})
	ctx := context.Background()
	audit := wire.AuditRequest{Leaves: make([]wire.LeafRef, 16)}
	if _, _, err := n.client.Audit(ctx, n.ep, audit); err != nil {
		t.Error(err)
	}
	_, _, err := n.client.Audit(ctx, n.ep, audit)
	wantCode(t, "second audit", err, strata.Throttled)
	data, root := n.store(1000)
	_, err = n.client.PutShard(ctx, n.ep, root, data)
	wantCode(t, "second put", err, strata.Throttled)
	_, err = n.client.GetShard(ctx, n.ep, root, 1000, 0, 1)
	wantCode(t, "get", err, strata.Throttled)
	_, err = n.client.Retain(ctx, n.ep, wire.Retain{})
	wantCode(t, "retain", err, strata.Throttled)
	if !n.miner.has(root) {
		t.Error("a throttled retain was done")
	}
}

// TestConnectionsPerAddress: connections over the limit are closed, and a
// closed one makes room.
func TestConnectionsPerAddress(t *testing.T) {
	n := newNetwork(t, func(c *ServerConfig) { c.ConnsPerAddr = 1 })
	first := n.dial()
	second, err := net.Dial("tcp", n.ep.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	_ = second.SetDeadline(time.Now().Add(patience))
	if _, err := second.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("a second connection is kept: %v", err)
	}
	_ = first.Close()
	eventually(t, "there is room again", func() bool {
		_, err := n.client.Status(context.Background(), n.ep)
		return err == nil
	})
}

func TestListenerCounts(t *testing.T) {
	l := newBoundedListener(nil, 3, 2)
	addr := func(s string) net.Addr {
		a, err := net.ResolveTCPAddr("tcp", s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, s := range []struct {
		addr string
		ok   bool
	}{
		{"192.0.2.1:1", true}, {"[::ffff:192.0.2.1]:2", true}, {"192.0.2.1:3", false},
		{"[2001:db8::1]:1", true}, {"[2001:db8:1::1]:1", false},
	} {
		if got := l.enter(origin(addr(s.addr))); got != s.ok {
			t.Errorf("%s: %v", s.addr, got)
		}
	}
	l.leave(origin(addr("192.0.2.1:1")))
	l.leave(origin(addr("192.0.2.1:1")))
	if len(l.byAddr) != 1 || l.open != 1 {
		t.Errorf("%d addresses, %d open after they left", len(l.byAddr), l.open)
	}
	if !l.enter(origin(addr("[2001:db8::2]:1"))) || l.enter(origin(addr("[2001:db8:0:0:ffff::2]:1"))) {
		t.Error("a /64 is not counted as one")
	}
}

func TestServerNeedsASigner(t *testing.T) {
	_, err := NewServer(ServerConfig{})
	wantCode(t, "empty config", err, strata.Internal)
	cause := errors.New("wallet is locked")
	_, err = NewServer(ServerConfig{Hotkey: strata.Hotkey{1}, Signer: lockedSigner{cause}, Miner: newMemMiner(newKey(t, 2), strata.Hotkey{})})
	if !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

type lockedSigner struct{ err error }

func (l lockedSigner) Sign([]byte) ([64]byte, error) { return [64]byte{}, l.err }

// TestCloseCutsOff: Close does not wait for a request that never ends.
func TestCloseCutsOff(t *testing.T) {
	n := newNetwork(t, func(c *ServerConfig) { c.CloseDeadline = 20 * time.Millisecond })
	entered := make(chan bool)
	n.miner.audit = func(ctx context.Context, _ wire.AuditRequest) (wire.AuditResponse, error) {
		close(entered)
		<-ctx.Done()
		return wire.AuditResponse{}, ctx.Err()
	}
	done := make(chan error)
	go func() {
		_, _, err := n.client.Audit(context.Background(), n.ep, wire.AuditRequest{Leaves: make([]wire.LeafRef, 1)})
		done <- err
	}()
	<-entered
	if err := n.server.Close(); err != nil {
		t.Error(err)
	}
	wantCode(t, "the request in work", <-done, strata.Unavailable)
}

func TestServeReportsItsListener(t *testing.T) {
	n := newNetwork(t, nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	wantCode(t, "closed listener", n.server.Serve(ln), strata.Unavailable)
}

func BenchmarkAudit(b *testing.B) {
	n := newNetwork(b, nil)
	n.server.cfg.Limits.LeavesPerSec = 1 << 40
	n.server.rates.floor = wire.Limits{LeavesPerSec: 1 << 40, LeavesBurst: 1 << 40, BytesPerSec: 1 << 40, BytesBurst: 1 << 40, RequestsAtOnce: 9}
	_, root := n.store(1 << 20)
	req := wire.AuditRequest{}
	for i := range wire.MaxLeaves {
		req.Leaves = append(req.Leaves, wire.LeafRef{Shard: root, Leaf: uint32(i) * 60})
	}
	openings, err := n.miner.Audit(context.Background(), n.validator.hotkey, req)
	if err != nil {
		b.Fatal(err)
	}
	n.miner.audit = func(context.Context, wire.AuditRequest) (wire.AuditResponse, error) { return openings, nil }
	for b.Loop() {
		if _, _, err := n.client.Audit(context.Background(), n.ep, req); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkShard(b *testing.B) {
	for _, op := range []string{"put", "get"} {
		b.Run(op, func(b *testing.B) {
			n := newNetwork(b, func(c *ServerConfig) { c.Log = nil })
			n.server.rates.floor = wire.Limits{BytesPerSec: 1 << 50, BytesBurst: 1 << 50, RequestsAtOnce: 9}
			data, root := n.store(1 << 20)
			ctx := context.Background()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if op == "put" {
					if _, err := n.client.PutShard(ctx, n.ep, root, data); err != nil {
						b.Fatal(err)
					}
					continue
				}
				body, err := n.client.GetShard(ctx, n.ep, root, uint64(len(data)), 0, uint64(len(data)))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, body); err != nil {
					b.Fatal(err)
				}
				_ = body.Close()
			}
		})
	}
}
