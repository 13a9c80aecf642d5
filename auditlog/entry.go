package auditlog

import (
	"bytes"
	"encoding/json"

	"strata"
	"strata/score"
)

// Kind says what an entry is about.
type Kind string

// The kinds of entries, and which part of an Entry each fills.
const (
	Started Kind = "started" // the validator began to run: Start
	Ruled   Kind = "rules"   // the subnet's rules, when first seen or changed: Rules
	Stated  Kind = "state"   // what is known of a miner, in full: State
	Listed  Kind = "head"    // a manifest was taken over: Head, Events
	Grouped Kind = "cohort"  // sectors became a cohort: Events
	Checked Kind = "check"   // a sector was refilled: Check, Events
	Audited Kind = "audit"   // leaves were asked for: Audit, Events
	Missed  Kind = "missing" // shards were not in the manifest: Events
	Refused Kind = "refused" // shards were refused by a miner that has room: Events
	Proven  Kind = "proof"   // fraud was proven by signatures: Proof, Events
	Weighed Kind = "weights" // a weight vector, as submitted: Weights, Shares
)

// MaxEntry bounds an entry's encoding in bytes: a vector of all UIDs of the
// largest subnet.
const MaxEntry = 1 << 20

// Entry is one thing that a validator saw or did. Its encoding is one line of
// JSON.
type Entry struct {
	Kind  Kind           `json:"kind"` // first, so that a segment's end is known by it
	Block uint64         `json:"block"`
	Time  int64          `json:"time,omitempty"` // Unix seconds on the validator's clock
	Miner *strata.Hotkey `json:"miner,omitempty"`

	Start   *Start   `json:"start,omitempty"`
	Rules   *Rules   `json:"rules,omitempty"`
	State   *State   `json:"state,omitempty"`
	Head    *Head    `json:"head,omitempty"`
	Check   *Check   `json:"check,omitempty"`
	Audit   *Audit   `json:"audit,omitempty"`
	Proof   *Proof   `json:"proof,omitempty"`
	Events  []Event  `json:"events,omitempty"`
	Weights []Weight `json:"weights,omitempty"`
	Shares  []Share  `json:"shares,omitempty"`
}

// Start says what runs.
type Start struct {
	Version string `json:"version"`
	Profile string `json:"profile"`
}

// Rules are those in force from here on.
type Rules struct {
	Tempo uint16 `json:"tempo"`
	score.Rules
}

// Event is a score.Event at its block.
type Event struct {
	Kind   string `json:"kind"`
	Block  uint64 `json:"block"`
	Cohort uint64 `json:"cohort,omitempty"`
	Bytes  uint64 `json:"bytes,omitempty"`
	Passed uint64 `json:"passed,omitempty"`
	Failed uint64 `json:"failed,omitempty"`
}

// Of returns a score.Event as the log writes it.
func Of(e score.Event) Event {
	return Event{Kind: e.Kind.String(), Block: e.Block, Cohort: e.Cohort, Bytes: e.Bytes, Passed: e.Leaves.Passed, Failed: e.Leaves.Failed}
}

// Score returns the score.Event; code Invalid if the kind is unknown.
func (e Event) Score() (score.Event, error) {
	kind, ok := score.ParseKind(e.Kind)
	if !ok {
		return score.Event{}, strata.E(strata.Invalid, "audit log: an event of the unknown kind %q", e.Kind)
	}
	return score.Event{Kind: kind, Block: e.Block, Cohort: e.Cohort, Bytes: e.Bytes, Leaves: score.Leaves{Passed: e.Passed, Failed: e.Failed}}, nil
}

// Coverage is what a miner lists in one validator's partition, and how much of
// it filler and ordered shards cover, by cohort.
type Coverage struct {
	Validator strata.Hotkey `json:"validator"`
	Leaving   bool          `json:"leaving,omitempty"` // as the partition's head says
	Batches   []score.Batch `json:"batches,omitempty"`
}

