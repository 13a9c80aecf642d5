package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"strata"
	"strata/object"
	"strata/wire"
)

// street is where one miner answers: at one address, with its shard or without.
type street struct {
	object.Transport
	at      netip.AddrPort
	without bool
	asked   atomic.Int64 // at other addresses
}

func (s *street) GetShard(_ context.Context, from wire.Endpoint, _ strata.Root, _, _, _ uint64) (io.ReadCloser, error) {
	switch {
	case from.Addr != s.at:
		s.asked.Add(1)
		return nil, strata.E(strata.Unavailable, "connection refused")
	case s.without:
		return nil, strata.E(strata.NotFound, "no such shard")
	}
	return io.NopCloser(bytes.NewReader([]byte("shard"))), nil
}

func TestFollower(t *testing.T) {
	old, now := netip.MustParseAddrPort("10.0.0.1:8091"), netip.MustParseAddrPort("10.0.0.1:9000")
	miner := strata.Hotkey{1}
	for name, c := range map[string]struct {
		in      netip.AddrPort // the manifest
		on      places         // chain
		fails   error          // the look-up
		noChain bool
		at      netip.AddrPort // the miner is
		without bool           // it has lost the shard
		code    strata.Code    // "": the shard comes
		lookups int
		says    string
	}{
		"where it was":            {in: old, at: old},
		"moved":                   {in: old, on: places{miner: now}, at: now, lookups: 1},
		"served nowhere before":   {on: places{miner: now}, at: now, lookups: 1},
		"moved, lost the shard":   {in: old, on: places{miner: now}, at: now, without: true, lookups: 1, code: strata.NotFound},
		"there, lost the shard":   {in: old, at: old, without: true, code: strata.NotFound},
		"away":                    {in: old, on: places{miner: old}, at: now, lookups: 1, code: strata.Unavailable},
		"gone":                    {in: old, on: places{strata.Hotkey{2}: now}, at: now, lookups: 1, code: strata.Unavailable},
		"the chain does not help": {in: old, fails: errors.New("no node answers"), at: now, lookups: 1, code: strata.Unavailable, says: "no node answers"},
		"no chain":                {in: old, noChain: true, at: now, code: strata.Unavailable, says: "--subtensor.network"},
		"no chain, nowhere":       {noChain: true, at: now, code: strata.Unavailable, says: "--subtensor.network"},
	} {
		t.Run(name, func(t *testing.T) {
			lookups, there := 0, &street{at: c.at, without: c.without}
			lookup := func(context.Context) (places, error) { lookups++; return c.on, c.fails }
			if c.noChain {
				lookup = nil
			}
			f := newFollower(t.Context(), there, lookup)
			get := func() error {
				body, err := f.GetShard(t.Context(), wire.Endpoint{Hotkey: miner, Addr: c.in}, strata.Root{}, 5, 0, 5)
				if err != nil {
					return f.explain(err)
				}
				return body.Close()
			}
			var wg sync.WaitGroup
			for range 8 { // rows of a shard and other shards, at once
				wg.Go(func() { _ = get() })
			}
			wg.Wait()
			before := there.asked.Load()
			err := get()
			if (err == nil) != (c.code == "") || err != nil && (strata.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%v, want code %q", err, c.code)
			}
			if lookups != c.lookups {
				t.Errorf("%d look-ups, want %d", lookups, c.lookups)
			}
			if err == nil && there.asked.Load() != before {
				t.Error("it is asked for where it was although it is known where it is")
			}
		})
	}
}

func TestLookupNeedsAChain(t *testing.T) {
	local := wire.Domain{Genesis: strata.GenesisHash{1}}
	if (lookupFlags{}).lookup(local) != nil {
		t.Error("a local chain is looked for without an address")
	}
	find := (lookupFlags{Network: "nowhere"}).lookup(local)
	if _, err := find(t.Context()); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("a network that does not exist: %v", err)
	}
}
