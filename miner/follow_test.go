package miner_test

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/allocation"
	"strata/chain"
	"strata/miner"
	"strata/volume"
	"strata/wallet"
)

// network is a registered miner and validators Alice and Bob with these stakes.
func network(t *testing.T, alice, bob uint64) *node {
	c := newChain(neuron(key(t, "Miner"), 0, false), neuron(key(t, "Alice"), alice, true), neuron(key(t, "Bob"), bob, true))
	c.grow(20)
	return newNode(t, c)
}

func TestUnregisteredDoesNotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(neuron(key(t, "Alice"), 1, true))
		c.grow(1)
		n := newNode(t, c)
		n.open()
		wantCode(t, "start", n.Start(t.Context()), strata.Forbidden)
		c.hidden = 9
		wantCode(t, "without the subnet", n.Start(t.Context()), strata.NotFound)
		if len(c.published()) > 0 {
			t.Error("an axon was published")
		}
	})
}

func TestAxonIsPublishedWhenItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t, 1, 1)
		external := axon
		n.config = func(c *miner.Config) { c.External = external }
		start := func(when string, want int) {
			t.Helper()
			n.run()
			n.chain.mine(uint64(len(n.chain.blocks)) + 5)
			n.stop()
			if got := len(n.chain.published()); got != want {
				t.Errorf("%s: published %d times, want %d", when, got, want)
			}
		}
		start("first start", 1)
		start("restart", 1)
		external = netip.AddrPortFrom(netip.AddrFrom16(axon.Addr().As16()), axon.Port())
		start("the same address as IPv6", 1)
		external = netip.MustParseAddrPort("198.51.100.7:9000")
		start("another port", 2)
		n.chain.edit(n.key.Hotkey(), func(r *chain.Neuron) { r.Axon.Version = 7 })
		n.chain.grow(100)
		start("another program's version at the same address", 3)
		if got := n.chain.published()[2]; got.Addr != external || !got.Served() {
			t.Errorf("published %+v, want %s", got, external)
		}
	})
}

// fakeCertificates is a server's TLS key and the chain's.
type fakeCertificates struct {
	shown string
	chain *fakeChain
	lacks bool // the chain keeps none
}

func (c *fakeCertificates) Shown() (string, error) { return c.shown, nil }

func (c *fakeCertificates) Published(context.Context) (string, error) {
	if c.lacks {
		return "", strata.E(strata.NotFound, "no such storage")
	}
	served := c.chain.published()
	if len(served) == 0 {
		return "", nil
	}
	return served[len(served)-1].Certificate, nil
}

func TestCertificateIsPublishedWithTheAxon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t, 1, 1)
		certs := &fakeCertificates{shown: "one", chain: n.chain}
		n.config = func(c *miner.Config) { c.Certificates = certs }
		start := func(when string, want int, certificate string) {
			t.Helper()
			n.run()
			n.chain.mine(uint64(len(n.chain.blocks)) + 6)
			n.stop()
			served := n.chain.published()
			if len(served) != want || served[want-1].Certificate != certificate {
				t.Errorf("%s: published %+v, want %d with %q", when, served, want, certificate)
			}
		}
		start("first start", 1, "one")
		start("restart", 1, "one")
		certs.shown = "two"
		start("another key", 2, "two")
		certs.lacks, certs.shown = true, "three"
		start("a chain that keeps none", 2, "two")
	})
}

func TestAxonThatTheChainDoesNotTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t, 1, 1)
		refuse := func(code strata.Code) {
			n.chain.with(func() {
				n.chain.fail = func(call string) error {
					if call == "ServeAxon" {
						return strata.E(code, "refused")
					}
					return nil
				}
			})
		}
		refuse(strata.Invalid)
		n.open()
		wantCode(t, "an address that the chain never takes", n.Start(t.Context()), strata.Invalid)

		refuse(strata.Throttled) // restarted too soon after the last change
		n.run()
		n.chain.mine(25)
		n.chain.with(func() { n.chain.fail = nil })
		n.chain.mine(45)
		if len(n.chain.published()) > 0 {
			t.Error("published again before 25 blocks have passed")
		}
		n.chain.mine(50)
		if len(n.chain.published()) != 1 {
			t.Errorf("published %d times after the chain's refusal, want once", len(n.chain.published()))
		}
	})
}

