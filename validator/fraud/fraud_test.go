package fraud_test

import (
	"os"
	"path/filepath"
	"testing"

	"strata"
	"strata/auditlog"
	"strata/score"
	"strata/validator/fraud"
	"strata/validator/validatortest"
	"strata/wire"
)

// accuse hands a proof in and makes the refill that it may ask for.
func accuse(t *testing.T, w *validatortest.World, proof []byte, from string) error {
	t.Helper()
	err := w.Frauds.Accuse(t.Context(), proof, from)
	for range 2 { // one of them is others' turn
		if _, err := w.Checks.Make(t.Context(), make([]byte, validatortest.SectorSize)); err != nil {
			t.Fatal(err)
		}
	}
	return err
}

func TestTwoRootsAreShownToOthers(t *testing.T) {
	w := validatortest.New(t)
	o := w.Neighbour("//Other")
	m := w.Miner("//Liar")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 3)
	m.Fake(self, 3, 1)
	w.Start()
	o.Start()
	w.Admit(m)
	o.Seen(m)
	m.Fake(self, 3, 2)
	w.Seen(m)
	w.WantStanding(m, score.Penalised)
	shown := w.Proofs()
	if len(shown) != 1 {
		t.Fatalf("%d proofs were published", len(shown))
	}
	until := uint64(0)
	for i := range 2 { // the second time changes nothing
		if err := o.Frauds.Accuse(t.Context(), shown[0], "a test"); err != nil {
			t.Fatal(err)
		}
		o.WantStanding(m, score.Penalised)
		if i == 1 && o.Score(m).Until != until {
			t.Errorf("the penalty ends at %d, it ended at %d: a proof was counted twice", o.Score(m).Until, until)
		}
		until = o.Score(m).Until
		o.Blocks(3)
	}
	o.Restart()
	o.WantStanding(m, score.Penalised)
}

// TestProofsThatProveNothing: nobody is hurt by a proof that is not one, and who
// sends refills after true roots is not heard for a while.
func TestProofsThatProveNothing(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Honest")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 10)
	w.Start()
	w.Admit(m)
	w.Check(100)
	show := func(number uint64) wire.FraudProof {
		t.Helper()
		return wire.FraudProof{Kind: wire.FalseRoot, Miner: m.Key.Hotkey(), First: w.Show(m, number)}
	}
	checks := w.Score(m).Cohorts[0].Checks
	honest := show(3)
	if err := accuse(t, w, honest.Encode(), "a test"); err != nil {
		t.Fatal(err)
	}
	w.WantStanding(m, score.Good)
	if got := w.Score(m).Cohorts[0].Checks; got != checks {
		t.Errorf("a refill that somebody asked for counts as a check: %d, were %d", got, checks)
	}
	if err := accuse(t, w, show(4).Encode(), "a test"); strata.CodeOf(err) != strata.Forbidden {
		t.Errorf("an accuser that was wrong is heard again: %v", err)
	}

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
		if err := accuse(t, w, c.proof, "another"); strata.CodeOf(err) != c.code {
			t.Errorf("%s gave %v, want %s", name, err, c.code)
		}
	}
	// A root that was taken back costs its sector only.
	m.Fake(self, 10, 1)
	w.Seen(m)
	withdrawn := show(10)
	m.State(self, 10, wire.Withdrawn)
	w.Seen(m)
	if err := accuse(t, w, withdrawn.Encode(), "another"); err != nil {
		t.Error(err)
	}
	w.WantStanding(m, score.Good)
	w.Consistent(m)
	stranger := show(4)
	stranger.Miner = validatortest.NewKey(t, "//Stranger").Hotkey()
	if err := stranger.First.Head.Sign(validatortest.Domain, validatortest.NewKey(t, "//Stranger")); err != nil {
		t.Fatal(err)
	}
	if err := accuse(t, w, stranger.Encode(), "another"); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("a proof against a stranger gave %v", err)
	}
}

