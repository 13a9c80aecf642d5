package subtensor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/scale"
	"strata/chain/timelock"
)

// The versions of commit–reveal by timelock: with the hotkey in the payload,
// and the older one of commit_crv3_weights without.
const (
	withHotkey    = 4
	withoutHotkey = 3
)

// settle is how many blocks after the first of the epoch in which weights are
// revealed their round comes out: by then the chain has the epoch begun, and
// the round in the blocks that follow. The older chain looks once, as the epoch
// before ends, and drops what it cannot open then: there the round comes out
// ahead blocks earlier.
const (
	settle = 3
	ahead  = 6
)

// maxCommitBytes is the chain's MAX_CRV3_COMMIT_SIZE_BYTES.
const maxCommitBytes = 5000

// quicknet is the beacon of the public networks: drand's, by its own numbers.
var quicknet = beacon{genesis: 1692803367, period: 3, key: mustHex(
	"83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a")}

func mustHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err) // a constant of this file
	}
	return b
}

// beacon publishes a signature each period.
type beacon struct {
	key             []byte
	genesis, period uint64 // Unix seconds, seconds
}

// round returns the last round that is sure to be out at a time.
func (b beacon) round(at time.Time) uint64 {
	if s := at.Unix(); s > int64(b.genesis) {
		return max(1, (uint64(s)-b.genesis)/b.period)
	}
	return 1
}

// beacon returns the beacon whose rounds the chain waits for. On a public
// network that is quicknet, whatever a node says: with a key of its own it
// could read weights before their time. A local chain says which one it has.
func (c *Client) beacon(ctx context.Context) (beacon, error) {
	if strata.ProfileFor(c.genesis).Name != strata.LocalProfile.Name {
		return quicknet, nil
	}
	v, err := c.storage(ctx, strata.BlockHash{}, "Drand", "BeaconConfig")
	if err != nil {
		return beacon{}, err
	}
	b := beacon{key: v.Field("public_key").Bytes(), genesis: uint64(v.Field("genesis_time").U32()), period: uint64(v.Field("period").U32())}
	if err := v.Err(); err != nil {
		return b, err
	}
	if b.period == 0 || len(b.key) == 0 {
		return b, strata.E(strata.Unavailable, "the chain has no beacon yet: wait for its first block")
	}
	return b, nil
}

// commitTimelocked commits a vector that the chain reveals by itself.
func (c *Client) commitTimelocked(ctx context.Context, hot chain.Signer, p chain.Hyperparameters, g *chain.Metagraph, v vector) (chain.WeightsReceipt, error) {
	receipt := chain.WeightsReceipt{Scheme: chain.Timelock}
	b, err := c.beacon(ctx)
	if err != nil {
		return receipt, err
	}
	length, err := c.blockTime(ctx, g.Head)
	if err != nil {
		return receipt, err
	}
	rt, err := c.runtime(ctx)
	if err != nil {
		return receipt, err
	}
	version, name, args := timelockCall(rt, g.Netuid)
	receipt.Reveal = revealBlock(p, g)
	round := b.round(g.Head.Time.Add(length * time.Duration(roundBlock(version, receipt.Reveal, g.Head.Number)-g.Head.Number)))
	sealed, err := timelock.Encrypt(rand.Reader, b.key, round, v.payload(hot.PublicKey(), version))
	if err != nil {
		return receipt, err
	}
	if len(sealed) > maxCommitBytes {
		return receipt, strata.E(strata.TooLarge, "%d weights make a commit of %d bytes: the chain takes %d", len(v.uids), len(sealed), maxCommitBytes)
	}
	args["commit"], args["reveal_round"] = sealed, round
	receipt.Block, err = c.submit(ctx, hot, subtensorModule, name, args)
	return receipt, err
}

// roundBlock is the block at whose time the round of a commit comes out, always
// after the head.
func roundBlock(version uint16, reveal, head uint64) uint64 {
	if version >= withHotkey {
		return reveal + settle
	}
	return max(head+1, reveal-min(reveal, ahead))
}

// timelockCall returns the newest call that the runtime has, and the version
// of the payload that it takes.
func timelockCall(rt *runtime, n strata.Netuid) (version uint16, name string, args scale.Struct) {
	args = scale.Struct{"netuid": uint16(n)}
	name, args = weightsCall(rt, "commit_timelocked", args)
	if _, _, err := rt.meta.Call(subtensorModule, name); err != nil {
		return withoutHotkey, "commit_crv3_weights", scale.Struct{"netuid": uint16(n)}
	}
	args["commit_reveal_version"] = uint16(withHotkey)
	return withHotkey, name, args
}

// payload is WeightsTlockPayload.
func (v vector) payload(hotkey strata.Hotkey, version uint16) []byte {
	var e scale.Encoder
	if version >= withHotkey {
		e.Blob(hotkey[:])
	}
	scale.PutVec(&e, v.uids, (*scale.Encoder).U16)
	scale.PutVec(&e, v.values, (*scale.Encoder).U16)
	e.U64(v.version)
	return e.Bytes()
}

// sampleBlocks is how many blocks the time between two is taken from.
const sampleBlocks = 20

// blockTime returns the time between blocks: the mean of the last ones, or of
// those before if that is less, so that a pause of the chain does not count. A
// round that comes out too late would miss the epoch; one too early waits.
func (c *Client) blockTime(ctx context.Context, head chain.Head) (time.Duration, error) {
	least := time.Duration(0)
	for range 2 {
		n := min(sampleBlocks, head.Number-min(head.Number, 1)) // block 0 has no time
		if n == 0 {
			break
		}
		before, err := c.BlockAt(ctx, head.Number-n)
		if err != nil {
			return 0, err
		}
		if mean := head.Time.Sub(before.Time) / time.Duration(n); least == 0 || mean < least {
			least = mean
		}
		head = before
	}
	if least <= 0 {
		return 0, strata.E(strata.Unavailable, "the chain is too young to know its pace: wait for a few blocks")
	}
	return least, nil
}
