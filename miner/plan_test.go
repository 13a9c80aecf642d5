package miner_test

import (
	"maps"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"strata"
	"strata/allocation"
	"strata/chain"
	"strata/miner"
)

// planner plans for a miner that is no neuron.
func planner(c *fakeChain, p strata.Profile) miner.Planner {
	return miner.Planner{Chain: c, Netuid: domain.Netuid, Profile: p, Self: strata.Hotkey{99}}
}

// smoothed reads stake each 5 blocks, and 10 blocks before.
var smoothed = func() strata.Profile {
	p := small
	p.StakeGrid, p.StakeSmoothing = 5, 10*12*time.Second
	return p
}()

func TestStakeIsReadAtTheGrid(t *testing.T) {
	alice := key(t, "Alice")
	c := newChain(neuron(alice, 10, true))
	c.grow(20)
	c.set(neuron(alice, 50, true))
	for _, step := range []struct{ final, stake, next uint64 }{
		{20, 10, 40}, {21, 10, 40}, {39, 10, 40}, {40, 50, 60},
	} {
		c.grow(step.final)
		vs, next, err := planner(c, small).Validators(t.Context())
		if err != nil || len(vs) != 1 {
			t.Fatalf("at %d: %v, %v", step.final, vs, err)
		}
		want := strata.Rao(step.stake) * strata.RaoPerTao
		if vs[0].Stake != want || vs[0].StakeBefore != want || next != step.next {
			t.Errorf("at %d: stake %s and %s, next %d; want %d and next %d", step.final, vs[0].Stake, vs[0].StakeBefore, next, step.stake, step.next)
		}
	}
}

