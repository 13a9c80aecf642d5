package devchain

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"strata/chain/scale"
	"strata/chain/timelock"
)

// committing is a market whose subnet takes commits, of epochs of 6 blocks, with
// a clock that the test moves.
func committing(t *testing.T, version uint16, change func(*Config)) (n testNode, validator key, clock *time.Time) {
	t.Helper()
	now := time.UnixMilli(1_700_000_000_000)
	clock = &now
	n, validator = market(t, func(c *Config) {
		c.Params.Tempo, c.Params.CommitReveal, c.Now = 5, version, func() time.Time { return *clock }
		if change != nil {
			change(c)
		}
	})
	return n, validator, clock
}

var secret = reveal{netuid: 1, uids: []uint16{2, 3}, values: []uint16{100, 50}, salt: []uint16{7, 8, 9}, version: 0}

func (r reveal) args() scale.Struct {
	return scale.Struct{"netuid": r.netuid, "uids": r.uids, "values": r.values, "salt": r.salt, "version_key": r.version}
}

func (n testNode) commit(k key, r reveal) string {
	n.t.Helper()
	return n.do(k, "SubtensorModule.commit_weights", scale.Struct{"netuid": r.netuid, "commit_hash": r.hash(k.public)})
}

func (n testNode) row() []pair { return pairsAt(n.ledger.state, smWeights.key(u16key(1), u16key(1))) }

// toEpoch makes blocks until the next one is the first of another epoch.
func (n testNode) toEpoch() {
	n.t.Helper()
	now := n.ledger.head().header.number
	for e := epochIndex(n.ledger.state, 1, now+1); epochIndex(n.ledger.state, 1, n.ledger.head().header.number+1) == e; {
		n.step(1)
	}
}

// TestRevealWindow: a commit is revealed in the epoch that is its own plus the
// period, not before and not after, with what was committed, by who did.
func TestRevealWindow(t *testing.T) {
	const early, unknown = "Custom error: 17", "Custom error: 16"
	n, validator, _ := committing(t, RevealByHand, func(c *Config) { c.Params.RevealPeriod = 2 })
	n.toEpoch()
	if got := n.commit(validator, secret); got != "" {
		t.Fatal(got)
	}
	if !n.has("SubtensorModule.WeightsCommitted") {
		t.Error("no WeightsCommitted event")
	}
	list := hashCommitsAt(n.ledger.state, smWeightCommits.key(u16key(1), validator.public[:]))
	if len(list) != 1 || list[0].last != list[0].first+5 || epochIndex(n.ledger.state, 1, list[0].first) != epochIndex(n.ledger.state, 1, list[0].block)+2 {
		t.Errorf("commits %+v", list)
	}
	if got := n.refused(validator, "SubtensorModule.reveal_weights", secret.args()); got != early {
		t.Errorf("in its own epoch: %q", got)
	}
	n.toEpoch()
	if got := n.refused(validator, "SubtensorModule.reveal_weights", secret.args()); got != early {
		t.Errorf("an epoch too early: %q", got)
	}
	n.toEpoch()
	other := secret
	other.values = []uint16{100, 51}
	if got := n.refused(validator, "SubtensorModule.reveal_weights", other.args()); got != unknown {
		t.Errorf("other weights: %q", got)
	}
	n.must(validator, "SubtensorModule.reveal_mechanism_weights", mechanismArgs(secret.args(), 0))
	if got := n.row(); !slices.Equal(got, []pair{{2, 65535}, {3, 32768}}) || !n.has("SubtensorModule.WeightsRevealed") {
		t.Errorf("row %v", got)
	}
	if n.ledger.state.get(smWeightCommits.key(u16key(1), validator.public[:])) != nil {
		t.Error("the commit is still there")
	}
	// Another one is left until its epoch has passed.
	if got := n.commit(validator, secret); got != "" {
		t.Fatal(got)
	}
	n.step(20)
	if got := n.refused(validator, "SubtensorModule.reveal_weights", secret.args()); got != early {
		t.Errorf("too late: %q", got)
	}
	if got := n.do(validator, "SubtensorModule.reveal_mechanism_weights", mechanismArgs(secret.args(), 1)); got != "MechanismDoesNotExist" {
		t.Errorf("another mechanism: %q", got)
	}
}

func mechanismArgs(args scale.Struct, mechanism uint8) scale.Struct {
	args["mecid"] = mechanism
	return args
}