// TestDeregistered: the miner goes on serving, says it once, and publishes its
// axon anew when it is back.
func TestDeregistered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t, 1, 1)
		n.run()
		n.chain.mine(21)
		alice, bob := neuron(key(t, "Alice"), 1, true), neuron(key(t, "Bob"), 1, true)
		n.chain.set(alice, bob)
		for _, block := range []uint64{26, 32, 38} {
			n.chain.mine(block)
		}
		if got := n.logs.count("no longer registered"); got != 1 {
			t.Errorf("said %d times that it is not registered, want once", got)
		}
		n.wantSectors("without registration", map[*wallet.Key]uint64{key(t, "Alice"): 4, key(t, "Bob"): 4})
		if err := n.Authorize(t.Context(), alice.Hotkey, "audit", bob.Hotkey); err != nil {
			t.Errorf("a validator is refused: %v", err)
		}
		n.chain.set(neuron(n.key, 0, false), alice, bob)
		n.chain.mine(44)
		if n.logs.count("registered again") != 1 || len(n.chain.published()) != 2 {
			t.Errorf("registered again: said %d times, published %d times; want 1 and 2", n.logs.count("registered again"), len(n.chain.published()))
		}
	})
}

// TestAllocationFollowsStake on the grid, not between, and not within the
// hysteresis.
func TestAllocationFollowsStake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := key(t, "Alice"), key(t, "Bob")
		n := network(t, 39, 39)
		n.config = func(c *miner.Config) { c.Amount.Space, c.LookEach = 40*sector, 1 }
		n.run()
		n.chain.mine(21)
		n.wantSectors("equal stake", map[*wallet.Key]uint64{alice: 20, bob: 20})

		n.chain.edit(alice.Hotkey(), func(r *chain.Neuron) { r.Stake = 41 * strata.RaoPerTao })
		n.chain.mine(40) // ideals 20.5 and 19.5: within 10 %
		n.wantSectors("a little more stake", map[*wallet.Key]uint64{alice: 20, bob: 20})

		n.chain.edit(alice.Hotkey(), func(r *chain.Neuron) { r.Stake = 119 * strata.RaoPerTao })
		n.chain.mine(59)
		n.wantSectors("between the grid", map[*wallet.Key]uint64{alice: 20, bob: 20})
		n.chain.mine(60)
		n.wantSectors("on the grid", map[*wallet.Key]uint64{alice: 30, bob: 10})

		carol := key(t, "Carol")
		n.chain.set(neuron(n.key, 0, false), neuron(alice, 119, true), neuron(bob, 39, false), neuron(carol, 39, true))
		n.chain.mine(80) // bob's filler is replaced, his partition stays known
		n.wantSectors("another validator", map[*wallet.Key]uint64{alice: 30, carol: 10})
	})
}

// TestDailyLimit: what was taken away within a day is remembered between looks.
func TestDailyLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := key(t, "Alice"), key(t, "Bob")
		n := network(t, 39, 39)
		n.config = func(c *miner.Config) {
			c.Amount.Space, c.LookEach, c.Profile.DailyMovePct = 40*sector, 1, 10
		}
		n.run()
		n.chain.mine(21)
		n.chain.edit(alice.Hotkey(), func(r *chain.Neuron) { r.Stake = 119 * strata.RaoPerTao })
		for _, block := range []uint64{40, 41, 60} {
			n.chain.mine(block)
			n.wantSectors("the first day", map[*wallet.Key]uint64{alice: 22, bob: 18})
		}
		n.ahead.Add(int64(24*time.Hour - time.Minute))
		n.chain.mine(61)
		n.wantSectors("nearly a day later", map[*wallet.Key]uint64{alice: 22, bob: 18})
		n.ahead.Add(int64(time.Minute))
		n.chain.mine(62)
		n.wantSectors("a day later", map[*wallet.Key]uint64{alice: 24, bob: 16})
	})
}

