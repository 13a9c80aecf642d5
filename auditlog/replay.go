package auditlog

import (
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"

	"strata"
	"strata/score"
	"strata/wire"
)

// maxDifferences bounds how many differences a report lists; the rest is counted.
const maxDifferences = 1000

// Difference is something in a log that does not follow from the rest of it.
type Difference struct {
	Entry uint64         `json:"entry"`
	Miner *strata.Hotkey `json:"miner,omitempty"`
	What  string         `json:"what"`
}

// Vector is a weight vector as the log has it.
type Vector struct {
	Entry   uint64   `json:"entry"`
	Block   uint64   `json:"block"`
	Weights []Weight `json:"weights"`
}

// Report is what a replay found.
type Report struct {
	Header  Header
	Entries uint64      // read and chained
	Last    uint64      // number of the last one
	Head    strata.Root // its hash
	Miners  int
	Tempo   uint16
	Audits  uint64
	Checks  uint64
	Vectors []Vector // without Weights but for the last two
	// Told is how many miners' states were taken as the log's beginning tells
	// them, because what came before is not in it.
	Told int
	// Differences are in order; Total counts those beyond maxDifferences too.
	Differences []Difference
	Total       int

	player *player // for Standings
}

// Replay applies the rule to a log (Read) and reports where credits, weights and
// states are others than the log says. The error is Read's: the report then
// covers what came before.
func Replay(items iter.Seq2[Item, error], visit func(Line)) (Report, error) {
	p := &player{miners: map[strata.Hotkey]*played{}}
	for item, err := range items {
		if err != nil {
			return p.done(), err
		}
		if item.Number == 0 {
			p.report.Header = item.Header
			continue
		}
		p.line = item.Line
		if visit != nil {
			visit(item.Line)
		}
		p.play()
	}
	return p.done(), nil
}

// played is a miner as the log's entries make it.
type played struct {
	known    bool // its state is known: it was stated, or the log is whole
	score    score.Miner
	holdings map[strata.Hotkey][]score.Batch // by validator
	leaving  map[strata.Hotkey]bool          // what each partition's head says
	seen     Seen
}

// leaves says whether any head says that the miner leaves.
func (m *played) leaves() bool {
	return slices.Contains(slices.Collect(maps.Values(m.leaving)), true)
}

type player struct {
	report Report
	line   Line
	rules  score.Rules
	ruled  bool
	begun  bool // an entry has come that is not of a log's beginning
	miners map[strata.Hotkey]*played
	stakes map[strata.Hotkey]uint64 // of validators, in ppm, at the last vector
}

func (p *player) done() Report {
	p.report.Miners = len(p.miners)
	p.report.player = p
	return p.report
}

func (p *player) differs(miner *strata.Hotkey, format string, args ...any) {
	p.report.Total++
	if len(p.report.Differences) < maxDifferences {
		p.report.Differences = append(p.report.Differences, Difference{p.line.Number, miner, fmt.Sprintf(format, args...)})
	}
}

func (p *player) miner(h strata.Hotkey) *played {
	m := p.miners[h]
	if m == nil {
		// A log that begins in the middle begins with every miner's state: one that
		// is met later is new.
		m = &played{known: !p.beginning(), holdings: map[strata.Hotkey][]score.Batch{}, leaving: map[strata.Hotkey]bool{}}
		p.miners[h] = m
	}
	return m
}

// beginning says whether the log's first entries are being read, and there were
// others before.
func (p *player) beginning() bool { return p.report.Header.First > 1 && !p.begun }

// play applies one entry.
func (p *player) play() {
	p.report.Entries++
	p.report.Last, p.report.Head = p.line.Number, p.line.Hash
	e, err := Decode(p.line.Entry)
	if err != nil {
		p.differs(nil, "%v", err)
		return
	}
	p.begun = p.begun || e.Kind != Started && e.Kind != Ruled && e.Kind != Stated
	switch e.Kind {
	case Ruled:
		p.rules, p.ruled, p.report.Tempo = e.Rules.Rules, true, e.Rules.Tempo
	case Stated:
		p.state(e)
	case Listed:
		p.head(e)
	case Checked:
		p.check(e)
	case Audited:
		p.audit(e)
	case Weighed:
		p.weigh(e)
	}
	if e.Miner != nil {
		p.miner(*e.Miner).seen.count(e)
	}
	for _, ev := range e.Events {
		p.event(e, ev)
	}
	if e.Kind == Listed || e.Kind == Stated {
		if m := p.miner(*e.Miner); m.known && m.score.Leaving != m.leaves() {
			p.differs(e.Miner, "its heads say that it leaves: %v; counted is %v", m.leaves(), m.score.Leaving)
		}
	}
}

func (p *player) event(e Entry, ev Event) {
	if e.Miner == nil {
		p.differs(nil, "an event without a miner")
		return
	}
	if !p.ruled {
		p.differs(e.Miner, "an event before the rules")
		p.ruled = true // said once
	}
	s, err := ev.Score()
	if err == nil {
		m := p.miner(*e.Miner)
		m.score, err = m.score.Apply(p.rules, s)
	}
	if err != nil {
		p.differs(e.Miner, "%v", err)
		return
	}
	if s.Kind == score.Arrived {
		m := p.miner(*e.Miner)
		for v, batches := range m.holdings {
			m.holdings[v] = score.Arrive(batches, s.Cohort)
		}
	}
}

