package subtensor

import (
	"context"

	"strata"
	"strata/chain/scale"
)

// neuronCertificates is where serve_axon_tls leaves what it carries.
const neuronCertificates = "NeuronCertificates"

// mayServe refuses what the subnet's serving rate limit would: an axon that
// changes within so many blocks of the last time.
func (c *Client) mayServe(ctx context.Context, n strata.Netuid, hotkey [32]byte) error {
	head, err := c.Head(ctx)
	if err != nil {
		return err
	}
	views, err := c.storages(ctx, head.Hash, []query{
		{subtensorModule, "ServingRateLimit", []scale.Value{uint16(n)}},
		{subtensorModule, "Axons", []scale.Value{uint16(n), hotkey}},
	})
	if err != nil {
		return err
	}
	limit := views[0].U64()
	if views[0].Err() != nil || views[1].Value() == nil {
		return views[0].Err()
	}
	last := views[1].Field("block").U64()
	if err := views[1].Err(); err != nil {
		return err
	}
	if next := head.Number + 1; limit > 0 && last > 0 && next-min(next, last) < limit {
		return strata.E(strata.Throttled, "the axon was changed in block %d and may be again from block %d on: the subnet allows it every %d blocks", last, last+limit, limit)
	}
	return nil
}

// takesCertificate says whether there is a certificate to be sent and a call
// that takes it.
func (c *Client) takesCertificate(ctx context.Context, certificate string) bool {
	if certificate == "" {
		return false
	}
	rt, err := c.runtime(ctx)
	if err != nil {
		return false // submit says why
	}
	_, _, err = rt.meta.Call(subtensorModule, "serve_axon_tls")
	return err == nil
}

// Certificate returns what a hotkey has published by serve_axon_tls: an
// algorithm's byte and a public key; nil if nothing. The code is NotFound if
// the chain keeps no certificates.
func (c *Client) Certificate(ctx context.Context, n strata.Netuid, h strata.Hotkey) ([]byte, error) {
	v, err := c.storage(ctx, strata.BlockHash{}, subtensorModule, neuronCertificates, uint16(n), [32]byte(h))
	if err != nil || v.Value() == nil {
		return nil, err
	}
	out := append([]byte{v.Field("algorithm").U8()}, v.Field("public_key").Bytes()...)
	return out, v.Err()
}
