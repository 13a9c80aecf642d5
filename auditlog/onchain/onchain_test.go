package onchain

import (
	"context"
	"errors"
	"strings"
	"testing"

	"strata"
	"strata/auditlog"
	"strata/chain"
	"strata/wire"
)

// told is a chain that says what it is told to.
type told struct {
	genesis    strata.GenesisHash
	commitment []byte
	params     chain.Hyperparameters
	head       uint64
	pruned     bool
	weights    []chain.Weight
	asked      uint64 // the block that was looked at
}

var validator = strata.Hotkey{9}

func (c *told) Genesis(context.Context) (strata.GenesisHash, error) { return c.genesis, nil }
func (c *told) Head(context.Context) (chain.Head, error)            { return chain.Head{Number: c.head}, nil }

func (c *told) BlockAt(_ context.Context, number uint64) (chain.Head, error) {
	c.asked = number
	return chain.Head{Number: number}, nil
}

func (c *told) Commitment(context.Context, strata.Netuid, strata.Hotkey) ([]byte, error) {
	return c.commitment, nil
}

func (c *told) Hyperparameters(context.Context, strata.Netuid) (chain.Hyperparameters, error) {
	return c.params, nil
}

func (c *told) Metagraph(context.Context, strata.Netuid, strata.BlockHash) (*chain.Metagraph, error) {
	if c.pruned {
		return nil, strata.E(strata.NotFound, "pruned")
	}
	return &chain.Metagraph{Neurons: []chain.Neuron{{}, {UID: 1, Hotkey: validator}}}, nil
}

func (c *told) WeightsAt(_ context.Context, _ strata.Netuid, uid strata.UID, _ strata.BlockHash) ([]chain.Weight, error) {
	if uid != 1 {
		return nil, errors.New("another neuron's weights")
	}
	return c.weights, nil
}

// TestCompare: a log of entries 10 to 20 whose last vector was computed at block
// 100 of epochs of 20 blocks.
func TestCompare(t *testing.T) {
	committed := func(entry uint64, hash byte) []byte {
		return wire.Commitment{AuditSequence: entry, AuditHead: [32]byte{hash}}.Encode()
	}
	good := []chain.Weight{{UID: 3, Value: 7}, {UID: 4, Value: 65535}}
	for name, c := range map[string]struct {
		change func(*told)
		says   string // in the one line, or the last, of what agrees
		differ string // in that of what differs; "" if nothing does
		asked  uint64
	}{
		"all as it is":           {func(*told) {}, "at block 109 the weights are those of the log", "", 109},
		"the chain is not there": {func(c *told) { c.head = 105 }, "at block 105", "", 105},
		"other head":             {func(c *told) { c.commitment = committed(15, 16) }, "at block 109", "entry 15 is committed as 10", 109},
		"nothing committed":      {func(c *told) { c.commitment = nil }, "at block 109", "committed no audit log", 109},
		"nonsense committed":     {func(c *told) { c.commitment = []byte("x") }, "at block 109", "committed no audit log", 109},
		"only a backup":          {func(c *told) { c.commitment = committed(0, 0) }, "at block 109", "committed no audit log", 109},
		"before the log":         {func(c *told) { c.commitment = committed(9, 1) }, "at block 109", "", 109},
		"after the log":          {func(c *told) { c.commitment = committed(21, 1) }, "at block 109", "", 109},
		"other weight":           {func(c *told) { c.weights = []chain.Weight{{UID: 3, Value: 8}, {UID: 4, Value: 65535}} }, "entry 15", "UID 3 has 8, the log says 7", 109},
		"a weight more":          {func(c *told) { c.weights = append(good[:2:2], chain.Weight{UID: 5, Value: 1}) }, "entry 15", "UID 5 has 1, the log says 0", 109},
		"a weight less":          {func(c *told) { c.weights = good[:1] }, "entry 15", "UID 4 is not there, the log says 65535", 109},
		"not kept":               {func(c *told) { c.pruned = true }, "name an archive node", "", 109},
		"committed first":        {func(c *told) { c.params.CommitReveal, c.params.RevealPeriod = true, 2 }, "at block 150", "", 150},
		"not revealed":           {func(c *told) { c.params.CommitReveal, c.params.RevealPeriod, c.head = true, 2, 149 }, "not revealed yet", "", 0},
	} {
		r := auditlog.Report{Entries: 11, Last: 20, Tempo: 19, Vectors: []auditlog.Vector{{Block: 50}, {Block: 100, Weights: []auditlog.Weight{{UID: 3, Value: 7}, {UID: 4, Value: 65535}, {UID: 6}}}}}
		r.Header.First, r.Header.Validator, r.Header.Domain.Genesis = 10, validator, strata.GenesisHash{1}
		on := &told{genesis: strata.GenesisHash{1}, commitment: committed(15, 15), head: 1000, weights: good}
		c.change(on)
		f, err := Compare(t.Context(), on, r, func(entry uint64) (strata.Root, error) { return strata.Root{byte(entry)}, nil })
		if err != nil || on.asked != c.asked || len(f.Compared) == 0 || !strings.Contains(f.Compared[len(f.Compared)-1], c.says) {
			t.Errorf("%s: asked for block %d, says %q, %v", name, on.asked, f.Compared, err)
		}
		if got := strings.Join(f.Differ, "\n"); !strings.Contains(got, c.differ) || (got == "") != (c.differ == "") {
			t.Errorf("%s: differs in %q", name, got)
		}
	}
}

func TestCompareRefuses(t *testing.T) {
	r := auditlog.Report{Last: 20}
	if _, err := Compare(t.Context(), &told{genesis: strata.GenesisHash{1}}, r, nil); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("another chain: %v", err)
	}
	lost := errors.New("the log is gone")
	c := &told{commitment: wire.Commitment{AuditSequence: 3}.Encode()}
	if _, err := Compare(t.Context(), c, r, func(uint64) (strata.Root, error) { return strata.Root{}, lost }); !errors.Is(err, lost) {
		t.Errorf("a log that cannot be read: %v", err)
	}
}
