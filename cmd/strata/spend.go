package main

import (
	"context"
	"fmt"

	"strata"
	"strata/chain/subtensor"
	"strata/wallet"
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

// purse is a coldkey on a chain, about to spend.
type purse struct {
	spendFlags
	streams streams
	cold    *wallet.Key
	chain   *subtensor.Client
	profile strata.Profile
}

// open loads the coldkey and connects. The caller closes the chain.
func (f spendFlags) open(ctx context.Context, s streams) (*purse, error) {
	log, err := f.logger(s.err)
	if err != nil {
		return nil, err
	}
	cold, err := f.walletFlags.open().LoadColdkey()
	if err != nil {
		return nil, err
	}
	c, err := f.chainFlags.dial(ctx, log)
	if err != nil {
		return nil, err
	}
	g, err := c.Genesis(ctx)
	if err != nil {
		c.Close()
		return nil, err
	}
	return &purse{f, s, cold, c, strata.ProfileFor(g)}, nil
}

// target returns the subnet and the hotkey that a command is about.
func (p *purse) target() (strata.Netuid, strata.Hotkey, error) {
	netuid, err := p.subnet(p.profile)
	if err != nil {
		return 0, strata.Hotkey{}, err
	}
	hot, err := p.walletFlags.open().LoadHotkeyPub()
	return netuid, hot, err
}

// confirm asks unless told not to. A refusal is an error, so that a script sees it.
func (p *purse) confirm(format string, args ...any) error {
	if p.NoPrompt || ask(p.streams, fmt.Sprintf(format, args...)) {
		return nil
	}
	return strata.E(strata.Invalid, "nothing was sent: the question was not answered with y (see --no_prompt)")
}

// afford refuses what the coldkey has not got, before anybody is asked. The fee
// comes on top, and the chain says if that is missing.
func (p *purse) afford(ctx context.Context, amount strata.Rao, what string) error {
	cold := strata.Coldkey(p.cold.PublicKey())
	has, err := p.chain.Balance(ctx, cold)
	if err != nil {
		return err
	}
	if has < amount {
		return strata.E(strata.Invalid, "%s %s TAO, and coldkey %s has %s: send it some first", what, amount, cold, has)
	}
	return nil
}

// free refuses a hotkey that is registered already.
func (p *purse) free(ctx context.Context, netuid strata.Netuid, hot strata.Hotkey) error {
	m, err := p.chain.Metagraph(ctx, netuid, strata.BlockHash{})
	if err != nil {
		return err
	}
	if row, ok := m.Neuron(hot); ok {
		return strata.E(strata.Conflict, "hotkey %s is registered on subnet %d already, with uid %d: nothing is to be paid", hot, netuid, row.UID)
	}
	return nil
}

func (p *purse) say(format string, args ...any) error {
	_, err := fmt.Fprintf(p.streams.out, format+"\n", args...)
	return err
}

// Run pays the subnet's burn for a place on it.
func (c *registerCmd) Run(ctx context.Context, s streams) error {
	p, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer p.chain.Close()
	netuid, hot, err := p.target()
	if err != nil {
		return err
	}
	params, err := p.chain.Hyperparameters(ctx, netuid)
	if err != nil {
		return err
	}
	if err := p.free(ctx, netuid, hot); err != nil {
		return err
	}
	if err := p.afford(ctx, params.Burn, fmt.Sprintf("a place on subnet %d costs", netuid)); err != nil {
		return err
	}
	if err := p.confirm("Register %s on subnet %d for %s TAO?", hot, netuid, params.Burn); err != nil {
		return err
	}
	block, err := p.chain.BurnedRegister(ctx, p.cold, netuid, hot)
	if err != nil {
		return err
	}
	return p.say("registered %s on subnet %d in block %s", hot, netuid, block)
}

// Run moves TAO from the coldkey's balance to stake on the hotkey.
func (c *stakeCmd) Run(ctx context.Context, s streams) error {
	amount, err := strata.ParseTao(c.Amount)
	if err != nil {
		return err
	}
	p, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer p.chain.Close()
	netuid, hot, err := p.target()
	if err != nil {
		return err
	}
	if err := p.afford(ctx, amount, "the stake is"); err != nil {
		return err
	}
	if err := p.confirm("Stake %s TAO on %s, subnet %d?", amount, hot, netuid); err != nil {
		return err
	}
	block, err := p.chain.AddStake(ctx, p.cold, hot, netuid, amount)
	if err != nil {
		return err
	}
	return p.say("staked %s TAO on %s, subnet %d, in block %s", amount, hot, netuid, block)
}

// Run sends TAO.
func (c *transferCmd) Run(ctx context.Context, s streams) error {
	amount, err := strata.ParseTao(c.Amount)
	if err != nil {
		return err
	}
	p, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer p.chain.Close()
	if err := p.afford(ctx, amount, "the transfer is"); err != nil {
		return err
	}
	if err := p.confirm("Send %s TAO to %s?", amount, c.To); err != nil {
		return err
	}
	block, err := p.chain.Transfer(ctx, p.cold, c.To, amount)
	if err != nil {
		return err
	}
	return p.say("sent %s TAO to %s in block %s", amount, c.To, block)
}
