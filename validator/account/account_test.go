package account_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strata"
	"strata/auditlog"
	"strata/score"
	"strata/validator/validatortest"
)

// life is a validator's life with an honest miner, a liar and a slow one, over
// restarts, until it has set weights three times.
func life(t *testing.T, w *validatortest.World) {
	t.Helper()
	self := w.Key.Hotkey()
	honest, liar, slow := w.Proven("//Honest", 40), w.Proven("//Liar", 10), w.Proven("//Slow", 20)
	for n := range uint64(10) {
		liar.Fake(self, 10+n, 1)
	}
	w.Start()
	w.Earn(honest, liar, slow)
	slow.Late = validatortest.Profile.Deadline + validatortest.Profile.RTTCap + 1
	w.Audit(slow, 3)
	slow.Late = 0
	w.Blocks(20)
	honest.Seal(self, 40, 50)
	liar.State(self, 2, 3)
	w.Admit(honest)
	w.Admit(liar)
	w.Check(200)
	w.Restart()
	w.Audit(honest, 5)
	w.Audit(liar, 5)
	w.Blocks(20)
	w.Chain.Mu.Lock()
	w.Chain.Params.Tempo = 29 // other rules
	w.Chain.Mu.Unlock()
	slow.Leaving = true
	w.Seen(slow)
	w.Blocks(40)
	w.Audit(slow, 5)
	slow.Leaving = false
	w.Seen(slow)
	w.Blocks(40)
	if err := w.Books.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAccountIsReplayed(t *testing.T) {
	w := validatortest.New(t)
	life(t, w)
	r := w.Replay()
	sets := w.Chain.Vectors()
	if len(sets) < 3 || len(r.Vectors) != len(sets) || len(w.Committed) != len(sets) || r.Miners != 3 || r.Checks < 60 || r.Audits < 70 {
		t.Fatalf("%d vectors of %d, %d commitments, %d miners, %d checks, %d audits", len(r.Vectors), len(sets), len(w.Committed), r.Miners, r.Checks, r.Audits)
	}
	last := r.Vectors[len(r.Vectors)-1]
	if last.Block != sets[len(sets)-1].Block {
		t.Errorf("the last vector was computed at block %d, set at %d", last.Block, sets[len(sets)-1].Block)
	}
	for _, lw := range last.Weights {
		if got := validatortest.WeightOf(sets[len(sets)-1].Weights, lw.UID); got != lw.Value {
			t.Errorf("UID %d has weight %d on chain, %d in the log", lw.UID, got, lw.Value)
		}
	}
	// The first vector's details are public by now, those of the last are not.
	shown, err := filepath.Glob(filepath.Join(w.LogDir(), auditlog.Public, "*.log"))
	if err != nil || len(shown) == 0 || len(shown) >= len(sets) {
		t.Errorf("public are %v, %v", shown, err)
	}
	// Each segment can be replayed alone.
	for _, path := range shown {
		if r, err := auditlog.Replay(auditlog.Read(path), nil); err != nil || r.Total > 0 || len(r.Vectors) != 1 {
			t.Errorf("%s alone: %v, %+v", filepath.Base(path), err, r.Differences)
		}
	}
}

// TestOldAccountGoes: what is public for long is removed, and what is left leads
// to what it says from the states that it begins with.
func TestOldAccountGoes(t *testing.T) {
	w := validatortest.New(t)
	w.Retain = 45
	life(t, w)
	r := w.Replay()
	if r.Header.First == 1 || r.Told != 3 || len(r.Vectors) == 0 || len(r.Vectors) >= len(w.Chain.Vectors()) {
		t.Errorf("the log begins with entry %d, %d states, %d vectors of %d", r.Header.First, r.Told, len(r.Vectors), len(w.Chain.Vectors()))
	}
	if r.Vectors[0].Block+45 < w.Subnet.Head().Number-21 { // one ended before the last was published
		t.Errorf("at block %d there is still a vector of block %d", w.Subnet.Head().Number, r.Vectors[0].Block)
	}
	w.Restart()
	w.Blocks(5)
	if again := w.Replay(); again.Header.First < r.Header.First {
		t.Error("what was removed is back")
	}
}

// TestDetailsStayHidden: nothing of an epoch is public before a tempo has passed
// since its weights were set.
func TestDetailsStayHidden(t *testing.T) {
	w := validatortest.New(t)
	m := w.Proven("//Miner", 20)
	w.Start()
	w.Earn(m)
	w.Blocks(validatortest.FirstWindow - 2)
	shown := func() int {
		list, err := filepath.Glob(filepath.Join(w.LogDir(), auditlog.Public, "*.log"))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if len(w.Chain.Vectors()) != 1 || shown() != 0 {
		t.Fatalf("%d vectors, %d segments are public", len(w.Chain.Vectors()), shown())
	}
	w.Blocks(19)
	if shown() != 0 {
		t.Error("details are public within a tempo")
	}
	w.Blocks(2)
	if shown() != 1 {
		t.Errorf("%d segments are public after a tempo", shown())
	}
}

// TestLogWithoutItsLedger and the other way round: what was lost shows, and the
// validator goes on.
func TestLogWithoutItsLedger(t *testing.T) {
	w := validatortest.New(t)
	w.Broken = true
	m := w.Proven("//Miner", 20)
	w.Start()
	w.Earn(m)
	w.Blocks(validatortest.FirstWindow)
	number, _ := w.Log.Head()
	w.Kill()
	files, err := filepath.Glob(w.Path + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	w.Start()
	if got, _ := w.Log.Head(); got <= number {
		t.Errorf("the log ends with %d after a restart, with %d before", got, number)
	}
	_, err = auditlog.Replay(auditlog.Read(w.LogDir()), nil)
	if err != nil {
		t.Errorf("the chain is broken: %v", err)
	}

	w.Kill()
	if err := os.RemoveAll(w.LogDir()); err != nil {
		t.Fatal(err)
	}
	w.Start()
	w.Seen(m)
	w.Blocks(validatortest.FirstWindow + 10)
	if r, err := auditlog.Replay(auditlog.Read(w.LogDir()), nil); err != nil || r.Total > 0 || r.Header.First < number {
		t.Errorf("a log begun anew: %v, from %d, %+v", err, r.Header.First, r.Differences)
	}
}

// TestAccountOfKilledValidator kills the validator after every write of the
// ledger; what it logged always leads to what the ledger has (world.Replay).
func TestAccountOfKilledValidator(t *testing.T) {
	for writes := 0; ; writes += 3 {
		w := validatortest.New(t)
		m := w.Proven("//Miner", 6)
		m.Fake(w.Key.Hotkey(), 6, 1)
		w.Start()
		w.Ledger.Left, w.Ledger.Dying = writes, true
		_ = w.Look(m)
		w.Blocks(3)
		buf := make([]byte, validatortest.SectorSize)
		for range 8 {
			_, _ = w.Checks.Make(context.Background(), buf)
			_ = w.Audits.Audit(context.Background(), w.Book(m))
			_ = w.Books.Save(context.Background())
			w.Blocks(1)
		}
		survived := w.Ledger.Left > 0
		w.Restart()
		w.Seen(m)
		w.Audit(m, 1)
		w.Blocks(12)
		w.Replay()
		if survived || t.Failed() {
			break
		}
	}
}

// TestTamperedAccount alters what a validator has published, as a liar would:
// with all hashes made anew. The replay says where it does not fit.
func TestTamperedAccount(t *testing.T) {
	w := validatortest.New(t)
	w.Broken = true
	life(t, w)
	if err := w.Account.HandOver(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		kind   auditlog.Kind
		change func(*auditlog.Entry) bool // true if it found what to change
		says   string
	}{
		"a credit raised": {auditlog.Weighed, func(e *auditlog.Entry) bool { e.Weights[0].Credit++; return true }, "credit"},
		"a miner that is not there": {auditlog.Weighed, func(e *auditlog.Entry) bool {
			e.Weights = append(e.Weights, auditlog.Weight{UID: 999, Hotkey: strata.Hotkey{42}, Present: true, Credit: 1})
			return true
		}, "credit 1, the entries before give 0"},
		"a weight raised": {auditlog.Weighed, func(e *auditlog.Entry) bool {
			i := slices.IndexFunc(e.Weights, func(w auditlog.Weight) bool { return w.Value > 0 && w.Value < 65535 })
			if i >= 0 {
				e.Weights[i].Value++
			}
			return i >= 0
		}, "weight"},
		"a check forgiven": {auditlog.Checked, func(e *auditlog.Entry) bool {
			if e.Check.Said == e.Check.Is {
				return false
			}
			e.Events[0].Kind = score.Matched.String()
			return true
		}, "not counted as mismatched"},
		"a late answer counted": {auditlog.Audited, func(e *auditlog.Entry) bool {
			if e.Audit.Took <= e.Audit.Limit {
				return false
			}
			e.Events[0].Passed, e.Events[0].Failed = e.Events[0].Failed, 0
			return true
		}, "passed whose answer"},
		"leaves that were not asked": {auditlog.Audited, func(e *auditlog.Entry) bool { e.Audit.Leaves = e.Audit.Leaves[1:]; return true }, "leaves counts"},
		"a head that nobody signed": {auditlog.Listed, func(e *auditlog.Entry) bool {
			e.Head.Signed = e.Head.Signed[:150] + "0000" + e.Head.Signed[154:]
			return true
		}, "manifest's head"},
		"more covered": {auditlog.Listed, func(e *auditlog.Entry) bool {
			if len(e.Head.Batches) == 0 {
				return false
			}
			e.Head.Batches[0].Covered = e.Head.Batches[0].Listed + 1
			return true
		}, "are covered of"},
		"a state invented": {auditlog.Stated, func(e *auditlog.Entry) bool {
			if len(e.State.Score.Cohorts) == 0 {
				return false
			}
			e.State.Score.Cohorts[0].Checks += 1000
			return true
		}, "its score is not"},
		"a standing forgiven": {auditlog.Stated, func(e *auditlog.Entry) bool {
			was := e.State.Score.Standing
			e.State.Score.Standing, e.State.Score.Owed, e.State.Score.Until = score.Good, 0, 0
			return was != score.Good
		}, "its score is not"},
		"leaving forgiven": {auditlog.Listed, func(e *auditlog.Entry) bool {
			was := e.Head.Leaving
			e.Head.Leaving = false
			return was
		}, "is signed as true and told as false"},
		"leaving not counted": {auditlog.Listed, func(e *auditlog.Entry) bool {
			e.Events = nil
			return e.Head.Leaving
		}, "its heads say that it leaves: true; counted is false"},
		"an audit left out": {auditlog.Audited, func(e *auditlog.Entry) bool { e.Events = nil; return true }, "0 outcomes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, at := filepath.Join(t.TempDir(), "log"), uint64(0)
			forged, err := auditlog.Open(dir, validatortest.Domain, w.Key.Hotkey(), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			for item, err := range auditlog.Read(w.LogDir()) {
				if err != nil {
					t.Fatal(err)
				}
				if item.Number == 0 {
					continue
				}
				line := item.Entry
				if e, err := auditlog.Decode(line); err != nil {
					t.Fatal(err)
				} else if at == 0 && e.Kind == c.kind && c.change(&e) {
					at = item.Number
					if line, err = e.Encode(); err != nil {
						t.Fatal(err)
					}
				}
				if err := forged.Append(item.Number, [][]byte{line}); err != nil {
					t.Fatal(err)
				}
			}
			r, err := auditlog.Replay(auditlog.Read(dir), nil)
			if err != nil || at == 0 || r.Total == 0 {
				t.Fatalf("changed entry %d: %v, %d differences", at, err, r.Total)
			}
			if d := r.Differences[0]; d.Entry != at || !strings.Contains(d.What, c.says) {
				t.Errorf("changed entry %d: the first difference is %+v, want %q", at, d, c.says)
			}
			// And the head is not the one on chain.
			if last := w.Committed[len(w.Committed)-1]; headAt(t, dir, last.Number) == last.Hash {
				t.Error("the forged log has the committed head")
			}
		})
	}
}

func headAt(t *testing.T, dir string, number uint64) (hash strata.Root) {
	t.Helper()
	if _, err := auditlog.Replay(auditlog.Read(dir), func(l auditlog.Line) {
		if l.Number == number {
			hash = l.Hash
		}
	}); err != nil {
		t.Fatal(err)
	}
	return hash
}
