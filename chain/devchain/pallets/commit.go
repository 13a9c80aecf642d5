package pallets

import (
	"slices"

	"strata/chain/devchain/metadata"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

// Limits of commits, as on chain.
const (
	maxUnrevealed  = 10   // commits of one hotkey
	maxCommitBytes = 5000 // of one timelocked commit
)

// Versions of commit–reveal, in CommitRevealWeightsVersion.
const (
	// RevealByHand takes a hash, and the weights with their salt in a later epoch.
	RevealByHand = 2
	// RevealByTimelock takes weights encrypted to a round of the beacon; the
	// chain reveals them itself.
	RevealByTimelock = 4
)

// onMechanism makes a call that names a mechanism of the one that does not: a
// local subnet has mechanism 0 only.
func onMechanism(plain func(scale.View) call) func(scale.View) call {
	return func(w scale.View) call {
		c, mechanism := plain(w), w.Field("mecid").U8()
		if mechanism == 0 {
			return c
		}
		c.check, c.run = nil, func(x *Execution, _ state.Account) error { return x.fail("MechanismDoesNotExist") }
		return c
	}
}

// needsStake is what the transaction extension refuses of every commit and reveal.
func needsStake(rt *metadata.Runtime, s state.Reader, who state.Account, netuid uint16) error {
	if storage.StakeOf(s, who, netuid) < state.U64(s, storage.StakeThreshold.Key()) {
		return rt.Fail("SubtensorModule", "NotEnoughStakeToSetWeights")
	}
	return nil
}

// commitFault names why a hotkey may not commit now, "" if it may.
func (x *Execution) commitFault(who state.Account, netuid uint16) string {
	n := state.U16Key(netuid)
	switch {
	case !state.Bool(x.s, storage.CommitReveal.Key(n)):
		return "CommitRevealDisabled"
	case x.s.Get(storage.Uids.Key(n, who[:])) == nil:
		return "HotKeyNotRegisteredInSubNet"
	case tooFast(x.s, netuid, state.U16(x.s, storage.Uids.Key(n, who[:])), x.number):
		return "CommittingWeightsTooFast"
	}
	return ""
}

// updated notes that a hotkey has committed or set weights in this block.
func (x *Execution) updated(who state.Account, netuid uint16) {
	n := state.U16Key(netuid)
	uid := int(state.U16(x.s, storage.Uids.Key(n, who[:])))
	state.PutU64s(x.s, storage.LastUpdate.Key(n), state.SetAt(state.U64s(x.s, storage.LastUpdate.Key(n)), uid, x.number))
}

func commitWeightsCall(w scale.View) call {
	netuid, sum := w.Field("netuid").U16(), w.Field("commit_hash").Bytes32()
	return call{
		check: func(rt *metadata.Runtime, s state.Reader, _ uint64, who state.Account) error {
			return needsStake(rt, s, who, netuid)
		},
		run: func(x *Execution, who state.Account) error { return x.commitWeights(who, netuid, sum) },
	}
}

// commitWeights is do_commit_weights.
func (x *Execution) commitWeights(who state.Account, netuid uint16, sum state.Hash) error {
	if name := x.commitFault(who, netuid); name != "" {
		return x.fail(name)
	}
	key := storage.WeightCommits.Key(state.U16Key(netuid), who[:])
	list, _ := x.unexpired(netuid, storage.HashCommitsAt(x.s, key))
	if len(list) >= maxUnrevealed {
		return x.fail("TooManyUnrevealedCommits")
	}
	length := uint64(state.U16(x.s, storage.Tempo.Key(state.U16Key(netuid)))) + 1
	first := (storage.EpochIndex(x.s, netuid, x.number)+storage.RevealPeriodOf(x.s, netuid))*length - uint64(netuid) - 1
	storage.PutHashCommits(x.s, key, append(list, storage.HashCommit{Hash: sum, Block: x.number, First: first, Last: first + length - 1}))
	x.deposit("SubtensorModule", "WeightsCommitted", []scale.Value{who, netuid, sum})
	x.updated(who, netuid)
	return nil
}

// unexpired drops the commits at the front whose time to reveal has passed.
func (x *Execution) unexpired(netuid uint16, list []storage.HashCommit) (left, expired []storage.HashCommit) {
	for i, c := range list {
		if storage.EpochIndex(x.s, netuid, x.number) <= storage.EpochIndex(x.s, netuid, c.Block)+storage.RevealPeriodOf(x.s, netuid) {
			return list[i:], list[:i]
		}
	}
	return nil, list
}

// reveal is what reveal_weights is given.
type reveal struct {
	netuid             uint16
	uids, values, salt []uint16
	version            uint64
}

// hash is get_commit_hash.
func (r reveal) hash(who state.Account) state.Hash {
	var e scale.Encoder
	e.Raw(who[:])
	e.U16(r.netuid)
	for _, list := range [][]uint16{r.uids, r.values, r.salt} {
		scale.PutVec(&e, list, (*scale.Encoder).U16)
	}
	e.U64(r.version)
	return state.HashOf(e.Bytes())
}

func revealWeightsCall(w scale.View) call {
	r := reveal{w.Field("netuid").U16(), w.Field("uids").U16s(), w.Field("values").U16s(), w.Field("salt").U16s(), w.Field("version_key").U64()}
	return call{
		check: func(rt *metadata.Runtime, s state.Reader, number uint64, who state.Account) error {
			return r.check(rt, s, number, who)
		},
		run: func(x *Execution, who state.Account) error { return x.revealWeights(who, r) },
	}
}

// check is what the transaction extension refuses: a commit that is not there,
// or not in this epoch.
func (r reveal) check(rt *metadata.Runtime, s state.Reader, number uint64, who state.Account) error {
	if err := needsStake(rt, s, who, r.netuid); err != nil {
		return err
	}
	list := storage.HashCommitsAt(s, storage.WeightCommits.Key(state.U16Key(r.netuid), who[:]))
	i := slices.IndexFunc(list, func(c storage.HashCommit) bool { return c.Hash == r.hash(who) })
	switch {
	case i < 0:
		return rt.Fail("SubtensorModule", "NoWeightsCommitFound")
	case storage.EpochIndex(s, r.netuid, number) != storage.EpochIndex(s, r.netuid, list[i].Block)+storage.RevealPeriodOf(s, r.netuid):
		return rt.Fail("SubtensorModule", "RevealTooEarly")
	}
	return nil
}

// revealWeights is do_reveal_weights: it takes the commit and those before it
// from the list and sets the weights.
func (x *Execution) revealWeights(who state.Account, r reveal) error {
	if !state.Bool(x.s, storage.CommitReveal.Key(state.U16Key(r.netuid))) {
		return x.fail("CommitRevealDisabled")
	}
	key := storage.WeightCommits.Key(state.U16Key(r.netuid), who[:])
	all := storage.HashCommitsAt(x.s, key)
	if len(all) == 0 {
		return x.fail("NoWeightsCommitFound")
	}
	sum := r.hash(who)
	is := func(c storage.HashCommit) bool { return c.Hash == sum }
	list, expired := x.unexpired(r.netuid, all)
	i := slices.IndexFunc(list, is)
	switch {
	case i < 0 && slices.ContainsFunc(expired, is):
		return x.fail("ExpiredWeightCommit")
	case i < 0 && len(list) == 0:
		return x.fail("NoWeightsCommitFound")
	case i < 0:
		return x.fail("InvalidRevealCommitHashNotMatch")
	case storage.EpochIndex(x.s, r.netuid, x.number) != storage.EpochIndex(x.s, r.netuid, list[i].Block)+storage.RevealPeriodOf(x.s, r.netuid):
		return x.fail("RevealTooEarly")
	}
	storage.PutHashCommits(x.s, key, list[i+1:])
	if err := x.applyWeights(who, r.netuid, r.uids, r.values, r.version); err != nil {
		return err
	}
	x.deposit("SubtensorModule", "WeightsRevealed", []scale.Value{who, r.netuid, sum})
	return nil
}
