package main

import (
	"context"

	"strata"
	"strata/backup"
	"strata/gateway"
	"strata/internal/lifecycle"
	"strata/object"
	"strata/repair"
)

// repairFlags are those of the repair of segments, which runs beside the gateway.
type repairFlags struct {
	RepairBudget strata.ByteSize `name:"repair.budget" default:"32MiB" help:"Bytes of shards that repair reads and writes in a second; four times as much for segments in urgent need."`
}

// startRepair starts repair in a group and returns the network with its status.
func (f repairFlags) startRepair(g *lifecycle.Group, n *node, store *object.Store, net network) *repaired {
	r := repair.New(repair.Config{
		Catalog: n.db, Store: store, Network: net, Profile: n.profile, Log: n.log, Pace: repair.Pace{Budget: f.RepairBudget},
	})
	g.Go("repair", r.Run)
	return &repaired{Network: net, repairer: r}
}

// repaired is a network's status with those of repair and backup.
type repaired struct {
	gateway.Network
	repairer *repair.Repairer
	keeper   *backup.Keeper
}

// Status implements gateway.Network.
func (r *repaired) Status(ctx context.Context) (gateway.NetworkStatus, error) {
	st, err := r.Network.Status(ctx)
	if err != nil {
		return st, err
	}
	s := r.repairer.Status()
	st.Repair = &gateway.RepairStatus{
		Surveyed: s.Surveyed, Endangered: s.Endangered, Urgent: s.Urgent, Unreadable: s.Unreadable, Moving: s.Moving,
		Blocked: s.Blocked, BytesToGo: s.BytesToGo, Repaired: s.Repaired, Bytes: s.Bytes,
	}
	if r.keeper != nil {
		k := r.keeper.Status()
		st.Backup = &gateway.BackupStatus{Version: k.Version, Saved: k.Saved, Behind: k.Behind}
	}
	return st, nil
}
