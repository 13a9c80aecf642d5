package auditlog

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/zeebo/blake3"

	"strata"
	"strata/score"
	"strata/wire"
)

// passBytes is how much of logs is compared in one pass over them: what a pass
// keeps of each fact then takes less than a quarter of a gigabyte.
const passBytes = 2 << 30

// Place is an entry of a validator's log.
type Place struct {
	Validator strata.Hotkey `json:"validator"`
	Entry     uint64        `json:"entry"`
}

// Contradiction is two entries of which not both can be true, or by which a miner
// has signed what it may not.
type Contradiction struct {
	Miner  *strata.Hotkey `json:"miner,omitempty"`
	What   string         `json:"what"`
	Places [2]Place       `json:"places"`
	// Proof is a proof of the miner's fraud (wire.FraudProof), if both entries are
	// signed by it.
	Proof []byte `json:"proof,omitempty"`
}

// Comparison is what Compare found: at most maxDifferences contradictions, all of
// them counted.
type Comparison struct {
	Contradictions []Contradiction
	Total          int
}

// Compare finds what logs of several validators say of the same thing and cannot
// both be: manifest heads of one sequence that differ, what the same head lists,
// the signed and the true roots of the same sector, entries of one validator's log
// in two copies of it. What each validator has seen by itself, as answers to
// audits, cannot contradict. A log is read as far as its chain holds. Code Invalid
// if the logs are of different networks.
func Compare(paths []string) (Comparison, error) {
	passes, err := passesFor(paths)
	if err != nil {
		return Comparison{}, err
	}
	c := comparer{passes: passes, rewritten: map[strata.Hotkey]bool{}}
	for c.pass = range passes {
		c.facts = map[[16]byte]fact{}
		if err := c.read(paths); err != nil {
			return Comparison{}, err
		}
	}
	out := Comparison{Total: c.total}
	out.Contradictions, err = explain(paths, c.found)
	return out, err
}

// passesFor returns in how many passes logs are compared.
func passesFor(paths []string) (uint64, error) {
	var size int64
	for _, p := range paths {
		list, err := files(p)
		if err != nil {
			return 0, err
		}
		for _, f := range list {
			st, err := os.Stat(f.path)
			if err != nil {
				return 0, fmt.Errorf("look at the audit log: %w", err)
			}
			size += st.Size()
		}
	}
	return 1 + uint64(size)/passBytes, nil
}

// subject is what a fact is about. Facts of one subject must agree.
type subject byte

const (
	aboutHead    subject = iota // what a miner signed under a sequence
	aboutListing                // what such a head lists
	aboutSaid                   // the signed root of a sector
	aboutRoot                   // the true one
	aboutEntry                  // an entry of a validator's log
)

// fact is what an entry says of a subject.
type fact struct {
	says  [16]byte
	log   int32
	entry uint64
}

// conflict is two facts of one subject that do not agree.
type conflict struct {
	about subject
	facts [2]fact
}

// comparer goes over all logs and keeps the first fact of each subject.
type comparer struct {
	pass      uint64 // of passes
	passes    uint64
	facts     map[[16]byte]fact
	domain    wire.Domain
	found     []conflict // maxDifferences at most, of total
	total     int
	rewritten map[strata.Hotkey]bool // validators of whose log two copies differ
}

func (c *comparer) read(paths []string) error {
	for i, path := range paths {
		s := side{c: c, log: int32(i), tainted: map[strata.Hotkey]bool{}}
		for item, err := range Read(path) {
			if strata.CodeOf(err) == strata.Corrupt {
				break // Replay says where
			}
			if err != nil {
				return err
			}
			if item.Number > 0 {
				s.line(item)
				continue
			}
			if i == 0 {
				c.domain = item.Header.Domain
			}
			if item.Header.Domain != c.domain {
				return strata.E(strata.Invalid, "%s is a log of another network than %s: compare logs of one subnet", path, paths[0])
			}
			s.validator = item.Header.Validator
		}
	}
	return nil
}

// side is one log being read.
type side struct {
	c         *comparer
	log       int32
	validator strata.Hotkey
	entry     uint64
	// tainted are the miners of which this validator counts some sectors no more,
	// so that it sees less in a head than others.
	tainted map[strata.Hotkey]bool
}

