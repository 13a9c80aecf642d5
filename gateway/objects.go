package gateway

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"strata"
)

const (
	maxQuery         = 4 * MaxName // bytes in prefix or after: a cursor may encode a whole name
	maxTicketRequest = 1 << 10     // bytes
)

// list answers GET /api/objects.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	req, err := listRequest(r.URL.Query())
	if err != nil {
		fail(w, err)
		return
	}
	page, err := s.cfg.Objects.List(r.Context(), req)
	if err != nil {
		fail(w, err)
		return
	}
	if page.Objects == nil {
		page.Objects = []Object{} // [] and not null
	}
	if req.Health {
		s.temper(r.Context(), page.Objects)
	}
	reply(w, http.StatusOK, page)
}

func listRequest(q url.Values) (ListRequest, error) {
	req := ListRequest{Prefix: q.Get("prefix"), After: q.Get("after"), Limit: DefaultPage}
	if len(req.Prefix) > maxQuery || len(req.After) > maxQuery {
		return req, strata.E(strata.Invalid, "prefix or after is longer than %d bytes", maxQuery)
	}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > MaxPage {
			return req, strata.E(strata.Invalid, "limit %q is not a number from 1 to %d", oneLine(text), MaxPage)
		}
		req.Limit = n
	}
	switch text := q.Get("health"); text {
	case "", "0":
	case "1":
		req.Health = true
	default:
		return req, strata.E(strata.Invalid, "health %q is neither 0 nor 1", oneLine(text))
	}
	return req, nil
}

// stat answers GET /api/objects/{hash}.
func (s *Server) stat(w http.ResponseWriter, r *http.Request) { s.one(w, r, s.cfg.Objects.Stat) }

// undelete answers POST /api/objects/{hash}/undelete with the object that is
// back.
func (s *Server) undelete(w http.ResponseWriter, r *http.Request) {
	s.one(w, r, s.cfg.Objects.Undelete)
}

// one answers with the object that do returns for the path's id.
func (s *Server) one(w http.ResponseWriter, r *http.Request, do func(context.Context, strata.ObjectID) (Object, error)) {
	id, err := strata.ParseObjectID(r.PathValue("id"))
	if err != nil {
		fail(w, err)
		return
	}
	object, err := do(r.Context(), id)
	if err != nil {
		fail(w, err)
		return
	}
	objects := []Object{object}
	s.temper(r.Context(), objects)
	reply(w, http.StatusOK, objects[0])
}

// delete answers DELETE /api/objects/{hash} with 204.
func (s *Server) delete(w http.ResponseWriter, r *http.Request) {
	id, err := strata.ParseObjectID(r.PathValue("id"))
	if err == nil {
		err = s.cfg.Objects.Delete(r.Context(), id)
	}
	if err != nil {
		fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// issueTicket answers POST /api/tickets for an object that exists.
func (s *Server) issueTicket(w http.ResponseWriter, r *http.Request) {
	var req TicketRequest
	body := &patient{body: io.LimitReader(r.Body, maxTicketRequest), rc: http.NewResponseController(w), idle: headerTimeout}
	err := json.NewDecoder(body).Decode(&req)
	if err != nil || req.Hash == (strata.ObjectID{}) {
		fail(w, strata.E(strata.Invalid, `the request is not like {"hash": "…"} with 32 hex digits`))
		return
	}
	if _, err := s.cfg.Objects.Stat(r.Context(), req.Hash); err != nil {
		fail(w, err)
		return
	}
	ticket, err := s.tickets.issue(req.Hash)
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, http.StatusOK, ticket)
}

// network answers GET /api/network.
func (s *Server) network(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Network == nil {
		fail(w, strata.E(strata.Unavailable, "this gateway does not watch the network: ask a validator's"))
		return
	}
	status, err := s.cfg.Network.Status(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	if status.Miners == nil {
		status.Miners = []Miner{}
	}
	reply(w, http.StatusOK, status)
}

// alive answers GET /api/health, for anyone.
func (s *Server) alive(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, AliveStatus{OK: true, Version: s.cfg.Version})
}
