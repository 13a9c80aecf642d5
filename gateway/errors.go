package gateway

import (
	"encoding/json"
	"net/http"
	"strings"

	"strata"
)

// statuses is the one table from codes to HTTP. A code that is not here is 500.
var statuses = map[strata.Code]int{
	strata.Invalid:         http.StatusBadRequest,
	strata.Unauthenticated: http.StatusUnauthorized,
	strata.Forbidden:       http.StatusForbidden,
	strata.NotFound:        http.StatusNotFound,
	strata.Conflict:        http.StatusConflict,
	strata.TooLarge:        http.StatusRequestEntityTooLarge,
	strata.Locked:          http.StatusLocked,
	strata.Throttled:       http.StatusTooManyRequests,
	strata.Corrupt:         http.StatusBadGateway,
	strata.Internal:        http.StatusInternalServerError,
	strata.Unavailable:     http.StatusServiceUnavailable,
	strata.NoSpace:         http.StatusInsufficientStorage,
}

func statusOf(err error) int {
	if s, ok := statuses[strata.CodeOf(err)]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// fail answers with err as a Failure.
func fail(w http.ResponseWriter, err error) {
	status := statusOf(err)
	h := w.Header()
	switch status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", "2")
	}
	for _, k := range []string{"Content-Disposition", "Etag", "Last-Modified", "Accept-Ranges", "Content-Range", "Content-Length"} {
		h.Del(k) // meant for the body that did not come
	}
	reply(w, status, Failure{Code: strata.CodeOf(err), Error: oneLine(err.Error())})
}

// reply answers with v as JSON. Only values that always encode are given.
func reply(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody to tell
}

// oneLine bounds and flattens text from below, which may quote anything.
func oneLine(s string) string {
	s = strings.ToValidUTF8(strings.Join(strings.Fields(s), " "), "�")
	if len(s) > 400 {
		s = strings.ToValidUTF8(s[:400], "") + "…"
	}
	return s
}
