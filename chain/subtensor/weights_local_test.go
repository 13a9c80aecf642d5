package subtensor_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/devchain"
	"strata/chain/devchain/devchaintest"
	"strata/chain/subtensor"
)

// These tests take weights all the way on a local chain: committed, an epoch
// later revealed, and then on chain.

// memory is a chain.Commits that survives its client.
type memory struct {
	mu   sync.Mutex
	rows map[[32]byte][]byte
}

func newMemory() *memory { return &memory{rows: map[[32]byte][]byte{}} }

func (m *memory) SaveCommit(_ context.Context, hash [32]byte, record []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows[hash] = record
	return nil
}

func (m *memory) Commits(context.Context) (map[[32]byte][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.rows), nil
}

func (m *memory) DeleteCommit(_ context.Context, hash [32]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, hash)
	return nil
}

func (m *memory) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.rows)
}

// dial makes another client of the same node.
func (l local) dial() *subtensor.Client {
	l.t.Helper()
	c, err := subtensor.Dial(l.t.Context(), []string{l.node.URL()}, subtensor.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = c.Close() })
	return c
}

// each runs f at every head until it is done.
func (l local) each(what string, f func(h chain.Head) bool) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	heads, err := l.client.Heads(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	for h := range heads {
		if f(h) {
			return
		}
	}
	l.t.Fatalf("%s did not come", what)
}

// voting is a subnet whose validator has a permit.
func voting(t *testing.T, change func(*devchain.Config)) (local, devchaintest.Key) {
	t.Helper()
	l := startLocal(t, change)
	validator, _, _ := l.subnet()
	l.until("a permit", func(m *chain.Metagraph) bool { return len(m.Neurons) > 1 && m.Neurons[1].Permit })
	return l, validator
}

var ballot = []chain.Weight{{UID: 2, Value: 65535}, {UID: 3, Value: 32768}}

func (l local) weightsNow() []chain.Weight {
	l.t.Helper()
	w, err := l.client.Weights(l.t.Context(), netuid, 1)
	if err != nil {
		l.t.Fatal(err)
	}
	return w
}

// TestCommitReveal: what one client commits, another reveals after a restart
// with nothing but the record, in its epoch and not before.
func TestCommitReveal(t *testing.T) {
	for _, period := range []uint64{1, 2} {
		l, validator := voting(t, func(c *devchain.Config) {
			c.BlockTime, c.Params.CommitReveal, c.Params.RevealPeriod, c.Params.Tempo = 6*blockTime, devchain.RevealByHand, period, 12 // two seconds to reveal in
		})
		ctx, kept := t.Context(), newMemory()
		first := l.dial()
		receipt, err := first.SetWeights(ctx, validator, netuid, ballot, kept)
		if err != nil || receipt.Scheme != chain.CommitReveal || kept.len() != 1 {
			t.Fatalf("%+v, %v, %d records", receipt, err, kept.len())
		}
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		second := l.dial()
		var revealed chain.Reveals
		l.each("the reveal", func(chain.Head) bool {
			r, err := second.RevealWeights(ctx, validator, netuid, kept)
			if err != nil {
				t.Fatal(err)
			}
			if r.Waiting > 0 {
				return false
			}
			if now, err := second.Head(ctx); err != nil || now.Number < receipt.Reveal {
				t.Errorf("revealed by block %d, before %d, %v", now.Number, receipt.Reveal, err)
			}
			revealed = r
			return true
		})
		if revealed != (chain.Reveals{Revealed: 1}) || kept.len() != 0 {
			t.Errorf("%+v, %d records left", revealed, kept.len())
		}
		if got := l.weightsNow(); !slices.Equal(got, ballot) {
			t.Errorf("weights %v", got)
		}
		if r, err := second.RevealWeights(ctx, validator, netuid, kept); err != nil || r != (chain.Reveals{}) {
			t.Errorf("again: %+v, %v", r, err)
		}
	}
}