// TestAccusersAreHeard: proofs come from the inbox, where they are removed when
// they were dealt with, and one that fails now is looked at again.
func TestAccusersAreHeard(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Liar")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 3)
	m.Fake(self, 3, 1)
	w.Start()
	w.Admit(m)
	inbox := filepath.Join(w.LogDir(), auditlog.Inbox)
	put := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(inbox, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("good"+auditlog.FraudSuffix, wire.FraudProof{Kind: wire.FalseRoot, Miner: m.Key.Hotkey(), First: w.Show(m, 3)}.Encode())
	put("bad"+auditlog.FraudSuffix, []byte("no proof"))
	put("notes.txt", []byte("no proof"))
	if err := fraud.Hear(t.Context(), w.Frauds, auditlog.Folder(inbox)); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(inbox)
	if err != nil || len(left) != 1 || left[0].Name() != "notes.txt" {
		t.Errorf("in the inbox are %v, %v", left, err)
	}
	if made, err := w.Checks.Make(t.Context(), make([]byte, validatortest.SectorSize)); err != nil || !made {
		t.Errorf("the accusation was not looked at: %v", err)
	}
	w.WantStanding(m, score.Suspended)
	w.Consistent(m)
}

// TestFloodOfProofs: a stranger that sends proofs without end costs a refill
// each, of which a bounded number waits.
func TestFloodOfProofs(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Honest")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 80)
	w.Start()
	w.Admit(m)
	throttled := 0
	for n := range uint64(80) {
		err := w.Frauds.Accuse(t.Context(), wire.FraudProof{Kind: wire.FalseRoot, Miner: m.Key.Hotkey(), First: w.Show(m, n)}.Encode(), "a flood")
		if strata.CodeOf(err) == strata.Throttled {
			throttled++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if throttled != 80-64 {
		t.Errorf("%d of 80 were throttled, 64 may wait", throttled)
	}
	// The first that is disproved ends it; half of the checks stay ours.
	checks, buf := w.Score(m).Cohorts[0].Checks, make([]byte, validatortest.SectorSize)
	for range 10 {
		if _, err := w.Checks.Make(t.Context(), buf); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.Score(m).Cohorts[0].Checks - checks; got < 5 {
		t.Errorf("%d of ten checks were ours", got)
	}
	w.WantStanding(m, score.Good)
}

// TestTwoHeads: two heads of one sequence suspend a miner at whoever sees both, and
// at whoever is shown the proof; more of them bring nothing while checks are owed.
func TestTwoHeads(t *testing.T) {
	w := validatortest.New(t)
	o := w.Neighbour("//Other")
	m := w.Miner("//TwoFaced")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 40)
	w.Start()
	o.Start()
	w.Admit(m)
	o.Seen(m)
	o.Blocks(o.Pace.Cohort + 1)
	m.Forge = func(p *wire.ManifestPage) { p.Head.Leaving = true; m.Sign(&p.Head) }
	for range 3 {
		if err := w.Look(m); strata.CodeOf(err) != strata.Invalid {
			t.Fatalf("another head of the same sequence: %v", err)
		}
	}
	m.Forge = nil
	w.WantStanding(m, score.Suspended)
	w.Consistent(m)
	if got := w.Score(m).Cohorts[0]; got.Failed != 0 || got.Bytes != 40*validatortest.SectorSize {
		t.Errorf("cohort = %+v", got)
	}
	shown := w.Proofs()
	if len(shown) != 1 {
		t.Fatalf("%d proofs were published", len(shown))
	}
	f, err := wire.DecodeFraudProof(shown[0])
	if err != nil || f.Verify(validatortest.Domain) != nil || f.Kind != wire.TwoHeads {
		t.Fatalf("the proof is %+v, %v", f, err)
	}
	o.WantStanding(m, score.Good)
	for range 2 {
		if err := o.Frauds.Accuse(t.Context(), shown[0], "a test"); err != nil {
			t.Fatal(err)
		}
		o.WantStanding(m, score.Suspended)
		o.Restart()
	}
	if got := o.Proofs(); len(got) != 1 {
		t.Errorf("%d proofs are passed on", len(got))
	}

	// Another pair while checks are owed is recorded and brings nothing.
	m.Seal(self, 40, 41)
	o.Seen(m)
	owed := o.Score(m).Owed
	head := o.Book(m).Head(self)
	second := head
	second.Shards++
	m.Sign(&second)
	pair, err := wire.ProveTwoHeads(m.Key.Hotkey(), head, second)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Frauds.Accuse(t.Context(), pair.Encode(), "a test"); err != nil {
		t.Fatal(err)
	}
	o.WantStanding(m, score.Suspended)
	if got := o.Score(m).Owed; got != owed {
		t.Errorf("%d checks are owed, not %d", got, owed)
	}
	if list, err := o.DB.Frauds(t.Context(), m.Key.Hotkey()); err != nil || len(list) != 2 {
		t.Errorf("recorded are %+v, %v", list, err)
	}
	o.Check(200)
	o.WantStanding(m, score.Good)
	o.Consistent(m)
}
