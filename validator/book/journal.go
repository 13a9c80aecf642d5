package book

import (
	"encoding/hex"

	"strata"
	"strata/auditlog"
	"strata/validator/holding"
)

// maxBacklog bounds the entries of one miner that wait for the ledger. A
// validator that cannot write stops asking.
const maxBacklog = 1000

// note adds an entry to what the next write of the record journals. The caller
// holds mu.
func (b *Book) note(e auditlog.Entry) {
	if b.in.Journal == nil {
		return
	}
	e.Miner, e.Time = &b.Hotkey, b.in.Now().Unix()
	if line, ok := b.in.encode(e); ok {
		b.journal = append(b.journal, line)
	}
}

func (s *Books) encode(e auditlog.Entry) ([]byte, bool) {
	line, err := e.Encode()
	if err != nil {
		s.Log.Error("an entry of the audit log was dropped", "kind", e.Kind, "err", err)
	}
	return line, err == nil
}

// Backlog gives code Unavailable when the ledger has not been written for long.
func (b *Book) Backlog() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.journal) < maxBacklog {
		return nil
	}
	return strata.E(strata.Unavailable, "%d results wait for the ledger: nothing more is asked", maxBacklog)
}

// coverage is what a holding lists and covers, as the log has it.
func coverage(validator strata.Hotkey, h holding.Holding) auditlog.Coverage {
	return auditlog.Coverage{Validator: validator, Leaving: h.Head.Leaving, Batches: h.Batches}
}

func headEntry(validator strata.Hotkey, h holding.Holding) auditlog.Entry {
	return auditlog.Entry{Kind: auditlog.Listed, Head: &auditlog.Head{Signed: hex.EncodeToString(h.Head.Encode()), Coverage: coverage(validator, h)}}
}

// checkEntry is the entry of a check; after is what is held after it, nil for
// nothing.
func checkEntry(c Check, after *holding.Holding) auditlog.Entry {
	covers := auditlog.Coverage{Validator: c.At.Validator}
	if after != nil {
		covers = coverage(c.At.Validator, *after)
	}
	return auditlog.Entry{Kind: auditlog.Checked, Check: &auditlog.Check{Number: c.At.Number, Said: c.Said, Is: c.Is, Coverage: covers}, Proof: c.By}
}

// StateEntry is all that is known of the miner, as the log has it.
func (s Settled) StateEntry(block uint64) auditlog.Entry {
	st := &auditlog.State{Score: s.View.Record.Score}
	for _, validator := range s.View.Validators() {
		st.Holdings = append(st.Holdings, coverage(validator, *s.View.Holdings[validator]))
	}
	return auditlog.Entry{Kind: auditlog.Stated, Block: block, Miner: &s.Hotkey, State: st}
}