// TestCommitTooLate: a commit whose epoch passed while nobody ran is forgotten,
// and so is one that never reached the chain, once it no longer can.
func TestCommitTooLate(t *testing.T) {
	l, validator := voting(t, func(c *devchain.Config) { c.Params.CommitReveal = devchain.RevealByHand })
	ctx, kept, c := t.Context(), newMemory(), l.dial()
	if _, err := c.SetWeights(ctx, validator, netuid, ballot, kept); err != nil {
		t.Fatal(err)
	}
	head := func() uint64 {
		h, err := c.Head(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return h.Number
	}
	committed := head() // or before, in an epoch later than the receipt says if the machine is slow
	l.each("the end of the next epoch", func(h chain.Head) bool { return h.Number > committed+2*11 })
	if r, err := c.RevealWeights(ctx, validator, netuid, kept); err != nil || r.Forgotten != 1 || kept.len() != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	// A crash between the record and the commit: the send did not happen.
	const era = 96 // blocks, from the head that the client had
	var stray *memory
	for late := true; late; { // until the machine is quick enough to look within the era
		stray = newMemory()
		before := head()
		if _, err := c.SetWeights(ctx, validator, netuid, ballot, &dying{stray}); err == nil {
			t.Fatal("a commit whose record was not kept was sent")
		}
		if stray.len() != 1 {
			t.Fatalf("%d records", stray.len())
		}
		r, err := c.RevealWeights(ctx, validator, netuid, stray)
		if late = head() > before+era; !late && (err != nil || r.Waiting != 1) {
			t.Errorf("before it is certain: %+v, %v", r, err)
		}
	}
	sent := head()
	l.each("the end of its era", func(h chain.Head) bool { return h.Number > sent+era })
	if r, err := c.RevealWeights(ctx, validator, netuid, stray); err != nil || r.Forgotten != 1 || stray.len() != 0 {
		t.Errorf("after its era: %+v, %v", r, err)
	}
}

// dying keeps the record and then fails, like a process that is killed there.
type dying struct{ *memory }

func (b *dying) SaveCommit(ctx context.Context, hash [32]byte, record []byte) error {
	_ = b.memory.SaveCommit(ctx, hash, record)
	return strata.E(strata.Unavailable, "killed")
}

// TestTimelockedWeights: the chain opens them itself, in their epoch.
func TestTimelockedWeights(t *testing.T) {
	l, validator := voting(t, func(c *devchain.Config) {
		c.BlockTime, c.Params.CommitReveal, c.Params.Tempo = 100*time.Millisecond, devchain.RevealByTimelock, 30
	})
	ctx := t.Context()
	receipt, err := l.client.SetWeights(ctx, validator, netuid, ballot, nil)
	if err != nil || receipt.Scheme != chain.Timelock {
		t.Fatalf("%+v, %v", receipt, err)
	}
	var before, after uint64 // the heads about the look at them
	l.each("the weights", func(h chain.Head) bool {
		there := len(l.weightsNow()) > 0
		now, err := l.client.Head(ctx)
		if err != nil {
			t.Fatal(err)
		}
		before, after = h.Number, now.Number
		return there
	})
	if got := l.weightsNow(); !slices.Equal(got, ballot) {
		t.Errorf("weights %v", got)
	}
	if after < receipt.Reveal || before > receipt.Reveal+2*31 { // the commit may come an epoch later than the client supposed
		t.Errorf("revealed between blocks %d and %d, its epoch begins at %d", before, after, receipt.Reveal)
	}
}

// TestWeightsRefusedUnsent: what the chain would refuse never reaches it.
func TestWeightsRefusedUnsent(t *testing.T) {
	l, validator := voting(t, func(c *devchain.Config) { c.Params.WeightsRateLimit = 10_000 })
	ctx := t.Context()
	send := func(k devchaintest.Key, w []chain.Weight) strata.Code {
		_, err := l.client.SetWeights(ctx, k, netuid, w, nil)
		return strata.CodeOf(err)
	}
	if got := send(devchaintest.NewKey(t, 77), ballot); got != strata.Forbidden {
		t.Errorf("a stranger: %q", got)
	}
	if got := send(devchaintest.NewKey(t, 12), ballot); got != strata.Forbidden {
		t.Errorf("without a permit: %q", got)
	}
	if got := send(validator, ballot); got != strata.Throttled {
		t.Errorf("before the first rate limit is over: %q", got) // LastUpdate is the registration
	}
	if got := l.weightsNow(); len(got) != 0 {
		t.Errorf("weights %v", got)
	}
	l, validator = voting(t, func(c *devchain.Config) { c.Params.MinAllowedWeights = 2 })
	if got := send(validator, ballot[:1]); got != strata.Invalid {
		t.Errorf("too few: %q", got)
	}
}
