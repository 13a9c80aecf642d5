package subtensor

import (
	"strings"
	"testing"
	"time"

	"strata"
	"strata/chain/devchain/devchaintest"
	"strata/chain/scale"
)

// quick are options under which a stall is noticed soon.
var quick = Options{
	Timeout: 2 * time.Second, ProbeEvery: 20 * time.Millisecond, Stall: time.Second,
	MinBackoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond,
}

// TestStalledNode: a node that answers everything but makes no blocks is left
// for the next endpoint, and so is one that keeps the socket and answers nothing.
func TestStalledNode(t *testing.T) {
	for name, stall := range map[string]func(*stub){
		"no blocks": func(*stub) {},
		"no answers": func(s *stub) {
			for _, m := range []string{"system_health", "chain_getHeader", "state_getStorage", "state_queryStorageAt", "state_call"} {
				s.silent[m] = true
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newStub(t, recordedMeta(t)), newStub(t, recordedMeta(t))
			c := dialSoon(t, quick, a, b)
			heads, err := c.Heads(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			stop := make(chan struct{})
			defer close(stop)
			go func() { // b alone makes blocks, at a pace
				for tick := time.NewTicker(30 * time.Millisecond); ; {
					select {
					case <-stop:
						tick.Stop()
						return
					case <-tick.C:
						b.mine()
					}
				}
			}()
			a.with(func() { stall(a) })
			waitFor(t, "the next endpoint", func() bool { return subscribed(b) })
			for h := range heads { // restored there
				if h.Number > 2 {
					break
				}
			}
		})
	}
}

func TestSyncingNode(t *testing.T) {
	a, b := newStub(t, recordedMeta(t)), newStub(t, recordedMeta(t))
	a.syncing = true
	_, err := Dial(t.Context(), []string{a.url()}, Options{Timeout: patience})
	if strata.CodeOf(err) != strata.Unavailable || !strings.Contains(err.Error(), "still syncing") {
		t.Errorf("%v", err)
	}
	c := dialStub(t, a, b)
	if _, err := c.Head(t.Context()); err != nil || b.count("chain_getHeader") == 0 {
		t.Errorf("the node that is in sync was not taken: %v", err)
	}
}

// TestUnknownExtension: a chain that wants something signed that nobody here
// knows gives a clear error, and nothing is sent; reads go on.
func TestUnknownExtension(t *testing.T) {
	meta := recordedMeta(t)
	for i, e := range meta.Extrinsic.Extensions {
		if e.Identifier == "CheckMetadataHash" {
			meta.Extrinsic.Extensions[i].Identifier = "CheckSomethingNew"
		}
	}
	s := newStub(t, meta)
	c := dialStub(t, s)
	_, err := c.RegisterNetwork(t.Context(), devchaintest.NewKey(t, 1), strata.Hotkey{5})
	if strata.CodeOf(err) != strata.Invalid || !strings.Contains(err.Error(), "CheckSomethingNew") || !strings.Contains(err.Error(), "update strata") {
		t.Errorf("%v", err)
	}
	if n := s.count("author_submitAndWatchExtrinsic"); n != 0 {
		t.Errorf("%d were sent", n)
	}
	if _, err := c.Head(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestReorganisation: an extrinsic whose block is taken back and that gets into
// another one is in that one, for who waits for finality.
func TestReorganisation(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	s.onSubmit = func(*scale.Extrinsic) ([]string, scale.Value) {
		first := s.addBlock(nil, nil).hash
		hash := func(h strata.BlockHash) string { return `"0x` + h.String() + `"` }
		return []string{`"ready"`, `{"inBlock":` + hash(first) + `}`, `{"retracted":` + hash(first) + `}`, "BLOCK", "FINAL"}, nil
	}
	c := dialStub(t, s)
	c.final = true // read by submissions; nothing runs beside this
	block, err := c.RegisterNetwork(t.Context(), devchaintest.NewKey(t, 1), strata.Hotkey{5})
	if err != nil || block != s.blocks[len(s.blocks)-1].hash {
		t.Errorf("in block %s, %v", block, err)
	}
}

// TestUpgradeWhileWaiting: what waits when the chain is upgraded is dropped by
// the node; it is signed anew, once, and gets in.
func TestUpgradeWhileWaiting(t *testing.T) {
	for name, refuse := range map[string]bool{"refused at once": true, "dropped from the queue": false} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, recordedMeta(t))
			c := dialStub(t, s)
			sends := 0
			s.onSubmit = func(*scale.Extrinsic) ([]string, scale.Value) {
				if sends++; sends == 1 && !refuse {
					s.spec = 301 // the lock is held
					return []string{`"ready"`, `"invalid"`}, nil
				}
				return []string{`"ready"`, "BLOCK"}, nil
			}
			if refuse {
				s.with(func() { s.spec = 301 }) // not announced yet
			}
			block, err := c.RegisterNetwork(t.Context(), devchaintest.NewKey(t, 1), strata.Hotkey{5})
			if err != nil || block != s.blocks[len(s.blocks)-1].hash {
				t.Errorf("in block %s, %v", block, err)
			}
		})
	}
}
