package validator

import (
	"context"
	"slices"

	"strata"
	"strata/gateway"
	"strata/object/roster"
	"strata/placement"
	"strata/score"
	"strata/validator/book"
	"strata/wire"
)

// Status returns the network as this validator sees it.
func (v *Validator) Status(ctx context.Context) (gateway.NetworkStatus, error) {
	objects, bytes, err := v.Ledger.Totals(ctx)
	if err != nil {
		return gateway.NetworkStatus{}, err
	}
	head := v.subnet.Head()
	st := gateway.NetworkStatus{
		Profile: v.Profile.Name, Netuid: v.Domain.Netuid, Block: head.Number, BlockTime: head.Time,
		SectorSize: uint64(v.Profile.SectorSize()), Objects: objects, ObjectBytes: bytes,
	}
	for _, b := range v.books.All() {
		if known := b.View(); known.Present {
			st.Miners = append(st.Miners, v.minerStatus(known))
		}
	}
	slices.SortFunc(st.Miners, func(a, b gateway.Miner) int { return int(a.UID) - int(b.UID) })
	return st, nil
}

// minerStatus is a miner's row of the status.
func (v *Validator) minerStatus(known *book.View) gateway.Miner {
	r := known.Record
	return gateway.Miner{
		Hotkey: r.Hotkey, UID: known.Row.UID, Address: known.Row.Axon.Addr.String(),
		Sealed: known.Plan.Sealed, Target: known.Plan.Target, ProvenBytes: v.credit(known),
		AuditsPassed: r.Passed, AuditsFailed: r.Failed, Weight: v.weights.Weight(r.Hotkey), Leaving: r.Score.Leaving,
		LastSeen: r.LastSeen, LastError: known.LastErr,
	}
}

// credit returns the proven bytes that are paid for at the present block.
func (v *Validator) credit(known *book.View) uint64 {
	rules, block := v.subnet.Clock()
	return known.Credit(rules, block, v.subnet.Shares())
}

// Candidates returns the miners that may get shards: those that serve and are
// not punished. A miner that does not answer has nothing free. It waits for
// nobody, as every segment that is stored asks.
func (v *Validator) Candidates(context.Context) ([]roster.Candidate, error) {
	var out []roster.Candidate
	rules, block := v.subnet.Clock()
	for _, b := range v.books.All() {
		if known := b.View(); known.Present {
			out = append(out, v.candidate(b, known, rules, block))
		}
	}
	return out, nil
}

func (v *Validator) candidate(b *book.Book, known *book.View, rules score.Rules, block uint64) roster.Candidate {
	r, free := known.Record, uint64(0)
	if !r.Score.Leaving && r.Score.Standing == score.Good && v.answers(b, known) {
		free = known.Holding(v.self).Free
	}
	l := r.Score.Leaves(rules, block)
	return roster.Candidate{
		Candidate: placement.Candidate{
			Hotkey: r.Hotkey, Coldkey: known.Row.Coldkey, Addr: known.Row.Axon.Addr.Addr(),
			Free: strata.ByteSize(free), Score: uint32(score.LCB(l.Passed, l.Passed+l.Failed)),
		},
		Endpoint: wire.Endpoint{Hotkey: r.Hotkey, Addr: known.Row.Axon.Addr},
	}
}

// answers says whether the miner has answered of late: one that only looks at
// another's ledger knows no more than when it last did.
func (v *Validator) answers(b *book.Book, known *book.View) bool {
	if v.onlooker.Load() {
		return v.Now().Sub(known.Record.LastSeen) < v.Pace.Fresh
	}
	return b.Answers()
}
