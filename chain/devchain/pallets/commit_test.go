package pallets_test

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/blake2b"

	"strata/chain/devchain/devchaintest"
	"strata/chain/devchain/pallets"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
	"strata/chain/timelock"
)

// committing is a market whose subnet takes commits, of epochs of 6 blocks.
func committing(t *testing.T, version uint16, change func(*pallets.Params)) (n *devchaintest.Chain, validator devchaintest.Key) {
	t.Helper()
	return devchaintest.Market(t, func(p *pallets.Params) {
		p.Tempo, p.CommitReveal = 5, version
		if change != nil {
			change(p)
		}
	})
}

// hidden is a row of weights with the salt that hides it.
type hidden struct {
	uids, values, salt []uint16
}

var secret = hidden{uids: []uint16{2, 3}, values: []uint16{100, 50}, salt: []uint16{7, 8, 9}}

// args are those of reveal_weights.
func (h hidden) args() scale.Struct {
	return scale.Struct{"netuid": 1, "uids": h.uids, "values": h.values, "salt": h.salt, "version_key": 0}
}

// hash is what commits to it: BLAKE2b-256 of who, where and what.
func (h hidden) hash(who state.Account) [32]byte {
	var e scale.Encoder
	e.Raw(who[:])
	e.U16(1)
	for _, list := range [][]uint16{h.uids, h.values, h.salt} {
		scale.PutVec(&e, list, (*scale.Encoder).U16)
	}
	e.U64(0)
	return blake2b.Sum256(e.Bytes())
}

func commit(n *devchaintest.Chain, k devchaintest.Key, h hidden) string {
	return n.Do(k, "SubtensorModule.commit_weights", scale.Struct{"netuid": 1, "commit_hash": h.hash(k.Public)})
}

// row is what the validator of a market has set.
func row(n *devchaintest.Chain) []storage.Pair {
	return storage.PairsAt(n.State, storage.Weights.Key(state.U16Key(1), state.U16Key(1)))
}

// toEpoch makes blocks until the next one is the first of another epoch.
func toEpoch(n *devchaintest.Chain) {
	for e := storage.EpochIndex(n.State, 1, n.Next()); storage.EpochIndex(n.State, 1, n.Next()) == e; {
		n.Step(1)
	}
}

// TestRevealWindow: a commit is revealed in the epoch that is its own plus the
// period, not before and not after, with what was committed, by who did.
func TestRevealWindow(t *testing.T) {
	const early, unknown = "Custom error: 17", "Custom error: 16"
	n, validator := committing(t, pallets.RevealByHand, func(p *pallets.Params) { p.RevealPeriod = 2 })
	toEpoch(n)
	if got := commit(n, validator, secret); got != "" {
		t.Fatal(got)
	}
	if !n.Has("SubtensorModule.WeightsCommitted") {
		t.Error("no WeightsCommitted event")
	}
	list := storage.HashCommitsAt(n.State, storage.WeightCommits.Key(state.U16Key(1), validator.Public[:]))
	if len(list) != 1 || list[0].Last != list[0].First+5 || storage.EpochIndex(n.State, 1, list[0].First) != storage.EpochIndex(n.State, 1, list[0].Block)+2 {
		t.Errorf("commits %+v", list)
	}
	if got := n.Refused(validator, "SubtensorModule.reveal_weights", secret.args()); got != early {
		t.Errorf("in its own epoch: %q", got)
	}
	toEpoch(n)
	if got := n.Refused(validator, "SubtensorModule.reveal_weights", secret.args()); got != early {
		t.Errorf("an epoch too early: %q", got)
	}
	toEpoch(n)
	other := secret
	other.values = []uint16{100, 51}
	if got := n.Refused(validator, "SubtensorModule.reveal_weights", other.args()); got != unknown {
		t.Errorf("other weights: %q", got)
	}
	n.Must(validator, "SubtensorModule.reveal_mechanism_weights", mechanismArgs(secret.args(), 0))
	if got := row(n); !slices.Equal(got, []storage.Pair{{UID: 2, Value: 65535}, {UID: 3, Value: 32768}}) || !n.Has("SubtensorModule.WeightsRevealed") {
		t.Errorf("row %v", got)
	}
	if n.State.Get(storage.WeightCommits.Key(state.U16Key(1), validator.Public[:])) != nil {
		t.Error("the commit is still there")
	}
	// Another one is left until its epoch has passed.
	if got := commit(n, validator, secret); got != "" {
		t.Fatal(got)
	}
	n.Step(20)
	if got := n.Refused(validator, "SubtensorModule.reveal_weights", secret.args()); got != early {
		t.Errorf("too late: %q", got)
	}
	if got := n.Do(validator, "SubtensorModule.reveal_mechanism_weights", mechanismArgs(secret.args(), 1)); got != "MechanismDoesNotExist" {
		t.Errorf("another mechanism: %q", got)
	}
}

