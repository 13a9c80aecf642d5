// Package onchain compares an audit log with the chain that it tells of: the
// head that the validator has committed there, and the weights that it has set.
package onchain

import (
	"context"
	"fmt"

	"strata"
	"strata/auditlog"
	"strata/chain"
	"strata/wire"
)

// Chain is what a log is compared with.
type Chain interface {
	Genesis(ctx context.Context) (strata.GenesisHash, error)
	Head(ctx context.Context) (chain.Head, error)
	BlockAt(ctx context.Context, number uint64) (chain.Head, error)
	Commitment(ctx context.Context, n strata.Netuid, hot strata.Hotkey) ([]byte, error)
	Hyperparameters(ctx context.Context, n strata.Netuid) (chain.Hyperparameters, error)
	Metagraph(ctx context.Context, n strata.Netuid, at strata.BlockHash) (*chain.Metagraph, error)
	WeightsAt(ctx context.Context, n strata.Netuid, uid strata.UID, at strata.BlockHash) ([]chain.Weight, error)
}

// Findings are lines for people.
type Findings struct {
	Compared []string // what the chain has as the log has it, or could not be asked for
	Differ   []string // what it has otherwise
}

func (f *Findings) says(format string, args ...any) {
	f.Compared = append(f.Compared, "chain: "+fmt.Sprintf(format, args...))
}

func (f *Findings) differs(format string, args ...any) {
	f.Differ = append(f.Differ, "chain: "+fmt.Sprintf(format, args...))
}

// Compare asks the chain for the committed head and for the vector that was
// current after the log's last one. hashOf returns the hash of an entry of the
// log, which r was made of. The error has code Invalid if the chain is another.
func Compare(ctx context.Context, c Chain, r auditlog.Report, hashOf func(entry uint64) (strata.Root, error)) (Findings, error) {
	var f Findings
	genesis, err := c.Genesis(ctx)
	if err != nil {
		return f, err
	}
	if genesis != r.Header.Domain.Genesis {
		return f, strata.E(strata.Invalid, "the log is of the chain with genesis %s, the node of %s: name the right network", r.Header.Domain.Genesis, genesis)
	}
	if err := f.head(ctx, c, r, hashOf); err != nil || len(r.Vectors) == 0 {
		return f, err
	}
	return f, f.weights(ctx, c, r)
}

// head compares the log with the head that the validator has committed.
func (f *Findings) head(ctx context.Context, c Chain, r auditlog.Report, hashOf func(uint64) (strata.Root, error)) error {
	b, err := c.Commitment(ctx, r.Header.Domain.Netuid, r.Header.Validator)
	if err != nil {
		return err
	}
	commitment, err := wire.DecodeCommitment(b)
	number := commitment.AuditSequence
	switch {
	case b == nil || err != nil || number == 0:
		f.differs("the validator has committed no audit log")
		return nil
	case number > r.Last:
		f.says("entry %d is committed, which is not in this log yet", number)
		return nil
	case number < r.Header.First:
		f.says("entry %d is committed, which is before this log", number)
		return nil
	}
	hash, err := hashOf(number)
	switch {
	case err != nil:
		return err
	case hash != commitment.AuditHead:
		f.differs("entry %d is committed as %s, the log has %s", number, strata.Root(commitment.AuditHead), hash)
	default:
		f.says("entry %d is committed as the log has it", number)
	}
	return nil
}

// weights compares the log's last vector with what the chain had in the second
// half of the epoch after it, or has now.
func (f *Findings) weights(ctx context.Context, c Chain, r auditlog.Report) error {
	v := r.Vectors[len(r.Vectors)-1]
	netuid := r.Header.Domain.Netuid
	number, err := current(ctx, c, r, v)
	if err != nil {
		return err
	}
	if number == 0 {
		f.says("the log's last vector is not revealed yet")
		return nil
	}
	at, err := c.BlockAt(ctx, number)
	if err != nil {
		return err
	}
	graph, err := c.Metagraph(ctx, netuid, at.Hash)
	if code := strata.CodeOf(err); code == strata.NotFound || code == strata.Unavailable {
		f.says("the node no longer has block %d, after which the log's last vector held: name an archive node", at.Number)
		return nil
	}
	if err != nil {
		return err
	}
	row, err := graph.Registered(r.Header.Validator)
	if err != nil {
		return err
	}
	set, err := c.WeightsAt(ctx, netuid, row.UID, at.Hash)
	if err != nil {
		return err
	}
	if wrong := vectorDiffers(set, v.Weights); wrong != "" {
		f.differs("at block %d the weights are others than those that the log computed at block %d: %s", at.Number, v.Block, wrong)
	} else {
		f.says("at block %d the weights are those of the log", at.Number)
	}
	return nil
}

// current returns a block at which a vector is the one that counts, 0 if there
// is none yet.
func current(ctx context.Context, c Chain, r auditlog.Report, v auditlog.Vector) (uint64, error) {
	head, err := c.Head(ctx)
	if err != nil {
		return 0, err
	}
	params, err := c.Hyperparameters(ctx, r.Header.Domain.Netuid)
	if err != nil {
		return 0, err
	}
	// Its successor comes half an epoch later at the earliest. Where weights are
	// committed first, each counts from the start of an epoch on.
	epoch := uint64(r.Tempo) + 1
	if !params.CommitReveal {
		return min(head.Number, v.Block+epoch/2-1), nil
	}
	number := v.Block + params.RevealPeriod*epoch + epoch/2
	if number > head.Number {
		return 0, nil
	}
	return number, nil
}

// vectorDiffers says in what two vectors differ, "" if in nothing.
func vectorDiffers(chain []chain.Weight, log []auditlog.Weight) string {
	want := map[strata.UID]uint16{}
	for _, w := range log {
		want[w.UID] = w.Value
	}
	for _, w := range chain {
		if want[w.UID] != w.Value {
			return fmt.Sprintf("UID %d has %d, the log says %d", w.UID, w.Value, want[w.UID])
		}
		delete(want, w.UID)
	}
	for uid, v := range want {
		if v > 0 {
			return fmt.Sprintf("UID %d is not there, the log says %d", uid, v)
		}
	}
	return ""
}
