package devchain

import (
	"cmp"
	"log/slog"
	"time"

	"strata"
	"strata/chain/devchain/metadata"
	"strata/chain/devchain/pallets"
)

// Params are what a new subnet and the genesis block start with.
type Params = pallets.Params

// Versions of commit–reveal that Params.CommitReveal takes.
const (
	RevealByHand     = pallets.RevealByHand
	RevealByTimelock = pallets.RevealByTimelock
)

// Config says how to run a node. The zero value runs in memory.
type Config struct {
	// Dir holds the chain: chain.db and its lock. Empty: in memory only, gone
	// with the node.
	Dir string
	// Listen is the TCP address to serve on ["127.0.0.1:0": a free port].
	Listen string
	// BlockTime is the time between blocks [250 ms]; negative: no block is made
	// but by Step.
	BlockTime time.Duration
	// Accounts are endowed in the genesis block, besides //Alice to //Ferdie.
	Accounts map[strata.Coldkey]strata.Rao
	Params   Params
	// Log takes what the node has to say [discarded].
	Log *slog.Logger
	// Now is the clock of block timestamps [time.Now].
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:0")
	c.BlockTime = cmp.Or(c.BlockTime, metadata.DefaultBlockTime)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Params = c.Params.WithDefaults()
	return c
}
