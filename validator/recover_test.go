package validator

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"strata"
	"strata/catalog/sqlite"
	"strata/chain"
	"strata/score"
	"strata/validator/validatortest"
	"strata/yuma"
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

// agree plays an epoch of the chain's with the vectors that validators have set
// last, and returns what trust each has earned, 65,535 being all.
func (w *world) agree(validators ...*validatortest.World) map[strata.Hotkey]uint16 {
	w.t.Helper()
	g := w.Chain.Graph
	in := yuma.Input{
		Params:   yuma.Params{Kappa: 32767, BondsMovingAverage: 900_000, MaxValidators: 64, ActivityCutoff: 5000, Tempo: 19},
		Block:    g.Head.Number,
		Emission: 1_000_000_000, Owner: -1,
	}
	for range g.Neurons {
		in.Neurons = append(in.Neurons, yuma.Neuron{})
	}
	for _, v := range w.Chain.Vectors() {
		row, _ := g.Neuron(v.By)
		n := &in.Neurons[row.UID]
		n.Stake, n.Permit, n.LastUpdate, n.Weights = uint64(strata.RaoPerTao), true, v.Block, nil
		for _, x := range v.Weights {
			n.Weights = append(n.Weights, yuma.Entry{UID: uint16(x.UID), Value: x.Value})
		}
	}
	r, err := yuma.Epoch(in)
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[strata.Hotkey]uint16{}
	for _, v := range validators {
		row, _ := g.Neuron(v.Key.Hotkey())
		out[v.Key.Hotkey()] = r.ValidatorTrust[row.UID]
	}
	return out
}

// company is a validator with two others and four miners of different worth, all
// of which have earned what they have by block 2.
type company struct {
	*world
	all    []*validatortest.World // the validator first
	miners []*validatortest.Miner
	slow   *validatortest.Miner
}

func newCompany(t *testing.T) *company {
	w := newWorld(t)
	c := &company{world: w, slow: w.Proven("//Slow", 30)}
	liar := w.Proven("//Liar", 10)
	for n := range uint64(10) {
		liar.Fake(w.Key.Hotkey(), 10+n, 1)
	}
	c.miners = []*validatortest.Miner{w.Proven("//Large", 40), w.Proven("//Small", 20), c.slow, liar}
	c.all = []*validatortest.World{w.World, w.Neighbour("//Second"), w.Neighbour("//Third")}
	for _, x := range c.all {
		x.Start()
	}
	c.look()
	c.blocks(2)
	for _, x := range c.all {
		x.Check(400)
	}
	c.audit(20)
	return c
}

func (c *company) look() {
	for _, x := range c.all {
		for _, m := range c.miners {
			x.Seen(m)
		}
	}
}

func (c *company) blocks(n uint64) {
	for range n {
		h := c.Chain.Advance()
		for _, x := range c.all {
			x.Block(h)
		}
	}
}

// audit audits all miners, of which one answers too late once.
func (c *company) audit(times int) {
	for _, x := range c.all {
		for _, m := range c.miners {
			c.slow.Late = 0
			x.Audit(m, times-1)
			c.slow.Late = validatortest.Profile.Deadline + validatortest.Profile.RTTCap + 1
			x.Audit(m, 1)
		}
	}
}

func (c *company) credits() (out []uint64) {
	for _, m := range c.miners {
		out = append(out, c.Credit(m))
	}
	return out
}

// wantOneMind compares the vectors that all have set in a block, and what trust
// they earn.
func (c *company) wantOneMind(block uint64) {
	c.t.Helper()
	set := map[strata.Hotkey][]chain.Weight{}
	for _, v := range c.Chain.Vectors() {
		if v.Block == block {
			set[v.By] = v.Weights
		}
	}
	if len(set) != len(c.all) {
		c.t.Fatalf("%d validators have set weights in block %d", len(set), block)
	}
	for _, o := range c.all[1:] {
		for _, m := range c.miners {
			row, _ := c.Chain.Graph.Neuron(m.Key.Hotkey())
			got, want := validatortest.WeightOf(set[c.Key.Hotkey()], row.UID), validatortest.WeightOf(set[o.Key.Hotkey()], row.UID)
			// A check of the trickle more or less is a third of a per cent.
			if diff := int(got) - int(want); max(diff, -diff) > 650 {
				c.t.Errorf("block %d: miner %d has weight %d, and %d from a validator that lost nothing", block, row.UID, got, want)
			}
		}
	}
	for hotkey, trust := range c.agree(c.all...) {
		if trust < 64_800 { // 99 %
			c.t.Errorf("block %d: validator %s has the trust %d", block, hotkey.Short(), trust)
		}
	}
}

// TestRecoveredWeights: a validator that has lost its disk and was recovered gives
// the credits that it gave, and sets the weights that validators set which have
// lost nothing, in the epoch of its loss and in the next: it keeps their trust.
func TestRecoveredWeights(t *testing.T) {
	c := newCompany(t)
	backup, before := c.backup(), c.credits()
	c.recover(backup)
	if after := c.credits(); !slices.Equal(after, before) || before[0] == 0 || before[2] == 0 || before[3] != 0 {
		t.Errorf("credits %v after the recovery, %v before", after, before)
	}
	c.blocks(validatortest.FirstWindow - 2)
	c.wantOneMind(validatortest.FirstWindow)
	c.look()
	for _, x := range c.all {
		x.Check(50)
	}
	c.audit(10)
	c.blocks(20)
	c.wantOneMind(validatortest.FirstWindow + 20)
	for _, m := range c.miners {
		c.Consistent(m)
	}
}