// state takes over what the log says of a miner, and compares it if it is known.
func (p *player) state(e Entry) {
	m := p.miner(*e.Miner)
	want, leaving := map[strata.Hotkey][]score.Batch{}, map[strata.Hotkey]bool{}
	for _, c := range e.State.Holdings {
		want[c.Validator] = e.State.Score.Fold(c.Batches)
		leaving[c.Validator] = c.Leaving
	}
	if m.known {
		for v, batches := range m.holdings {
			m.holdings[v] = m.score.Fold(batches)
		}
		if !sameScore(m.score, e.State.Score) {
			p.differs(e.Miner, "its score is not what the entries before make it: %+v, not %+v", e.State.Score, m.score)
		}
		if !reflect.DeepEqual(m.holdings, want) {
			p.differs(e.Miner, "what it holds is not what the entries before say")
		}
		if !maps.Equal(m.leaving, leaving) {
			p.differs(e.Miner, "whether its heads say that it leaves is not what the entries before say")
		}
	}
	if !m.known {
		p.report.Told++
	}
	m.known, m.score, m.holdings, m.leaving = true, e.State.Score, want, leaving
}

// sameScore compares two states; an empty list is as good as none.
func sameScore(a, b score.Miner) bool {
	cohorts, audits := slices.Equal(a.Cohorts, b.Cohorts), slices.Equal(a.Audits, b.Audits)
	a.Cohorts, a.Audits, b.Cohorts, b.Audits = nil, nil, nil, nil
	return cohorts && audits && reflect.DeepEqual(a, b)
}

// head checks that the miner signed the manifest's head.
func (p *player) head(e Entry) {
	b, err := hex.DecodeString(e.Head.Signed)
	if err == nil {
		var h wire.Head
		if h, err = wire.DecodeHead(b); err == nil {
			err = h.Verify(p.report.Header.Domain, *e.Miner)
		}
		if err == nil && h.Validator != e.Head.Validator {
			err = strata.E(strata.Invalid, "the head is that of another partition")
		}
		if err == nil && h.Leaving != e.Head.Leaving {
			err = strata.E(strata.Invalid, "that it leaves is signed as %v and told as %v", h.Leaving, e.Head.Leaving)
		}
	}
	if err != nil {
		p.differs(e.Miner, "its manifest's head: %v", err)
	}
	p.cover(e, e.Head.Coverage)
}

func (p *player) cover(e Entry, c Coverage) {
	for _, b := range c.Batches {
		if b.Covered > b.Listed || b.Data > b.Covered {
			p.differs(e.Miner, "%d bytes are covered of %d, %d by shards", b.Covered, b.Listed, b.Data)
		}
	}
	m := p.miner(*e.Miner)
	m.holdings[c.Validator], m.leaving[c.Validator] = c.Batches, c.Leaving
}

// check compares what was found with how it was counted.
func (p *player) check(e Entry) {
	p.report.Checks++
	want := score.Matched.String()
	if e.Check.Said != e.Check.Is {
		want = score.Mismatched.String()
	}
	if len(e.Events) != 1 || e.Events[0].Kind != want {
		p.differs(e.Miner, "the check of sector %d is not counted as %s", e.Check.Number, want)
	}
	p.cover(e, e.Check.Coverage)
}

// audit checks that a late or missing answer has not passed, and that every leaf
// was counted.
func (p *player) audit(e Entry) {
	p.report.Audits++
	a := e.Audit
	if len(e.Events) != 1 {
		p.differs(e.Miner, "an audit with %d outcomes", len(e.Events))
		return
	}
	o := e.Events[0]
	if o.Kind != score.Audited.String() || o.Passed+o.Failed+a.Void != uint64(len(a.Leaves)) {
		p.differs(e.Miner, "an audit of %d leaves counts %d passed, %d failed, %d void", len(a.Leaves), o.Passed, o.Failed, a.Void)
	}
	if o.Passed > 0 && (a.Took > a.Limit || a.Answer == nil) {
		p.differs(e.Miner, "an audit passed whose answer took %d ns of %d", a.Took, a.Limit)
	}
}

// weigh computes credits and weights and compares them.
func (p *player) weigh(e Entry) {
	stakes := map[strata.Hotkey]uint64{}
	for _, s := range e.Shares {
		stakes[s.Validator] = s.PPM
	}
	p.stakes = stakes
	credits := make([]uint64, len(e.Weights))
	for i, w := range e.Weights {
		want := p.credit(w, e.Block, stakes)
		if want != w.Credit {
			p.differs(&e.Weights[i].Hotkey, "credit %d, the entries before give %d", w.Credit, want)
		}
		credits[i] = want
	}
	values := score.Weights(credits)
	for i, w := range e.Weights {
		want := uint16(0)
		if values != nil {
			want = values[i]
		}
		if want != w.Value {
			p.differs(&e.Weights[i].Hotkey, "weight %d, the credits give %d", w.Value, want)
		}
	}
	if n := len(p.report.Vectors); n > 1 {
		p.report.Vectors[n-2].Weights = nil
	}
	p.report.Vectors = append(p.report.Vectors, Vector{p.line.Number, e.Block, e.Weights})
}

func (p *player) credit(w Weight, block uint64, stakes map[strata.Hotkey]uint64) uint64 {
	m := p.miner(w.Hotkey)
	if !w.Present {
		return 0
	}
	return m.score.Earned(p.rules, block, m.parts(stakes))
}

// parts are what a miner lists in each partition.
func (m *played) parts(stakes map[strata.Hotkey]uint64) (out []score.Part) {
	for v, batches := range m.holdings {
		out = append(out, m.score.Part(batches, stakes[v]))
	}
	return out
}
