package score

import (
	"slices"

	"strata"
)

// maxBlock bounds block numbers, so that adding a penalty cannot overflow.
const maxBlock = 1 << 62

// Standing is what a miner's credit depends on beside its numbers. Values are
// stored: append only.
type Standing uint8

// The standings.
const (
	// Good: credit counts.
	Good Standing = iota
	// Suspended: a check mismatched; SuspensionChecks must pass.
	Suspended
	// Penalised: fraud is proven; nothing counts until a block.
	Penalised
	// Probation: the penalty is over; ProbationChecks must pass.
	Probation
)

var standingNames = [...]string{"good", "suspended", "penalised", "probation"}

// String returns the standing in one word.
func (s Standing) String() string {
	if int(s) < len(standingNames) {
		return standingNames[s]
	}
	return "unknown"
}

// Miner is all that a validator's score of a miner depends on. The zero value
// is a miner without sectors, in good standing. Apply makes the next state and
// leaves this one as it is, so a Miner may be kept and shared.
type Miner struct {
	Block    uint64 // of the last event
	Standing Standing
	Owed     uint64 // checks that must pass before credit: Suspended, Probation
	Until    uint64 // block at which the penalty ends: Penalised

	// Leaving says that the miner takes no shards any more, as its manifests say;
	// Back is the block from which its filler counts again after they have
	// stopped saying so, 0 if it does.
	Leaving bool   `json:",omitempty"`
	Back    uint64 `json:",omitempty"`

	Cohorts []Cohort     // in order of arrival, at most MaxCohorts
	Audits  []LeafBucket // ascending, those of the window
}

// LeafBucket counts the leaves of some successive blocks.
type LeafBucket struct {
	Number uint64 // block / Rules.LeafBucket
	Leaves Leaves
}

// Kind says what happened. Values are stored: append only.
type Kind uint8

// The kinds of events, and which fields of an Event each uses.
const (
	// Tick: time passed.
	Tick Kind = iota
	// Arrived: sectors with signed roots: Cohort (new), Bytes.
	Arrived
	// Matched: a refilled sector had the signed root: Cohort.
	Matched
	// Mismatched: a refilled sector had another root; it is void: Cohort, Bytes
	// (the sector's). A root withdrawn after its sector was drawn for a check
	// is a mismatch too. A sector that is in no cohort has Cohort 0: only the
	// standing moves.
	Mismatched
	// Withdrawn: the miner took a root back before it was challenged, which
	// costs that sector only: Cohort, Bytes.
	Withdrawn
	// Audited: a snap audit was answered, late or not: Leaves. A late answer is
	// all failed.
	Audited
	// Refused: a PUT was refused while filler remains: counts like an audit
	// with every leaf failed.
	Refused
	// SecondRoot: the miner signed two roots for one sector number, which is a
	// proof of fraud.
	SecondRoot
	// Leaving: the miner's manifests say, and did not before, that it takes no
	// shards any more.
	Leaving
	// Staying: they do not say so any more.
	Staying
)

var kindNames = [...]string{"tick", "arrived", "matched", "mismatched", "withdrawn", "audited", "refused", "second_root", "leaving", "staying"}

// String returns the kind in one word, as the audit log writes it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// ParseKind reads what String returns.
func ParseKind(s string) (Kind, bool) {
	i := slices.Index(kindNames[:], s)
	return Kind(max(i, 0)), i >= 0
}

// Event is one thing that a validator learned about a miner.
type Event struct {
	Kind   Kind
	Block  uint64 // when; never before the event before
	Cohort uint64 // a Cohort's ID
	Bytes  uint64
	Leaves Leaves
}

// Apply returns the state after an event. An event that cannot be (a block that
// goes back, a cohort that is not there or arrives twice or empty, more bytes
// than it has, more leaves than an audit has, leaving or staying twice) gives
// code Invalid and the state unchanged. A cohort whose last sector is gone is gone.
func (m Miner) Apply(r Rules, e Event) (Miner, error) {
	if e.Block < m.Block || e.Block > maxBlock {
		return m, strata.E(strata.Invalid, "score event at block %d after one at block %d", e.Block, m.Block)
	}
	next := m.at(r, e.Block)
	var err error
	switch e.Kind {
	case Tick:
	case Arrived:
		err = next.arrive(e)
	case Matched:
		err = next.match(e)
	case Mismatched:
		err = next.mismatch(r, e)
	case Withdrawn:
		_, err = next.remove(e)
	case Audited:
		err = next.audit(r, e.Leaves)
	case Refused:
		err = next.audit(r, Leaves{Failed: LeavesPerAudit})
	case SecondRoot:
		next.fraud(r)
	case Leaving, Staying:
		err = next.leave(r, e.Kind == Leaving)
	default:
		err = strata.E(strata.Invalid, "score event of unknown kind %d", e.Kind)
	}
	if err != nil {
		return m, err
	}
	next.Cohorts = slices.DeleteFunc(next.Cohorts, func(c Cohort) bool { return c.Bytes == 0 })
	if e.Kind == Arrived || e.Kind == Matched {
		next.Cohorts = compact(r, next.Cohorts)
	}
	return next, nil
}

// Credit returns the miner's credit in bytes at a block at or after its last
// event.
func (m Miner) Credit(r Rules, block uint64) uint64 {
	if m.at(r, max(block, m.Block)).Standing != Good {
		return 0
	}
	return Credit(m.Cohorts, m.Leaves(r, block))
}

