package validator

import (
	"testing"
	"time"

	"strata"
	"strata/chain"
	"strata/validator/validatortest"
)

func TestStatusAndCandidates(t *testing.T) {
	w := newWorld(t)
	m, bad, away := w.Proven("//Miner", 10), w.Miner("//Liar"), w.Miner("//Away")
	bad.Fake(w.Key.Hotkey(), 0, 1)
	body := validatortest.Junk(3000, 1, 1)
	m.Put(w.Key.Hotkey(), 0, body, validatortest.Order(t, w.Key, m.Key.Hotkey(), body))
	m.Plan = nil
	w.Start()
	w.Now = w.Now.Add(time.Hour)
	w.Earn(m, bad)
	if err := w.Audits.TimeConnect(t.Context(), w.Book(away)); err != nil {
		t.Fatal(err)
	}
	for _, x := range []*validatortest.Miner{m, bad} {
		w.Book(x).Seen(nil)
	}
	st, err := w.v.Status(t.Context())
	if err != nil || len(st.Miners) != 3 || st.Block != 2 || st.SectorSize != validatortest.SectorSize || st.Netuid != 7 {
		t.Fatalf("status = %+v, %v", st, err)
	}
	row := st.Miners[0]
	if row.Hotkey != m.Key.Hotkey() || row.ProvenBytes != w.Credit(m) || row.ProvenBytes == 0 || row.AuditsPassed != 320 || row.AuditsFailed != 0 || !row.LastSeen.Equal(w.Now) {
		t.Errorf("row = %+v", row)
	}
	free := func() map[strata.Hotkey]strata.ByteSize {
		t.Helper()
		list, err := w.v.Candidates(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out := map[strata.Hotkey]strata.ByteSize{}
		for _, c := range list {
			if c.Endpoint.Addr.Addr() != c.Addr || c.Endpoint.Hotkey != c.Hotkey {
				t.Errorf("candidate = %+v", c)
			}
			out[c.Hotkey] = c.Free
		}
		return out
	}
	if got := free(); len(got) != 3 || got[m.Key.Hotkey()] != 10*validatortest.SectorSize-64<<10 || got[bad.Key.Hotkey()] != 0 || got[away.Key.Hotkey()] != 0 {
		t.Errorf("free = %v", got)
	}
	w.Now = w.Now.Add(w.Pace.Fresh)
	if got := free()[m.Key.Hotkey()]; got != 0 {
		t.Errorf("a miner that has not answered for %s has %s free", w.Pace.Fresh, got)
	}
	w.Chain.Change(m.Key.Hotkey(), func(n *chain.Neuron) { n.Axon = chain.Axon{} })
	w.Blocks(validatortest.RefreshEach)
	if got := free(); len(got) != 2 {
		t.Errorf("candidates = %v, want those that serve", got)
	}
}

// TestObserve: a validator that only looks on shows what the ledger knows.
func TestObserve(t *testing.T) {
	w := newWorld(t)
	m := w.Proven("//Miner", 10)
	w.Start()
	w.Earn(m)
	w.Seen(m)
	if err := w.Books.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	credit := w.Credit(m)
	w.Restart()
	looker, err := New(t.Context(), w.v.Config)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := looker.Status(t.Context()); err != nil || len(st.Miners) != 0 {
		t.Errorf("before the metagraph was read: %+v, %v", st.Miners, err)
	}
	if err := looker.Observe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st, err := looker.Status(t.Context()); err != nil || len(st.Miners) != 1 || st.Miners[0].ProvenBytes != credit || credit == 0 ||
		st.Miners[0].Sealed != 10 || st.Miners[0].Target != 10 {
		t.Errorf("miners = %+v, %v, want one with 10 sectors and %d bytes", st.Miners, err, credit)
	}
}
