package main

import (
	"context"
	"sync/atomic"
	"time"

	"strata/catalog/sqlite"
	"strata/gateway"
	"strata/object/roster"
	"strata/repair"
	"strata/validator"
	"strata/validator/refusal"
)

type gatewayCmd struct {
	walletFlags
	chainFlags
	dbFlags
	logFlags
	gatewayFlags
	metricsFlags
	supervised
}

// Run serves users beside a validator --no_bridge, whose strata.db it shares.
func (c *gatewayCmd) Run(ctx context.Context, s streams) error {
	log, err := c.logger(s.err)
	if err != nil {
		return err
	}
	g := c.group(ctx, s, log)
	n, err := openNode(g, c.walletFlags, c.chainFlags, c.dbFlags, sqlite.Gateway)
	if err != nil {
		return abandon(g, err)
	}
	o := &onlooker{config: n.validatorConfig(), witness: refusal.NewWitness(n.db, nil)}
	if err := o.look(g.Context()); err != nil {
		return abandon(g, err)
	}
	g.Go("onlooker", o.run)
	addresses, shown, err := c.serveGateway(g, n, o, o.witness.Watch(n.peers), s)
	if err != nil {
		return abandon(g, err)
	}
	if err := c.network(g, addresses, shown); err != nil {
		return abandon(g, err)
	}
	if err := c.ready(addresses); err != nil {
		return abandon(g, err)
	}
	return g.Wait()
}

// lookEach is how often an onlooker reads the validator's ledger anew.
const lookEach = 10 * time.Second

// onlooker sees the network through the ledger that a validator in another
// process writes.
type onlooker struct {
	config  validator.Config
	witness *refusal.Witness // of what miners do to this gateway's shards
	view    atomic.Pointer[validator.Validator]
}

func (o *onlooker) look(ctx context.Context) error {
	v, err := validator.New(ctx, o.config)
	if err != nil {
		return err
	}
	if err := v.Observe(ctx); err != nil {
		return err
	}
	o.view.Store(v)
	return nil
}

func (o *onlooker) run(ctx context.Context) error {
	tick := time.NewTicker(lookEach)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if err := o.witness.Save(ctx); err != nil {
				o.config.Log.Warn("refused shards were not told to the validator; trying again", "err", err)
			}
			if err := o.look(ctx); err != nil {
				o.config.Log.Warn("the network was not looked at; what was seen before stands", "err", err)
			}
		}
	}
}

// Status implements gateway.Network.
func (o *onlooker) Status(ctx context.Context) (gateway.NetworkStatus, error) {
	return o.view.Load().Status(ctx)
}

// Candidates implements roster.Network.
func (o *onlooker) Candidates(ctx context.Context) ([]roster.Candidate, error) {
	return o.view.Load().Candidates(ctx)
}

// Standings implements repair.Network.
func (o *onlooker) Standings(ctx context.Context) ([]repair.Miner, error) {
	return o.view.Load().Standings(ctx)
}