func (s *side) line(item Item) {
	s.entry = item.Number
	s.state(aboutEntry, s.validator, s.validator, item.Number, item.Hash[:])
	e, err := Decode(item.Entry)
	if err != nil || e.Miner == nil {
		return
	}
	switch {
	case e.Head != nil:
		s.head(e)
	case e.Check != nil:
		k := e.Check
		s.state(aboutSaid, *e.Miner, k.Validator, k.Number, k.Said[:])
		s.state(aboutRoot, *e.Miner, k.Validator, k.Number, k.Is[:])
	case e.State != nil:
		for _, cohort := range e.State.Score.Cohorts {
			s.taint(*e.Miner, cohort.Failed > 0)
		}
		s.taint(*e.Miner, e.State.Score.Standing != score.Good)
	}
	for _, ev := range e.Events {
		s.taint(*e.Miner, ev.Kind == score.Mismatched.String() || ev.Kind == score.SecondRoot.String())
	}
}

func (s *side) taint(miner strata.Hotkey, is bool) {
	if is {
		s.tainted[miner] = true
	}
}

// head states what the miner signed, and what the validator has found under it.
func (s *side) head(e Entry) {
	h, ok := signedHead(e)
	if !ok {
		return
	}
	statement := h.SignedBytes(s.c.domain)
	s.state(aboutHead, *e.Miner, h.Validator, h.Sequence, statement)
	for _, ev := range e.Events { // this head's own second root leaves a sector out
		s.taint(*e.Miner, ev.Kind == score.SecondRoot.String())
	}
	if s.tainted[*e.Miner] {
		return
	}
	listed, covered, data := totals(e.Head.Batches)
	sums := binary.LittleEndian.AppendUint64(nil, listed)
	sums = binary.LittleEndian.AppendUint64(sums, covered)
	sums = binary.LittleEndian.AppendUint64(sums, data)
	hash := h.Hash(s.c.domain)
	s.about(aboutListing, *e.Miner, h.Validator, h.Sequence, hash[:], sums)
}

func totals(batches []score.Batch) (listed, covered, data uint64) {
	for _, b := range batches {
		listed, covered, data = listed+b.Listed, covered+b.Covered, data+b.Data
	}
	return listed, covered, data
}

// signedHead returns the head of an entry; false if it is none.
func signedHead(e Entry) (wire.Head, bool) {
	if e.Head == nil {
		return wire.Head{}, false
	}
	b, err := hex.DecodeString(e.Head.Signed)
	if err != nil {
		return wire.Head{}, false
	}
	h, err := wire.DecodeHead(b)
	return h, err == nil && h.Validator == e.Head.Validator
}

func (s *side) state(about subject, miner, validator strata.Hotkey, number uint64, says []byte) {
	s.about(about, miner, validator, number, nil, says)
}

// about takes note of a fact, or of the conflict with the first of its subject.
func (s *side) about(about subject, miner, validator strata.Hotkey, number uint64, of, says []byte) {
	name := append([]byte{byte(about)}, miner[:]...)
	name = append(name, validator[:]...)
	name = append(binary.LittleEndian.AppendUint64(name, number), of...)
	key := short(name)
	if s.c.passes > 1 && binary.LittleEndian.Uint64(key[:])%s.c.passes != s.c.pass {
		return
	}
	f := fact{short(says), s.log, s.entry}
	first, known := s.c.facts[key]
	switch {
	case !known:
		s.c.facts[key] = f
	case first.says == f.says:
	case about == aboutEntry && s.c.rewritten[validator]: // all after the first differ too
	default:
		if about == aboutEntry {
			s.c.rewritten[validator] = true
		}
		if s.c.total++; len(s.c.found) < maxDifferences {
			s.c.found = append(s.c.found, conflict{about, [2]fact{first, f}})
		}
	}
}

func short(b []byte) (out [16]byte) {
	sum := blake3.Sum256(b)
	copy(out[:], sum[:])
	return out
}

