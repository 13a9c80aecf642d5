package miner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"strata"
	"strata/chain"
	"strata/internal/lifecycle"
)

// Blocks and times of following the chain.
const (
	refreshEach   = 5               // blocks that a metagraph may be old
	publishEach   = 25              // blocks between two attempts to publish the axon
	chainPatience = 2 * time.Minute // what one look at the chain, or an extrinsic, may take
	headsSilent   = 5 * time.Minute // without a block for so long, a subscription is taken for dead
	chainRetry    = 10 * time.Second
)

// watch is how far a miner is in following the chain.
type watch struct {
	refreshAt, publishAt, planAt uint64 // blocks of the next look, attempt and plan
	unregistered                 bool   // as last seen and logged
}

// follow looks at every head until ctx is done. A subscription that fails,
// ends or falls silent is made anew.
func (m *Miner) follow(ctx context.Context) error {
	for {
		err := m.followHeads(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m.Log.Warn("the chain is not followed; trying again", "in", chainRetry.String(), "err", err)
		if err := lifecycle.Sleep(ctx, chainRetry); err != nil {
			return err
		}
	}
}

func (m *Miner) followHeads(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx) // ends the subscription
	defer cancel()
	heads, err := m.Chain.Heads(ctx)
	if err != nil {
		return err
	}
	silence := time.NewTimer(headsSilent)
	defer silence.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-silence.C:
			return fmt.Errorf("no new block for %s", headsSilent)
		case h, open := <-heads:
			if !open {
				return errors.New("the stream of blocks ended")
			}
			m.look(ctx, h.Number, h.Hash)
			silence.Reset(headsSilent)
		}
	}
}

// look does what is due at a head. Heads may be missed, so it goes by numbers
// passed. What fails stays as it was and is due again soon.
func (m *Miner) look(ctx context.Context, number uint64, hash strata.BlockHash) {
	if number >= m.watch.refreshAt {
		if err := m.refresh(ctx, number, hash); err != nil {
			m.Log.Warn("the metagraph was not read", "block", number, "err", err)
		} else {
			m.watch.refreshAt = number + refreshEach
		}
	}
	if number >= m.watch.planAt && !m.Leave { // what goes soon is not sealed
		m.watch.planAt = number + m.LookEach
		if err := m.reallocate(ctx); err != nil && ctx.Err() == nil {
			m.Log.Warn("the allocation stays as it is", "block", number, "err", err)
			m.watch.planAt = number + refreshEach
		}
	}
}

// refresh takes over who is permitted, and brings back an axon that the chain
// lost: a hotkey that was registered anew has none.
func (m *Miner) refresh(ctx context.Context, number uint64, hash strata.BlockHash) error {
	g, err := m.metagraph(ctx, hash)
	if err != nil {
		return err
	}
	m.access.update(g)
	row, ok := g.Neuron(m.self)
	m.noteRegistered(ok)
	if !ok || number < m.watch.publishAt {
		return nil
	}
	if err := m.publish(ctx, row); err != nil {
		m.watch.publishAt = number + publishEach
		m.Log.Error("the axon was not published: validators do not find this miner; trying again", "axon", m.External, "at_block", m.watch.publishAt, "err", err)
	}
	return nil
}

// metagraph reads the subnet at a block, the zero hash being the best one.
func (m *Miner) metagraph(ctx context.Context, at strata.BlockHash) (*chain.Metagraph, error) {
	ctx, cancel := context.WithTimeout(ctx, chainPatience)
	defer cancel()
	return m.Chain.Metagraph(ctx, m.Domain.Netuid, at)
}

// noteRegistered says once when the hotkey is gone from the subnet, and when it
// is back. Users' data is served all the while.
func (m *Miner) noteRegistered(is bool) {
	switch {
	case !is && !m.watch.unregistered:
		m.Log.Error("this hotkey is no longer registered: nothing is earned until strata register", "hotkey", m.self)
	case is && m.watch.unregistered:
		m.Log.Info("this hotkey is registered again", "hotkey", m.self)
	}
	m.watch.unregistered = !is
}