func mechanismArgs(args scale.Struct, mechanism uint8) scale.Struct {
	args["mecid"] = mechanism
	return args
}

func TestCommitFaults(t *testing.T) {
	n, validator := committing(t, pallets.RevealByHand, nil)
	args := func(netuid int) scale.Struct { return scale.Struct{"netuid": netuid, "commit_hash": [32]byte{1}} }
	if got := n.Do(validator, "SubtensorModule.set_weights", devchaintest.WeightArgs(1, 0, 2, 1)); got != "CommitRevealEnabled" {
		t.Errorf("plain weights: %q", got)
	}
	if got := n.Refused(devchaintest.NewKey(t, 2), "SubtensorModule.commit_weights", args(1)); got != "Custom error: 1" {
		t.Errorf("without stake: %q", got)
	}
	n.Set(storage.Tempo, state.U16Key(500)) // so that all fall into one epoch
	const most = 10
	for i := range most + 1 {
		r, want := secret, ""
		if r.salt = []uint16{uint16(i)}; i == most {
			want = "TooManyUnrevealedCommits"
		}
		if got := commit(n, validator, r); got != want {
			t.Fatalf("commit %d: %q, want %q", i, got, want)
		}
	}
	n.Set(storage.WeightsRateLimit, state.U64Key(1000))
	if got := n.Do(validator, "SubtensorModule.commit_weights", args(1)); got != "CommittingWeightsTooFast" {
		t.Errorf("too fast: %q", got)
	}
	n.Set(storage.CommitReveal, []byte{0})
	if got := n.Do(validator, "SubtensorModule.commit_weights", args(1)); got != "CommitRevealDisabled" {
		t.Errorf("where weights are plain: %q", got)
	}
}

// TestTimelockedReveal: the chain opens a commit in its epoch as soon as the
// round is out, and forgets one whose round did not come in time.
func TestTimelockedReveal(t *testing.T) {
	n, validator := committing(t, pallets.RevealByTimelock, nil)
	toEpoch(n)
	round := state.U64(n.State, storage.DrandLast.Key()) + 10
	lock := func(hotkey devchaintest.Key, round uint64) []byte {
		var e scale.Encoder
		e.Blob(hotkey.Public[:])
		scale.PutVec(&e, []uint16{2}, (*scale.Encoder).U16)
		scale.PutVec(&e, []uint16{9}, (*scale.Encoder).U16)
		e.U64(0)
		sealed, err := timelock.Encrypt(rand.Reader, n.Beacon.PublicKey(), round, e.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	send := func(sealed []byte, round uint64, version int) string {
		return n.Do(validator, "SubtensorModule.commit_timelocked_weights", scale.Struct{"netuid": 1, "commit": sealed, "reveal_round": round, "commit_reveal_version": version})
	}
	if got := send(lock(validator, round), round, 4); got != "" {
		t.Fatal(got)
	}
	if got := send(lock(validator, round), round, 3); got != "IncorrectCommitRevealVersion" {
		t.Errorf("an old version: %q", got)
	}
	if got := send(lock(devchaintest.NewKey(t, 77), round), round, 4); got != "" { // of another hotkey: no effect
		t.Fatal(got)
	}
	if got := send([]byte("nonsense"), round, 4); got != "" {
		t.Fatal(got)
	}
	toEpoch(n)
	n.Step(2)
	if len(row(n)) != 0 {
		t.Error("weights before their round")
	}
	n.Clock = n.Clock.Add(11 * time.Second)
	n.Step(1)
	if got := row(n); !slices.Equal(got, []storage.Pair{{UID: 2, Value: 65535}}) || !n.Has("SubtensorModule.TimelockedWeightsRevealed") || !n.Has("Drand.NewPulse") {
		t.Errorf("row %v", got)
	}
	if len(n.State.Keys(storage.TimelockedCommits.Key(state.U16Key(1)))) != 0 {
		t.Error("commits that were looked at are still there")
	}
	far := round + 10_000
	if got := send(lock(validator, far), far, 4); got != "" {
		t.Fatal(got)
	}
	n.Step(18)
	if len(n.State.Keys(storage.TimelockedCommits.Key(state.U16Key(1)))) != 0 {
		t.Error("a commit whose epoch has passed is still there")
	}
	past := scale.Struct{"netuid": 1, "commit": []byte{1}, "reveal_round": 1, "commit_reveal_version": 4}
	if got := n.Refused(validator, "SubtensorModule.commit_timelocked_weights", past); got != "Custom error: 15" {
		t.Errorf("a round that has passed: %q", got)
	}
}