// Share is a validator's part of the stake, in ppm.
type Share struct {
	Validator strata.Hotkey `json:"validator"`
	PPM       uint64        `json:"ppm"`
}

// State is what is known of a miner, in full.
type State struct {
	Score    score.Miner `json:"score"`
	Holdings []Coverage  `json:"holdings,omitempty"` // by validator
}

// Head is a manifest's signed head (wire.Head in hex), and what its entries say.
type Head struct {
	Signed string `json:"signed"`
	Coverage
}

// Check is a refilled sector: the root that the miner signed, and the true one.
type Check struct {
	Number   uint64      `json:"number"`
	Said     strata.Root `json:"said"`
	Is       strata.Root `json:"is"`
	Coverage             // of its partition, afterwards
}

// Audit is a snap audit: the challenge, and what came of it.
type Audit struct {
	Validator strata.Hotkey `json:"validator"`        // whose partition
	Leaves    [][2]uint64   `json:"leaves"`           // sector, leaf of the sector
	Answer    *strata.Root  `json:"answer,omitempty"` // BLAKE3 of the answer; none if there was none
	Took      int64         `json:"took"`             // nanoseconds
	Limit     int64         `json:"limit"`            // nanoseconds allowed
	Void      uint64        `json:"void,omitempty"`   // leaves that a newer manifest explains
	Read      uint64        `json:"read,omitempty"`   // bytes of a shard, if it was read as users read them
}

// Proof is a proof of fraud by its name (wire.FraudProof.Name).
type Proof struct {
	Name strata.Root `json:"name"`
	From string      `json:"from,omitempty"` // who handed it in
}

// Weight is one miner's part of a vector.
type Weight struct {
	UID     strata.UID    `json:"uid"`
	Hotkey  strata.Hotkey `json:"hotkey"`
	Present bool          `json:"present"` // it serves, so that it can be audited
	Credit  uint64        `json:"credit"`
	Value   uint16        `json:"value"`
}

// Encode returns the entry's line, without its end.
func (e Entry) Encode() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, strata.E(strata.Internal, "encode an entry of the audit log: %w", err)
	}
	if len(b) > MaxEntry {
		return nil, strata.E(strata.TooLarge, "an audit log entry of %d bytes, at most %d are allowed", len(b), MaxEntry)
	}
	return b, nil
}

// Decode reads an entry. The error has code Invalid or TooLarge.
func Decode(b []byte) (Entry, error) {
	var e Entry
	if len(b) > MaxEntry {
		return e, strata.E(strata.TooLarge, "an audit log entry of %d bytes, at most %d are allowed", len(b), MaxEntry)
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return Entry{}, strata.E(strata.Invalid, "an audit log entry is not valid JSON: %w", err)
	}
	return e, e.validate()
}

// validate checks that the parts which its kind needs are there.
func (e Entry) validate() error {
	var have, miner bool
	switch e.Kind {
	case Started:
		have = e.Start != nil
	case Ruled:
		have = e.Rules != nil
	case Stated:
		have, miner = e.State != nil, true
	case Listed:
		have, miner = e.Head != nil, true
	case Grouped, Missed, Refused:
		have, miner = len(e.Events) > 0, true
	case Checked:
		have, miner = e.Check != nil, true
	case Audited:
		have, miner = e.Audit != nil, true
	case Proven:
		have, miner = e.Proof != nil, true
	case Weighed:
		have = true
	default:
		return strata.E(strata.Invalid, "an audit log entry of the unknown kind %q", e.Kind)
	}
	if !have || miner && e.Miner == nil {
		return strata.E(strata.Invalid, "an audit log entry of kind %s without what it is about", e.Kind)
	}
	return nil
}

// endsSegment says whether an encoded entry is the last of its segment.
func endsSegment(b []byte) bool { return bytes.HasPrefix(b, []byte(`{"kind":"weights"`)) }
