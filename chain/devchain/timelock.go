package devchain

import (
	"slices"

	"strata/chain/scale"
	"strata/chain/timelock"
)

// lockedCommit is an entry of TimelockedWeightCommits.
type lockedCommit struct {
	who    account
	block  uint64
	sealed []byte
	round  uint64
}

func lockedCommitsAt(s reader, key string) []lockedCommit {
	return vecAt(s, key, func(d *scale.Decoder) (c lockedCommit) {
		copy(c.who[:], d.Raw(32))
		c.block, c.sealed, c.round = d.U64(), d.Blob(), d.U64()
		return c
	})
}

func putLockedCommits(s *layer, key string, list []lockedCommit) {
	if len(list) == 0 {
		s.put(key, nil)
		return
	}
	putVec(s, key, list, func(e *scale.Encoder, c lockedCommit) {
		e.Raw(c.who[:])
		e.U64(c.block)
		e.Blob(c.sealed)
		e.U64(c.round)
	})
}

func commitTimelockedCall(w scale.View) call {
	netuid, sealed := w.Field("netuid").U16(), w.Field("commit").Bytes()
	round, version := w.Field("reveal_round").U64(), w.Field("commit_reveal_version").U16()
	check := func(rt *runtime, s reader, _ uint64, who account) error {
		if err := needsStake(rt, s, who, netuid); err != nil {
			return err
		}
		switch {
		case len(sealed) > maxCommitBytes:
			return earlyError("BadRequest")
		case round < u64at(s, drandLast.key()):
			return earlyError("InvalidRevealRound")
		}
		return nil
	}
	return call{check: check, run: func(x *exec, who account) error { return x.commitTimelocked(who, netuid, sealed, round, version) }}
}

// commitTimelocked is do_commit_timelocked_weights. A commit in the block of an
// epoch counts for the next one, as the epoch has run.
func (x *exec) commitTimelocked(who account, netuid uint16, sealed []byte, round uint64, version uint16) error {
	switch name := x.commitFault(who, netuid); {
	case name != "":
		return x.fail(name)
	case version != u16at(x.s, smCommitVersion.key()):
		return x.fail("IncorrectCommitRevealVersion")
	}
	epoch := epochIndex(x.s, netuid, x.number)
	if epochDue(x.s, netuid, x.number) {
		epoch++
	}
	key := smTimelocked.key(u16key(netuid), u64key(epoch))
	list := lockedCommitsAt(x.s, key)
	mine := 0
	for _, c := range list {
		if c.who == who {
			mine++
		}
	}
	if mine >= maxUnrevealed {
		return x.fail("TooManyUnrevealedCommits")
	}
	putLockedCommits(x.s, key, append(list, lockedCommit{who, x.number, sealed, round}))
	x.deposit("SubtensorModule", "TimelockedWeightsCommitted", []scale.Value{who, netuid, hashOf(sealed), round})
	x.updated(who, netuid)
	return nil
}

// revealTimelocked is reveal_crv3_commits_for_subnet, which every block begins
// with: what was committed the reveal period ago is set as soon as the beacon's
// round is there, and forgotten an epoch later.
func (x *exec) revealTimelocked(netuid uint16) {
	n := u16key(netuid)
	now, period := epochIndex(x.s, netuid, x.number), revealPeriod(x.s, netuid)
	if now < period {
		return
	}
	due := smTimelocked.key(n, u64key(now-period))
	for _, key := range x.s.keys(smTimelocked.key(n)) {
		if epoch := u64of(tail(key, 8)); epoch < now-period {
			x.s.put(key, nil)
		}
	}
	list := lockedCommitsAt(x.s, due)
	if len(list) == 0 {
		return
	}
	left := slices.DeleteFunc(list, func(c lockedCommit) bool {
		signature := pulseAt(x.s, c.round)
		if signature != nil {
			x.open(netuid, c, signature)
		}
		return signature != nil
	})
	putLockedCommits(x.s, due, left)
}

// open decrypts a commit and sets its weights. One that cannot be opened, or
// whose weights are refused, has no effect, as on chain.
func (x *exec) open(netuid uint16, c lockedCommit, signature []byte) {
	payload, err := timelock.Decrypt(c.sealed, signature)
	if err != nil {
		return
	}
	d := scale.NewDecoder(payload)
	hotkey := d.Blob()
	uids, values := scale.Vec(d, (*scale.Decoder).U16), scale.Vec(d, (*scale.Decoder).U16)
	version := d.U64()
	if d.Done() != nil || !slices.Equal(hotkey, c.who[:]) {
		return
	}
	inner := *x
	inner.s, inner.events = newLayer(x.s), nil
	if inner.applyWeights(c.who, netuid, uids, values, version) != nil {
		return
	}
	inner.s.commit(x.s)
	x.events = append(x.events, inner.events...)
	x.deposit("SubtensorModule", "TimelockedWeightsRevealed", []scale.Value{netuid, c.who})
}
