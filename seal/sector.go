package seal

import (
	"encoding/binary"
	"math/bits"

	"github.com/zeebo/blake3"

	"strata"
)

// Contexts of the key derivations, frozen with Seal v1.
const (
	sectorContext = "strata 2026-11 seal v1 sector"
	ivContext     = "strata 2026-11 seal v1 first block"
)

// Bounds of a sector's shape. Below four passes a regenerator that keeps part
// of a sector gains too much (docs/proof-of-space.md).
const (
	minBlocks = 16
	minPasses = 4
	maxPasses = 255
)

// Sector is the identity of a sector: all that its bytes depend on. Blocks and
// Passes come from the chain's profile, never from a miner.
type Sector struct {
	Genesis   strata.GenesisHash
	Netuid    strata.Netuid
	Miner     strata.Hotkey
	Validator strata.Hotkey
	Number    uint64 // unique among all sectors of the miner for this validator
	Blocks    uint32 // N, a power of two, at least 16
	Passes    uint32 // P, 4 to 255
}

// Validate says whether the shape is one that Seal v1 allows. The error has
// code Invalid.
func (s Sector) Validate() error {
	if s.Blocks < minBlocks || bits.OnesCount32(s.Blocks) != 1 {
		return strata.E(strata.Invalid, "sector of %d blocks: the number must be a power of two, at least %d", s.Blocks, minBlocks)
	}
	if s.Passes < minPasses || s.Passes > maxPasses {
		return strata.E(strata.Invalid, "sector with %d passes: the number must be from %d to %d", s.Passes, minPasses, maxPasses)
	}
	return nil
}

// Size returns the sector's size in bytes.
func (s Sector) Size() int64 { return int64(s.Blocks) * strata.BlockSize }

// ID returns the sector's id, from which everything else is derived.
func (s Sector) ID() strata.SectorID {
	m := make([]byte, 0, 32+2+32+32+8+4+4)
	m = append(m, s.Genesis[:]...)
	m = binary.LittleEndian.AppendUint16(m, uint16(s.Netuid))
	m = append(m, s.Miner[:]...)
	m = append(m, s.Validator[:]...)
	m = binary.LittleEndian.AppendUint64(m, s.Number)
	m = binary.LittleEndian.AppendUint32(m, s.Blocks)
	m = binary.LittleEndian.AppendUint32(m, s.Passes)
	var id strata.SectorID
	blake3.DeriveKey(sectorContext, m, id[:])
	return id
}

// firstBlock returns the IV: what stands before block 0 in pass 1.
func firstBlock(id strata.SectorID) (iv blockBytes) {
	blake3.DeriveKey(ivContext, id[:], iv[:])
	return iv
}
