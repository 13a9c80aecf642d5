package weigh

import (
	"context"
	"log/slog"
	"sync"

	"strata"
	"strata/catalog"
	"strata/chain"
	"strata/validator/account"
	"strata/validator/book"
	"strata/validator/subnet"
)

// Chain is where weights go.
type Chain interface {
	SetWeights(ctx context.Context, hot chain.Signer, n strata.Netuid, w []chain.Weight, kept chain.Commits) (chain.WeightsReceipt, error)
	RevealWeights(ctx context.Context, hot chain.Signer, n strata.Netuid, kept chain.Commits) (chain.Reveals, error)
}

// Config is what a weigher is made of; all fields but Account are needed.
type Config struct {
	Self   strata.Hotkey // the validator
	Key    chain.Signer  // its
	Netuid strata.Netuid
	Chain  Chain
	Ledger catalog.Ledger
	Subnet *subnet.Subnet
	Books  *book.Books
	// Refresh reads the metagraph at a block and lets the validator take it over.
	Refresh func(ctx context.Context, at strata.BlockHash) (*chain.Metagraph, error)
	Account *account.Keeper // nil: the vector is logged nowhere
	Log     *slog.Logger
}

// Weigher sets weights. Turn and what it calls are one goroutine's; Weight is safe
// for concurrent use.
type Weigher struct {
	Config

	mu       sync.Mutex               // guards what follows
	weights  map[strata.Hotkey]uint16 // last set
	at       uint64                   // block of the last vector, or of the last attempt
	unset    string                   // why there are no weights, as last logged
	computed computed                 // the last vector that was logged
}

// Restore returns a weigher that knows what was set last, as the ledger has it.
func Restore(ctx context.Context, c Config) (*Weigher, error) {
	w := &Weigher{Config: c, weights: map[strata.Hotkey]uint16{}}
	block, last, err := c.Ledger.LastWeights(ctx)
	if err != nil {
		return nil, err
	}
	w.at = block
	for _, r := range last {
		w.weights[r.Hotkey] = r.Value
	}
	return w, nil
}

// Weight returns what was last set for a miner.
func (w *Weigher) Weight(h strata.Hotkey) uint16 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.weights[h]
}

// Turn sets weights once a tempo, in its last quarter, so that they count
// what was seen until then; and it reveals those whose time has come.
func (w *Weigher) Turn(ctx context.Context, h chain.Head) {
	w.reveal(ctx, h)
	params, graph := w.Subnet.Params(), *w.Subnet.Graph()
	w.mu.Lock()
	last := w.at
	w.mu.Unlock()
	epochs := params.Epochs(w.Netuid)
	if epochs.Left(h.Number) > epochs.Length()/4 || last > 0 && h.Number < last+epochs.Length()/2 {
		return
	}
	graph.Head = h // the rows are a few blocks old; the rate limit is not
	err := params.MayWeigh(&graph, w.Self)
	if err == nil {
		err = w.weigh(ctx, h)
	}
	w.weighed(h.Number, err)
}

// weighed decides what follows from an attempt. A reason that another block
// may change is looked at again in the next; others hold for this epoch, and
// are told once.
func (w *Weigher) weighed(block uint64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.unset, w.at = "", block
		return
	}
	switch strata.CodeOf(err) {
	case strata.Throttled:
	case strata.Forbidden, strata.Invalid, strata.TooLarge:
		w.at = block
	default:
		w.Log.Warn("weights were not set; trying again at the next block", "block", block, "err", err)
		return
	}
	if reason := err.Error(); reason != w.unset {
		w.unset = reason
		w.Log.Info("no weights are set", "block", block, "reason", reason)
	}
}

// reveal reveals committed weights. What fails is tried again at the next head.
func (w *Weigher) reveal(ctx context.Context, h chain.Head) {
	ctx, cancel := context.WithTimeout(ctx, subnet.Limit)
	defer cancel()
	r, err := w.Chain.RevealWeights(ctx, w.Key, w.Netuid, w.Ledger)
	if r.Revealed+r.Forgotten > 0 {
		w.Log.Info("committed weights revealed", "block", h.Number, "revealed", r.Revealed, "forgotten", r.Forgotten, "waiting", r.Waiting)
	}
	if err != nil && ctx.Err() == nil {
		w.Log.Warn("weights were not revealed", "block", h.Number, "err", err)
	}
}

// weigh turns credits into weights and submits them.
func (w *Weigher) weigh(ctx context.Context, h chain.Head) error {
	// What the weights rest on is durable before they are.
	if err := w.Books.Save(ctx); err != nil {
		return err
	}
	// A UID may have gone to another hotkey since the metagraph was last read.
	g, err := w.Refresh(ctx, h.Hash)
	if err != nil {
		return err
	}
	records, err := w.compute(ctx, g, h.Number)
	if err != nil {
		return err
	}
	out := make([]chain.Weight, len(records))
	for i, r := range records {
		out[i] = chain.Weight{UID: r.UID, Value: r.Value}
	}
	sctx, cancel := context.WithTimeout(ctx, subnet.Limit)
	defer cancel()
	receipt, err := w.Chain.SetWeights(sctx, w.Key, w.Netuid, out, w.Ledger)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.at, w.weights = h.Number, map[strata.Hotkey]uint16{}
	for _, r := range records {
		w.weights[r.Hotkey] = r.Value
	}
	w.mu.Unlock()
	w.Log.Info("weights set", "block", h.Number, "miners", len(out), "scheme", receipt.Scheme.String(), "reveal", receipt.Reveal)
	// A crash before this loses the record only: the chain has the vector.
	err = w.Ledger.SaveWeights(ctx, h.Number, records)
	w.Account.Weighed(ctx, max(h.Number, receipt.Reveal))
	return err
}