// Earned returns what the miner is paid for at a block, in bytes: its credit for
// the part of the sectors' bytes that count (Trusted). Of one that leaves these
// are its shards alone: it takes none, and filler is paid for as room for them.
func (m Miner) Earned(r Rules, block uint64, parts []Part) uint64 {
	covered, listed, data := Trusted(r, parts)
	if m.spared(max(block, m.Block)) {
		covered = 0
		for _, d := range data {
			covered += d
		}
	}
	return Covered(m.Credit(r, block), covered, listed)
}

// spared says that the miner leaves, or has until less than an epoch ago.
func (m Miner) spared(block uint64) bool { return m.Leaving || block < m.Back }

// Leaves returns the leaves that count at a block.
func (m Miner) Leaves(r Rules, block uint64) Leaves {
	var sum Leaves
	for _, b := range window(m.Audits, r, max(block, m.Block)) {
		sum.Passed += b.Leaves.Passed
		sum.Failed += b.Leaves.Failed
	}
	return sum
}

// at returns a copy of the state with a penalty that has run out by then turned
// into probation.
func (m Miner) at(r Rules, block uint64) Miner {
	m.Block = block
	m.Cohorts = slices.Clone(m.Cohorts)
	m.Audits = slices.Clone(window(m.Audits, r, block))
	if m.Standing == Penalised && block >= m.Until {
		m.Standing, m.Owed, m.Until = Probation, ProbationChecks, 0
	}
	if m.Back <= block {
		m.Back = 0
	}
	return m
}

// window leaves out the buckets that have aged.
func window(audits []LeafBucket, r Rules, block uint64) []LeafBucket {
	now := block / max(1, r.LeafBucket)
	for len(audits) > 0 && now-audits[0].Number >= r.LeafKeep {
		audits = audits[1:]
	}
	return audits
}

// Cohort returns the cohort that an id belongs to now; false if its last sector
// is gone.
func (m Miner) Cohort(id uint64) (Cohort, bool) {
	i, err := m.find(id)
	if err != nil {
		return Cohort{}, false
	}
	return m.Cohorts[i], true
}

// find returns the place of an event's cohort.
func (m *Miner) find(id uint64) (int, error) {
	i := slices.IndexFunc(m.Cohorts, func(c Cohort) bool { return c.Has(id) })
	if i < 0 {
		return 0, strata.E(strata.Invalid, "score event of cohort %d, which has not arrived", id)
	}
	return i, nil
}

func (m *Miner) arrive(e Event) error {
	if k := len(m.Cohorts); e.Cohort == 0 || k > 0 && e.Cohort <= m.Cohorts[k-1].ID {
		return strata.E(strata.Invalid, "cohort %d arrived twice or out of order", e.Cohort)
	}
	if e.Bytes == 0 {
		return strata.E(strata.Invalid, "cohort %d arrived without bytes", e.Cohort)
	}
	m.Cohorts = append(m.Cohorts, Cohort{ID: e.Cohort, Bytes: e.Bytes})
	return nil
}

// remove takes a sector's bytes out of its cohort.
func (m *Miner) remove(e Event) (int, error) {
	i, err := m.find(e.Cohort)
	if err != nil {
		return 0, err
	}
	if e.Bytes > m.Cohorts[i].Bytes {
		return 0, strata.E(strata.Invalid, "cohort %d has %d bytes, fewer than the %d to take out", e.Cohort, m.Cohorts[i].Bytes, e.Bytes)
	}
	m.Cohorts[i].Bytes -= e.Bytes
	return i, nil
}

// match counts a passed check, and pays one of those owed.
func (m *Miner) match(e Event) error {
	i, err := m.find(e.Cohort)
	if err != nil {
		return err
	}
	m.Cohorts[i].Checks++
	if m.Standing != Suspended && m.Standing != Probation {
		return nil
	}
	m.Owed -= min(m.Owed, 1)
	if m.Owed == 0 {
		m.Standing = Good
	}
	return nil
}

// mismatch voids the sector. The first one suspends; one while checks are owed
// is fraud.
func (m *Miner) mismatch(r Rules, e Event) error {
	if e.Cohort != 0 {
		i, err := m.remove(e)
		if err != nil {
			return err
		}
		m.Cohorts[i].Checks++
		m.Cohorts[i].Failed++
	}
	if m.Standing == Good {
		m.Standing, m.Owed = Suspended, SuspensionChecks
		return nil
	}
	m.fraud(r)
	return nil
}

// fraud starts the penalty, anew if one runs already.
func (m *Miner) fraud(r Rules) {
	m.Standing, m.Owed, m.Until = Penalised, 0, m.Block+r.Penalty
}

// leave takes over whether the miner takes shards. Weights are computed once an
// epoch, at a time that can be foreseen: one that left between two vectors is
// not paid for its filler in the second.
func (m *Miner) leave(r Rules, leaving bool) error {
	if m.Leaving == leaving {
		return strata.E(strata.Invalid, "a miner leaves, or stays, that did already")
	}
	if m.Leaving, m.Back = leaving, 0; !leaving {
		m.Back = m.Block + r.Epoch
	}
	return nil
}

// audit counts leaves in the bucket of the block.
func (m *Miner) audit(r Rules, l Leaves) error {
	if l.Passed > LeavesPerAudit || l.Failed > LeavesPerAudit-l.Passed {
		return strata.E(strata.Invalid, "audit of %d passed and %d failed leaves: a request has at most %d", l.Passed, l.Failed, LeavesPerAudit)
	}
	n := m.Block / max(1, r.LeafBucket)
	if k := len(m.Audits); k == 0 || m.Audits[k-1].Number != n {
		m.Audits = append(m.Audits, LeafBucket{Number: n})
	}
	b := &m.Audits[len(m.Audits)-1].Leaves
	b.Passed += l.Passed
	b.Failed += l.Failed
	return nil
}
