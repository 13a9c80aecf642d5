package miner_test

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"strata"
	"strata/allocation"
	"strata/chain"
	"strata/peer"
	"strata/score"
	"strata/wallet"
	"strata/wire"
)

// door is a miner with a real server on the loopback, whose rates go by a clock
// that stands still until the test moves it.
type door struct {
	*node
	ep    wire.Endpoint
	ticks atomic.Int64 // nanoseconds from the start
	began time.Time
}

func (d *door) now() time.Time { return d.began.Add(time.Duration(d.ticks.Load())) }

// newDoor seals sectors for validators and opens the door to them.
func newDoor(t *testing.T, limits wire.Limits, sectors map[*wallet.Key]uint64) *door {
	t.Helper()
	c := newChain()
	d := &door{node: newNode(t, c), began: time.Now()}
	rows, targets := []chain.Neuron{neuron(d.key, 0, false)}, []allocation.Target{}
	for v, n := range sectors {
		rows = append(rows, neuron(v, 100*n, true)) // stake as space
		targets = append(targets, allocation.Target{Validator: v.Hotkey(), Sectors: n, Holdings: []allocation.Holding{{Volume: d.dirs[0], Sectors: n}}})
	}
	c.set(rows...)
	c.grow(1)
	d.open()
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.store.SetTargets(t.Context(), targets); err != nil {
		t.Fatal(err)
	}
	if err := d.store.Seal(t.Context(), 2, nil); err != nil {
		t.Fatal(err)
	}
	server, err := peer.NewServer(peer.ServerConfig{
		Hotkey: d.key.Hotkey(), Signer: d.key, Domain: domain, Miner: d.Miner, Limits: limits, Share: d.Share, Now: d.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	d.ep = wire.Endpoint{Hotkey: d.key.Hotkey(), Addr: netip.MustParseAddrPort(ln.Addr().String())}
	return d
}

func (d *door) client(v *wallet.Key) *peer.Client {
	c := peer.NewClient(peer.ClientConfig{Hotkey: v.Hotkey(), Signer: v, Domain: domain, Now: d.now})
	d.t.Cleanup(func() { _ = c.Close() })
	return c
}

// asker audits one partition with real requests and checks what is opened.
type asker struct {
	d      *door
	client *peer.Client
	of     strata.Hotkey
	entry  wire.Entry // of a sector there
	asked  atomic.Uint32
}

func (d *door) asker(caller *wallet.Key) *asker {
	_, entries := d.manifest(caller)
	return &asker{d: d, client: d.client(caller), of: caller.Hotkey(), entry: entries[0]}
}

func (a *asker) audit(ctx context.Context) error {
	req, first := wire.AuditRequest{Partition: a.of}, a.asked.Add(7)
	for i := range uint32(wire.MaxLeaves) {
		req.Leaves = append(req.Leaves, wire.LeafRef{Sector: a.entry.Number, Leaf: (first + 13*i) % uint32(small.Blocks)})
	}
	out, _, err := a.client.Audit(ctx, a.d.ep, req)
	for i := 0; err == nil && i < len(out.Openings); i++ {
		err = out.Openings[i].Verify(a.entry.Root, uint64(sector), uint64(req.Leaves[i].Leaf))
	}
	return err
}

// flood sends so many audits, many at a time, and counts what comes of them.
func (a *asker) flood(n int) map[strata.Code]int {
	var t tally
	var group sync.WaitGroup
	next := make(chan struct{})
	for range 8 {
		group.Go(func() {
			for range next {
				t.add(a.audit(a.d.t.Context()))
			}
		})
	}
	for range n {
		next <- struct{}{}
	}
	close(next)
	group.Wait()
	return t.of
}

// tally counts outcomes by their code.
type tally struct {
	mu sync.Mutex
	of map[strata.Code]int
}

func (t *tally) add(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[strata.Code]int{}
	}
	t.of[strata.CodeOf(err)]++
}

// TestFloodTakesNobodyElsesAudits: a validator of little stake that floods a miner
// gets its own bucket's worth and no more, whatever it asks for; another one's
// audits are all answered meanwhile.
func TestFloodTakesNobodyElsesAudits(t *testing.T) {
	honest, flooder := key(t, "Alice"), key(t, "Bob")
	limits := peer.DefaultLimits(small)
	d := newDoor(t, limits, map[*wallet.Key]uint64{honest: 7, flooder: 1})
	alice, bob := d.asker(honest), d.asker(flooder)
	const floors = 2 // an eighth of the stake, of the sixteen floors that all share
	burst := int(floors * limits.LeavesBurst / wire.MaxLeaves)
	aSecond := int(floors * limits.LeavesPerSec / wire.MaxLeaves)

	flooded := make(chan map[strata.Code]int)
	go func() { flooded <- bob.flood(2 * burst) }()
	const asked = 100
	var answered tally
	for range asked {
		answered.add(alice.audit(t.Context()))
	}
	got := <-flooded
	if got[""] != burst || got[strata.Throttled] != burst || len(got) != 2 {
		t.Errorf("of a flood of %d audits: %v, want the burst of %d answered and the rest refused", 2*burst, got, burst)
	}
	if answered.of[""] != asked {
		t.Errorf("of another's %d audits: %v", asked, answered.of)
	}

	// A second brings the flooder what is published, and no more.
	d.ticks.Add(int64(time.Second))
	if got := bob.flood(2 * aSecond); got[""] != aSecond || got[strata.Throttled] != aSecond {
		t.Errorf("a second later: %v, want %d answered", got, aSecond)
	}
	// It has drained nothing but its own: bytes are counted apart, and the other's
	// leaves are there up to its burst.
	if got := alice.flood(burst + 1); got[""] < burst-asked+aSecond {
		t.Errorf("the other one's bucket: %v", got)
	}
	data, root := shard(1, 3000)
	if _, err := alice.client.PutShard(t.Context(), d.ep, root, data); err != nil {
		t.Error(err)
	}
	// What the flooder was refused it could not have been refused within the
	// published rate, at which its audits count.
	d.ticks.Add(int64(time.Hour))
	if got := bob.flood(burst); got[""] != burst {
		t.Errorf("a burst after an hour's pause: %v", got)
	}
}

// TestFloodOfManifests: manifest pages are paid for with bytes.
func TestFloodOfManifests(t *testing.T) {
	honest, flooder := key(t, "Alice"), key(t, "Bob")
	limits := peer.DefaultLimits(small)
	limits.BytesPerSec, limits.BytesBurst = 1, 1000
	d := newDoor(t, limits, map[*wallet.Key]uint64{honest: 7, flooder: 1})
	alice, bob := d.client(honest), d.client(flooder)
	q := wire.ManifestQuery{Validator: honest.Hotkey()}
	var got tally
	for range 10 {
		_, err := bob.Manifest(t.Context(), d.ep, q)
		got.add(err)
	}
	if got.of[""] == 0 || got.of[""] > 5 || got.of[strata.Throttled] != 10-got.of[""] {
		t.Errorf("of ten manifests: %v", got.of)
	}
	if _, err := alice.Manifest(t.Context(), d.ep, q); err != nil {
		t.Errorf("another's: %v", err)
	}
}

// TestScheduleIsWithinWhatIsPublished: no validator that keeps the rule's schedule
// is ever above the rate that a miner publishes, so each 429 that it gets is the
// miner's fault.
func TestScheduleIsWithinWhatIsPublished(t *testing.T) {
	for _, p := range []strata.Profile{strata.LocalProfile, strata.TestProfile, strata.MainProfile} {
		perSecond := float64(score.AuditsPerHour(p, 1<<62)*wire.MaxLeaves) / 3600
		if limits := peer.DefaultLimits(p); perSecond*10 > float64(limits.LeavesPerSec) || limits.LeavesBurst < 10*wire.MaxLeaves {
			t.Errorf("%s: %.1f leaves a second are asked for, %d are published", p.Name, perSecond, limits.LeavesPerSec)
		}
	}
}
