package layout

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"strata"
	"strata/internal/durable"
	"strata/seal"
	"strata/volume/vfs"
)

// Bounds of partition.json. 4,096 validators is sixteen full subnets.
const (
	maxList    = 4 << 20
	maxEntries = 4096
)

// Entry is one validator's partition in partition.json.
type Entry struct {
	Path      string             `json:"path"`      // name in this directory: data-… of a miner, hashes-… of a verifier
	Owner     strata.Hotkey      `json:"owner"`     // the miner
	Validator strata.Hotkey      `json:"validator"` // whose partition it is
	Size      uint64             `json:"size"`      // bytes: n_chunks sectors
	NChunks   uint32             `json:"n_chunks"`  // sectors wanted here
	Seed      string             `json:"seed"`      // owner's ss58, then the validator's
	Genesis   strata.GenesisHash `json:"genesis"`   // the chain
	Netuid    strata.Netuid      `json:"netuid"`
	Blocks    uint32             `json:"blocks"` // of 1 KiB in a sector
	Passes    uint32             `json:"passes"`
}

// OfData describes a miner's partition of n sectors.
func OfData(id Identity, validator strata.Hotkey, n uint32) Entry {
	return entry(DataName(validator), id.Sector(validator, 0), n)
}

// OfHashes describes a verifier's hashes file of n sectors like s.
func OfHashes(s seal.Sector, n uint32) Entry { return entry(HashesName(s.Miner), s, n) }

func entry(path string, s seal.Sector, n uint32) Entry {
	return Entry{
		Path: path, Owner: s.Miner, Validator: s.Validator,
		Size: uint64(n) * uint64(s.Size()), NChunks: n,
		Seed:    s.Miner.String() + s.Validator.String(),
		Genesis: s.Genesis, Netuid: s.Netuid, Blocks: s.Blocks, Passes: s.Passes,
	}
}

// Identity returns what the partition's sectors are made of.
func (e Entry) Identity() Identity {
	return Identity{Miner: e.Owner, Genesis: e.Genesis, Netuid: e.Netuid, Blocks: e.Blocks, Passes: e.Passes}
}

// decode reads partition.json. Unknown fields pass, so that a later version may
// add some; everything known must agree with itself.
func decode(b []byte) ([]Entry, error) {
	if len(b) > maxList {
		return nil, strata.E(strata.Corrupt, "it is over %d bytes", maxList)
	}
	var list []Entry
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, strata.E(strata.Corrupt, "it is not valid: %w", err)
	}
	if len(list) > maxEntries {
		return nil, strata.E(strata.Corrupt, "it lists %d partitions, at most %d can be", len(list), maxEntries)
	}
	seen := make(map[string]bool, len(list))
	for _, e := range list {
		if seen[e.Path] {
			return nil, strata.E(strata.Corrupt, "it lists %s twice", e.Path)
		}
		seen[e.Path] = true
		if err := e.validate(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (e Entry) validate() error {
	switch {
	case e.Path != DataName(e.Validator) && e.Path != HashesName(e.Owner):
		return strata.E(strata.Corrupt, "the path of validator %s is neither %s nor %s", e.Validator, DataName(e.Validator), HashesName(e.Owner))
	case e.Seed != e.Owner.String()+e.Validator.String():
		return strata.E(strata.Corrupt, "the seed of validator %s is not its owner's and its own address", e.Validator)
	case e.Size != uint64(e.NChunks)*uint64(e.Blocks)*strata.BlockSize:
		return strata.E(strata.Corrupt, "the size of validator %s is not its number of sectors", e.Validator)
	}
	return nil
}

// Read reads a directory's partition.json; a missing one is an empty list. Code
// Corrupt if it does not make sense.
func Read(dir string) ([]Entry, error) {
	path := filepath.Join(dir, ListFile)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, vfs.Classify(err, "opening", path)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxList+1))
	if err != nil {
		return nil, vfs.Classify(err, "reading", path)
	}
	list, err := decode(b)
	if err != nil {
		return nil, strata.E(strata.Corrupt, "%s cannot be used: %w; restore it, or start over with --restart, which deletes this hotkey's sectors and data there", path, err)
	}
	return list, nil
}

// Write replaces partition.json. A crash leaves the old or the new list.
func Write(dir string, list []Entry) error {
	if list == nil {
		list = []Entry{}
	}
	b, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return strata.E(strata.Internal, "encode partition list of %s: %w", dir, err)
	}
	return durable.WriteFile(filepath.Join(dir, ListFile), append(b, '\n'), 0o600)
}
