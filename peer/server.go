package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"strata"
	"strata/wire"
)

// ServerConfig configures a Server. Hotkey, Signer, Domain and Miner are
// needed; zero values of the rest have the defaults named.
type ServerConfig struct {
	Hotkey strata.Hotkey // the miner's
	Signer wire.Signer   // of Hotkey
	Domain wire.Domain
	Miner  Miner

	// Limits is what each caller is granted at least, and what the status
	// publishes; default DefaultLimits.
	Limits wire.Limits
	// Share is a caller's share of the miner's space, 0 to 1. A caller's rates
	// are its share of ShareOf, or Limits where that is more. Default: none.
	Share func(caller strata.Hotkey) float64
	// ShareOf is what Share divides; default 16 × Limits.
	ShareOf wire.Limits

	Now           func() time.Time // default time.Now; for freshness, rates and expiry
	Log           *slog.Logger     // default: nothing is logged
	HeaderTimeout time.Duration    // for the TLS handshake and for headers; default 10 s
	// BodyTimeout bounds reading a body and writing an answer, each, on top of
	// what its bytes may take at 64 KiB/s; default 30 s.
	BodyTimeout   time.Duration
	ConnsPerAddr  int           // connections from one IPv4 address or IPv6 /64; default 512
	Conns         int           // connections in all; default 8192
	CloseDeadline time.Duration // how long Close waits for requests in work; default 3 s
}

// DefaultLimits is a miner's floor for each caller. The leaf rate is an order
// of magnitude above what a validator's audits need, and a fifth of what one hard
// disk can read: who holds a permit must not make a miner late for the others. The
// byte rate is above what a 1 Gbit/s line carries.
func DefaultLimits(p strata.Profile) wire.Limits {
	l := wire.Limits{
		MaxShard:     uint64(p.MaxShard()),
		LeavesPerSec: 512, LeavesBurst: 4096,
		BytesPerSec: 512 << 20, BytesBurst: 4 << 30,
		RequestsAtOnce: 128,
	}
	if p.Name != strata.LocalProfile.Name {
		l.LeavesPerSec, l.LeavesBurst = 20, 512
	}
	return l
}

// Server serves a Miner. It is safe for concurrent use.
type Server struct {
	cfg      ServerConfig
	verifier *wire.Verifier
	rates    *rates
	identity *identity
	http     *http.Server
}

// NewServer returns a Server that does not listen yet. It refuses requests
// signed before this moment.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Signer == nil || cfg.Miner == nil || cfg.Hotkey.IsZero() {
		return nil, strata.E(strata.Internal, "peer server: hotkey, signer and miner are needed")
	}
	cfg.setDefaults()
	s := &Server{
		cfg:      cfg,
		verifier: wire.NewVerifier(cfg.Hotkey, cfg.Now),
		rates:    newRates(cfg),
		identity: &identity{domain: cfg.Domain, hotkey: cfg.Hotkey, signer: cfg.Signer, now: cfg.Now},
	}
	// A signer that cannot sign is found now, not at the first connection.
	if _, err := s.identity.certificate(); err != nil {
		return nil, err
	}
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: cfg.HeaderTimeout,
		IdleTimeout:       2 * idleTimeout, // the client gives up first, so its requests do not meet a closing connection
		MaxHeaderBytes:    wire.MaxHeaders,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
	return s, nil
}

func (c *ServerConfig) setDefaults() {
	if c.Limits == (wire.Limits{}) {
		c.Limits = DefaultLimits(strata.ProfileFor(c.Domain.Genesis))
	}
	if c.ShareOf == (wire.Limits{}) {
		c.ShareOf = wire.Limits{
			LeavesPerSec: 16 * c.Limits.LeavesPerSec, LeavesBurst: 16 * c.Limits.LeavesBurst,
			BytesPerSec: 16 * c.Limits.BytesPerSec, BytesBurst: 16 * c.Limits.BytesBurst,
			RequestsAtOnce: 16 * c.Limits.RequestsAtOnce,
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	orDefault(&c.HeaderTimeout, 10*time.Second)
	orDefault(&c.BodyTimeout, 30*time.Second)
	orDefault(&c.CloseDeadline, 3*time.Second)
	orDefault(&c.ConnsPerAddr, 512)
	orDefault(&c.Conns, 8192)
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Serve accepts connections from ln, which carries plain TCP, until Close; it
// then returns nil. It closes ln.
func (s *Server) Serve(ln net.Listener) error {
	bounded := newBoundedListener(ln, s.cfg.Conns, s.cfg.ConnsPerAddr)
	err := s.http.Serve(tls.NewListener(bounded, s.identity.serverTLS()))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return strata.E(strata.Unavailable, "serve on %s: %w", ln.Addr(), err)
}

// Close stops listening, gives requests in work CloseDeadline to end, and cuts
// off what is left: a shard that was cut off has no receipt, so its sender
// knows that it is not stored.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.CloseDeadline)
	defer cancel()
	if err := s.http.Shutdown(ctx); err == nil {
		return nil
	}
	return s.http.Close()
}
