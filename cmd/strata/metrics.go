package main

import (
	"context"

	"strata/gateway"
	"strata/internal/lifecycle"
	"strata/metrics"
	"strata/peer"
	"strata/volume"
)

// metricsFlags are those of the figures for Prometheus.
type metricsFlags struct {
	MetricsListen string `name:"metrics.listen" placeholder:"ADDRESS" help:"Serve metrics for Prometheus at this address, like 127.0.0.1:9100: without a token, so not to the world."`
}

// serveMetrics serves what fill adds in a group, if that is asked for, and adds
// the address to those given.
func (f metricsFlags) serveMetrics(g *lifecycle.Group, addresses map[string]string, fill func(*metrics.Set)) error {
	if f.MetricsListen == "" {
		return nil
	}
	ln, err := metrics.Listen(g.Context(), f.MetricsListen)
	if err != nil {
		return err
	}
	set := metrics.New(version())
	fill(set)
	g.OnStop("metrics", set.Close)
	g.Go("metrics", func(context.Context) error { return set.Serve(ln, g.Log()) })
	addresses["metrics"] = "http://" + ln.Addr().String() + "/metrics"
	g.Log().Info("metrics are served", "address", addresses["metrics"])
	return nil
}

// network shows a view of the network.
func (f metricsFlags) network(g *lifecycle.Group, addresses map[string]string, n gateway.Network) error {
	return f.serveMetrics(g, addresses, func(s *metrics.Set) { s.Network(n) })
}

// miner shows a miner's space, and returns what answers validators: m, counted.
func (f metricsFlags) miner(g *lifecycle.Group, addresses map[string]string, m peer.Miner, space *volume.Store) (peer.Miner, error) {
	err := f.serveMetrics(g, addresses, func(s *metrics.Set) { m = s.Miner(m, space) })
	return m, err
}
