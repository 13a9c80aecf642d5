package devchain

import (
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
	return call{run: func(x *exec, who account) error {
		return x.setCommitment(who, netuid, info.Value(), len(fields), space)
	}}
}

// minCommitmentSpace is what a commitment counts for at least.
const minCommitmentSpace = 100

func (x *exec) setCommitment(who account, netuid uint16, info scale.Value, fields int, space uint64) error {
	n := u16key(netuid)
	if x.s.get(smUids.key(n, who[:])) == nil {
		return x.rt.fail("Commitments", "AccountNotAllowedCommit")
	}
	if fields > maxCommitmentFields {
		return x.rt.fail("Commitments", "TooManyFieldsInCommitmentInfo")
	}
	epoch, used := x.usedSpace(netuid, who)
	used += max(space, minCommitmentSpace)
	if used > uint64(u32at(x.s, comMaxSpace.key())) {
		return x.rt.fail("Commitments", "SpaceLimitExceeded")
	}
	registration, err := x.rt.meta.EncodeStorage("Commitments", "CommitmentOf", scale.Struct{"deposit": 0, "block": uint32(x.number), "info": info})
	if err != nil {
		return err
	}
	var tracker scale.Encoder
	tracker.U64(epoch)
	tracker.U64(used)
	x.s.put(comUsedSpace.key(n, who[:]), tracker.Bytes())
	x.s.put(comCommitmentOf.key(n, who[:]), registration)
	putU32(x.s, comLast.key(n, who[:]), uint32(x.number))
	x.deposit("Commitments", "Commitment", scale.Struct{"netuid": netuid, "who": who})
	return nil
}

// usedSpace returns the epoch that now is, and what was committed in it.
func (x *exec) usedSpace(netuid uint16, who account) (epoch, used uint64) {
	n := u16key(netuid)
	epoch = epochIndex(x.s, netuid, x.number)
	raw := x.s.get(comUsedSpace.key(n, who[:]))
	if raw == nil {
		return epoch, 0
	}
	d := scale.NewDecoder(raw)
	if last, bytes := d.U64(), d.U64(); last == epoch {
		return epoch, bytes
	}
	return epoch, 0
}
