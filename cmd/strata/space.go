package main

import (
	"context"

	"strata"
	"strata/allocation"
	"strata/miner"
	"strata/volume"
	"strata/wire"
)

// space makes a volume.Store what the miner role asks for.
type space struct{ *volume.Store }

var _ miner.Space = space{}

func (s space) Disks() ([]miner.Disk, error) {
	list, err := s.Space()
	if err != nil {
		return nil, err
	}
	out := make([]miner.Disk, len(list))
	for i, d := range list {
		out[i] = miner.Disk{Path: d.Path, Space: allocation.Space{Free: d.Free, Used: d.Used}}
	}
	return out, nil
}

func (s space) Seal(ctx context.Context, workers int, p miner.Progress) error {
	return s.Store.Seal(ctx, workers, func(v volume.Progress) { p(v.Done, v.Total) })
}

func (s space) Sealed() []wire.Partition {
	var out []wire.Partition
	for _, st := range s.Stats() {
		out = append(out, wire.Partition{Validator: st.Validator, Sealed: st.Sealed, Target: st.Target})
	}
	return out
}

func (s space) Manifest(ctx context.Context, q wire.ManifestQuery, sign func(*wire.Head) error) (wire.ManifestPage, error) {
	return s.Store.Manifest(ctx, q, 0, sign)
}

// openSpace opens a miner's disks.
func openSpace(ctx context.Context, s session, w walletFlags, db dbFlags) (space, error) {
	store, err := volume.Open(ctx, spaceConfig(s, w, db))
	return space{store}, err
}

func spaceConfig(s session, w walletFlags, db dbFlags) volume.Config {
	paths := make([]string, len(db.Path))
	for i, p := range db.Path {
		paths[i] = expand(p)
	}
	return volume.Config{
		Paths: paths, Wallet: w.Name, Hotkey: w.Hotkey, Miner: s.hotkey,
		Genesis: s.genesis, Netuid: s.netuid, Profile: s.profile, Log: s.log,
	}
}

// workers lowers a wished number of sealing workers to what the machine has.
func workers(wish int, p strata.Profile) (n int, reason string, err error) {
	n, reason, err = volume.EffectiveWorkers(wish, p.SectorSize())
	if err == nil && n == 0 {
		err = strata.E(strata.NoSpace, "too little memory: sealing needs %s free for one sector of the %s profile", p.SectorSize(), p.Name)
	}
	return n, reason, err
}
