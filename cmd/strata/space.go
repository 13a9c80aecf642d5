package main

import (
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