func TestStakeIsSmoothed(t *testing.T) {
	alice, bob, carol := key(t, "Alice"), key(t, "Bob"), key(t, "Carol")
	c := newChain(neuron(alice, 10, true), neuron(carol, 2, true))
	c.grow(9)
	c.set(neuron(alice, 4, true), neuron(bob, 8, true), neuron(carol, 6, true)) // bob registers after block 5
	c.grow(19)
	for _, step := range []struct {
		final uint64
		want  map[strata.Hotkey]strata.Rao
	}{
		{19, map[strata.Hotkey]strata.Rao{alice.Hotkey(): 4, bob.Hotkey(): 0, carol.Hotkey(): 2}}, // 15 and 5
		{24, map[strata.Hotkey]strata.Rao{alice.Hotkey(): 4, bob.Hotkey(): 8, carol.Hotkey(): 6}}, // 20 and 10
	} {
		c.grow(step.final)
		vs, _, err := planner(c, smoothed).Validators(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := map[strata.Hotkey]strata.Rao{}
		for _, v := range vs {
			got[v.Hotkey] = v.Effective() / strata.RaoPerTao
		}
		if !maps.Equal(got, step.want) {
			t.Errorf("at %d: %v, want %v", step.final, got, step.want)
		}
	}
}

func TestWhoIsEligible(t *testing.T) {
	alice, bob, self := key(t, "Alice"), key(t, "Bob"), key(t, "Miner")
	for _, c := range []struct {
		name    string
		neurons []chain.Neuron
		want    []strata.Hotkey
	}{
		{"nobody", nil, nil},
		{"permits", []chain.Neuron{neuron(alice, 1, true), neuron(bob, 9, false)}, []strata.Hotkey{alice.Hotkey()}},
		{"no permit yet: stake", []chain.Neuron{neuron(alice, 0, false), neuron(bob, 9, false)}, []strata.Hotkey{bob.Hotkey()}},
		{"not oneself", []chain.Neuron{neuron(self, 9, true), neuron(bob, 1, true)}, []strata.Hotkey{bob.Hotkey()}},
	} {
		ch := newChain(c.neurons...)
		ch.grow(20)
		p := planner(ch, small)
		p.Self = self.Hotkey()
		vs, _, err := p.Validators(t.Context())
		if err != nil || len(vs) != len(c.want) {
			t.Errorf("%s: %v, %v", c.name, vs, err)
			continue
		}
		for i, v := range vs {
			if v.Hotkey != c.want[i] {
				t.Errorf("%s: %s, want %s", c.name, v.Hotkey, c.want[i])
			}
		}
	}
}

// TestStateThatIsNotThere: a node without the state must never look like a
// subnet without stake.
func TestStateThatIsNotThere(t *testing.T) {
	alice := key(t, "Alice")
	down := strata.E(strata.Unavailable, "the node is down")
	for _, c := range []struct {
		name    string
		prepare func(*fakeChain)
		code    strata.Code
		archive bool
		stake   bool // alice comes out with her stake of before
	}{
		{name: "all there", prepare: func(*fakeChain) {}, stake: true},
		{name: "pruned", prepare: func(c *fakeChain) { c.pruned = 11 }, code: strata.NotFound, archive: true},
		{name: "pruned between two reads", prepare: func(c *fakeChain) {
			c.lateOf = func(block uint64, hits int) bool { return block == 10 && hits > 1 }
		}, code: strata.NotFound, archive: true},
		{name: "no subnet then", prepare: func(c *fakeChain) { c.hidden = 11 }},
		{name: "node down", prepare: func(c *fakeChain) { c.fail = func(string) error { return down } }, code: strata.Unavailable},
		{name: "node goes down", prepare: func(c *fakeChain) {
			c.fail = func(call string) error { return map[string]error{"Metagraph": down}[call] }
		}, code: strata.Unavailable},
	} {
		ch := newChain(neuron(alice, 3, true))
		ch.grow(20)
		c.prepare(ch)
		vs, _, err := planner(ch, smoothed).Validators(t.Context())
		wantCode(t, c.name, err, c.code)
		if err != nil {
			if strings.Contains(err.Error(), "archive") != c.archive {
				t.Errorf("%s: error %q; want that it names an archive node: %v", c.name, err, c.archive)
			}
			continue
		}
		if len(vs) != 1 || (vs[0].StakeBefore > 0) != c.stake {
			t.Errorf("%s: %+v, want one with stake before: %v", c.name, vs, c.stake)
		}
	}
}

func disk(path string, free, used strata.ByteSize) allocation.Disk {
	return allocation.Disk{Path: path, Space: allocation.Space{Free: free, Used: used}}
}

func someValidators(n int) []allocation.Validator {
	out := make([]allocation.Validator, n)
	for i := range out {
		out[i] = allocation.Validator{Hotkey: strata.Hotkey{byte(i + 1)}, Stake: strata.RaoPerTao, StakeBefore: strata.RaoPerTao}
	}
	return out
}

func TestTooLittleSpaceSaysWhatSuffices(t *testing.T) {
	p := planner(newChain(), small)
	vs := someValidators(5)
	// 5 sectors are 1.25 MiB, which no size of one decimal says.
	for _, c := range []struct {
		name  string
		disks []allocation.Disk
		small miner.Amount
	}{
		{"threshold", []allocation.Disk{disk("a", 100*sector, 0)}, miner.Amount{Threshold: allocation.One / 50}},
		{"threshold, two disks", []allocation.Disk{disk("a", 70*sector, 0), disk("b", 20*sector, 10*sector)}, miner.Amount{Threshold: 1}},
		{"space", []allocation.Disk{disk("a", 100*sector, 0)}, miner.Amount{Threshold: allocation.One, Space: 4*sector + 1}},
		{"space, two disks", []allocation.Disk{disk("a", 100*sector, 0), disk("b", 1000*sector, 0)}, miner.Amount{Space: sector}},
	} {
		_, err := p.Divide(vs, c.disks, c.small, nil)
		wantCode(t, c.name, err, strata.NoSpace)
		if err == nil {
			continue
		}
		m := regexp.MustCompile(`^--(threshold|space) .* of 256 KiB for each of 5 validators: give at least (\S+)$`).FindStringSubmatch(err.Error())
		if m == nil {
			t.Errorf("%s: %q does not say what to give", c.name, err)
			continue
		}
		enough, less := suggested(t, m[1], m[2])
		if _, err := p.Divide(vs, c.disks, enough, nil); err != nil {
			t.Errorf("%s: %s as advised gives %v", c.name, m[2], err)
		}
		if _, err := p.Divide(vs, c.disks, less, nil); strata.CodeOf(err) != strata.NoSpace {
			t.Errorf("%s: less than the advised %s gives %v: it is not the smallest", c.name, m[2], err)
		}
	}
	for _, a := range []miner.Amount{{Threshold: allocation.One}, {Space: strata.TiB}} {
		_, err := p.Divide(vs, []allocation.Disk{disk("a", 4*sector, 0)}, a, nil)
		if strata.CodeOf(err) != strata.NoSpace || !strings.Contains(err.Error(), "free 256 KiB") {
			t.Errorf("a disk that is too small as a whole: %v", err)
		}
	}
}

// suggested reads the advice, and makes an amount that is one unit less.
func suggested(t *testing.T, flag, text string) (enough, less miner.Amount) {
	t.Helper()
	if flag == "threshold" {
		v, err := allocation.ParseThreshold(text)
		if err != nil {
			t.Fatal(err)
		}
		return miner.Amount{Threshold: v}, miner.Amount{Threshold: v - 1}
	}
	v, err := strata.ParseByteSize(text)
	if err != nil {
		t.Fatal(err)
	}
	return miner.Amount{Space: v}, miner.Amount{Space: v - 1}
}

// onDisks returns the sectors that a plan puts on each disk.
func onDisks(p allocation.Plan) map[string]uint64 {
	out := map[string]uint64{}
	for _, v := range p.Targets {
		for _, h := range v.Holdings {
			out[h.Volume] += h.Sectors
		}
	}
	return out
}

// holdings is what one validator has after a plan.
func holdings(p allocation.Plan) []allocation.Partition {
	var out []allocation.Partition
	for _, v := range p.Targets {
		out = append(out, allocation.Partition{Validator: v.Validator, Holdings: v.Holdings})
	}
	return out
}

func TestSpaceLiesOnAllDisks(t *testing.T) {
	p := planner(newChain(), small)
	divide := func(space strata.ByteSize, now []allocation.Partition, disks ...allocation.Disk) allocation.Plan {
		t.Helper()
		plan, err := p.Divide(someValidators(1), disks, miner.Amount{Space: space}, now)
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	check := func(when string, plan allocation.Plan, want map[string]uint64) {
		t.Helper()
		if got := onDisks(plan); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	first := divide(40*sector, nil, disk("a", 300*sector, 0), disk("b", 100*sector, 0))
	check("in proportion to the room", first, map[string]uint64{"a": 30, "b": 10})
	check("another program fills most of a disk", divide(40*sector, holdings(first), disk("a", 5*sector, 30*sector), disk("b", 90*sector, 10*sector)),
		map[string]uint64{"a": 30, "b": 10})
	check("a third disk", divide(40*sector, holdings(first), disk("a", 270*sector, 30*sector), disk("b", 90*sector, 10*sector), disk("c", 900*sector, 0)),
		map[string]uint64{"a": 30, "b": 10})
	check("more space, with a third disk", divide(60*sector, holdings(first), disk("a", 50*sector, 30*sector), disk("b", 50*sector, 10*sector), disk("c", 100*sector, 0)),
		map[string]uint64{"a": 35, "b": 15, "c": 10})
	check("less space", divide(20*sector, holdings(first), disk("a", 270*sector, 30*sector), disk("b", 90*sector, 10*sector)),
		map[string]uint64{"a": 15, "b": 5})
	check("few sectors, many disks", divide(2*sector, nil, disk("a", 9*sector, 0), disk("b", 9*sector, 0), disk("c", 9*sector, 0)),
		map[string]uint64{"a": 1, "b": 1})
}

// TestSpaceIsUsedWhole: every sector of --space is used as far as there is room,
// whatever the disks and what is on them.
func TestSpaceIsUsedWhole(t *testing.T) {
	p := planner(newChain(), small)
	rapid.Check(t, func(t *rapid.T) {
		var disks []allocation.Disk
		now := allocation.Partition{Validator: strata.Hotkey{1}}
		room, on := uint64(0), rapid.Uint64Range(0, 40)
		for i := range rapid.IntRange(1, 4).Draw(t, "disks") {
			free, used := on.Draw(t, "free"), on.Draw(t, "used")
			d := disk(string(rune('a'+i)), strata.ByteSize(free)*sector+5, strata.ByteSize(used)*sector)
			disks = append(disks, d)
			now.Holdings = append(now.Holdings, allocation.Holding{Volume: d.Path, Sectors: on.Draw(t, "held")})
			room += free + used
		}
		want := rapid.Uint64Range(1, 200).Draw(t, "space")
		plan, err := p.Divide(someValidators(1), disks, miner.Amount{Space: strata.ByteSize(want)*sector + 7}, []allocation.Partition{now})
		if room == 0 {
			if strata.CodeOf(err) != strata.NoSpace {
				t.Fatalf("no room: %v", err)
			}
			return
		}
		if err != nil || plan.Capacity != min(want, room) {
			t.Fatalf("%d of %d sectors planned, %v; want %d", plan.Capacity, room, err, want)
		}
	})
}

func TestReachable(t *testing.T) {
	for addr, problem := range map[string]string{
		"8.8.8.8:1": "", "[2001:4860::1]:1": "", "100.128.0.1:1": "",
		"0.0.0.0:1": "not set", "127.0.0.1:1": "loopback", "[::1]:1": "loopback", "[::ffff:127.0.0.1]:1": "loopback",
		"192.168.1.2:8091": "forward TCP port 8091 of your router", "10.0.0.1:1": "private", "169.254.3.3:1": "private", "[fd00::1]:1": "private",
		"[fe80::1]:1": "private", "100.64.0.1:7": "open TCP port 7", "203.0.113.9:1": "documentation", "[2001:db8::1]:1": "documentation",
		"198.19.0.1:1": "measurements", "224.0.0.5:1": "multicast", "240.0.0.1:1": "no address of a machine", "8.8.8.8:0": "port is not set",
	} {
		got := miner.Reachable(netip.MustParseAddrPort(addr))
		if (got == "") != (problem == "") || !strings.Contains(got, problem) {
			t.Errorf("%s: %q, want %q", addr, got, problem)
		}
	}
	if miner.Reachable(netip.AddrPort{}) == "" {
		t.Error("no address at all is said to be reachable")
	}
}

func TestPickAddress(t *testing.T) {
	for _, c := range []struct {
		name, route, local, want string
	}{
		{"the route is public", "9.9.9.9", "8.8.8.8 2001:4860::1", "9.9.9.9"},
		{"behind the route another is public", "192.168.1.2", "127.0.0.1 192.168.1.2 2001:4860::1 8.8.8.8", "8.8.8.8"},
		{"only IPv6 is public", "10.0.0.2", "10.0.0.2 ::1 fe80::1 2001:4860::1", "2001:4860::1"},
		{"nothing is public", "10.0.0.2", "10.0.0.2 127.0.0.1 fd00::1", "10.0.0.2"},
		{"a chain on this machine", "127.0.0.1", "127.0.0.1 10.0.0.2", "127.0.0.1"},
		{"written as IPv6", "::ffff:9.9.9.9", "", "9.9.9.9"},
	} {
		var local []netip.Addr
		for _, a := range strings.Fields(c.local) {
			local = append(local, netip.MustParseAddr(a))
		}
		if got := miner.PickAddress(netip.MustParseAddr(c.route), local); got != netip.MustParseAddr(c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := miner.PickAddress(netip.Addr{}, nil); got.IsValid() {
		t.Errorf("of nothing %s was picked", got)
	}
}
