package validator

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"strata"
	"strata/auditlog"
	"strata/score"
	"strata/wire"
)

// neighbour is another validator that knows the same miners, with a ledger of its
// own.
func (w *world) neighbour(uri string) *world {
	o := newWorld(w.t)
	o.key, o.chain, o.net = newKey(w.t, uri), w.chain, w.net
	w.chain.neuron(o.key.Hotkey(), true, false)
	return o
}

// proofs are those that the validator has published.
func (w *world) proofs() [][]byte {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.logDir(), auditlog.Frauds, "*"+auditlog.FraudSuffix))
	if err != nil {
		w.t.Fatal(err)
	}
	var out [][]byte
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// accuse hands a proof in and makes the refill that it may ask for.
func (w *world) accuse(proof []byte) error {
	err := w.v.Accuse(w.t.Context(), proof, "a test")
	for range 2 {
		if a, ok := w.v.nextAccusation(); ok {
			if err := w.v.judge(w.t.Context(), a, make([]byte, sectorSize)); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	return err
}

// TestFalseRootIsShownToOthers: one validator's check finds a false root; its
// proof, one refill later, costs the miner its credit with another one too.
func TestFalseRootIsShownToOthers(t *testing.T) {
	w := newWorld(t)
	o := w.neighbour("//Other")
	m := w.miner("//Liar")
	self := w.key.Hotkey()
	m.seal(self, 0, 40)
	m.fake(self, 40, 1)
	m.fake(self, 41, 1)
	w.start()
	o.start()
	w.admit(m)
	o.seen(m)
	o.blocks(o.pace.Cohort + 1)
	buf := make([]byte, sectorSize)
	if err := w.v.checkSector(t.Context(), w.book(m), place{self, 40}, buf); err != nil {
		t.Fatal(err)
	}
	w.wantStanding(m, score.Suspended)
	proofs := w.proofs()
	if len(proofs) != 1 {
		t.Fatalf("%d proofs were published", len(proofs))
	}
	f, err := wire.DecodeFraudProof(proofs[0])
	if err != nil || f.Verify(domain) != nil || f.Kind != wire.FalseRoot || f.First.Entry.Number != 40 {
		t.Fatalf("the proof is %+v, %v", f, err)
	}

	o.wantStanding(m, score.Good)
	if err := o.accuse(proofs[0]); err != nil {
		t.Fatal(err)
	}
	o.wantStanding(m, score.Suspended)
	o.consistent(m)
	if got := o.score(m).Cohorts[0]; got.Bytes != 41*sectorSize || got.Failed != 1 {
		t.Errorf("cohort = %+v", got)
	}
	list, err := o.db.Frauds(t.Context(), m.key.Hotkey())
	if err != nil || len(list) != 1 || list[0].Number != 40 || list[0].Kind != wire.FalseRoot {
		t.Errorf("recorded are %+v, %v", list, err)
	}
	if got := o.proofs(); len(got) != 1 {
		t.Errorf("%d proofs are passed on", len(got))
	}
	// Again, and over a restart, it changes nothing.
	for range 2 {
		if err := o.accuse(proofs[0]); err != nil {
			t.Error(err)
		}
		o.wantStanding(m, score.Suspended)
		o.restart()
	}
	// Another false root of the same miner is fraud there.
	if err := w.v.checkSector(t.Context(), w.book(m), place{self, 41}, buf); err != nil {
		t.Fatal(err)
	}
	w.wantStanding(m, score.Penalised)
	for _, p := range w.proofs() {
		if err := o.accuse(p); err != nil {
			t.Error(err)
		}
	}
	o.wantStanding(m, score.Penalised)
	o.consistent(m)
}

func TestTwoRootsAreShownToOthers(t *testing.T) {
	w := newWorld(t)
	o := w.neighbour("//Other")
	m := w.miner("//Liar")
	self := w.key.Hotkey()
	m.seal(self, 0, 3)
	m.fake(self, 3, 1)
	w.start()
	o.start()
	w.admit(m)
	o.seen(m)
	m.fake(self, 3, 2)
	w.seen(m)
	w.wantStanding(m, score.Penalised)
	proofs := w.proofs()
	if len(proofs) != 1 {
		t.Fatalf("%d proofs were published", len(proofs))
	}
	until := uint64(0)
	for i := range 2 { // the second time changes nothing
		if err := o.accuse(proofs[0]); err != nil {
			t.Fatal(err)
		}
		o.wantStanding(m, score.Penalised)
		if i == 1 && o.score(m).Until != until {
			t.Errorf("the penalty ends at %d, it ended at %d: a proof was counted twice", o.score(m).Until, until)
		}
		until = o.score(m).Until
		o.blocks(3)
	}
	o.restart()
	o.wantStanding(m, score.Penalised)
}

// TestProofsThatProveNothing: nobody is hurt by a proof that is not one, and who
// sends refills after true roots is not heard for a while.
func TestProofsThatProveNothing(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Honest")
	self := w.key.Hotkey()
	m.seal(self, 0, 10)
	w.start()
	w.admit(m)
	w.check(100)
	b := w.book(m)
	show := func(number uint64) wire.FraudProof {
		t.Helper()
		first, err := w.v.show(t.Context(), b, place{self, number})
		if err != nil {
			t.Fatal(err)
		}
		return wire.FraudProof{Kind: wire.FalseRoot, Miner: m.key.Hotkey(), First: first}
	}
	checks := w.score(m).Cohorts[0].Checks
	honest := show(3)
	if err := w.accuse(honest.Encode()); err != nil {
		t.Fatal(err)
	}
	w.wantStanding(m, score.Good)
	if got := w.score(m).Cohorts[0].Checks; got != checks {
		t.Errorf("a refill that somebody asked for counts as a check: %d, were %d", got, checks)
	}
	if err := w.accuse(show(4).Encode()); strata.CodeOf(err) != strata.Forbidden {
		t.Errorf("an accuser that was wrong is heard again: %v", err)
	}
	w.v.distrusted = map[string]uint64{}

	forged := show(4)
	forged.First.Entry.Root[0]++
	foreign := show(4)
	foreign.Miner = strata.Hotkey{1}
	for name, c := range map[string]struct {
		proof []byte
		code  strata.Code
	}{
		"nothing":         {nil, strata.Invalid},
		"huge":            {make([]byte, wire.MaxFraudProof+1), strata.TooLarge},
		"another root":    {forged.Encode(), strata.Corrupt},
		"another miner's": {foreign.Encode(), strata.Unauthenticated},
	} {
		if err := w.accuse(c.proof); strata.CodeOf(err) != c.code {
			t.Errorf("%s gave %v, want %s", name, err, c.code)
		}
	}
	// A root that was taken back costs its sector only.
	m.fake(self, 10, 1)
	w.seen(m)
	withdrawn := show(10)
	m.state(self, 10, wire.Withdrawn)
	w.seen(m)
	if err := w.accuse(withdrawn.Encode()); err != nil {
		t.Error(err)
	}
	w.wantStanding(m, score.Good)
	w.consistent(m)
	stranger := show(4)
	stranger.Miner = newKey(t, "//Stranger").Hotkey()
	if err := stranger.First.Head.Sign(domain, newKey(t, "//Stranger")); err != nil {
		t.Fatal(err)
	}
	if err := w.accuse(stranger.Encode()); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("a proof against a stranger gave %v", err)
	}
}

// TestAccusersAreHeard: proofs come from the inbox, where they are removed when
// they were dealt with, and one that fails now is looked at again.
func TestAccusersAreHeard(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Liar")
	self := w.key.Hotkey()
	m.seal(self, 0, 3)
	m.fake(self, 3, 1)
	w.start()
	w.admit(m)
	first, err := w.v.show(t.Context(), w.book(m), place{self, 3})
	if err != nil {
		t.Fatal(err)
	}
	inbox := filepath.Join(w.logDir(), auditlog.Inbox)
	put := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(inbox, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("good"+auditlog.FraudSuffix, wire.FraudProof{Kind: wire.FalseRoot, Miner: m.key.Hotkey(), First: first}.Encode())
	put("bad"+auditlog.FraudSuffix, []byte("no proof"))
	put("notes.txt", []byte("no proof"))
	if err := w.v.hear(t.Context(), auditlog.Folder(inbox), map[string]bool{}); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(inbox)
	if err != nil || len(left) != 1 || left[0].Name() != "notes.txt" {
		t.Errorf("in the inbox are %v, %v", left, err)
	}
	if made, err := w.v.makeCheck(context.Background(), make([]byte, sectorSize)); err != nil || !made {
		t.Errorf("the accusation was not looked at: %v", err)
	}
	w.wantStanding(m, score.Suspended)
	w.consistent(m)
}

// TestTwoHeads: two heads of one sequence suspend a miner at whoever sees both, and
// at whoever is shown the proof; more of them bring nothing while checks are owed.
func TestTwoHeads(t *testing.T) {
	w := newWorld(t)
	o := w.neighbour("//Other")
	m := w.miner("//TwoFaced")
	self := w.key.Hotkey()
	m.seal(self, 0, 40)
	w.start()
	o.start()
	w.admit(m)
	o.seen(m)
	o.blocks(o.pace.Cohort + 1)
	m.forge = func(p *wire.ManifestPage) { p.Head.Leaving = true; m.sign(&p.Head) }
	for range 3 {
		if err := w.look(m); strata.CodeOf(err) != strata.Invalid {
			t.Fatalf("another head of the same sequence: %v", err)
		}
	}
	m.forge = nil
	w.wantStanding(m, score.Suspended)
	w.consistent(m)
	if got := w.score(m).Cohorts[0]; got.Failed != 0 || got.Bytes != 40*sectorSize {
		t.Errorf("cohort = %+v", got)
	}
	proofs := w.proofs()
	if len(proofs) != 1 {
		t.Fatalf("%d proofs were published", len(proofs))
	}
	f, err := wire.DecodeFraudProof(proofs[0])
	if err != nil || f.Verify(domain) != nil || f.Kind != wire.TwoHeads {
		t.Fatalf("the proof is %+v, %v", f, err)
	}
	o.wantStanding(m, score.Good)
	for range 2 {
		if err := o.accuse(proofs[0]); err != nil {
			t.Fatal(err)
		}
		o.wantStanding(m, score.Suspended)
		o.restart()
	}
	if got := o.proofs(); len(got) != 1 {
		t.Errorf("%d proofs are passed on", len(got))
	}

	// Another pair while checks are owed is recorded and brings nothing.
	m.seal(self, 40, 41)
	o.seen(m)
	owed := o.score(m).Owed
	head := o.book(m).holdings[self].head
	second := head
	second.Shards++
	m.sign(&second)
	pair, err := wire.ProveTwoHeads(m.key.Hotkey(), head, second)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.accuse(pair.Encode()); err != nil {
		t.Fatal(err)
	}
	o.wantStanding(m, score.Suspended)
	if got := o.score(m).Owed; got != owed {
		t.Errorf("%d checks are owed, not %d", got, owed)
	}
	if list, err := o.db.Frauds(t.Context(), m.key.Hotkey()); err != nil || len(list) != 2 {
		t.Errorf("recorded are %+v, %v", list, err)
	}
	o.check(200)
	o.wantStanding(m, score.Good)
	o.consistent(m)
}
