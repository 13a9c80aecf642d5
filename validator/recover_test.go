package validator

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"strata/catalog/sqlite"
	"strata/score"
	"strata/validator/validatortest"
)

// backup returns the ledger as the gateway backs it up.
func (w *world) backup() []byte {
	w.t.Helper()
	if err := w.Books.Save(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := w.DB.ExportLedger(w.t.Context(), &b); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// recover takes everything that the validator has on its disk, and starts one
// with what a backup has.
func (w *world) recover(backup []byte) {
	w.t.Helper()
	w.Kill()
	w.Path = filepath.Join(w.t.TempDir(), "strata.db")
	if err := os.RemoveAll(w.LogDir()); err != nil {
		w.t.Fatal(err)
	}
	db, err := sqlite.Open(w.t.Context(), w.Path, sqlite.Gateway)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := db.Import(w.t.Context(), bytes.NewReader(backup)); err != nil {
		w.t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.Start()
}

// TestCreditsSurviveRecovery: a validator that was recovered gives the credits
// that it gave, so that its weights are those of the others, and goes on from
// there: with its manifests, checks, and an audit log that can be replayed.
func TestCreditsSurviveRecovery(t *testing.T) {
	w := newWorld(t)
	m := w.Miner("//Honest")
	m.Seal(w.Key.Hotkey(), 0, 20)
	w.Start()
	w.Admit(m)
	w.Check(100)
	w.Audit(m, 30)
	backup, credit, scored := w.backup(), w.Credit(m), w.Score(m)
	w.Audit(m, 5) // lost
	w.recover(backup)
	if got := w.Credit(m); got != credit || got == 0 {
		t.Errorf("credit %d after the recovery, %d before", got, credit)
	}
	if got := w.Score(m).Cohorts; len(got) != 1 || got[0] != scored.Cohorts[0] {
		t.Errorf("cohorts = %+v, want %+v", got, scored.Cohorts)
	}
	w.Consistent(m)
	m.Seal(w.Key.Hotkey(), 20, 25)
	w.Admit(m)
	w.Check(100)
	w.Audit(m, 5)
	if got := w.Credit(m); got <= credit {
		t.Errorf("five more sectors took the credit from %d to %d", credit, got)
	}
	w.Consistent(m)
}

// TestRecoveryForgivesNobodyForLong: a miner that was caught after the backup is
// in good standing again, and caught again by the next look; one that dropped its
// disk earns nothing once its audits fail, as if the validator had been away.
func TestRecoveryForgivesNobodyForLong(t *testing.T) {
	w := newWorld(t)
	self := w.Key.Hotkey()
	liar, lazy := w.Miner("//Liar"), w.Miner("//Lazy")
	liar.Seal(self, 0, 20)
	lazy.Seal(self, 0, 20)
	w.Start()
	for _, m := range []*validatortest.Miner{liar, lazy} {
		w.Admit(m)
		w.Check(100)
		w.Audit(m, 30)
	}
	backup := w.backup()
	liar.Fake(self, 3, 2) // a second root for a number
	if err := w.Look(liar); err != nil {
		t.Log(err)
	}
	w.WantStanding(liar, score.Penalised)
	w.recover(backup)
	w.WantStanding(liar, score.Good)
	_ = w.Look(liar) // what it finds shows in the standing
	w.WantStanding(liar, score.Penalised)
	before := w.Credit(lazy)
	lazy.Late = time.Hour
	w.Audit(lazy, 30)
	if got := w.Credit(lazy); before == 0 || got > before/10 {
		t.Errorf("credit %d of %d for a miner that answers every audit late", got, before)
	}
}
