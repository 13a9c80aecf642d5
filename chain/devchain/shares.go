package devchain

import (
	"math/big"

	"strata/chain/scale"
)

// What each coldkey has staked on a hotkey, as pallet_subtensor's share pool
// keeps it: shares (U64F64) of the hotkey's alpha. Emission adds alpha and
// leaves the shares, so that it is everybody's in proportion. While there are
// no shares, all alpha is the hotkey's owner's.
var (
	smAlphaShares   = &entry{name: "Alpha", hashers: "BBI", keys: "AccountId32,AccountId32,u16", value: "FixedU128"}
	smHotkeyShares  = &entry{name: "TotalHotkeyShares", hashers: "BI", keys: "AccountId32,u16", value: "FixedU128"}
	smStakingHotkey = &entry{name: "StakingHotkeys", hashers: "B", keys: "AccountId32", value: "Vec<AccountId32>"}
)

const shareBits = 64 // of fraction

func sharesAt(s reader, key string) *big.Int {
	raw := s.get(key)
	if raw == nil {
		return new(big.Int)
	}
	return scale.NewDecoder(raw).U128()
}

func putShares(s *layer, key string, v *big.Int) error {
	if v.Sign() == 0 {
		s.put(key, nil)
		return nil
	}
	var e scale.Encoder
	if err := e.Fixed(v, 16, false); err != nil {
		return plainError("Corruption") // more than was ever issued
	}
	s.put(key, e.Bytes())
	return nil
}

// changeShares adds to a coldkey's shares, or takes from them.
func (x *exec) changeShares(coldkey, hotkey account, n []byte, delta *big.Int) error {
	for _, key := range []string{smAlphaShares.key(hotkey[:], coldkey[:], n), smHotkeyShares.key(hotkey[:], n)} {
		if err := putShares(x.s, key, new(big.Int).Add(sharesAt(x.s, key), delta)); err != nil {
			return err
		}
	}
	return nil
}

func wholeShares(amount uint64) *big.Int {
	return new(big.Int).Lsh(new(big.Int).SetUint64(amount), shareBits)
}

// buyShares gives a coldkey the shares that an amount of alpha is worth, before
// the alpha is added.
func (x *exec) buyShares(coldkey, hotkey account, netuid uint16, amount uint64) error {
	n := u16key(netuid)
	alpha := stakeOf(x.s, hotkey, netuid)
	if sharesAt(x.s, smHotkeyShares.key(hotkey[:], n)).Sign() == 0 && alpha > 0 {
		owner := accountAt(x.s, smOwner.key(hotkey[:]))
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
func (x *exec) sellShares(coldkey, hotkey account, netuid uint16, amount uint64) error {
	n := u16key(netuid)
	held := sharesAt(x.s, smAlphaShares.key(hotkey[:], coldkey[:], n))
	if sharesAt(x.s, smHotkeyShares.key(hotkey[:], n)).Sign() == 0 {
		return nil // the owner's, without shares
	}
	sold := x.sharesFor(hotkey, netuid, amount, true)
	if sold.Cmp(held) > 0 || amount == stakeBy(x.s, coldkey, hotkey, netuid) {
		sold = held
	}
	return x.changeShares(coldkey, hotkey, n, new(big.Int).Neg(sold))
}

// sharesFor returns what an amount of alpha is worth in shares now.
func (x *exec) sharesFor(hotkey account, netuid uint16, amount uint64, up bool) *big.Int {
	alpha := stakeOf(x.s, hotkey, netuid)
	total := sharesAt(x.s, smHotkeyShares.key(hotkey[:], u16key(netuid)))
	if alpha == 0 || total.Sign() == 0 {
		return wholeShares(amount)
	}
	v := new(big.Int).Mul(total, new(big.Int).SetUint64(amount))
	if up {
		v.Add(v, new(big.Int).SetUint64(alpha-1))
	}
	return v.Quo(v, new(big.Int).SetUint64(alpha))
}

// stakeBy is a coldkey's part of a hotkey's alpha on a subnet.
func stakeBy(s reader, coldkey, hotkey account, netuid uint16) uint64 {
	n := u16key(netuid)
	alpha, total := stakeOf(s, hotkey, netuid), sharesAt(s, smHotkeyShares.key(hotkey[:], n))
	if total.Sign() == 0 {
		if s.get(smOwner.key(hotkey[:])) == nil || accountAt(s, smOwner.key(hotkey[:])) != coldkey {
			return 0
		}
		return alpha
	}
	v := new(big.Int).Mul(sharesAt(s, smAlphaShares.key(hotkey[:], coldkey[:], n)), new(big.Int).SetUint64(alpha))
	return v.Quo(v, total).Uint64()
}

// noteStaker adds a hotkey to those that a coldkey has staked on.
func (x *exec) noteStaker(coldkey, hotkey account) {
	key := smStakingHotkey.key(coldkey[:])
	list := accountsAt(x.s, key)
	for _, h := range list {
		if h == hotkey {
			return
		}
	}
	putAccounts(x.s, key, append(list, hotkey))
}
