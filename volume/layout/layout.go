// Package layout says what lies where in a hotkey's directory on a disk, and
// whose it is: the names of its files, and partition.json, by which people, and
// programs that come to the wrong directory, know what is in it.
//
// partition.json follows the index (package index), which is the authority: it
// is written after it, and written anew at each start.
package layout

import (
	"fmt"
	"path/filepath"

	"strata"
	"strata/seal"
)

// Names in a hotkey's directory on each disk.
const (
	ListFile  = "partition.json" // what is here, see Read
	IndexFile = "strata.db"
	LockFile  = "strata.lock"  // held by the running process
	ScrubFile = "scrub.json"   // how far a scrub came, if it was stopped
	ProbeFile = "strata.probe" // written to find out whether a disk works, and deleted
)

// Dir returns where a hotkey's files lie under one db_path.
func Dir(dbPath, wallet, hotkey string) string { return filepath.Join(dbPath, wallet, hotkey) }

// DataName is the name of the file with the sectors of a validator's partition.
func DataName(validator strata.Hotkey) string { return "data-" + validator.String() }

// HashesName is the name of the file with the records of sectors: a validator's
// with the miner, the miner's with a verifier.
func HashesName(whose strata.Hotkey) string { return "hashes-" + whose.String() }

// Identity is what sectors are made of beside their validator and number: a
// directory holds those of one identity only.
type Identity struct {
	Miner          strata.Hotkey
	Genesis        strata.GenesisHash
	Netuid         strata.Netuid
	Blocks, Passes uint32 // of 1 KiB in a sector, and of the seal over them
}

// Sector returns the identity of one sector.
func (id Identity) Sector(validator strata.Hotkey, number uint64) seal.Sector {
	return seal.Sector{Genesis: id.Genesis, Netuid: id.Netuid, Miner: id.Miner, Validator: validator,
		Number: number, Blocks: id.Blocks, Passes: id.Passes}
}

// SectorSize returns the bytes of one sector.
func (id Identity) SectorSize() int64 { return int64(id.Blocks) * strata.BlockSize }

// Differs says in words what of a stored identity is not id's, "" if nothing.
func (id Identity) Differs(stored Identity) string {
	switch {
	case stored.Miner != id.Miner:
		return fmt.Sprintf("hotkey %s, not %s", stored.Miner, id.Miner)
	case stored.Genesis != id.Genesis:
		return fmt.Sprintf("chain %s, not %s", stored.Genesis, id.Genesis)
	case stored.Netuid != id.Netuid:
		return fmt.Sprintf("netuid %d, not %d", stored.Netuid, id.Netuid)
	case stored.Blocks != id.Blocks || stored.Passes != id.Passes:
		return fmt.Sprintf("sectors of %d blocks and %d passes, not %d and %d", stored.Blocks, stored.Passes, id.Blocks, id.Passes)
	}
	return ""
}
