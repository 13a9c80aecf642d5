package subtensor

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"

	"golang.org/x/crypto/blake2b"

	"strata"
	"strata/chain"
	"strata/chain/scale"
)

// saltWords is the length of a commit's salt: 128 bits.
const saltWords = 8

// commitRecord is what is kept of a commit until it is revealed.
type commitRecord struct {
	Genesis strata.GenesisHash `json:"genesis"`
	Netuid  strata.Netuid      `json:"netuid"`
	Hotkey  strata.Hotkey      `json:"hotkey"`
	UIDs    []uint16           `json:"uids"`
	Values  []uint16           `json:"values"`
	Salt    []uint16           `json:"salt"`
	Version uint64             `json:"version_key"`
	Head    uint64             `json:"head"` // best block when it was made
}

// hash is get_commit_hash: BLAKE2b-256 of (hotkey, netuid, uids, values, salt,
// version_key).
func (r commitRecord) hash() [32]byte {
	var e scale.Encoder
	e.Raw(r.Hotkey[:])
	e.U16(uint16(r.Netuid))
	for _, list := range [][]uint16{r.UIDs, r.Values, r.Salt} {
		scale.PutVec(&e, list, (*scale.Encoder).U16)
	}
	e.U64(r.Version)
	return blake2b.Sum256(e.Bytes())
}

// commitHash commits to a vector. The record is durable first: a crash after
// that leaves a record whose commit may or may not be on chain, and
// RevealWeights finds out.
func (c *Client) commitHash(ctx context.Context, hot chain.Signer, p chain.Hyperparameters, g *chain.Metagraph, v vector, kept chain.Commits) (chain.WeightsReceipt, error) {
	receipt := chain.WeightsReceipt{Scheme: chain.CommitReveal}
	r := commitRecord{
		Genesis: c.genesis, Netuid: g.Netuid, Hotkey: hot.PublicKey(),
		UIDs: v.uids, Values: v.values, Salt: make([]uint16, saltWords), Version: v.version, Head: g.Head.Number,
	}
	if err := binary.Read(rand.Reader, binary.LittleEndian, r.Salt); err != nil {
		return receipt, err
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return receipt, err
	}
	if err := kept.SaveCommit(ctx, r.hash(), raw); err != nil {
		return receipt, err
	}
	rt, err := c.runtime(ctx)
	if err != nil {
		return receipt, err
	}
	name, args := weightsCall(rt, "commit", scale.Struct{"netuid": uint16(r.Netuid), "commit_hash": r.hash()})
	receipt.Block, err = c.submit(ctx, hot, subtensorModule, name, args)
	receipt.Reveal = revealBlock(p, g)
	return receipt, err
}

// revealBlock is the first block in which weights committed in the next block
// can be revealed.
func revealBlock(p chain.Hyperparameters, g *chain.Metagraph) uint64 {
	s := p.Epochs(g.Netuid)
	return s.First(s.Epoch(g.Head.Number+1) + p.RevealPeriod)
}

// RevealWeights implements chain.Submitter.
func (c *Client) RevealWeights(ctx context.Context, hot chain.Signer, n strata.Netuid, kept chain.Commits) (chain.Reveals, error) {
	var out chain.Reveals
	raws, err := kept.Commits(ctx)
	if err != nil || len(raws) == 0 {
		return out, err
	}
	s, err := c.commitState(ctx, hot, n)
	if err != nil {
		return out, err
	}
	var errs []error
	for hash, raw := range raws {
		var r commitRecord
		if err := json.Unmarshal(raw, &r); err != nil || r.hash() != hash {
			errs = append(errs, strata.E(strata.Corrupt, "the record of commit %x is damaged: its weights cannot be revealed", hash[:4]))
			r.Head = 0 // it goes as soon as it is old
		} else if r.Genesis != c.genesis || r.Netuid != n || r.Hotkey != hot.PublicKey() {
			continue
		}
		fate := s.fate(r, hash)
		if fate == due {
			if fate, err = c.reveal(ctx, hot, r); err != nil {
				errs = append(errs, err)
			}
		}
		switch fate {
		case done:
			out.Revealed++
		case lost:
			out.Forgotten++
		default:
			out.Waiting++
			continue
		}
		if err := kept.DeleteCommit(ctx, hash); err != nil {
			errs = append(errs, err)
		}
	}
	return out, errors.Join(errs...)
}

// fate is what is to be done with a commit.
type fate uint8

const (
	waiting fate = iota
	due
	done
	lost
)

// commitState is what the chain knows of a hotkey's commits.
type commitState struct {
	head     uint64
	schedule chain.Schedule
	period   uint64
	epochs   map[[32]byte]uint64 // of each commit, by its hash
}

func (c *Client) commitState(ctx context.Context, hot chain.Signer, n strata.Netuid) (*commitState, error) {
	head, err := c.Head(ctx)
	if err != nil {
		return nil, err
	}
	p, err := c.Hyperparameters(ctx, n)
	if err != nil {
		return nil, err
	}
	list, err := c.storage(ctx, head.Hash, subtensorModule, "WeightCommits", uint16(n), hot.PublicKey())
	if err != nil {
		return nil, err
	}
	s := &commitState{head: head.Number, schedule: p.Epochs(n), period: p.RevealPeriod, epochs: map[[32]byte]uint64{}}
	if list.Value() == nil {
		return s, nil
	}
	for _, entry := range list.Items() {
		epoch := entry.Index(1).U64() // or, in older runtimes, the block
		if !s.schedule.Counted {
			epoch = s.schedule.Epoch(epoch)
		}
		s.epochs[entry.Index(0).Bytes32()] = epoch
	}
	return s, list.Err()
}

// fate looks at what the chain has of a commit. One that the chain does not
// have, although its extrinsic can no longer get into a block, never came there
// or was revealed before a crash.
func (s *commitState) fate(r commitRecord, hash [32]byte) fate {
	epoch, there := s.epochs[hash]
	now := s.schedule.Epoch(s.head + 1)
	switch {
	case !there && s.head > r.Head+eraPeriod+maxLag:
		return lost
	case !there || now < epoch+s.period:
		return waiting
	case now > epoch+s.period:
		return lost
	}
	return due
}

// reveal reveals one commit. What the chain refuses for good is lost: a commit
// that it does not know, weights that it does not take. Too early, a busy node,
// a broken connection and a call that cannot be made leave it for the next time.
func (c *Client) reveal(ctx context.Context, hot chain.Signer, r commitRecord) (fate, error) {
	rt, err := c.runtime(ctx)
	if err != nil {
		return waiting, err
	}
	name, args := weightsCall(rt, "reveal", scale.Struct{
		"netuid": uint16(r.Netuid), "uids": r.UIDs, "values": r.Values, "salt": r.Salt, "version_key": r.Version,
	})
	_, err = c.submit(ctx, hot, subtensorModule, name, args)
	if err == nil {
		return done, nil
	}
	switch strata.CodeOf(err) {
	case strata.NotFound, strata.Invalid, strata.Forbidden:
		if errors.Is(err, errRefused) {
			return lost, err
		}
	}
	return waiting, err
}
