package chain

import (
	"cmp"
	"context"
	"slices"

	"strata"
)

// Scheme is how a subnet takes weights.
type Scheme uint8

// The schemes that subtensor has.
const (
	Plain        Scheme = iota // set_weights: they count at once
	CommitReveal               // a hash first, the weights with their salt some epochs later
	Timelock                   // encrypted to a round of a beacon; the chain reveals them
)

// String returns plain, commit-reveal or timelock.
func (s Scheme) String() string {
	return [...]string{"plain", "commit-reveal", "timelock"}[min(s, Timelock)]
}

// Commits keeps the secrets of weights that are committed and not yet
// revealed. What a call has saved is durable when it returns. Implementations
// are safe for concurrent use.
type Commits interface {
	// SaveCommit keeps a record under the hash that is committed.
	SaveCommit(ctx context.Context, hash [32]byte, record []byte) error
	// Commits returns all records.
	Commits(ctx context.Context) (map[[32]byte][]byte, error)
	// DeleteCommit forgets a record; that there is none is no error.
	DeleteCommit(ctx context.Context, hash [32]byte) error
}

// WeightsReceipt says what became of a weight vector.
type WeightsReceipt struct {
	Scheme Scheme
	Block  strata.BlockHash // that the weights, or their commit, are in
	Reveal uint64           // first block in which the weights can count; 0: they do
}

// Reveals says what became of committed weights.
type Reveals struct {
	Revealed  int // set on chain now
	Forgotten int // never to be: too late, or their commit never reached the chain
	Waiting   int
}

// MayWeigh says why a subnet would refuse a hotkey's weights in the block after
// the metagraph's; nil if nothing is known against it. Codes: Forbidden (not
// registered, no permit, too little stake), Throttled (the rate limit).
func (p Hyperparameters) MayWeigh(g *Metagraph, h strata.Hotkey) error {
	row, err := g.Registered(h)
	if err != nil {
		return err
	}
	next := row.LastUpdate + p.WeightsRateLimit
	switch {
	case !row.Permit:
		return strata.E(strata.Forbidden, "hotkey %s has no validator permit on subnet %d: it needs more stake, or the next epoch", h, g.Netuid)
	case !g.PartStake && row.Stake < p.StakeThreshold:
		return strata.E(strata.Forbidden, "hotkey %s has %s of stake on subnet %d, which takes weights from %s: add stake", h, row.Stake, g.Netuid, p.StakeThreshold)
	case row.LastUpdate > 0 && g.Head.Number+1 < next:
		return strata.E(strata.Throttled, "subnet %d takes weights every %d blocks: the next in block %d", g.Netuid, p.WeightsRateLimit, next)
	}
	return nil
}

// greatest is MaxWeightsLimit where there is none.
const greatest = 1<<16 - 1

// Fit returns a vector as the subnet takes it: without zeros, and with the
// greatest weights lowered to what one may be of all. Code Invalid says what
// the subnet would refuse: a uid twice or beyond neurons, too few weights.
func (p Hyperparameters) Fit(w []Weight, neurons int) ([]Weight, error) {
	var out []Weight
	seen := map[strata.UID]bool{}
	for _, e := range w {
		switch {
		case seen[e.UID]:
			return nil, strata.E(strata.Invalid, "uid %d is in the weights twice", e.UID)
		case int(e.UID) >= neurons:
			return nil, strata.E(strata.Invalid, "uid %d is not on the subnet, which has %d", e.UID, neurons)
		}
		seen[e.UID] = true
		if e.Value > 0 {
			out = append(out, e)
		}
	}
	if least := max(1, min(int(p.MinAllowedWeights), neurons)); len(out) < least {
		return nil, strata.E(strata.Invalid, "%d weights are too few: the subnet wants %d", len(out), least)
	}
	if p.MaxWeightsLimit == 0 || p.MaxWeightsLimit == greatest {
		return out, nil
	}
	if len(out)*int(p.MaxWeightsLimit) < greatest {
		return nil, strata.E(strata.Invalid, "%d weights are too few: none may be above %d of 65535 of all", len(out), p.MaxWeightsLimit)
	}
	lower(out, uint64(p.MaxWeightsLimit))
	return out, nil
}

// lower cuts the greatest values until none is above limit/65535 of the sum;
// the others keep their ratios. With k values cut to c and the rest summing to
// r, c = limit·(k·c + r)/65535.
func lower(w []Weight, limit uint64) {
	sorted := make([]uint64, len(w))
	for i, e := range w {
		sorted[i] = uint64(e.Value)
	}
	slices.SortFunc(sorted, func(a, b uint64) int { return cmp.Compare(b, a) })
	var rest uint64
	for _, x := range sorted {
		rest += x
	}
	for k, x := range sorted {
		// The first k values are cut; does the next stay below?
		cut := uint64(k) * limit
		if cut >= greatest {
			break // an equal share for all is the most there can be
		}
		if ceiling := limit * rest / (greatest - cut); x <= ceiling {
			limitTo(w, ceiling)
			return
		}
		rest -= x
	}
	limitTo(w, sorted[len(sorted)-1])
}

// limitTo lowers what is above most.
func limitTo(w []Weight, most uint64) {
	for i := range w {
		w[i].Value = uint16(min(uint64(w[i].Value), max(1, most)))
	}
}
