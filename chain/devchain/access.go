package devchain

import (
	"encoding/binary"
	"math/big"

	"strata/chain/scale"
)

// Typed access to storage. What is absent reads as zero. Values that the node
// wrote itself are taken to be well formed.

func u64at(s reader, key string) uint64 {
	var b [8]byte
	copy(b[:], s.get(key))
	return binary.LittleEndian.Uint64(b[:])
}

func u64of(b []byte) uint64 {
	var out [8]byte
	copy(out[:], b)
	return binary.LittleEndian.Uint64(out[:])
}

func u32at(s reader, key string) uint32          { return uint32(u64at(s, key)) }
func u16at(s reader, key string) uint16          { return uint16(u64at(s, key)) }
func boolAt(s reader, key string) bool           { return u64at(s, key) != 0 }
func accountAt(s reader, key string) (a account) { copy(a[:], s.get(key)); return a }

func putU64(s *layer, key string, v uint64) { s.put(key, binary.LittleEndian.AppendUint64(nil, v)) }
func putU32(s *layer, key string, v uint32) { s.put(key, binary.LittleEndian.AppendUint32(nil, v)) }
func putU16(s *layer, key string, v uint16) { s.put(key, binary.LittleEndian.AppendUint16(nil, v)) }

func putBool(s *layer, key string, v bool) {
	var e scale.Encoder
	e.Bool(v)
	s.put(key, e.Bytes())
}

func vecAt[T any](s reader, key string, f func(*scale.Decoder) T) []T {
	raw := s.get(key)
	if raw == nil {
		return nil
	}
	return scale.Vec(scale.NewDecoder(raw), f)
}

func putVec[T any](s *layer, key string, items []T, f func(*scale.Encoder, T)) {
	var e scale.Encoder
	scale.PutVec(&e, items, f)
	s.put(key, e.Bytes())
}

func u16sAt(s reader, key string) []uint16 { return vecAt(s, key, (*scale.Decoder).U16) }
func u64sAt(s reader, key string) []uint64 { return vecAt(s, key, (*scale.Decoder).U64) }
func boolsAt(s reader, key string) []bool  { return vecAt(s, key, (*scale.Decoder).Bool) }

func putU16s(s *layer, key string, v []uint16) { putVec(s, key, v, (*scale.Encoder).U16) }
func putU64s(s *layer, key string, v []uint64) { putVec(s, key, v, (*scale.Encoder).U64) }
func putBools(s *layer, key string, v []bool)  { putVec(s, key, v, (*scale.Encoder).Bool) }

func accountsAt(s reader, key string) []account {
	return vecAt(s, key, func(d *scale.Decoder) (a account) { copy(a[:], d.Raw(32)); return a })
}

func putAccounts(s *layer, key string, v []account) {
	putVec(s, key, v, func(e *scale.Encoder, a account) { e.Raw(a[:]) })
}

// pair is an entry of a sparse row: a UID and a weight or bond.
type pair struct{ uid, value uint16 }

func pairsAt(s reader, key string) []pair {
	return vecAt(s, key, func(d *scale.Decoder) pair { return pair{d.U16(), d.U16()} })
}

func putPairs(s *layer, key string, v []pair) {
	putVec(s, key, v, func(e *scale.Encoder, p pair) { e.U16(p.uid); e.U16(p.value) })
}

// setAt writes element i of a vector, which grows with zeros to hold it.
func setAt[T any](v []T, i int, x T) []T {
	for len(v) <= i {
		var zero T
		v = append(v, zero)
	}
	v[i] = x
	return v
}

// at returns element i, zero if the vector is shorter.
func at[T any](v []T, i int) (x T) {
	if i < len(v) {
		x = v[i]
	}
	return x
}

// accountInfo is System.Account; reserved and frozen balances do not occur.
type accountInfo struct {
	nonce, providers uint32
	free             uint64
}

func infoAt(s reader, a account) accountInfo {
	raw := s.get(sysAccount.key(a[:]))
	if raw == nil {
		return accountInfo{}
	}
	d := scale.NewDecoder(raw)
	out := accountInfo{nonce: d.U32()}
	d.U32() // consumers
	out.providers = d.U32()
	d.U32() // sufficients
	out.free = d.U64()
	return out
}

// newLogicFlag is what pallet_balances sets in every account's flags.
var newLogicFlag = new(big.Int).Lsh(big.NewInt(1), 127)

func putInfo(s *layer, a account, i accountInfo) {
	var e scale.Encoder
	e.U32(i.nonce)
	e.U32(0)
	e.U32(i.providers)
	e.U32(0)
	e.U64(i.free)
	e.U64(0)
	e.U64(0)
	_ = e.Fixed(newLogicFlag, 16, false) // cannot fail: 128 bits fit 16 bytes
	s.put(sysAccount.key(a[:]), e.Bytes())
}

// axon is SubtensorModule.Axons.
type axon struct {
	block        uint64
	version      uint32
	ip           *big.Int
	port         uint16
	ipType       uint8
	protocol     uint8
	placeholder1 uint8
	placeholder2 uint8
}

func axonAt(s reader, netuid uint16, hotkey account) axon {
	raw := s.get(smAxons.key(u16key(netuid), hotkey[:]))
	if raw == nil {
		return axon{ip: new(big.Int)}
	}
	d := scale.NewDecoder(raw)
	return axon{d.U64(), d.U32(), d.U128(), d.U16(), d.U8(), d.U8(), d.U8(), d.U8()}
}

func putAxon(s *layer, netuid uint16, hotkey account, a axon) error {
	var e scale.Encoder
	e.U64(a.block)
	e.U32(a.version)
	if err := e.Fixed(a.ip, 16, false); err != nil {
		return err
	}
	e.U16(a.port)
	for _, b := range []uint8{a.ipType, a.protocol, a.placeholder1, a.placeholder2} {
		e.U8(b)
	}
	s.put(smAxons.key(u16key(netuid), hotkey[:]), e.Bytes())
	return nil
}
