package volume

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"strata"
	"strata/internal/durable"
	"strata/seal"
)

// Bounds of partition.json. 4,096 validators is sixteen full subnets.
const (
	maxPartitionFile = 4 << 20
	maxPartitions    = 4096
)

// record of one validator in partition.json.
type partitionEntry struct {
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

// newHashesEntry describes a verifier's hashes file of n sectors like s.
func newHashesEntry(s seal.Sector, n uint32) partitionEntry {
	return partitionEntry{
		Path: hashesName(s.Miner), Owner: s.Miner, Validator: s.Validator,
		Size: uint64(n) * uint64(s.Size()), NChunks: n,
		Seed:    s.Miner.String() + s.Validator.String(),
		Genesis: s.Genesis, Netuid: s.Netuid, Blocks: s.Blocks, Passes: s.Passes,
	}
}

// newPartitionEntry describes a partition of n sectors under cfg.
func newPartitionEntry(cfg Config, validator strata.Hotkey, n uint32) partitionEntry {
	return partitionEntry{
		Path: dataName(validator), Owner: cfg.Miner, Validator: validator,
		Size: uint64(n) * uint64(cfg.Profile.SectorSize()), NChunks: n,
		Seed:    cfg.Miner.String() + validator.String(),
		Genesis: cfg.Genesis, Netuid: cfg.Netuid,
		Blocks: cfg.Profile.Blocks, Passes: cfg.Profile.Passes,
	}
}

func dataName(v strata.Hotkey) string   { return "data-" + v.String() }
func hashesName(v strata.Hotkey) string { return "hashes-" + v.String() }

// decodePartitions reads partition.json. Unknown fields pass, so that a later
// version may add some; everything known must agree with itself.
func decodePartitions(b []byte) ([]partitionEntry, error) {
	if len(b) > maxPartitionFile {
		return nil, strata.E(strata.Corrupt, "it is over %d bytes", maxPartitionFile)
	}
	var list []partitionEntry
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, strata.E(strata.Corrupt, "it is not valid: %w", err)
	}
	if len(list) > maxPartitions {
		return nil, strata.E(strata.Corrupt, "it lists %d partitions, at most %d can be", len(list), maxPartitions)
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

func (e partitionEntry) validate() error {
	switch {
	case e.Path != dataName(e.Validator) && e.Path != hashesName(e.Owner):
		return strata.E(strata.Corrupt, "the path of validator %s is neither %s nor %s", e.Validator, dataName(e.Validator), hashesName(e.Owner))
	case e.Seed != e.Owner.String()+e.Validator.String():
		return strata.E(strata.Corrupt, "the seed of validator %s is not its owner's and its own address", e.Validator)
	case e.Size != uint64(e.NChunks)*uint64(e.Blocks)*strata.BlockSize:
		return strata.E(strata.Corrupt, "the size of validator %s is not its number of sectors", e.Validator)
	}
	return nil
}

// differs says in words what of e does not belong to cfg, "" if nothing.
func (e partitionEntry) differs(cfg Config) string {
	return mismatch(cfg, e.Owner, e.Genesis, e.Netuid, e.Blocks, e.Passes)
}

// readPartitions reads a directory's partition.json; a missing one is an empty list.
func readPartitions(dir string) ([]partitionEntry, error) {
	path := filepath.Join(dir, partitionFile)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, diskError(err, "opening", path)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPartitionFile+1))
	if err != nil {
		return nil, diskError(err, "reading", path)
	}
	list, err := decodePartitions(b)
	if err != nil {
		return nil, strata.E(strata.Corrupt, "%s cannot be used: %w; restore it, or start over with --restart, which deletes this hotkey's sectors and data there", path, err)
	}
	return list, nil
}

// writePartitions replaces partition.json. A crash leaves the old or the new
// list; the index decides, and Open writes the list again from it.
func writePartitions(dir string, list []partitionEntry) error {
	if list == nil {
		list = []partitionEntry{}
	}
	b, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return strata.E(strata.Internal, "encode partition list of %s: %w", dir, err)
	}
	return durable.WriteFile(filepath.Join(dir, partitionFile), append(b, '\n'), 0o600)
}

// diskError gives an error of a sector file its code and the way out.
func diskError(err error, doing, path string) error {
	if durable.IsFull(err) {
		return strata.E(strata.NoSpace, "disk full while %s %s: free some space and run again, it continues where it stopped: %w", doing, path, err)
	}
	return fmt.Errorf("%s %s: %w", doing, path, err)
}

// Found returns the Config of the sectors under paths, as partition.json says
// there, so that they can be looked after without a chain. Code NotFound if
// there are none; Open finds out if the paths disagree.
func Found(paths []string, wallet, hotkey string) (Config, error) {
	for _, path := range paths {
		list, err := readPartitions(Dir(path, wallet, hotkey))
		if err != nil {
			return Config{}, err
		}
		for _, e := range list {
			if e.Path != dataName(e.Validator) {
				continue
			}
			p := strata.ProfileFor(e.Genesis)
			p.Blocks, p.Passes = e.Blocks, e.Passes
			return Config{Paths: paths, Wallet: wallet, Hotkey: hotkey, Miner: e.Owner, Genesis: e.Genesis, Netuid: e.Netuid, Profile: p}, nil
		}
	}
	return Config{}, strata.E(strata.NotFound, "no sectors of wallet %s, hotkey %s are under %s: check --db_path and the names", wallet, hotkey, strings.Join(paths, ", "))
}
