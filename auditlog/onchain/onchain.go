// Package onchain compares an audit log with the chain that it tells of: the
// heads that the validator has committed there, and the weights that it has set.
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
	CommitmentAt(ctx context.Context, n strata.Netuid, hot strata.Hotkey, at strata.BlockHash) ([]byte, error)
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

// Compare asks the chain for the heads that the validator has committed, now and
// after each vector, as far back as the node knows, and for the vector that was
// current after the log's last one. hashes returns those of entries of the log
// that r was made of. The error has code Invalid if the chain is another.
func Compare(ctx context.Context, c Chain, r auditlog.Report, hashes func(entries []uint64) (map[uint64]strata.Root, error)) (Findings, error) {
	var f Findings
	genesis, err := c.Genesis(ctx)
	if err != nil {
		return f, err
	}
	if genesis != r.Header.Domain.Genesis {
		return f, strata.E(strata.Invalid, "the log is of the chain with genesis %s, the node of %s: name the right network", r.Header.Domain.Genesis, genesis)
	}
	if err := f.heads(ctx, c, r, hashes); err != nil || len(r.Vectors) == 0 {
		return f, err
	}
	return f, f.weights(ctx, c, r)
}

// committed is a head of the log that the chain has at a block.
type committed struct {
	block uint64 // 0: now
	head  wire.Commitment
}

// within says whether the head's entry is in the log.
func (h committed) within(r auditlog.Report) bool {
	n := h.head.AuditSequence
	return n > 0 && n >= r.Header.First && n <= r.Last
}

// heads compares the log with the heads that the validator has committed.
func (f *Findings) heads(ctx context.Context, c Chain, r auditlog.Report, hashes func([]uint64) (map[uint64]strata.Root, error)) error {
	now, err := headAt(ctx, c, r, strata.BlockHash{})
	if err != nil {
		return err
	}
	old, pruned, err := earlier(ctx, c, r)
	if err != nil {
		return err
	}
	var numbers []uint64
	for _, h := range append(old, now) {
		if h.within(r) {
			numbers = append(numbers, h.head.AuditSequence)
		}
	}
	log := map[uint64]strata.Root{}
	if len(numbers) > 0 {
		if log, err = hashes(numbers); err != nil {
			return err
		}
	}
	f.present(now, r, log)
	f.past(old, pruned, now, r, log)
	return nil
}

// present compares the head that is committed now.
func (f *Findings) present(now committed, r auditlog.Report, log map[uint64]strata.Root) {
	switch n := now.head.AuditSequence; {
	case n == 0:
		f.differs("the validator has committed no audit log")
	case n > r.Last:
		f.says("entry %d is committed, which is not in this log yet", n)
	case n < r.Header.First:
		f.says("entry %d is committed, which is before this log", n)
	case log[n] != now.head.AuditHead:
		f.differs("entry %d is committed as %s, the log has %s", n, strata.Root(now.head.AuditHead), log[n])
	default:
		f.says("entry %d is committed as the log has it", n)
	}
}

// past compares those that were committed before. pruned is the first block that
// the node could not be asked about, 0 if there is none.
func (f *Findings) past(old []committed, pruned uint64, now committed, r auditlog.Report, log map[uint64]strata.Root) {
	seen, same := map[uint64]bool{now.head.AuditSequence: true}, 0
	for _, h := range old {
		n := h.head.AuditSequence
		switch {
		case !h.within(r) || seen[n] && log[n] == h.head.AuditHead:
		case log[n] != h.head.AuditHead:
			f.differs("entry %d was committed at block %d as %s, the log has %s", n, h.block, strata.Root(h.head.AuditHead), log[n])
		default:
			same++
		}
		seen[n] = true
	}
	if same > 0 {
		f.says("%d earlier heads were committed as the log has them", same)
	}
	if pruned > 0 {
		f.says("the node no longer has block %d: heads that were committed until then were not compared; name an archive node", pruned)
	}
}

// earlier returns what was committed when each vector was computed, the newest
// first: the head that came with the vector before, which in the log follows it. It ends where the
// node no longer has a block's state, and returns that block.
func earlier(ctx context.Context, c Chain, r auditlog.Report) (out []committed, pruned uint64, err error) {
	for i := len(r.Vectors) - 1; i >= 0; i-- {
		number := r.Vectors[i].Block
		at, err := c.BlockAt(ctx, number)
		var h committed
		if err == nil {
			h, err = headAt(ctx, c, r, at.Hash)
		}
		if code := strata.CodeOf(err); code == strata.NotFound {
			return out, number, nil
		}
		if err != nil {
			return out, 0, err
		}
		h.block = number
		out = append(out, h)
	}
	return out, 0, nil
}

// headAt returns what is committed at a block; the zero hash means now. What is no
// commitment of ours is none.
func headAt(ctx context.Context, c Chain, r auditlog.Report, at strata.BlockHash) (committed, error) {
	b, err := c.CommitmentAt(ctx, r.Header.Domain.Netuid, r.Header.Validator, at)
	if err != nil && strata.CodeOf(err) != strata.Invalid {
		return committed{}, err
	}
	head, err := wire.DecodeCommitment(b)
	if err != nil {
		return committed{}, nil
	}
	return committed{head: head}, nil
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
