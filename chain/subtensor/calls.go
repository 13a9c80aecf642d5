package subtensor

import (
	"context"
	"fmt"
	"math/big"

	"strata"
	"strata/chain"
	"strata/chain/scale"
)

// maxCommitment is the most bytes that a commitment's raw field holds.
const maxCommitment = 128

// encodeCall writes a call by the names of its arguments. An argument that
// this runtime has besides those given is None if it may be, or what
// knownArgument says; otherwise the call is not made.
func (c *Client) encodeCall(ctx context.Context, rt *runtime, pallet, name string, args scale.Struct) ([]byte, error) {
	def, _, err := rt.meta.Call(pallet, name)
	if err != nil {
		return nil, err
	}
	for _, f := range def.Fields {
		if _, given := args[f.Name]; given {
			continue
		}
		t, err := rt.meta.Registry.Type(f.Type)
		if err != nil {
			return nil, err
		}
		if len(t.Path) == 1 && t.Path[0] == "Option" {
			args[f.Name] = nil
			continue
		}
		if args[f.Name], err = c.knownArgument(ctx, f.Name, args); err != nil {
			return nil, strata.E(strata.CodeOf(err), "%s.%s: %w", pallet, name, err)
		}
	}
	return rt.meta.EncodeCall(pallet, name, args)
}

// knownArgument returns a newer runtime's argument: register_limit is the most
// that burned_register may cost, here a tenth above the price now.
func (c *Client) knownArgument(ctx context.Context, name string, args scale.Struct) (scale.Value, error) {
	if name != "register_limit" {
		return nil, strata.E(strata.Invalid, "the chain wants the argument %q, which this version does not know: update strata", name)
	}
	burn, err := c.storage(ctx, strata.BlockHash{}, subtensorModule, "Burn", args["netuid"])
	if err != nil {
		return nil, err
	}
	price := burn.U64()
	return price + price/10, burn.Err()
}

// destination is an account as a call's argument wants it.
func (c *Client) destination(ctx context.Context, pallet, name, arg string, account [32]byte) (scale.Value, error) {
	rt, err := c.runtime(ctx)
	if err != nil {
		return nil, err
	}
	def, _, err := rt.meta.Call(pallet, name)
	if err != nil {
		return nil, err
	}
	for _, f := range def.Fields {
		if f.Name == arg {
			return rt.meta.AccountValue(f.Type, account), nil
		}
	}
	return account, nil
}

// Transfer implements chain.Submitter. It keeps the sender's account alive: a
// transfer that would leave less than the existential deposit fails.
func (c *Client) Transfer(ctx context.Context, cold chain.Signer, to [32]byte, amount strata.Rao) (strata.BlockHash, error) {
	dest, err := c.destination(ctx, "Balances", "transfer_keep_alive", "dest", to)
	if err != nil {
		return strata.BlockHash{}, err
	}
	return c.submit(ctx, cold, "Balances", "transfer_keep_alive", scale.Struct{"dest": dest, "value": uint64(amount)})
}

// RegisterNetwork implements chain.Submitter.
func (c *Client) RegisterNetwork(ctx context.Context, cold chain.Signer, hot strata.Hotkey) (strata.BlockHash, error) {
	return c.submit(ctx, cold, subtensorModule, "register_network", scale.Struct{"hotkey": [32]byte(hot)})
}

// BurnedRegister implements chain.Submitter.
func (c *Client) BurnedRegister(ctx context.Context, cold chain.Signer, n strata.Netuid, hot strata.Hotkey) (strata.BlockHash, error) {
	return c.submit(ctx, cold, subtensorModule, "burned_register", scale.Struct{"netuid": uint16(n), "hotkey": [32]byte(hot)})
}

// AddStake implements chain.Submitter.
func (c *Client) AddStake(ctx context.Context, cold chain.Signer, hot strata.Hotkey, n strata.Netuid, amount strata.Rao) (strata.BlockHash, error) {
	return c.submit(ctx, cold, subtensorModule, "add_stake", scale.Struct{
		"hotkey": [32]byte(hot), "netuid": uint16(n), "amount_staked": uint64(amount),
	})
}

// ServeAxon implements chain.Submitter. Block is set by the chain. A certificate
// goes by serve_axon_tls, where the chain has that; elsewhere it is left out.
// What the serving rate limit forbids is not sent: code Throttled.
func (c *Client) ServeAxon(ctx context.Context, hot chain.Signer, n strata.Netuid, a chain.Axon) (strata.BlockHash, error) {
	if !a.Served() {
		return strata.BlockHash{}, strata.E(strata.Invalid, "the address to publish, %s, has no IP address or no port", a.Addr)
	}
	ip, ipType := a.Addr.Addr().Unmap(), uint8(4)
	if ip.Is6() {
		ipType = 6
	}
	if err := c.mayServe(ctx, n, hot.PublicKey()); err != nil {
		return strata.BlockHash{}, err
	}
	name, args := "serve_axon", scale.Struct{
		"netuid": uint16(n), "version": a.Version,
		"ip": new(big.Int).SetBytes(ip.AsSlice()), "port": a.Addr.Port(), "ip_type": ipType,
		"protocol": a.Protocol, "placeholder1": 0, "placeholder2": 0,
	}
	if c.takesCertificate(ctx, a.Certificate) {
		name, args["certificate"] = "serve_axon_tls", []byte(a.Certificate)
	}
	return c.submit(ctx, hot, subtensorModule, name, args)
}

// Call submits a call of any pallet, its arguments by name. An argument left out
// that the runtime lets be None is None.
func (c *Client) Call(ctx context.Context, signer chain.Signer, pallet, name string, args scale.Struct) (strata.BlockHash, error) {
	return c.submit(ctx, signer, pallet, name, args)
}

// Sudo has a call made as root, by the holder of a chain's sudo key: on a local
// chain that is //Alice. The error is the inner call's.
func (c *Client) Sudo(ctx context.Context, root chain.Signer, pallet, name string, args scale.Struct) (strata.BlockHash, error) {
	var inner scale.Value = args
	if len(args) == 0 {
		inner = nil
	}
	return c.submit(ctx, root, "Sudo", "sudo", scale.Struct{"call": scale.Variant{Name: pallet, Value: scale.Variant{Name: name, Value: inner}}})
}

// SetCommitment implements chain.Submitter. Data longer than 128 bytes has
// code TooLarge.
func (c *Client) SetCommitment(ctx context.Context, hot chain.Signer, n strata.Netuid, data []byte) (strata.BlockHash, error) {
	if len(data) > maxCommitment {
		return strata.BlockHash{}, strata.E(strata.TooLarge, "a commitment of %d bytes is too large: the chain takes %d", len(data), maxCommitment)
	}
	field := scale.Variant{Name: fmt.Sprintf("Raw%d", len(data)), Value: data}
	return c.submit(ctx, hot, commitments, "set_commitment", scale.Struct{
		"netuid": uint16(n), "info": scale.Struct{"fields": []scale.Value{field}},
	})
}