func TestCommitFaults(t *testing.T) {
	n, validator, _ := committing(t, RevealByHand, nil)
	args := func(netuid int) scale.Struct { return scale.Struct{"netuid": netuid, "commit_hash": [32]byte{1}} }
	if got := n.do(validator, "SubtensorModule.set_weights", weightArgs(1, 0, 2, 1)); got != "CommitRevealEnabled" {
		t.Errorf("plain weights: %q", got)
	}
	if got := n.refused(newKey(t, 2), "SubtensorModule.commit_weights", args(1)); got != "Custom error: 1" {
		t.Errorf("without stake: %q", got)
	}
	n.set(smTempo, u16key(500)) // so that all fall into one epoch
	for i := range maxUnrevealed + 1 {
		r, want := secret, ""
		if r.salt = []uint16{uint16(i)}; i == maxUnrevealed {
			want = "TooManyUnrevealedCommits"
		}
		if got := n.commit(validator, r); got != want {
			t.Fatalf("commit %d: %q, want %q", i, got, want)
		}
	}
	n.set(smWeightsRateLimit, u64key(1000))
	if got := n.do(validator, "SubtensorModule.commit_weights", args(1)); got != "CommittingWeightsTooFast" {
		t.Errorf("too fast: %q", got)
	}
	n.set(smCommitReveal, []byte{0})
	if got := n.do(validator, "SubtensorModule.commit_weights", args(1)); got != "CommitRevealDisabled" {
		t.Errorf("where weights are plain: %q", got)
	}
}

// TestTimelockedReveal: the chain opens a commit in its epoch as soon as the
// round is out, and forgets one whose round did not come in time.
func TestTimelockedReveal(t *testing.T) {
	n, validator, clock := committing(t, RevealByTimelock, nil)
	n.toEpoch()
	round := u64at(n.ledger.state, drandLast.key()) + 10
	lock := func(hotkey key, round uint64) []byte {
		var e scale.Encoder
		e.Blob(hotkey.public[:])
		scale.PutVec(&e, []uint16{2}, (*scale.Encoder).U16)
		scale.PutVec(&e, []uint16{9}, (*scale.Encoder).U16)
		e.U64(0)
		sealed, err := timelock.Encrypt(rand.Reader, n.beacon.PublicKey(), round, e.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	send := func(sealed []byte, round uint64, version int) string {
		return n.do(validator, "SubtensorModule.commit_timelocked_weights", scale.Struct{"netuid": 1, "commit": sealed, "reveal_round": round, "commit_reveal_version": version})
	}
	if got := send(lock(validator, round), round, 4); got != "" {
		t.Fatal(got)
	}
	if got := send(lock(validator, round), round, 3); got != "IncorrectCommitRevealVersion" {
		t.Errorf("an old version: %q", got)
	}
	if got := send(lock(newKey(t, 77), round), round, 4); got != "" { // of another hotkey: no effect
		t.Fatal(got)
	}
	if got := send([]byte("nonsense"), round, 4); got != "" {
		t.Fatal(got)
	}
	n.toEpoch()
	n.step(2)
	if len(n.row()) != 0 {
		t.Error("weights before their round")
	}
	*clock = clock.Add(11 * time.Second)
	n.step(1)
	if got := n.row(); !slices.Equal(got, []pair{{2, 65535}}) || !n.has("SubtensorModule.TimelockedWeightsRevealed") || !n.has("Drand.NewPulse") {
		t.Errorf("row %v", got)
	}
	if len(n.ledger.state.keys(smTimelocked.key(u16key(1)))) != 0 {
		t.Error("commits that were looked at are still there")
	}
	far := round + 10_000
	if got := send(lock(validator, far), far, 4); got != "" {
		t.Fatal(got)
	}
	n.step(18)
	if len(n.ledger.state.keys(smTimelocked.key(u16key(1)))) != 0 {
		t.Error("a commit whose epoch has passed is still there")
	}
	past := scale.Struct{"netuid": 1, "commit": []byte{1}, "reveal_round": 1, "commit_reveal_version": 4}
	if got := n.refused(validator, "SubtensorModule.commit_timelocked_weights", past); got != "Custom error: 15" {
		t.Errorf("a round that has passed: %q", got)
	}
}

// TestBeacon: rounds come out with the time, those of a pause too, and the
// state keeps a bounded number; its key is one file that outlives the node.
func TestBeacon(t *testing.T) {
	dir := t.TempDir()
	now := time.UnixMilli(1_700_000_000_000)
	cfg := func(c *Config) { c.Dir, c.Now = dir, func() time.Time { return now } }
	n := start(t, cfg)
	n.step(1)
	key, genesis := beaconConfig(n.ledger.state)
	if genesis != 1_700_000_000 || u64at(n.ledger.state, drandLast.key()) != 1 {
		t.Errorf("genesis %d, round %d", genesis, u64at(n.ledger.state, drandLast.key()))
	}
	now = now.Add(100 * time.Second)
	n.step(1)
	if got := u64at(n.ledger.state, drandLast.key()); got != 1+roundsInBlock {
		t.Errorf("caught up to round %d in one block", got)
	}
	now = now.Add(2 * keptRounds * time.Second)
	n.step(keptRounds/roundsInBlock + 2)
	if got := len(n.ledger.state.keys(drandPulses.key())); got != keptRounds {
		t.Errorf("%d pulses are kept", got)
	}
	last := u64at(n.ledger.state, drandLast.key())
	if !timelock.Verify(key, last, pulseAt(n.ledger.state, last)) || last != 1+100+2*keptRounds {
		t.Errorf("round %d is not signed", last)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, cfg)
	again.step(1)
	if got, _ := beaconConfig(again.ledger.state); !slices.Equal(got, key) {
		t.Error("the restarted node has another beacon")
	}
}
