// Package metrics shows Prometheus how a role is doing: a miner what it holds and
// what it answers validators, a validator or gateway its view of the network, its
// repair and its backup, and what it answers users. docs/operating.md lists all.
//
// Nothing secret is among them, and nobody is asked for a token: the address is
// for the machine itself or a private network.
package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"strata"
)

// Set is what one process shows. It is safe for concurrent use.
type Set struct {
	registry *prometheus.Registry
	server   *http.Server
}

// New returns a set with the process's own figures and its version.
func New(version string) *Set {
	r := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "strata_build_info", Help: "1; the label says the version.", ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	r.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &Set{registry: r, server: &http.Server{ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}}
}

// Listen takes an address; code Conflict if it is taken, Invalid if it is none.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var c net.ListenConfig
	ln, err := c.Listen(ctx, "tcp", address)
	var none *net.AddrError
	var unknown *net.DNSError
	switch {
	case errors.As(err, &none) || errors.As(err, &unknown):
		return nil, strata.E(strata.Invalid, "metrics cannot be served at %q: write it like 127.0.0.1:9100: %w", address, err)
	case err != nil:
		return nil, strata.E(strata.Conflict, "metrics cannot be served at %s (%w): stop the program that is there, or choose another --metrics.listen", address, err)
	}
	return ln, nil
}

// Handler answers GET /metrics. A part that fails is left out and logged.
func (s *Set) Handler(log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{
		ErrorLog: logged{log}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	}))
	return mux
}

// Serve answers until Close.
func (s *Set) Serve(ln net.Listener, log *slog.Logger) error {
	s.server.Handler = s.Handler(log)
	if err := s.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close ends Serve.
func (s *Set) Close() error { return s.server.Close() }

// logged writes what promhttp has to say as warnings.
type logged struct{ log *slog.Logger }

// Println implements promhttp.Logger.
func (l logged) Println(v ...any) { l.log.Warn("metrics", "error", v) }

// desc describes a figure that is read when it is asked for.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("strata_"+name, help, labels, nil)
}
