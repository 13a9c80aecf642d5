package gateway

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"strata"
)

// methods answers one path by method; HEAD goes with GET.
type methods map[string]http.HandlerFunc

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if h, ok := m[method]; ok {
		h(w, r)
		return
	}
	var allow []string
	for k := range m {
		allow = append(allow, k)
	}
	slices.Sort(allow)
	w.Header().Set("Allow", strings.Join(allow, ", "))
	reply(w, http.StatusMethodNotAllowed, Failure{Code: strata.Invalid, Error: r.Method + " is not a method of this address"})
}

// routes builds the handler, outermost first: deadlines and log, host and
// origin, path, token.
func (s *Server) routes() (http.Handler, error) {
	mux := http.NewServeMux()
	for path, m := range map[string]methods{
		"/store/{$}":                 {http.MethodPost: s.authorized(s.store)},
		"/store":                     {http.MethodPost: s.authorized(s.store)},
		"/retrieve/{$}":              {http.MethodGet: s.retrieve},
		"/retrieve":                  {http.MethodGet: s.retrieve},
		"/api/files/{key...}":        {http.MethodPut: s.authorized(s.storeKey), http.MethodGet: s.authorized(s.retrieveKey), http.MethodDelete: s.authorized(s.deleteKey)},
		"/api/objects":               {http.MethodGet: s.authorized(s.list)},
		"/api/objects/{id}":          {http.MethodGet: s.authorized(s.stat), http.MethodDelete: s.authorized(s.delete)},
		"/api/objects/{id}/undelete": {http.MethodPost: s.authorized(s.undelete)},
		"/api/objects/{id}/verify":   {http.MethodPost: s.authorized(s.verify)},
		"/api/objects/{id}/export":   {http.MethodPost: s.authorized(s.export)},
		"/api/tickets":               {http.MethodPost: s.authorized(s.issueTicket)},
		"/api/network":               {http.MethodGet: s.authorized(s.network)},
		"/api/health":                {http.MethodGet: s.alive},
	} {
		mux.Handle(path, m)
	}
	page, err := newPage(s.cfg.Page)
	if err != nil {
		return nil, err
	}
	mux.Handle("/", methods{http.MethodGet: page.serve})
	return s.observed(s.sameSite(mux)), nil
}

// observed bounds idle time on the connection and logs the request, without
// its query: tickets travel there.
func (s *Server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.cfg.Now()
		out := &response{ResponseWriter: w, rc: http.NewResponseController(w), idle: s.cfg.Idle}
		out.extend()
		h := out.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(out, r)
		s.cfg.Log.LogAttrs(r.Context(), slog.LevelDebug, "request",
			slog.String("method", r.Method), slog.String("path", oneLine(r.URL.Path)), slog.Int("status", out.status),
			slog.Int64("bytes", out.written), slog.Duration("took", s.cfg.Now().Sub(began)), slog.String("from", r.RemoteAddr))
	})
}
