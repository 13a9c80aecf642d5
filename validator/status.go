package validator

import (
	"context"
	"slices"

	"strata"
	"strata/gateway"
	"strata/object/roster"
	"strata/placement"
	"strata/score"
	"strata/wire"
)

// Status returns the network as this validator sees it.
func (v *Validator) Status(ctx context.Context) (gateway.NetworkStatus, error) {
	objects, bytes, err := v.Ledger.Totals(ctx)
	if err != nil {
		return gateway.NetworkStatus{}, err
	}
	v.mu.Lock()
	st := gateway.NetworkStatus{
		Profile: v.Profile.Name, Netuid: v.Domain.Netuid, Block: v.head.Number, BlockTime: v.head.Time,
		SectorSize: uint64(v.Profile.SectorSize()), Objects: objects, ObjectBytes: bytes,
	}
	v.mu.Unlock()
	for _, b := range v.all() {
		if m, ok := b.miner(); ok {
			st.Miners = append(st.Miners, m)
		}
	}
	slices.SortFunc(st.Miners, func(a, b gateway.Miner) int { return int(a.UID) - int(b.UID) })
	return st, nil
}

// miner is the book's row of the status; false if it does not serve.
func (b *book) miner() (gateway.Miner, bool) {
	proven, weight := b.credit(), b.v.weightOf(b.hotkey)
	b.mu.Lock()
	defer b.mu.Unlock()
	return gateway.Miner{
		Hotkey: b.hotkey, UID: b.row.UID, Address: b.row.Axon.Addr.String(),
		Sealed: b.status.Sealed, Target: b.status.Target, ProvenBytes: proven,
		AuditsPassed: b.rec.Passed, AuditsFailed: b.rec.Failed, Weight: weight, Leaving: b.rec.Score.Leaving,
		LastSeen: b.rec.LastSeen, LastError: b.lastErr,
	}, b.present
}

func (v *Validator) weightOf(h strata.Hotkey) uint16 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.weights[h]
}

// Candidates returns the miners that may get shards: those that serve and are
// not punished. A miner that does not answer has nothing free.
func (v *Validator) Candidates(context.Context) ([]roster.Candidate, error) {
	var out []roster.Candidate
	rules, block := v.clock()
	v.mu.Lock()
	onlooker := v.onlooker
	v.mu.Unlock()
	for _, b := range v.all() {
		if c, ok := b.candidate(rules, block, onlooker); ok {
			out = append(out, c)
		}
	}
	return out, nil
}

func (b *book) candidate(rules score.Rules, block uint64, onlooker bool) (roster.Candidate, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.present {
		return roster.Candidate{}, false
	}
	free := uint64(0)
	if h := b.holdings[b.v.self]; h != nil && !b.rec.Score.Leaving && b.rec.Score.Standing == score.Good && b.answers(onlooker) {
		free = h.free
	}
	l := b.rec.Score.Leaves(rules, block)
	return roster.Candidate{
		Candidate: placement.Candidate{
			Hotkey: b.hotkey, Coldkey: b.row.Coldkey, Addr: b.row.Axon.Addr.Addr(),
			Free: strata.ByteSize(free), Score: uint32(score.LCB(l.Passed, l.Passed+l.Failed)),
		},
		Endpoint: wire.Endpoint{Hotkey: b.hotkey, Addr: b.row.Axon.Addr},
	}, true
}

// answers says whether the miner has answered of late: one that only looks at
// another's ledger knows no more than when it last did. The caller holds mu.
func (b *book) answers(onlooker bool) bool {
	now, p := b.v.Now(), b.v.Pace
	if onlooker {
		return now.Sub(b.rec.LastSeen) < p.Fresh
	}
	limit := p.Fresh
	if b.looking {
		limit = max(limit, patience*p.Pull)
	}
	return !b.silent(now) && now.Sub(b.rec.LastSeen) < limit
}
