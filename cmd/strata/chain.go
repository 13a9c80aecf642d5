package main

import (
	"context"
	"time"

	"strata/chain/devchain"
)

type chainCmd struct {
	Devchain  devchainCmd       `cmd:"" help:"Run a local Bittensor node."`
	Info      chainInfoCmd      `cmd:"" help:"Show which chain and node this is."`
	Subnets   chainSubnetsCmd   `cmd:"" help:"List the subnets."`
	Metagraph chainMetagraphCmd `cmd:"" help:"List a subnet's neurons."`
	Neuron    chainNeuronCmd    `cmd:"" help:"Show one neuron, and what validators give it."`
	Weights   chainWeightsCmd   `cmd:"" help:"Show the weights that validators have set."`
	Balance   chainBalanceCmd   `cmd:"" help:"Show what a coldkey has free and staked."`
	Watch     chainWatchCmd     `cmd:"" help:"Follow a subnet: epochs, weights, axons, registrations."`
	Metadata  chainMetadataCmd  `cmd:"" help:"List what a runtime has: calls, storage, runtime APIs."`
	Yuma      chainYumaCmd      `cmd:"" help:"Run one epoch on a scenario, without a chain: what if?"`
}

type devchainCmd struct {
	Dir       string        `help:"Where the chain's state lies." default:"~/.strata/devchain"`
	Listen    string        `help:"Address of the JSON-RPC server." default:"127.0.0.1:9944"`
	Tempo     uint16        `help:"Blocks between two epochs." default:"20"`
	BlockTime time.Duration `name:"block_time" help:"Time between two blocks." default:"250ms"`
	Weights   string        `help:"How new subnets take weights: ${enum}." enum:"plain,commit-reveal,timelock" default:"plain"`
	Permits   uint16        `help:"How many validators of a new subnet get a permit; 0: 64."`
	logFlags
	supervised
}

// commitReveal is the version of commit–reveal that a way of taking weights is.
var commitReveal = map[string]uint16{"commit-reveal": devchain.RevealByHand, "timelock": devchain.RevealByTimelock}

// Run serves until interrupted.
func (c *devchainCmd) Run(ctx context.Context, s streams) error {
	log, err := c.logger(s.err)
	if err != nil {
		return err
	}
	g := c.group(ctx, s, log)
	node, err := devchain.Start(g.Context(), devchain.Config{
		Dir: expand(c.Dir), Listen: c.Listen, BlockTime: c.BlockTime, Log: log,
		Params: devchain.Params{Tempo: c.Tempo, MaxValidators: c.Permits, CommitReveal: commitReveal[c.Weights]},
	})
	if err != nil {
		return err
	}
	g.OnStop("node", node.Close)
	if err := c.ready(map[string]string{"rpc": node.URL()}); err != nil {
		return err
	}
	log.Info("local chain serves", "url", node.URL())
	return g.Wait()
}
