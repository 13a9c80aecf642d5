package main

import (
	"context"
	"fmt"

	"strata"
	"strata/chain/subtensor"
)

// spendFlags are what every command needs that signs with the coldkey.
type spendFlags struct {
	walletFlags
	chainFlags
	logFlags
	NoPrompt bool `name:"no_prompt" help:"Do not ask before spending."`
}

type registerCmd struct {
	spendFlags
}

type stakeCmd struct {
	Amount string `arg:"" help:"TAO to stake."`
	spendFlags
}

type transferCmd struct {
	To     strata.Coldkey `arg:"" help:"Address that receives (ss58)."`
	Amount string         `arg:"" help:"TAO to send."`
	spendFlags
}

// dial connects without a hotkey: spending needs the coldkey alone.
func (f spendFlags) dial(ctx context.Context, s streams) (*subtensor.Client, strata.Profile, error) {
	log, err := f.logger(s.err)
	if err != nil {
		return nil, strata.Profile{}, err
	}
	c, err := f.chainFlags.dial(ctx, log)
	if err != nil {
		return nil, strata.Profile{}, err
	}
	g, err := c.Genesis(ctx)
	if err != nil {
		c.Close()
		return nil, strata.Profile{}, err
	}
	return c, strata.ProfileFor(g), nil
}

// confirm asks unless told not to. A refusal is an error, so that a script sees it.
func (f spendFlags) confirm(s streams, question string) error {
	if f.NoPrompt {
		return nil
	}
	yes, err := ask(s, question)
	if err == nil && !yes {
		err = strata.E(strata.Invalid, "nothing was sent: the question was not answered with y (see --no_prompt)")
	}
	return err
}

// Run pays the subnet's burn for a place on it.
func (c *registerCmd) Run(ctx context.Context, s streams) error {
	w := c.walletFlags.open()
	hot, err := w.LoadHotkeyPub()
	if err != nil {
		return err
	}
	cold, err := w.LoadColdkey()
	if err != nil {
		return err
	}
	client, profile, err := c.dial(ctx, s)
	if err != nil {
		return err
	}
	defer client.Close()
	netuid, err := c.subnet(profile)
	if err != nil {
		return err
	}
	params, err := client.Hyperparameters(ctx, netuid)
	if err != nil {
		return err
	}
	if err := c.confirm(s, fmt.Sprintf("Register %s on subnet %d for %s TAO?", hot, netuid, params.Burn)); err != nil {
		return err
	}
	block, err := client.BurnedRegister(ctx, cold, netuid, hot)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "registered %s on subnet %d in block %s\n", hot, netuid, block)
	return err
}

// Run moves TAO from the coldkey's balance to stake on the hotkey.
func (c *stakeCmd) Run(ctx context.Context, s streams) error {
	amount, err := strata.ParseTao(c.Amount)
	if err != nil {
		return err
	}
	w := c.walletFlags.open()
	hot, err := w.LoadHotkeyPub()
	if err != nil {
		return err
	}
	cold, err := w.LoadColdkey()
	if err != nil {
		return err
	}
	client, profile, err := c.dial(ctx, s)
	if err != nil {
		return err
	}
	defer client.Close()
	netuid, err := c.subnet(profile)
	if err != nil {
		return err
	}
	if err := c.confirm(s, fmt.Sprintf("Stake %s TAO on %s, subnet %d?", amount, hot, netuid)); err != nil {
		return err
	}
	block, err := client.AddStake(ctx, cold, hot, netuid, amount)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "staked %s TAO on %s, subnet %d, in block %s\n", amount, hot, netuid, block)
	return err
}

// Run sends TAO.
func (c *transferCmd) Run(ctx context.Context, s streams) error {
	amount, err := strata.ParseTao(c.Amount)
	if err != nil {
		return err
	}
	cold, err := c.walletFlags.open().LoadColdkey()
	if err != nil {
		return err
	}
	client, _, err := c.dial(ctx, s)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := c.confirm(s, fmt.Sprintf("Send %s TAO to %s?", amount, c.To)); err != nil {
		return err
	}
	block, err := client.Transfer(ctx, cold, c.To, amount)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "sent %s TAO to %s in block %s\n", amount, c.To, block)
	return err
}
