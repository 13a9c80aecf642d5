package validator

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"strata/catalog/sqlite"
	"strata/score"
)

// backup returns the ledger as the gateway backs it up.
func (w *world) backup() []byte {
	w.t.Helper()
	if err := w.v.save(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := w.db.ExportLedger(w.t.Context(), &b); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// recover takes everything that the validator has on its disk, and starts one
// with what a backup has.
func (w *world) recover(backup []byte) {
	w.t.Helper()
	w.kill()
	w.path = filepath.Join(w.t.TempDir(), "strata.db")
	if err := os.RemoveAll(w.logDir()); err != nil {
		w.t.Fatal(err)
	}
	db, err := sqlite.Open(w.t.Context(), w.path, sqlite.Gateway)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := db.Import(w.t.Context(), bytes.NewReader(backup)); err != nil {
		w.t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.start()
}

// TestCreditsSurviveRecovery: a validator that was recovered gives the credits
// that it gave, so that its weights are those of the others, and goes on from
// there: with its manifests, checks, and an audit log that can be replayed.
func TestCreditsSurviveRecovery(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Honest")
	m.seal(w.key.Hotkey(), 0, 20)
	w.start()
	w.admit(m)
	w.check(100)
	w.audit(m, 30)
	backup, credit, scored := w.backup(), w.book(m).credit(), w.score(m)
	w.audit(m, 5) // lost
	w.recover(backup)
	if got := w.book(m).credit(); got != credit || got == 0 {
		t.Errorf("credit %d after the recovery, %d before", got, credit)
	}
	if got := w.score(m).Cohorts; len(got) != 1 || got[0] != scored.Cohorts[0] {
		t.Errorf("cohorts = %+v, want %+v", got, scored.Cohorts)
	}
	w.consistent(m)
	m.seal(w.key.Hotkey(), 20, 25)
	w.admit(m)
	w.check(100)
	w.audit(m, 5)
	if got := w.book(m).credit(); got <= credit {
		t.Errorf("five more sectors took the credit from %d to %d", credit, got)
	}
	w.consistent(m)
}

// TestRecoveryForgivesNobodyForLong: a miner that was caught after the backup is
// in good standing again, and caught again by the next look; one that dropped its
// disk earns nothing once its audits fail, as if the validator had been away.
func TestRecoveryForgivesNobodyForLong(t *testing.T) {
	w := newWorld(t)
	self := w.key.Hotkey()
	liar, lazy := w.miner("//Liar"), w.miner("//Lazy")
	liar.seal(self, 0, 20)
	lazy.seal(self, 0, 20)
	w.start()
	for _, m := range []*fakeMiner{liar, lazy} {
		w.admit(m)
		w.check(100)
		w.audit(m, 30)
	}
	backup := w.backup()
	liar.fake(self, 3, 2) // a second root for a number
	if err := w.look(liar); err != nil {
		t.Log(err)
	}
	w.wantStanding(liar, score.Penalised)
	w.recover(backup)
	w.wantStanding(liar, score.Good)
	_ = w.look(liar) // what it finds shows in the standing
	w.wantStanding(liar, score.Penalised)
	before := w.book(lazy).credit()
	lazy.late = time.Hour
	w.audit(lazy, 30)
	if got := w.book(lazy).credit(); before == 0 || got > before/10 {
		t.Errorf("credit %d of %d for a miner that answers every audit late", got, before)
	}
}
