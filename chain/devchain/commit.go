package devchain

import (
	"slices"

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

// epochIndex is get_epoch_index: which epoch a block belongs to.
func epochIndex(s reader, netuid uint16, number uint64) uint64 {
	return (number + uint64(netuid) + 1) / (uint64(u16at(s, smTempo.key(u16key(netuid)))) + 1)
}

// epochDue is should_run_epoch: the epoch runs in the last block of its index.
func epochDue(s reader, netuid uint16, number uint64) bool {
	tempo := uint64(u16at(s, smTempo.key(u16key(netuid))))
	return tempo > 0 && (number+uint64(netuid)+1)%(tempo+1) == tempo
}

func revealPeriod(s reader, netuid uint16) uint64 {
	return max(1, u64at(s, smRevealPeriod.key(u16key(netuid))))
}

// onMechanism makes a call that names a mechanism of the one that does not: a
// local subnet has mechanism 0 only.
func onMechanism(plain func(scale.View) call) func(scale.View) call {
	return func(w scale.View) call {
		c, mechanism := plain(w), w.Field("mecid").U8()
		if mechanism == 0 {
			return c
		}
		c.check, c.run = nil, func(x *exec, _ account) error { return x.fail("MechanismDoesNotExist") }
		return c
	}
}

// hashCommit is an entry of WeightCommits.
type hashCommit struct {
	hash               hash
	block, first, last uint64
}

func hashCommitsAt(s reader, key string) []hashCommit {
	return vecAt(s, key, func(d *scale.Decoder) (c hashCommit) {
		copy(c.hash[:], d.Raw(32))
		c.block, c.first, c.last = d.U64(), d.U64(), d.U64()
		return c
	})
}

func putHashCommits(s *layer, key string, list []hashCommit) {
	if len(list) == 0 {
		s.put(key, nil)
		return
	}
	putVec(s, key, list, func(e *scale.Encoder, c hashCommit) {
		e.Raw(c.hash[:])
		e.U64(c.block)
		e.U64(c.first)
		e.U64(c.last)
	})
}

// needsStake is what the transaction extension refuses of every commit and reveal.
func needsStake(rt *runtime, s reader, who account, netuid uint16) error {
	if stakeOf(s, who, netuid) < u64at(s, smStakeThreshold.key()) {
		return rt.fail("SubtensorModule", "NotEnoughStakeToSetWeights")
	}
	return nil
}

// commitFault names why a hotkey may not commit now, "" if it may.
func (x *exec) commitFault(who account, netuid uint16) string {
	n := u16key(netuid)
	switch {
	case !boolAt(x.s, smCommitReveal.key(n)):
		return "CommitRevealDisabled"
	case x.s.get(smUids.key(n, who[:])) == nil:
		return "HotKeyNotRegisteredInSubNet"
	case tooFast(x.s, netuid, u16at(x.s, smUids.key(n, who[:])), x.number):
		return "CommittingWeightsTooFast"
	}
	return ""
}

// updated notes that a hotkey has committed or set weights in this block.
func (x *exec) updated(who account, netuid uint16) {
	n := u16key(netuid)
	uid := int(u16at(x.s, smUids.key(n, who[:])))
	putU64s(x.s, smLastUpdate.key(n), setAt(u64sAt(x.s, smLastUpdate.key(n)), uid, x.number))
}

func commitWeightsCall(w scale.View) call {
	netuid, sum := w.Field("netuid").U16(), w.Field("commit_hash").Bytes32()
	return call{
		check: func(rt *runtime, s reader, _ uint64, who account) error { return needsStake(rt, s, who, netuid) },
		run:   func(x *exec, who account) error { return x.commitWeights(who, netuid, sum) },
	}
}

// commitWeights is do_commit_weights.
func (x *exec) commitWeights(who account, netuid uint16, sum hash) error {
	if name := x.commitFault(who, netuid); name != "" {
		return x.fail(name)
	}
	key := smWeightCommits.key(u16key(netuid), who[:])
	list, _ := x.unexpired(netuid, hashCommitsAt(x.s, key))
	if len(list) >= maxUnrevealed {
		return x.fail("TooManyUnrevealedCommits")
	}
	length := uint64(u16at(x.s, smTempo.key(u16key(netuid)))) + 1
	first := (epochIndex(x.s, netuid, x.number)+revealPeriod(x.s, netuid))*length - uint64(netuid) - 1
	putHashCommits(x.s, key, append(list, hashCommit{sum, x.number, first, first + length - 1}))
	x.deposit("SubtensorModule", "WeightsCommitted", []scale.Value{who, netuid, sum})
	x.updated(who, netuid)
	return nil
}

// unexpired drops the commits at the front whose time to reveal has passed.
func (x *exec) unexpired(netuid uint16, list []hashCommit) (left, expired []hashCommit) {
	for i, c := range list {
		if epochIndex(x.s, netuid, x.number) <= epochIndex(x.s, netuid, c.block)+revealPeriod(x.s, netuid) {
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
func (r reveal) hash(who account) hash {
	var e scale.Encoder
	e.Raw(who[:])
	e.U16(r.netuid)
	for _, list := range [][]uint16{r.uids, r.values, r.salt} {
		scale.PutVec(&e, list, (*scale.Encoder).U16)
	}
	e.U64(r.version)
	return hashOf(e.Bytes())
}

func revealWeightsCall(w scale.View) call {
	r := reveal{w.Field("netuid").U16(), u16List(w.Field("uids")), u16List(w.Field("values")), u16List(w.Field("salt")), w.Field("version_key").U64()}
	return call{
		check: func(rt *runtime, s reader, number uint64, who account) error { return r.check(rt, s, number, who) },
		run:   func(x *exec, who account) error { return x.revealWeights(who, r) },
	}
}

// check is what the transaction extension refuses: a commit that is not there,
// or not in this epoch.
func (r reveal) check(rt *runtime, s reader, number uint64, who account) error {
	if err := needsStake(rt, s, who, r.netuid); err != nil {
		return err
	}
	list := hashCommitsAt(s, smWeightCommits.key(u16key(r.netuid), who[:]))
	i := slices.IndexFunc(list, func(c hashCommit) bool { return c.hash == r.hash(who) })
	switch {
	case i < 0:
		return rt.fail("SubtensorModule", "NoWeightsCommitFound")
	case epochIndex(s, r.netuid, number) != epochIndex(s, r.netuid, list[i].block)+revealPeriod(s, r.netuid):
		return rt.fail("SubtensorModule", "RevealTooEarly")
	}
	return nil
}

// revealWeights is do_reveal_weights: it takes the commit and those before it
// from the list and sets the weights.
func (x *exec) revealWeights(who account, r reveal) error {
	if !boolAt(x.s, smCommitReveal.key(u16key(r.netuid))) {
		return x.fail("CommitRevealDisabled")
	}
	key := smWeightCommits.key(u16key(r.netuid), who[:])
	all := hashCommitsAt(x.s, key)
	if len(all) == 0 {
		return x.fail("NoWeightsCommitFound")
	}
	sum := r.hash(who)
	is := func(c hashCommit) bool { return c.hash == sum }
	list, expired := x.unexpired(r.netuid, all)
	i := slices.IndexFunc(list, is)
	switch {
	case i < 0 && slices.ContainsFunc(expired, is):
		return x.fail("ExpiredWeightCommit")
	case i < 0 && len(list) == 0:
		return x.fail("NoWeightsCommitFound")
	case i < 0:
		return x.fail("InvalidRevealCommitHashNotMatch")
	case epochIndex(x.s, r.netuid, x.number) != epochIndex(x.s, r.netuid, list[i].block)+revealPeriod(x.s, r.netuid):
		return x.fail("RevealTooEarly")
	}
	putHashCommits(x.s, key, list[i+1:])
	if err := x.applyWeights(who, r.netuid, r.uids, r.values, r.version); err != nil {
		return err
	}
	x.deposit("SubtensorModule", "WeightsRevealed", []scale.Value{who, r.netuid, sum})
	return nil
}
