package main

import (
	"context"

	"strata"
	"strata/catalog/sqlite"
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
func (f repairFlags) startRepair(g *lifecycle.Group, n *node, db *sqlite.DB, store *object.Store, net network) gateway.Network {
	r := repair.New(repair.Config{
		Catalog: db, Store: store, Network: net, Profile: n.profile, Log: n.log, Pace: repair.Pace{Budget: f.RepairBudget},
	})
	g.Go("repair", r.Run)
	return repaired{net, r}
}

// repaired is a network's status with that of repair.
type repaired struct {
	gateway.Network
	repairer *repair.Repairer
}

// Status implements gateway.Network.
func (r repaired) Status(ctx context.Context) (gateway.NetworkStatus, error) {
	st, err := r.Network.Status(ctx)
	if err != nil {
		return st, err
	}
	s := r.repairer.Status()
	st.Repair = &gateway.RepairStatus{
		Surveyed: s.Surveyed, Endangered: s.Endangered, Urgent: s.Urgent, Unreadable: s.Unreadable, Moving: s.Moving,
		Blocked: s.Blocked, BytesToGo: s.BytesToGo, Repaired: s.Repaired, Bytes: s.Bytes,
	}
	return st, nil
}
