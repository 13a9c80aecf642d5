package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"strata"
)

// sameSite refuses what a foreign web page makes a browser send. A name that
// an attacker points at this machine (DNS rebinding) shows in Host; a plain
// address cannot be rebound. Requests that change something and come from
// another origin show in Sec-Fetch-Site or Origin.
func (s *Server) sameSite(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.knownHost(r.Host) {
			fail(w, strata.E(strata.Forbidden, "this gateway is not called %q: open it as localhost, or add that name to its hosts", oneLine(r.Host)))
			return
		}
		if err := cross.Check(r); err != nil {
			fail(w, strata.E(strata.Forbidden, "a page of another site sent this request: use the gateway's own page"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) knownHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		return true
	}
	return slices.ContainsFunc(s.cfg.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// authorized lets only holders of the token through, before a byte of the
// body is read.
func (s *Server) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := s.authenticate(r); err != nil {
			fail(w, err)
			return
		}
		next(w, r)
	}
}

// authenticate checks the Authorization header (RFC 6750 §2.1).
func (s *Server) authenticate(r *http.Request) error {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case !strings.EqualFold(scheme, "Bearer") || token == "":
		return strata.E(strata.Unauthenticated, "this needs the gateway's token: open the address the gateway printed, or send it as Authorization: Bearer")
	case !s.cfg.Token.matches(strings.TrimSpace(token)):
		return strata.E(strata.Unauthenticated, "that is not this gateway's token: copy it again from the gateway's token file")
	}
	return nil
}

// enter takes a place in a bounded set of transfers; leave it by receiving.
func enter(places chan struct{}, what string) error {
	select {
	case places <- struct{}{}:
		return nil
	default:
		return strata.E(strata.Throttled, "%d %s are under way already: try again when one has ended", cap(places), what)
	}
}
