package main

import (
	"bytes"
	"context"
	"sync"

	"strata"
	"strata/chain"
	"strata/wire"
)

// commitment is what a hotkey has committed on chain.
type commitment struct {
	wire.Commitment        // nothing, where it is another program's
	raw             []byte // as it is there
	foreign         error  // why it is another program's
}

// commitmentOf reads what a hotkey has committed. One that the chain keeps in a
// form that we never write, and none, are nothing.
func commitmentOf(ctx context.Context, c chain.Client, n strata.Netuid, hotkey strata.Hotkey) (commitment, error) {
	raw, err := c.Commitment(ctx, n, hotkey)
	if strata.CodeOf(err) == strata.Invalid || err == nil && raw == nil {
		return commitment{}, nil
	}
	if err != nil {
		return commitment{}, err
	}
	is, err := wire.DecodeCommitment(raw)
	if err != nil {
		return commitment{raw: raw, foreign: err}, nil
	}
	return commitment{Commitment: is, raw: raw}, nil
}

// commitment returns what the hotkey has committed; another program's is nothing.
func (s session) commitment(ctx context.Context) (wire.Commitment, error) {
	now, err := commitmentOf(ctx, s.chain, s.netuid, s.hotkey)
	if now.foreign != nil {
		s.log.Warn("what the hotkey has committed on chain is another program's", "err", now.foreign)
	}
	return now.Commitment, err
}

// committer changes what a hotkey commits on chain, one half at a time.
type committer struct {
	chain  chain.Client
	key    chain.Signer
	netuid strata.Netuid

	mu sync.Mutex // held from the read to the write
}

// change reads the commitment, changes it and writes it back. What another
// program has left there is replaced.
func (c *committer) change(ctx context.Context, change func(wire.Commitment) wire.Commitment) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, err := commitmentOf(ctx, c.chain, c.netuid, c.key.PublicKey())
	if err != nil {
		return err
	}
	next := change(now.Commitment).Encode()
	if bytes.Equal(next, now.raw) {
		return nil
	}
	_, err = c.chain.SetCommitment(ctx, c.key, c.netuid, next)
	return err
}
