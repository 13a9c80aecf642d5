package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"strata"
	"strata/miner"
	"strata/volume"
	"strata/volume/pipeline"
)

var _ miner.Space = (*volume.Store)(nil)

func spaceConfig(s session, w walletFlags, db dbFlags) volume.Config {
	return volume.Config{
		Paths: db.paths(), Wallet: w.Name, Hotkey: w.Hotkey, Miner: s.hotkey,
		Genesis: s.genesis, Netuid: s.netuid, Profile: s.profile, Log: s.log,
	}
}

// check refuses two paths that are one place.
func (f dbFlags) check() error {
	given := map[string]string{}
	for _, path := range f.paths() {
		place, err := filepath.Abs(path)
		if err != nil {
			return strata.E(strata.Invalid, "--db_path %s: %w", path, err)
		}
		if real, err := filepath.EvalSymlinks(place); err == nil {
			place = real
		}
		if before, ok := given[place]; ok {
			return strata.E(strata.Invalid, "--db_path %s and %s are one directory: give each disk once", before, path)
		}
		given[place] = path
	}
	return nil
}

// mounted refuses a path without this hotkey's index beside others that have it.
// Nobody watches a service: one that starts before a disk is mounted would fill
// the disk of the mount point. An index is there from the first allocation on.
func (f dbFlags) mounted(w walletFlags) error {
	var with, without string
	for _, path := range f.paths() {
		_, err := os.Stat(filepath.Join(roleDir(path, w), "strata.db"))
		switch {
		case err == nil:
			with = path
		case errors.Is(err, fs.ErrNotExist):
			without = path
		}
	}
	if with != "" && without != "" {
		return strata.E(strata.NotFound, "there are no sectors at %s, but at %s: mount the disk, or if it is new fill it with `strata allocate` first", without, with)
	}
	return nil
}

// workers lowers a wished number of sealing workers to what the machine has.
func workers(wish int, p strata.Profile) (n int, reason string, err error) {
	n, reason, err = pipeline.EffectiveWorkers(wish, p.SectorSize())
	if err == nil && n == 0 {
		err = littleMemory(p)
	}
	return n, reason, err
}

func littleMemory(p strata.Profile) error {
	return strata.E(strata.NoSpace, "too little memory: sealing needs %s free for one sector of the %s profile", p.SectorSize(), p.Name)
}
