package pallets

import (
	"math/big"

	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
)

const shareBits = 64 // of fraction

// changeShares adds to a coldkey's shares, or takes from them.
func (x *Execution) changeShares(coldkey, hotkey state.Account, n []byte, delta *big.Int) error {
	for _, key := range []string{storage.AlphaShares.Key(hotkey[:], coldkey[:], n), storage.HotkeyShares.Key(hotkey[:], n)} {
		if err := storage.PutShares(x.s, key, new(big.Int).Add(storage.SharesAt(x.s, key), delta)); err != nil {
			return plainError("Corruption") // more than was ever issued
		}
	}
	return nil
}

func wholeShares(amount uint64) *big.Int {
	return new(big.Int).Lsh(new(big.Int).SetUint64(amount), shareBits)
}

// buyShares gives a coldkey the shares that an amount of alpha is worth, before
// the alpha is added.
func (x *Execution) buyShares(coldkey, hotkey state.Account, netuid uint16, amount uint64) error {
	n := state.U16Key(netuid)
	alpha := storage.StakeOf(x.s, hotkey, netuid)
	if storage.SharesAt(x.s, storage.HotkeyShares.Key(hotkey[:], n)).Sign() == 0 && alpha > 0 {
		owner := state.AccountAt(x.s, storage.Owner.Key(hotkey[:]))
		x.noteStaker(owner, hotkey)
		if err := x.changeShares(owner, hotkey, n, wholeShares(alpha)); err != nil {
			return err
		}
	}
	x.noteStaker(coldkey, hotkey)
	return x.changeShares(coldkey, hotkey, n, x.sharesFor(hotkey, netuid, amount, false))
}

// sellShares takes the shares of an amount of alpha, before the alpha is taken.
// Rounding is against the seller, who ends with none when nothing is left.
func (x *Execution) sellShares(coldkey, hotkey state.Account, netuid uint16, amount uint64) error {
	n := state.U16Key(netuid)
	held := storage.SharesAt(x.s, storage.AlphaShares.Key(hotkey[:], coldkey[:], n))
	if storage.SharesAt(x.s, storage.HotkeyShares.Key(hotkey[:], n)).Sign() == 0 {
		return nil // the owner's, without shares
	}
	sold := x.sharesFor(hotkey, netuid, amount, true)
	if sold.Cmp(held) > 0 || amount == storage.StakeBy(x.s, coldkey, hotkey, netuid) {
		sold = held
	}
	return x.changeShares(coldkey, hotkey, n, new(big.Int).Neg(sold))
}

// sharesFor returns what an amount of alpha is worth in shares now.
func (x *Execution) sharesFor(hotkey state.Account, netuid uint16, amount uint64, up bool) *big.Int {
	alpha := storage.StakeOf(x.s, hotkey, netuid)
	total := storage.SharesAt(x.s, storage.HotkeyShares.Key(hotkey[:], state.U16Key(netuid)))
	if alpha == 0 || total.Sign() == 0 {
		return wholeShares(amount)
	}
	v := new(big.Int).Mul(total, new(big.Int).SetUint64(amount))
	if up {
		v.Add(v, new(big.Int).SetUint64(alpha-1))
	}
	return v.Quo(v, new(big.Int).SetUint64(alpha))
}

// noteStaker adds a hotkey to those that a coldkey has staked on.
func (x *Execution) noteStaker(coldkey, hotkey state.Account) {
	key := storage.StakingHotkey.Key(coldkey[:])
	list := state.AccountsAt(x.s, key)
	for _, h := range list {
		if h == hotkey {
			return
		}
	}
	state.PutAccounts(x.s, key, append(list, hotkey))
}
