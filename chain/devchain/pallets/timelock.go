package pallets

import (
	"slices"

	"strata/chain/devchain/metadata"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
	"strata/chain/timelock"
)

func commitTimelockedCall(w scale.View) call {
	netuid, sealed := w.Field("netuid").U16(), w.Field("commit").Bytes()
	round, version := w.Field("reveal_round").U64(), w.Field("commit_reveal_version").U16()
	check := func(rt *metadata.Runtime, s state.Reader, _ uint64, who state.Account) error {
		if err := needsStake(rt, s, who, netuid); err != nil {
			return err
		}
		switch {
		case len(sealed) > maxCommitBytes:
			return earlyError("BadRequest")
		case round < state.U64(s, storage.DrandLast.Key()):
			return earlyError("InvalidRevealRound")
		}
		return nil
	}
	return call{check: check, run: func(x *Execution, who state.Account) error {
		return x.commitTimelocked(who, netuid, sealed, round, version)
	}}
}

// commitTimelocked is do_commit_timelocked_weights. A commit in the block of an
// epoch counts for the next one, as the epoch has run.
func (x *Execution) commitTimelocked(who state.Account, netuid uint16, sealed []byte, round uint64, version uint16) error {
	switch name := x.commitFault(who, netuid); {
	case name != "":
		return x.fail(name)
	case version != state.U16(x.s, storage.CommitVersion.Key()):
		return x.fail("IncorrectCommitRevealVersion")
	}
	epoch := storage.EpochIndex(x.s, netuid, x.number)
	if storage.EpochDue(x.s, netuid, x.number) {
		epoch++
	}
	key := storage.TimelockedCommits.Key(state.U16Key(netuid), state.U64Key(epoch))
	list := storage.LockedCommitsAt(x.s, key)
	mine := 0
	for _, c := range list {
		if c.Who == who {
			mine++
		}
	}
	if mine >= maxUnrevealed {
		return x.fail("TooManyUnrevealedCommits")
	}
	storage.PutLockedCommits(x.s, key, append(list, storage.LockedCommit{Who: who, Block: x.number, Sealed: sealed, Round: round}))
	x.deposit("SubtensorModule", "TimelockedWeightsCommitted", []scale.Value{who, netuid, state.HashOf(sealed), round})
	x.updated(who, netuid)
	return nil
}

// revealTimelocked is reveal_crv3_commits_for_subnet, which every block begins
// with: what was committed the reveal period ago is set as soon as the beacon's
// round is there, and forgotten an epoch later.
func (x *Execution) revealTimelocked(netuid uint16) {
	n := state.U16Key(netuid)
	now, period := storage.EpochIndex(x.s, netuid, x.number), storage.RevealPeriodOf(x.s, netuid)
	if now < period {
		return
	}
	due := storage.TimelockedCommits.Key(n, state.U64Key(now-period))
	for _, key := range x.s.Keys(storage.TimelockedCommits.Key(n)) {
		if epoch := state.Uint64(storage.Tail(key, 8)); epoch < now-period {
			x.s.Put(key, nil)
		}
	}
	list := storage.LockedCommitsAt(x.s, due)
	if len(list) == 0 {
		return
	}
	left := slices.DeleteFunc(list, func(c storage.LockedCommit) bool {
		signature := storage.PulseAt(x.s, c.Round)
		if signature != nil {
			x.open(netuid, c, signature)
		}
		return signature != nil
	})
	storage.PutLockedCommits(x.s, due, left)
}

// open decrypts a commit and sets its weights. One that cannot be opened, or
// whose weights are refused, has no effect, as on chain.
func (x *Execution) open(netuid uint16, c storage.LockedCommit, signature []byte) {
	payload, err := timelock.Decrypt(c.Sealed, signature)
	if err != nil {
		return
	}
	d := scale.NewDecoder(payload)
	hotkey := d.Blob()
	uids, values := scale.Vec(d, (*scale.Decoder).U16), scale.Vec(d, (*scale.Decoder).U16)
	version := d.U64()
	if d.Done() != nil || !slices.Equal(hotkey, c.Who[:]) {
		return
	}
	inner := *x
	inner.s, inner.events = state.NewLayer(x.s), nil
	if inner.applyWeights(c.Who, netuid, uids, values, version) != nil {
		return
	}
	inner.s.Commit(x.s)
	x.events = append(x.events, inner.events...)
	x.deposit("SubtensorModule", "TimelockedWeightsRevealed", []scale.Value{netuid, c.Who})
}