// TestTooLittleSpaceWhileRunning: a miner with users' data does not stop; it
// keeps what it has and says what to do.
func TestTooLittleSpaceWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob, carol := key(t, "Alice"), key(t, "Bob"), key(t, "Carol")
		n := network(t, 1, 1)
		n.config = func(c *miner.Config) { c.Amount.Space = 2 * sector }
		n.run()
		n.chain.mine(21)
		n.chain.set(neuron(n.key, 0, false), neuron(alice, 1, true), neuron(bob, 1, true), neuron(carol, 1, true))
		n.chain.mine(41)
		n.wantSectors("one validator too many", map[*wallet.Key]uint64{alice: 1, bob: 1})
		if n.logs.count("give at least 768KiB") != 1 {
			t.Error("the log does not say what suffices")
		}
		n.chain.set(neuron(n.key, 0, false), neuron(carol, 1, true), neuron(bob, 1, true))
		n.chain.mine(60) // a failed look is due again soon, not LookEach later
		n.wantSectors("one less", map[*wallet.Key]uint64{bob: 1, carol: 1})
	})
}

// TestMissedHeads: heads that were missed do not delay what is due.
func TestMissedHeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t, 1, 1)
		n.run()
		n.chain.mine(21)
		carol := key(t, "Carol")
		n.chain.set(neuron(n.key, 0, false), neuron(carol, 1, true))
		for _, block := range []uint64{22, 24, 27} {
			n.chain.mine(block)
		}
		if err := n.Authorize(t.Context(), carol.Hotkey(), "audit", strata.Hotkey{}); err != nil {
			t.Errorf("six blocks later the new validator is refused: %v", err)
		}
		n.chain.mine(41)
		n.wantSectors("20 blocks later", map[*wallet.Key]uint64{carol: 8})
	})
}

// TestChainTroubles: whatever the node does, the miner runs on and catches up.
func TestChainTroubles(t *testing.T) {
	down := strata.E(strata.Unavailable, "the node is down")
	for name, trouble := range map[string]func(*node){
		"the stream ends": func(n *node) { n.chain.endHeads() },
		"no subscription for a while": func(n *node) {
			n.chain.with(func() { n.chain.fail = func(string) error { return down } })
			n.chain.endHeads()
			time.Sleep(time.Hour)
			n.chain.with(func() { n.chain.fail = nil })
		},
		"the stream falls silent": func(n *node) {
			n.chain.with(func() { n.chain.subs = nil }) // nobody will send or close
			time.Sleep(6 * time.Minute)
		},
		"a call that never answers": func(n *node) {
			n.chain.with(func() {
				n.chain.stall = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			})
			n.chain.mine(41) // both the metagraph and a plan are due
			time.Sleep(time.Hour)
			n.chain.with(func() { n.chain.stall = nil })
		},
		"every call fails": func(n *node) {
			n.chain.with(func() { n.chain.fail = func(string) error { return down } })
			n.chain.mine(40)
			n.chain.with(func() { n.chain.fail = nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				alice, bob := key(t, "Alice"), key(t, "Bob")
				n := network(t, 1, 1)
				n.run()
				n.chain.mine(21)
				trouble(n)
				time.Sleep(time.Minute) // fake: the longest wait of a retry
				if _, open := n.chain.subscriptions(); open != 1 {
					t.Fatalf("%d subscriptions are open, want 1", open)
				}
				n.wantSectors("meanwhile", map[*wallet.Key]uint64{alice: 4, bob: 4})
				n.chain.edit(alice.Hotkey(), func(r *chain.Neuron) { r.Stake = 5 * strata.RaoPerTao })
				n.chain.edit(bob.Hotkey(), func(r *chain.Neuron) { r.Permit = false })
				n.chain.mine(65)
				n.wantSectors("afterwards", map[*wallet.Key]uint64{alice: 8})
				wantCode(t, "a validator that lost its permit", n.Authorize(t.Context(), bob.Hotkey(), "audit", bob.Hotkey()), strata.Forbidden)
			})
		})
	}
}

// sealer is a Space whose Seal the test controls.
type sealer struct {
	*volume.Store
	seal func(ctx context.Context) (error, bool) // false: seal really
	runs int
}

