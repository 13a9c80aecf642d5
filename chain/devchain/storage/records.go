package storage

import (
	"math/big"

	"strata/chain/devchain/state"
	"strata/chain/scale"
)

// Pair is an entry of a sparse row: a UID and a weight or bond.
type Pair struct{ UID, Value uint16 }

// PairsAt returns the row under a key.
func PairsAt(s state.Reader, key string) []Pair {
	return state.Vec(s, key, func(d *scale.Decoder) Pair { return Pair{d.U16(), d.U16()} })
}

// PutPairs writes a row.
func PutPairs(s *state.Layer, key string, v []Pair) {
	state.PutVec(s, key, v, func(e *scale.Encoder, p Pair) { e.U16(p.UID); e.U16(p.Value) })
}

// AccountInfo is System.Account; reserved and frozen balances do not occur.
type AccountInfo struct {
	Nonce, Providers uint32
	Free             uint64
}

// AccountInfoAt returns an account, zero if it does not exist.
func AccountInfoAt(s state.Reader, a state.Account) AccountInfo {
	raw := s.Get(SystemAccount.Key(a[:]))
	if raw == nil {
		return AccountInfo{}
	}
	d := scale.NewDecoder(raw)
	out := AccountInfo{Nonce: d.U32()}
	d.U32() // consumers
	out.Providers = d.U32()
	d.U32() // sufficients
	out.Free = d.U64()
	return out
}

// NonceAt returns an account's next nonce.
func NonceAt(s state.Reader, who state.Account) uint64 { return uint64(AccountInfoAt(s, who).Nonce) }

// newLogicFlag is what pallet_balances sets in every account's flags.
var newLogicFlag = new(big.Int).Lsh(big.NewInt(1), 127)

// PutAccountInfo writes an account.
func PutAccountInfo(s *state.Layer, a state.Account, i AccountInfo) {
	var e scale.Encoder
	e.U32(i.Nonce)
	e.U32(0)
	e.U32(i.Providers)
	e.U32(0)
	e.U64(i.Free)
	e.U64(0)
	e.U64(0)
	_ = e.Fixed(newLogicFlag, 16, false) // cannot fail: 128 bits fit 16 bytes
	s.Put(SystemAccount.Key(a[:]), e.Bytes())
}

// Axon is SubtensorModule.Axons.
type Axon struct {
	Block        uint64
	Version      uint32
	IP           *big.Int
	Port         uint16
	IPType       uint8
	Protocol     uint8
	Placeholder1 uint8
	Placeholder2 uint8
}

// AxonAt returns what a hotkey serves on a subnet, zero if nothing.
func AxonAt(s state.Reader, netuid uint16, hotkey state.Account) Axon {
	raw := s.Get(Axons.Key(state.U16Key(netuid), hotkey[:]))
	if raw == nil {
		return Axon{IP: new(big.Int)}
	}
	d := scale.NewDecoder(raw)
	return Axon{d.U64(), d.U32(), d.U128(), d.U16(), d.U8(), d.U8(), d.U8(), d.U8()}
}

// PutAxon writes what a hotkey serves. It fails on an address of more than 128
// bits.
func PutAxon(s *state.Layer, netuid uint16, hotkey state.Account, a Axon) error {
	var e scale.Encoder
	e.U64(a.Block)
	e.U32(a.Version)
	if err := e.Fixed(a.IP, 16, false); err != nil {
		return err
	}
	e.U16(a.Port)
	for _, b := range []uint8{a.IPType, a.Protocol, a.Placeholder1, a.Placeholder2} {
		e.U8(b)
	}
	s.Put(Axons.Key(state.U16Key(netuid), hotkey[:]), e.Bytes())
	return nil
}

// HashCommit is an entry of WeightCommits: a hash, the block it came in, and the
// first and last block in which it may be revealed.
type HashCommit struct {
	Hash               state.Hash
	Block, First, Last uint64
}

// HashCommitsAt returns the commits under a key, oldest first.
func HashCommitsAt(s state.Reader, key string) []HashCommit {
	return state.Vec(s, key, func(d *scale.Decoder) (c HashCommit) {
		copy(c.Hash[:], d.Raw(32))
		c.Block, c.First, c.Last = d.U64(), d.U64(), d.U64()
		return c
	})
}

