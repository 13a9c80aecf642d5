package main

import (
	"context"
	"fmt"
	"path/filepath"

	"strata"
	"strata/chain"
	"strata/peer"
	"strata/seal"
	"strata/volume/hashes"
	"strata/volume/pipeline"
	"strata/wire"
)

// verify recomputes what miners hold for this validator and says where their
// roots differ. It keeps hash files only, and continues after an interruption.
func (c *allocateCmd) verify(ctx context.Context, s streams, sess session, graph *chain.Metagraph) error {
	path, err := c.dbFlags.one()
	if err != nil {
		return err
	}
	n, err := pipeline.HashWorkers(c.Workers, sess.profile.SectorSize())
	if err == nil && n == 0 {
		err = littleMemory(sess.profile)
	}
	if err != nil {
		return err
	}
	peers := peer.NewClient(peer.ClientConfig{Hotkey: sess.hotkey, Signer: sess.key, Domain: sess.domain()})
	defer peers.Close()
	wrong := 0
	for _, row := range graph.Neurons {
		if row.Hotkey == sess.hotkey || !row.Axon.Served() {
			continue
		}
		ep := wire.Endpoint{Hotkey: row.Hotkey, Addr: row.Axon.Addr}
		entries, err := manifest(ctx, peers, ep, sess.hotkey)
		if err != nil {
			fmt.Fprintf(s.out, "%s: no manifest: %v\n", row.Hotkey, err)
			continue
		}
		bad, err := recompute(ctx, s, sess, filepath.Join(path, c.Name, c.Hotkey), row.Hotkey, entries, n)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%s: %d sectors recomputed, %d with another root\n", row.Hotkey, len(entries), bad)
		wrong += bad
	}
	if wrong > 0 {
		return strata.E(strata.Corrupt, "%d sectors have another root than their miner says", wrong)
	}
	return nil
}

// manifest reads all sealed sectors that a miner lists for a validator.
func manifest(ctx context.Context, c *peer.Client, ep wire.Endpoint, validator strata.Hotkey) ([]wire.Entry, error) {
	var out []wire.Entry
	q := wire.ManifestQuery{Validator: validator}
	for {
		page, err := c.Manifest(ctx, ep, q)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			if e.State == wire.Filler || e.State == wire.Data {
				out = append(out, e)
			}
		}
		if !page.More {
			return out, nil
		}
		q.After = page.Next()
	}
}

// recompute fills the sectors and counts the roots that differ.
func recompute(ctx context.Context, s streams, sess session, dir string, miner strata.Hotkey, entries []wire.Entry, workers int) (int, error) {
	sectors := make([]seal.Sector, len(entries))
	for i, e := range entries {
		sectors[i] = seal.Sector{
			Genesis: sess.genesis, Netuid: sess.netuid, Miner: miner, Validator: sess.hotkey,
			Number: e.Number, Blocks: sess.profile.Blocks, Passes: sess.profile.Passes,
		}
	}
	b := newBar(s.err, "recomputing "+miner.Short(), sess.log)
	roots, err := hashes.Fill(ctx, dir, sectors, workers, b.set)
	b.close(err == nil)
	if err != nil {
		return 0, err
	}
	bad := 0
	for i, e := range entries {
		if roots[i] != e.Root {
			bad++
			fmt.Fprintf(s.out, "%s: sector %d: the miner says %s, it is %s\n", miner, e.Number, e.Root, roots[i])
		}
	}
	return bad, nil
}
