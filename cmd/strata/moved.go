package main

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"strata"
	"strata/chain/subtensor"
	"strata/object"
	"strata/wire"
)

// lookupLimit bounds the look-up of miners' addresses on chain.
const lookupLimit = 30 * time.Second

// lookupFlags say on which chain miners that moved are looked up.
type lookupFlags struct {
	Network  string `name:"subtensor.network" env:"BT_SUBTENSOR_NETWORK" help:"Network on which miners are looked up that are not where the manifest says; that of the manifest if it is a public one."`
	Endpoint string `name:"subtensor.chain_endpoint" env:"BT_SUBTENSOR_CHAIN_ENDPOINT" help:"Websocket URL of a node of it; wins over the network."`
}

// lookup returns what asks the chain of a manifest where miners serve, nil where
// no chain is given and the manifest is of no public one.
func (f lookupFlags) lookup(d wire.Domain) func(context.Context) (places, error) {
	network := f.Network
	if network == "" && f.Endpoint == "" {
		switch strata.ProfileFor(d.Genesis) {
		case strata.MainProfile:
			network = "finney"
		case strata.TestProfile:
			network = "test"
		default:
			return nil
		}
	}
	return func(ctx context.Context) (places, error) {
		endpoints, err := subtensor.Endpoints(network, f.Endpoint)
		if err != nil {
			return nil, err
		}
		c, err := subtensor.Dial(ctx, endpoints, subtensor.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return nil, err
		}
		defer c.Close()
		genesis, err := c.Genesis(ctx)
		if err == nil && genesis != d.Genesis {
			err = strata.E(strata.Invalid, "the manifest is of another chain: check --subtensor.network")
		}
		if err != nil {
			return nil, err
		}
		g, err := c.Metagraph(ctx, d.Netuid, strata.BlockHash{})
		if err != nil {
			return nil, err
		}
		at := places{}
		for _, n := range g.Neurons {
			if n.Axon.Served() {
				at[n.Hotkey] = n.Axon.Addr
			}
		}
		return at, nil
	}
}

// places is where miners serve.
type places map[strata.Hotkey]netip.AddrPort

// follower reads shards from miners that may have moved: when one does not give a
// shard at its address, the chain is asked once for all, and those that have
// another address by now are read from there. It is safe for concurrent use.
type follower struct {
	object.Transport
	lookup func(context.Context) (places, error) // nil: no chain

	life  context.Context // of the look-up
	once  sync.Once
	asked chan struct{} // closed when the look-up is over
	at    places        // from then on, as err
	err   error
}

func newFollower(ctx context.Context, t object.Transport, lookup func(context.Context) (places, error)) *follower {
	return &follower{Transport: t, lookup: lookup, life: ctx, asked: make(chan struct{})}
}

// GetShard implements object.Transport.
func (f *follower) GetShard(ctx context.Context, from wire.Endpoint, root strata.Root, size, off, n uint64) (io.ReadCloser, error) {
	select {
	case <-f.asked:
		if now, ok := f.at[from.Hotkey]; ok {
			from.Addr = now
		}
		return f.get(ctx, from, root, size, off, n)
	default:
	}
	body, err := f.get(ctx, from, root, size, off, n)
	if err == nil || ctx.Err() != nil || strata.CodeOf(err) == strata.NotFound || f.lookup == nil {
		return body, err
	}
	now, ok := f.find(ctx, from.Hotkey)
	if !ok || now == from.Addr {
		return nil, err
	}
	return f.get(ctx, wire.Endpoint{Hotkey: from.Hotkey, Addr: now}, root, size, off, n)
}

func (f *follower) get(ctx context.Context, from wire.Endpoint, root strata.Root, size, off, n uint64) (io.ReadCloser, error) {
	if !from.Addr.IsValid() {
		return nil, strata.E(strata.Unavailable, "miner %s served nowhere at the export", from.Hotkey.Short())
	}
	return f.Transport.GetShard(ctx, from, root, size, off, n)
}

// find returns where the chain says that a miner serves.
func (f *follower) find(ctx context.Context, h strata.Hotkey) (netip.AddrPort, bool) {
	f.once.Do(func() {
		go func() {
			defer close(f.asked)
			ctx, cancel := context.WithTimeout(f.life, lookupLimit)
			defer cancel()
			f.at, f.err = f.lookup(ctx)
		}()
	})
	select {
	case <-f.asked:
	case <-ctx.Done():
		return netip.AddrPort{}, false
	}
	now, ok := f.at[h]
	return now, ok
}

// explain adds to a failure that miners may have moved, or why it is not known where to.
func (f *follower) explain(err error) error {
	if strata.CodeOf(err) != strata.Unavailable {
		return err
	}
	if f.lookup == nil {
		return strata.E(strata.Unavailable, "%w; miners that moved since the export are looked up where --subtensor.network or --subtensor.chain_endpoint says", err)
	}
	select {
	case <-f.asked:
		if f.err != nil {
			return strata.E(strata.Unavailable, "%w; the chain does not say where its miners are now: %w", err, f.err)
		}
	default:
	}
	return err
}
