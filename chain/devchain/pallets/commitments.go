package pallets

import (
	"strata/chain/devchain/metadata"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

func setCommitmentCall(w scale.View) call {
	netuid, info := w.Field("netuid").U16(), w.Field("info")
	fields := info.Field("fields").Items()
	space := uint64(0)
	for _, f := range fields {
		if kind, inner := f.Case(); kind != "None" {
			space += uint64(len(inner.Bytes()))
		}
	}
	return call{run: func(x *Execution, who state.Account) error {
		return x.setCommitment(who, netuid, info.Value(), len(fields), space)
	}}
}

// minCommitmentSpace is what a commitment counts for at least.
const minCommitmentSpace = 100

func (x *Execution) setCommitment(who state.Account, netuid uint16, info scale.Value, fields int, space uint64) error {
	n := state.U16Key(netuid)
	if x.s.Get(storage.Uids.Key(n, who[:])) == nil {
		return x.rt.Fail("Commitments", "AccountNotAllowedCommit")
	}
	if fields > metadata.MaxCommitmentFields {
		return x.rt.Fail("Commitments", "TooManyFieldsInCommitmentInfo")
	}
	epoch, used := x.usedSpace(netuid, who)
	used += max(space, minCommitmentSpace)
	if used > uint64(state.U32(x.s, storage.CommitmentMaxSpace.Key())) {
		return x.rt.Fail("Commitments", "SpaceLimitExceeded")
	}
	registration, err := x.rt.Meta.EncodeStorage("Commitments", "CommitmentOf", scale.Struct{"deposit": 0, "block": uint32(x.number), "info": info})
	if err != nil {
		return err
	}
	var tracker scale.Encoder
	tracker.U64(epoch)
	tracker.U64(used)
	x.s.Put(storage.CommitmentSpaceUsed.Key(n, who[:]), tracker.Bytes())
	x.s.Put(storage.CommitmentOf.Key(n, who[:]), registration)
	state.PutU32(x.s, storage.LastCommitment.Key(n, who[:]), uint32(x.number))
	x.deposit("Commitments", "Commitment", scale.Struct{"netuid": netuid, "who": who})
	return nil
}

// usedSpace returns the epoch that now is, and what was committed in it.
func (x *Execution) usedSpace(netuid uint16, who state.Account) (epoch, used uint64) {
	n := state.U16Key(netuid)
	epoch = storage.EpochIndex(x.s, netuid, x.number)
	raw := x.s.Get(storage.CommitmentSpaceUsed.Key(n, who[:]))
	if raw == nil {
		return epoch, 0
	}
	d := scale.NewDecoder(raw)
	if last, bytes := d.U64(), d.U64(); last == epoch {
		return epoch, bytes
	}
	return epoch, 0
}
