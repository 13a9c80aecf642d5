package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/subtensor"
)

type chainWatchCmd struct {
	viewFlags
	Blocks uint64 `help:"Stop after this many blocks; 0 follows until interrupted."`
	All    bool   `help:"Show every block, and every event of the subnet's pallets."`
}

// happening is one line of the watch.
type happening struct {
	Block  uint64         `json:"block"`
	Time   time.Time      `json:"time"`
	What   string         `json:"what"`
	UID    *strata.UID    `json:"uid,omitempty"`
	Hotkey *strata.Hotkey `json:"hotkey,omitempty"`
	Text   string         `json:"text"`
}

// watcher follows one subnet from block to block.
type watcher struct {
	*lookout
	netuid strata.Netuid
	all    bool
	last   *chain.Metagraph
	step   uint64 // block of the last epoch, as far as is known
	emit   func(happening) error
}

// Run prints what happens on the subnet: epochs, weights, axons, registrations.
func (c *chainWatchCmd) Run(ctx context.Context, s streams) error {
	at, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer at.Close()
	netuid, err := at.subnet(c.viewFlags)
	if err != nil {
		return err
	}
	w := &watcher{lookout: at, netuid: netuid, all: c.All, emit: c.printer(s)}
	heads, err := at.Heads(ctx)
	if err != nil {
		return err
	}
	if w.last, err = at.Metagraph(ctx, netuid, strata.BlockHash{}); err != nil {
		return err
	}
	first := w.last.Head.Number
	if !c.JSON {
		fmt.Fprintf(s.out, "watching subnet %d from block %d, %d neurons\n", netuid, first, len(w.last.Neurons))
	}
	for head := range heads {
		// Heads come only as fast as they are taken; none in between is missed.
		for next := w.last.Head.Number + 1; next <= head.Number; next++ {
			err := w.block(ctx, next)
			if strata.CodeOf(err) == strata.Unavailable && ctx.Err() == nil {
				at.log.Warn("the chain is not read; going on where this was", "block", next, "err", err)
				break // the next head
			}
			if err != nil {
				return err
			}
			if c.Blocks > 0 && next >= first+c.Blocks {
				return nil
			}
		}
	}
	return ctx.Err()
}

func (c *chainWatchCmd) printer(s streams) func(happening) error {
	if c.JSON {
		e := json.NewEncoder(s.out)
		return func(h happening) error { return e.Encode(h) }
	}
	return func(h happening) error {
		_, err := fmt.Fprintf(s.out, "%d  %s  %s\n", h.Block, h.Time.Format(time.TimeOnly), h.Text)
		return err
	}
}

// block reads a block and says what it changed.
func (w *watcher) block(ctx context.Context, number uint64) error {
	head, err := w.BlockAt(ctx, number)
	if err != nil {
		return err
	}
	m, err := w.Metagraph(ctx, w.netuid, head.Hash)
	if err != nil {
		return err
	}
	m.Head = head
	events, err := w.Events(ctx, head.Hash)
	if err != nil {
		return err
	}
	var out []happening
	say := func(what string, n *chain.Neuron, format string, args ...any) {
		h := happening{Block: number, Time: head.Time, What: what, Text: fmt.Sprintf(format, args...)}
		if n != nil {
			h.UID, h.Hotkey = &n.UID, &n.Hotkey
		}
		out = append(out, h)
	}
	if w.all {
		say("block", nil, "block 0x%s, %d events", head.Hash, len(events))
		w.sayEvents(events, say)
	}
	if err := w.sayEpoch(ctx, number, m, say); err != nil {
		return err
	}
	w.sayNeurons(m, say)
	w.last = m
	for _, h := range out {
		if err := w.emit(h); err != nil {
			return err
		}
	}
	return nil
}

type sayFunc func(what string, n *chain.Neuron, format string, args ...any)

// sayEvents shows the events of the pallets that a subnet's life is in.
func (w *watcher) sayEvents(events []subtensor.Event, say sayFunc) {
	for _, e := range events {
		if slices.Contains([]string{"SubtensorModule", "Commitments", "Drand", "AdminUtils"}, e.Pallet) {
			say("event", nil, "%s", e)
		}
	}
}

// sayEpoch says that an epoch has run: the chain counts the blocks since.
func (w *watcher) sayEpoch(ctx context.Context, number uint64, m *chain.Metagraph, say sayFunc) error {
	step, err := w.LastEpoch(ctx, w.netuid, m.Head)
	if err != nil {
		return err
	}
	ran := w.step != 0 && step > w.step || step == number
	w.step = step
	if !ran {
		return nil
	}
	permits, incentives := 0, 0
	var paid strata.Rao
	for _, n := range m.Neurons {
		paid += n.Emission
		if n.Permit {
			permits++
		}
		if n.Incentive > 0 {
			incentives++
		}
	}
	say("epoch", nil, "epoch: %s alpha to %d neurons, %d with incentive, %d permits", paid, len(m.Neurons), incentives, permits)
	return nil
}

// sayNeurons compares each neuron with what it was a block before.
func (w *watcher) sayNeurons(m *chain.Metagraph, say sayFunc) {
	for i := range m.Neurons {
		n := &m.Neurons[i]
		var was chain.Neuron
		if i < len(w.last.Neurons) {
			was = w.last.Neurons[i]
		}
		if was.Hotkey != n.Hotkey {
			if !was.Hotkey.IsZero() {
				say("pruned", &was, "neuron %d: %s lost its place", was.UID, was.Hotkey)
			}
			say("registered", n, "neuron %d: %s registered", n.UID, n.Hotkey)
			was = chain.Neuron{LastUpdate: n.LastUpdate}
		}
		if n.LastUpdate != was.LastUpdate {
			say("weights", n, "neuron %d: %s set weights", n.UID, n.Hotkey.Short())
		}
		if n.Axon != was.Axon && n.Axon.Served() {
			say("axon", n, "neuron %d: %s serves on %s", n.UID, n.Hotkey.Short(), n.Axon.Addr)
		}
		if n.Permit != was.Permit {
			verb := "got"
			if was.Permit {
				verb = "lost"
			}
			say("permit", n, "neuron %d: %s %s its validator permit", n.UID, n.Hotkey.Short(), verb)
		}
	}
}
