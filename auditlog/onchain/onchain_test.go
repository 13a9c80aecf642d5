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
	before     map[uint64][]byte // what was committed, by block
	kept       uint64            // blocks below have no state
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
	return chain.Head{Number: number, Hash: strata.BlockHash{1, byte(number)}}, nil
}

func (c *told) CommitmentAt(_ context.Context, _ strata.Netuid, _ strata.Hotkey, at strata.BlockHash) ([]byte, error) {
	switch number := uint64(at[1]); {
	case at == strata.BlockHash{}:
		return c.commitment, nil
	case number < c.kept:
		return nil, strata.E(strata.NotFound, "State already discarded")
	default:
		return c.before[number], nil
	}
}

func (c *told) Hyperparameters(context.Context, strata.Netuid) (chain.Hyperparameters, error) {
	return c.params, nil
}

func (c *told) Metagraph(_ context.Context, _ strata.Netuid, at strata.BlockHash) (*chain.Metagraph, error) {
	c.asked = uint64(at[1])
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

// hashes are those of a log whose entries have their numbers as hashes.
func hashes(entries []uint64) (map[uint64]strata.Root, error) {
	out := map[uint64]strata.Root{}
	for _, n := range entries {
		out[n] = strata.Root{byte(n)}
	}
	return out, nil
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
		f, err := Compare(t.Context(), on, r, hashes)
		if err != nil || on.asked != c.asked || len(f.Compared) == 0 || !strings.Contains(f.Compared[len(f.Compared)-1], c.says) {
			t.Errorf("%s: asked for block %d, says %q, %v", name, on.asked, f.Compared, err)
		}
		if got := strings.Join(f.Differ, "\n"); !strings.Contains(got, c.differ) || (got == "") != (c.differ == "") {
			t.Errorf("%s: differs in %q", name, got)
		}
	}
}

// TestEarlierHeads: what was committed after each vector of the log is compared
// with it, as far back as the node knows.
func TestEarlierHeads(t *testing.T) {
	committed := func(entry uint64, hash byte) []byte {
		return wire.Commitment{AuditSequence: entry, AuditHead: [32]byte{hash}}.Encode()
	}
	for name, c := range map[string]struct {
		before map[uint64][]byte
		kept   uint64
		says   []string
		differ string
	}{
		"as the log has them":    {map[uint64][]byte{50: committed(8, 8), 70: committed(11, 11), 90: committed(13, 13)}, 0, []string{"entry 15 is committed as", "2 earlier heads were"}, ""},
		"one was replaced":       {map[uint64][]byte{50: committed(8, 8), 70: committed(11, 12), 90: committed(13, 13)}, 0, []string{"entry 15 is committed as", "1 earlier heads were"}, "entry 11 was committed at block 70 as"},
		"one did not come":       {map[uint64][]byte{70: committed(11, 11), 90: committed(11, 11)}, 0, []string{"entry 15 is committed as", "1 earlier heads were"}, ""},
		"one was taken back":     {map[uint64][]byte{70: committed(11, 11), 90: committed(11, 10)}, 0, []string{"entry 15 is committed as"}, "entry 11 was committed at block 90 as 0a"},
		"other than it is now":   {map[uint64][]byte{90: committed(15, 16)}, 0, []string{"entry 15 is committed as"}, "entry 15 was committed at block 90"},
		"none before":            {nil, 0, []string{"entry 15 is committed as"}, ""},
		"another program's":      {map[uint64][]byte{90: []byte("x"), 70: committed(11, 11)}, 0, []string{"entry 15 is committed as", "1 earlier heads were"}, ""},
		"the node has forgotten": {map[uint64][]byte{90: committed(13, 13)}, 80, []string{"entry 15 is committed as", "1 earlier heads were", "the node no longer has block 70"}, ""},
	} {
		r := auditlog.Report{Entries: 11, Last: 20, Tempo: 19, Vectors: []auditlog.Vector{{Block: 50}, {Block: 70}, {Block: 90}}}
		r.Header.First, r.Header.Validator = 10, validator
		on := &told{commitment: committed(15, 15), before: c.before, kept: c.kept, head: 1000}
		var f Findings
		err := f.heads(t.Context(), on, r, hashes)
		if err != nil || len(f.Compared) != len(c.says) || c.differ == "" && len(f.Differ) > 0 || c.differ != "" && (len(f.Differ) != 1 || !strings.Contains(f.Differ[0], c.differ)) {
			t.Errorf("%s: %v, says %q, differs in %q", name, err, f.Compared, f.Differ)
			continue
		}
		for i, says := range c.says {
			if !strings.Contains(f.Compared[i], says) {
				t.Errorf("%s: says %q, want %q", name, f.Compared[i], says)
			}
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
	if _, err := Compare(t.Context(), c, r, func([]uint64) (map[uint64]strata.Root, error) { return nil, lost }); !errors.Is(err, lost) {
		t.Errorf("a log that cannot be read: %v", err)
	}
}
