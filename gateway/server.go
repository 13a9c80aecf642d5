package gateway

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"strata"
)

// DefaultListen is where a gateway listens unless told otherwise.
const DefaultListen = "127.0.0.1:3000"

const (
	headerTimeout   = 10 * time.Second // to send a request's header
	keepAlive       = 2 * time.Minute  // between two requests of a connection
	defaultIdle     = 2 * time.Minute
	defaultUploads  = 32
	defaultDownload = 64
	maxHeader       = 16 << 10 // bytes
	defaultGrace    = 4 * time.Second
)

// Config is what a gateway is made of.
type Config struct {
	Token   Token    // required
	Objects Objects  // required
	Owner   Owner    // nil: verify and export are Unavailable
	Network Network  // nil: /api/network is Unavailable
	Page    fs.FS    // the page's files, index.html among them; nil: none
	Hosts   []string // names it is reached by, besides localhost and plain addresses
	Version string   // shown by /api/health

	MaxObject int64         // bytes in a file; 0 means no limit
	Uploads   int           // at once; 0 means 32. More are Throttled
	Downloads int           // at once; 0 means 64
	Idle      time.Duration // a body that does not move for so long is cut; 0 means two minutes
	Grace     time.Duration // for requests under way at Close; 0 means four seconds

	Now func() time.Time // nil means time.Now
	Log *slog.Logger     // nil means slog.Default
}

// Server answers users. Make one with New, start it with Serve, end it with
// Close. Its methods are safe for concurrent use.
type Server struct {
	cfg       Config
	tickets   *tickets
	uploads   chan struct{} // a token for each upload under way
	downloads chan struct{}
	handler   http.Handler
	http      *http.Server
	stop      context.CancelFunc // ends what requests still do

	closing sync.Once
	closed  error // written within closing
}

// New checks cfg and makes a server that does not listen yet. A missing part
// has code Invalid.
func New(cfg Config) (*Server, error) {
	if cfg.Token.IsZero() || cfg.Objects == nil {
		return nil, strata.E(strata.Invalid, "a gateway needs a token and a store of objects")
	}
	cfg = withDefaults(cfg)
	s := &Server{
		cfg:       cfg,
		tickets:   newTickets(cfg.Now),
		uploads:   make(chan struct{}, cfg.Uploads),
		downloads: make(chan struct{}, cfg.Downloads),
	}
	handler, err := s.routes()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop, s.handler = stop, handler
	s.http = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       keepAlive,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
	return s, nil
}

func withDefaults(cfg Config) Config {
	if cfg.Uploads <= 0 {
		cfg.Uploads = defaultUploads
	}
	if cfg.Downloads <= 0 {
		cfg.Downloads = defaultDownload
	}
	if cfg.Idle <= 0 {
		cfg.Idle = defaultIdle
	}
	if cfg.Grace <= 0 {
		cfg.Grace = defaultGrace
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return cfg
}

// Listen opens addr, DefaultListen when it is empty. A port in use has code
// Conflict, an address that cannot be opened Invalid.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	if addr == "" {
		addr = DefaultListen
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		return ln, nil
	case isInUse(err):
		return nil, strata.E(strata.Conflict, "the gateway cannot listen on %s: another program does; stop it or choose another address: %w", addr, err)
	default:
		return nil, strata.E(strata.Invalid, "the gateway cannot listen on %s: %w", addr, err)
	}
}

// isInUse knows the error by its text, since each system numbers it differently.
func isInUse(err error) bool {
	text := err.Error()
	return strings.Contains(text, "address already in use") || strings.Contains(text, "Only one usage of each socket address")
}

// Handler returns what Serve serves, for tests and for another server to mount.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve answers on ln until Close, and closes ln. Nil after Close.
func (s *Server) Serve(ln net.Listener) error {
	if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return strata.E(strata.Unavailable, "the gateway stopped listening on %s: %w", ln.Addr(), err)
	}
	return nil
}

// Close takes no more requests, gives those under way Config.Grace to end, and
// cuts the rest: an upload that is cut is not stored, a download can be resumed.
// With the default it returns within five seconds.
func (s *Server) Close() error {
	s.closing.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Grace)
		defer cancel()
		err := s.http.Shutdown(ctx)
		s.stop()
		if errors.Is(err, context.DeadlineExceeded) {
			err = nil // as announced: the rest is cut
		}
		s.closed = errors.Join(err, s.http.Close())
	})
	return s.closed
}

// Address returns the address of the page on a listener, with the token in the
// fragment, for the user to open.
func Address(ln net.Listener, t Token) string {
	host, port, err := net.SplitHostPort(ln.Addr().String())
	ip := net.ParseIP(host)
	if err != nil {
		return ""
	}
	if ip == nil || ip.IsLoopback() || ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port) + "/#token=" + t.Reveal()
}