func (s *sealer) Seal(ctx context.Context, workers int, p miner.Progress) error {
	s.runs++
	if err, done := s.seal(ctx); done {
		return err
	}
	return s.Store.Seal(ctx, workers, p)
}

// TestSealIsRetried: a disk that is full or gone is tried again, less and less
// often; a new plan tries at once.
func TestSealIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t, 1, 1)
		full := true
		var attempts []time.Time
		s := &sealer{seal: func(context.Context) (error, bool) {
			attempts = append(attempts, time.Now())
			return strata.E(strata.NoSpace, "disk full"), full
		}}
		n.config = func(c *miner.Config) { s.Store = c.Space.(*volume.Store); c.Space = s }
		n.run()
		time.Sleep(time.Hour)
		synctest.Wait()
		for i, want := range []time.Duration{30, 60, 120, 240, 480, 600, 600} {
			if got := attempts[i+1].Sub(attempts[i]); got != want*time.Second {
				t.Errorf("attempt %d came after %s, want %ds", i+2, got, want)
			}
		}
		full = false
		n.chain.mine(21)
		n.wantSectors("a new plan", map[*wallet.Key]uint64{key(t, "Alice"): 4, key(t, "Bob"): 4})
	})
}

// TestNewTargetsWhileSealing are not kept waiting until the seal under way
// ends; a look that changes nothing does not disturb it.
func TestNewTargetsWhileSealing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob, carol := key(t, "Alice"), key(t, "Bob"), key(t, "Carol")
		n := network(t, 1, 1)
		endless := true
		s := &sealer{seal: func(ctx context.Context) (error, bool) {
			if endless {
				<-ctx.Done()
			}
			return ctx.Err(), endless
		}}
		n.config = func(c *miner.Config) { s.Store = c.Space.(*volume.Store); c.Space, c.LookEach = s, 1 }
		n.run()
		n.chain.mine(21)
		runs := s.runs
		n.chain.mine(22)
		n.chain.mine(40)
		if s.runs != runs {
			t.Errorf("looks without change began sealing anew %d times", s.runs-runs)
		}
		endless = false
		n.chain.set(neuron(n.key, 0, false), neuron(alice, 1, true), neuron(bob, 1, true), neuron(carol, 2, true))
		n.chain.mine(60)
		n.wantSectors("a newcomer during an endless seal", map[*wallet.Key]uint64{alice: 2, bob: 2, carol: 4})
	})
}

// halfway is a Space whose SetTargets fails after the first target.
type halfway struct {
	*volume.Store
	fail bool
}

func (s *halfway) SetTargets(ctx context.Context, targets []allocation.Target) error {
	if !s.fail {
		return s.Store.SetTargets(ctx, targets)
	}
	if err := s.Store.SetTargets(ctx, targets[:1]); err != nil {
		return err
	}
	return strata.E(strata.Unavailable, "the disk went away")
}

// TestPlanAppliedHalf: what was queued is sealed, and the rest follows.
func TestPlanAppliedHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t, 2, 1) // Alice comes first
		s := &halfway{fail: true}
		n.config = func(c *miner.Config) { s.Store = c.Space.(*volume.Store); c.Space = s }
		n.run()
		n.chain.mine(21)
		n.wantSectors("half", map[*wallet.Key]uint64{key(t, "Alice"): 5})
		s.fail = false
		n.chain.mine(26)
		n.wantSectors("the other half", map[*wallet.Key]uint64{key(t, "Alice"): 5, key(t, "Bob"): 3})
	})
}

// TestSealingGoesOnWithoutTheChain: what an earlier run queued is sealed before
// the chain says anything.
func TestSealingGoesOnWithoutTheChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := key(t, "Alice")
		n := network(t, 1, 1)
		n.open()
		if err := n.store.SetTargets(t.Context(), []allocation.Target{{
			Validator: alice.Hotkey(), Holdings: []allocation.Holding{{Volume: n.dirs[0], Sectors: 3}},
		}}); err != nil {
			t.Fatal(err)
		}
		n.run()
		n.wantSectors("before the first block", map[*wallet.Key]uint64{alice: 3})
	})
}
