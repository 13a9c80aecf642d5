package devnet

import (
	"context"
	"fmt"
	"sync"

	"strata"
	"strata/chain"
	"strata/chain/subtensor"
	"strata/wallet"
)

// What the accounts get. A validator's stake is the same for all, so that
// partitions are of equal size unless a test moves stake.
const (
	funds = 100_000 * strata.RaoPerTao // of a validator's coldkey
	stake = 10_000 * strata.RaoPerTao
	dust  = 1_000 * strata.RaoPerTao // of a miner's coldkey and the owner's
)

// member is a wallet that takes part.
type member struct {
	name  string
	cold  *wallet.Key
	hot   *wallet.Key
	funds strata.Rao
	stake strata.Rao
}

// register creates the wallets, the subnet and the registrations that do not
// exist yet. Each step looks first, so a devnet stopped between two of them
// continues where it was.
func (n *Network) register(ctx context.Context) error {
	client, err := subtensor.Dial(ctx, []string{n.ChainURL()}, subtensor.Options{Logger: n.cfg.Log})
	if err != nil {
		return err
	}
	defer client.Close()

	members, err := n.members()
	if err != nil {
		return err
	}
	alice, err := wallet.FromURI("//Alice")
	if err != nil {
		return err
	}
	if err := each(members, func(m member) error { return fund(ctx, client, alice, m) }); err != nil {
		return err
	}
	if n.plan.Netuid == 0 {
		// A crash between the call and savePlan leaves a subnet that nobody
		// uses; the next start makes another.
		if n.plan.Netuid, err = registerNetwork(ctx, client, members[0]); err != nil {
			return err
		}
		if err := n.savePlan(); err != nil {
			return err
		}
	}
	netuid := strata.Netuid(n.plan.Netuid)
	meta, err := client.Metagraph(ctx, netuid, strata.BlockHash{})
	if err != nil {
		return err
	}
	return each(members[1:], func(m member) error { return join(ctx, client, netuid, meta, m) })
}

// members opens or creates the wallets: the owner, then validators, then miners.
func (n *Network) members() ([]member, error) {
	out := []member{{name: "owner", funds: funds}}
	for i := range n.plan.Validators {
		m := member{name: name("validator", i), funds: funds, stake: stake}
		if i < len(n.plan.Stakes) {
			m.stake = n.plan.Stakes[i]
		}
		out = append(out, m)
	}
	for i := range n.plan.Miners {
		out = append(out, member{name: name("miner", i), funds: dust})
	}
	for i := range out {
		m := &out[i]
		w := wallet.Open(n.walletPath(), m.name, "default")
		_, err := w.LoadHotkeyPub()
		if strata.CodeOf(err) == strata.NotFound {
			// A crash within New leaves a coldkey alone; nothing is owned by it
			// yet, so both are made anew.
			_, err = w.New(wallet.Options{Overwrite: true})
		}
		if err != nil {
			return nil, err
		}
		if m.cold, err = w.LoadColdkey(); err != nil {
			return nil, err
		}
		if m.hot, err = w.LoadHotkey(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func fund(ctx context.Context, c chain.Client, from chain.Signer, m member) error {
	have, err := c.Balance(ctx, m.cold.PublicKey())
	if err != nil || have > 0 {
		return err
	}
	if _, err := c.Transfer(ctx, from, m.cold.PublicKey(), m.funds); err != nil {
		return fmt.Errorf("fund %s: %w", m.name, err)
	}
	return nil
}

// registerNetwork returns the netuid of a new subnet of the owner's.
func registerNetwork(ctx context.Context, c chain.Client, owner member) (uint16, error) {
	if _, err := c.RegisterNetwork(ctx, owner.cold, owner.hot.Hotkey()); err != nil {
		return 0, fmt.Errorf("register the subnet: %w", err)
	}
	// The chain numbers subnets upwards: the last one that exists is ours.
	for id := uint16(1); ; id++ {
		if _, err := c.Metagraph(ctx, strata.Netuid(id), strata.BlockHash{}); strata.CodeOf(err) == strata.NotFound {
			return id - 1, nil
		} else if err != nil {
			return 0, err
		}
	}
}

func join(ctx context.Context, c chain.Client, netuid strata.Netuid, meta *chain.Metagraph, m member) error {
	hot := m.hot.Hotkey()
	row, registered := meta.Neuron(hot)
	if !registered {
		if _, err := c.BurnedRegister(ctx, m.cold, netuid, hot); err != nil {
			return fmt.Errorf("register %s: %w", m.name, err)
		}
	}
	if m.stake > row.Stake {
		if _, err := c.AddStake(ctx, m.cold, hot, netuid, m.stake-row.Stake); err != nil {
			return fmt.Errorf("stake for %s: %w", m.name, err)
		}
	}
	return nil
}

// each runs f for all members at once, which shares the wait for blocks.
func each(ms []member, f func(member) error) error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
	)
	for _, m := range ms {
		wg.Go(func() {
			if err := f(m); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if first == nil {
					first = err
				}
			}
		})
	}
	wg.Wait()
	return first
}
