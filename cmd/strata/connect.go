package main

import (
	"context"
	"log/slog"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/subtensor"
	"strata/wallet"
	"strata/wire"
)

// session is what every role begins with: a hotkey on a subnet of a chain.
type session struct {
	log     *slog.Logger
	chain   *subtensor.Client
	key     *wallet.Key
	hotkey  strata.Hotkey
	genesis strata.GenesisHash
	profile strata.Profile
	netuid  strata.Netuid
}

func (s session) domain() wire.Domain {
	return wire.Domain{Genesis: s.genesis, Netuid: s.netuid}
}

// connect loads the hotkey, dials the chain and checks the clock. It does not
// check the registration: see registered.
func connect(ctx context.Context, w walletFlags, c chainFlags, log *slog.Logger) (session, error) {
	key, err := w.open().LoadHotkey()
	if err != nil {
		return session{}, err
	}
	client, err := c.dial(ctx, log)
	if err != nil {
		return session{}, err
	}
	s := session{log: log, chain: client, key: key, hotkey: key.Hotkey()}
	if err := s.identify(ctx, c); err != nil {
		client.Close()
		return session{}, err
	}
	return s, nil
}

func (s *session) identify(ctx context.Context, c chainFlags) error {
	var err error
	if s.genesis, err = s.chain.Genesis(ctx); err != nil {
		return err
	}
	s.profile = strata.ProfileFor(s.genesis)
	if s.netuid, err = c.subnet(s.profile); err != nil {
		return err
	}
	return checkClock(ctx, s.chain, time.Now)
}

// registered returns the metagraph, in which this hotkey has a row.
func (s session) registered(ctx context.Context) (*chain.Metagraph, error) {
	m, err := s.chain.Metagraph(ctx, s.netuid, strata.BlockHash{})
	if err != nil {
		return nil, err
	}
	_, err = m.Registered(s.hotkey)
	return m, err
}

// maxSkew is how far the clock may be off chain time: signed requests are
// refused beyond 2 s into the future.
const maxSkew = 2 * time.Second

// checkClock compares the clock with the next block as it arrives. A block
// carries the time at which its author began it, so it is up to one block time
// old when it gets here; the two blocks give that time.
func checkClock(ctx context.Context, c chain.Reader, now func() time.Time) error {
	last, err := c.Head(ctx)
	if err != nil {
		return err
	}
	patience := blockPatience(ctx, c, last)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	heads, err := c.Heads(ctx)
	if err != nil {
		return err
	}
	for h := range heads {
		if h.Number <= last.Number {
			continue
		}
		return judgeClock(now(), h, last)
	}
	return strata.E(strata.Unavailable, "the chain made no block within %s: the node may be syncing or stalled; try another endpoint", patience.Round(time.Second))
}

// blockPatience is how long the next block is waited for: a minute, or three
// times what the last block took if that is longer, up to ten minutes.
func blockPatience(ctx context.Context, c chain.Reader, last chain.Head) time.Duration {
	patience := time.Minute
	if last.Number < 2 {
		return patience
	}
	before, err := c.BlockAt(ctx, last.Number-1)
	if err != nil {
		return patience // an old node may keep no more than its head
	}
	return min(max(patience, 3*last.Time.Sub(before.Time)), 10*time.Minute)
}

func judgeClock(now time.Time, h, before chain.Head) error {
	slack := time.Duration(0)
	if blocks := h.Number - before.Number; !before.Time.IsZero() && blocks > 0 {
		slack = h.Time.Sub(before.Time) / time.Duration(blocks)
	}
	ahead := now.Sub(h.Time)
	switch {
	case ahead < -maxSkew:
		return strata.E(strata.Invalid, "this machine's clock is %s behind chain time: set it (NTP), signed requests would be refused", (-ahead).Round(100*time.Millisecond))
	case ahead > maxSkew+slack:
		return strata.E(strata.Invalid, "this machine's clock is %s ahead of chain time: set it (NTP), signed requests would be refused", ahead.Round(100*time.Millisecond))
	}
	return nil
}