// explain reads the entries of conflicts and says what they are.
func explain(paths []string, found []conflict) ([]Contradiction, error) {
	wanted := map[int32]map[uint64]Entry{}
	for _, c := range found {
		for _, f := range c.facts {
			if wanted[f.log] == nil {
				wanted[f.log] = map[uint64]Entry{}
			}
			wanted[f.log][f.entry] = Entry{}
		}
	}
	headers := map[int32]Header{}
	for i, entries := range wanted {
		for item, err := range Read(paths[i]) {
			if strata.CodeOf(err) == strata.Corrupt {
				break
			}
			if err != nil {
				return nil, err
			}
			headers[i] = item.Header
			if _, ok := entries[item.Number]; ok && item.Number > 0 {
				entries[item.Number], _ = Decode(item.Entry) // one that cannot be read is said to be another
			}
		}
	}
	out := make([]Contradiction, len(found))
	for i, c := range found {
		a, b := wanted[c.facts[0].log][c.facts[0].entry], wanted[c.facts[1].log][c.facts[1].entry]
		out[i] = c.explain(headers[c.facts[0].log].Domain, a, b)
		for j, f := range c.facts {
			out[i].Places[j] = Place{headers[f.log].Validator, f.entry}
		}
	}
	return out, nil
}

func (c conflict) explain(d wire.Domain, a, b Entry) Contradiction {
	out := Contradiction{Miner: b.Miner}
	switch c.about {
	case aboutHead:
		out.What, out.Proof = twoHeads(d, a, b)
	case aboutListing:
		h, _ := signedHead(a)
		l1, c1, _ := totals(a.Head.Batches)
		l2, c2, _ := totals(b.Head.Batches)
		out.What = fmt.Sprintf("manifest %d of partition %s lists %d bytes, %d of them covered, and %d, %d covered: one of the validators tells what it did not read", h.Sequence, h.Validator, l1, c1, l2, c2)
	case aboutSaid:
		out.What = fmt.Sprintf("sector %d of partition %s has the signed root %s, and %s: two roots, or one of the validators lies", a.Check.Number, a.Check.Validator, a.Check.Said, b.Check.Said)
	case aboutRoot:
		out.What = fmt.Sprintf("a refill of sector %d of partition %s gives %s, and %s: one of the validators has not refilled it", a.Check.Number, a.Check.Validator, a.Check.Is, b.Check.Is)
	case aboutEntry:
		out.Miner, out.What = nil, "the entry is another in a copy of the same log: the validator has written it anew"
	}
	return out
}

// twoHeads says what two heads of one sequence prove.
func twoHeads(d wire.Domain, a, b Entry) (string, []byte) {
	first, _ := signedHead(a)
	second, _ := signedHead(b)
	about := fmt.Sprintf("two manifests of partition %s with sequence %d", first.Validator, first.Sequence)
	proof, err := wire.ProveTwoHeads(*b.Miner, first, second)
	if err == nil {
		err = proof.Verify(d)
	}
	switch {
	case err == nil:
		return about + ": the miner has signed both, which proves it to anyone", proof.Encode()
	case first.Verify(d, *b.Miner) == nil:
		return about + ": the miner has not signed the second", nil
	}
	return about + ": the miner has not signed the first", nil
}

// Apart is a miner whose credit differs by more than half between the last vectors
// of two logs. Both may be right: a miner can answer one validator and not another.
type Apart struct {
	Miner   strata.Hotkey `json:"miner"`
	Credits [2]uint64     `json:"credits"`
	Places  [2]Place      `json:"places"`
}

// CreditsApart compares the credits of each two logs whose last vectors are at most
// an epoch apart.
func CreditsApart(reports []Report) (out []Apart) {
	for i, a := range reports {
		for _, b := range reports[i+1:] {
			out = append(out, apart(a, b)...)
		}
	}
	return out
}

func apart(a, b Report) (out []Apart) {
	if len(a.Vectors) == 0 || len(b.Vectors) == 0 {
		return nil
	}
	x, y := a.Vectors[len(a.Vectors)-1], b.Vectors[len(b.Vectors)-1]
	if max(x.Block, y.Block)-min(x.Block, y.Block) > uint64(a.Tempo)+1 {
		return nil
	}
	credits := map[strata.Hotkey]uint64{}
	for _, w := range x.Weights {
		credits[w.Hotkey] = w.Credit
	}
	for _, w := range y.Weights {
		if c, ok := credits[w.Hotkey]; ok && max(c, w.Credit)/2 > min(c, w.Credit) {
			places := [2]Place{{a.Header.Validator, x.Entry}, {b.Header.Validator, y.Entry}}
			out = append(out, Apart{w.Hotkey, [2]uint64{c, w.Credit}, places})
		}
	}
	return out
}
