package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"

	"strata"
	"strata/internal/lifecycle"
	"strata/miner"
	"strata/peer"
	"strata/volume"
)

type minerCmd struct {
	walletFlags
	chainFlags
	dbFlags
	logFlags
	spaceFlags
	axonFlags
	metricsFlags
	StepsPerReallocate uint64 `name:"steps_per_reallocate" default:"1000" help:"Blocks between two looks at the allocation."`
	Exit               bool   `help:"Leave: ask the validators to move their shards elsewhere, serve until they have, then end. Filler earns nothing meanwhile, shards do."`
	supervised
}

// Run serves and re-allocates until interrupted.
func (c *minerCmd) Run(ctx context.Context, s streams) error {
	log, err := c.logger(s.err)
	if err == nil {
		err = cmp.Or(c.spaceFlags.check(), c.dbFlags.check(), c.mounted(c.walletFlags))
	}
	if err != nil {
		return err
	}
	collectSeldom()
	g := c.group(ctx, s, log)
	sess, err := connect(g.Context(), c.walletFlags, c.chainFlags, log)
	if err != nil {
		return abandon(g, err)
	}
	g.OnClose("chain", sess.chain.Close)
	if _, err := sess.registered(g.Context()); err != nil {
		return abandon(g, err)
	}
	cfg := spaceConfig(sess, c.walletFlags, c.dbFlags)
	cfg.SealRate = c.MaxRate
	store, err := volume.Open(g.Context(), cfg)
	if err != nil {
		return abandon(g, err)
	}
	g.OnClose("space", store.Close)
	if err := c.fits(g.Context(), sess, store); err != nil {
		return abandon(g, err)
	}
	ln, err := c.listen()
	if err != nil {
		return abandon(g, err)
	}
	addresses := map[string]string{}
	m, server, err := c.build(g, sess, store, ln, addresses)
	if err != nil {
		return abandon(g, err)
	}
	g.OnStop("server", server.Close)
	g.Go("server", func(context.Context) error { return server.Serve(ln) })
	if err := m.Start(g.Context()); err != nil {
		return abandon(g, err)
	}
	g.Go("miner", func(ctx context.Context) error {
		err := m.Run(ctx)
		if errors.Is(err, miner.ErrLeft) {
			fmt.Fprintf(s.out, "%v\n", miner.ErrLeft)
			g.Stop()
			return nil
		}
		return err
	})
	addresses["axon"] = m.External.String()
	if err := c.ready(addresses); err != nil {
		return abandon(g, err)
	}
	return g.Wait()
}

// fits stops a miner whose space does not hold one sector for each validator,
// before it serves. That there is no validator yet is no reason to stop.
func (c *minerCmd) fits(ctx context.Context, sess session, store *volume.Store) error {
	_, _, err := makePlan(ctx, sess, store, c.spaceFlags)
	if strata.CodeOf(err) == strata.Unavailable {
		sess.log.Warn("nothing to allocate yet", "err", err)
		return nil
	}
	return err
}

func (c *minerCmd) build(g *lifecycle.Group, sess session, store *volume.Store, ln net.Listener, addresses map[string]string) (*miner.Miner, *peer.Server, error) {
	external, err := c.external(ln, sess.chain.Endpoint(), sess.profile, sess.log)
	if err != nil {
		return nil, nil, err
	}
	n, reason, err := workers(c.Workers, sess.profile)
	if err != nil {
		return nil, nil, err
	}
	if reason != "" {
		sess.log.Info(reason)
	}
	amount, err := c.amount()
	if err != nil {
		return nil, nil, err
	}
	m := miner.New(miner.Config{
		Chain: sess.chain, Key: sess.key, Space: store, Domain: sess.domain(), Profile: sess.profile,
		Amount: amount, External: external, Workers: n, LookEach: c.StepsPerReallocate, Leave: c.Exit, Version: version(), Log: sess.log,
	})
	answers, err := c.metricsFlags.miner(g, addresses, m, store)
	if err != nil {
		return nil, nil, err
	}
	server, err := peer.NewServer(peer.ServerConfig{
		Hotkey: sess.hotkey, Signer: sess.key, Domain: sess.domain(), Miner: answers, Limits: peer.DefaultLimits(sess.profile), Share: m.Share, Log: sess.log,
	})
	if err == nil && c.TLSKey {
		m.Certificates = certificates{server, sess}
	}
	return m, server, err
}