// PutHashCommits writes commits; none leave nothing.
func PutHashCommits(s *state.Layer, key string, list []HashCommit) {
	putQueue(s, key, list, func(e *scale.Encoder, c HashCommit) {
		e.Raw(c.Hash[:])
		e.U64(c.Block)
		e.U64(c.First)
		e.U64(c.Last)
	})
}

// putQueue writes a vector that is not there when it is empty.
func putQueue[T any](s *state.Layer, key string, list []T, f func(*scale.Encoder, T)) {
	if len(list) == 0 {
		s.Put(key, nil)
		return
	}
	state.PutVec(s, key, list, f)
}

// LockedCommit is an entry of TimelockedWeightCommits: weights encrypted to a
// round of the beacon.
type LockedCommit struct {
	Who    state.Account
	Block  uint64
	Sealed []byte
	Round  uint64
}

// LockedCommitsAt returns the commits under a key, oldest first.
func LockedCommitsAt(s state.Reader, key string) []LockedCommit {
	return state.Vec(s, key, func(d *scale.Decoder) (c LockedCommit) {
		copy(c.Who[:], d.Raw(32))
		c.Block, c.Sealed, c.Round = d.U64(), d.Blob(), d.U64()
		return c
	})
}

// PutLockedCommits writes commits; none leave nothing.
func PutLockedCommits(s *state.Layer, key string, list []LockedCommit) {
	putQueue(s, key, list, func(e *scale.Encoder, c LockedCommit) {
		e.Raw(c.Who[:])
		e.U64(c.Block)
		e.Blob(c.Sealed)
		e.U64(c.Round)
	})
}

// SharesAt returns the shares under a key (U64F64).
func SharesAt(s state.Reader, key string) *big.Int {
	raw := s.Get(key)
	if raw == nil {
		return new(big.Int)
	}
	return scale.NewDecoder(raw).U128()
}

// PutShares writes shares; none leave nothing. It fails only on more than
// 128 bits, shares of more alpha than was ever issued.
func PutShares(s *state.Layer, key string, v *big.Int) error {
	if v.Sign() == 0 {
		s.Put(key, nil)
		return nil
	}
	var e scale.Encoder
	if err := e.Fixed(v, 16, false); err != nil {
		return err
	}
	s.Put(key, e.Bytes())
	return nil
}

// PutBeaconConfig writes what clients encrypt to: the beacon's public key, the
// seconds between its rounds and the Unix time of the first.
func PutBeaconConfig(s *state.Layer, publicKey []byte, period, genesis uint32) {
	var e scale.Encoder
	e.Blob(publicKey)
	e.U32(period)
	e.U32(genesis)
	for _, field := range []string{"", "", "bls-unchained-g1-rfc9380", "strata-local"} { // hashes, scheme, name
		e.Blob([]byte(field))
	}
	s.Put(DrandConfig.Key(), e.Bytes())
}

// BeaconConfigAt returns the beacon's public key and the Unix time of its first
// round, zero while there is no beacon.
func BeaconConfigAt(s state.Reader) (publicKey []byte, genesis uint32) {
	raw := s.Get(DrandConfig.Key())
	if raw == nil {
		return nil, 0
	}
	d := scale.NewDecoder(raw)
	publicKey = d.Blob()
	d.U32()
	return publicKey, d.U32()
}

// PutPulse keeps a round of the beacon.
func PutPulse(s *state.Layer, round uint64, randomness [32]byte, signature []byte) {
	var e scale.Encoder
	e.U64(round)
	e.Blob(randomness[:])
	e.Blob(signature)
	s.Put(DrandPulses.Key(state.U64Key(round)), e.Bytes())
}

// PulseAt returns the beacon's signature of a round, nil while there is none.
func PulseAt(s state.Reader, round uint64) []byte {
	raw := s.Get(DrandPulses.Key(state.U64Key(round)))
	if raw == nil {
		return nil
	}
	d := scale.NewDecoder(raw)
	d.U64()
	d.Blob()
	return d.Blob()
}
