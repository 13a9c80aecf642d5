package gateway

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"strata"
)

// retrieve answers GET and HEAD /retrieve/?hash=, with ranges (RFC 9110 §14),
// for the token or for a ticket.
func (s *Server) retrieve(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	id, err := strata.ParseObjectID(query.Get("hash"))
	if ticket := query.Get("ticket"); ticket != "" {
		if err == nil && r.Method == http.MethodGet && !s.tickets.redeem(ticket, id) {
			err = strata.E(strata.Unauthenticated, "the download link was used or is too old: press download again")
		} else if err == nil && r.Method != http.MethodGet {
			err = strata.E(strata.Unauthenticated, "a download link is good for one GET only")
		}
	} else if authErr := s.authenticate(r); authErr != nil {
		err = authErr
	}
	if err == nil {
		err = enter(s.downloads, "downloads")
	}
	if err != nil {
		fail(w, err)
		return
	}
	defer func() { <-s.downloads }()
	s.send(w, r, func(ctx context.Context) (Object, Content, error) { return s.cfg.Objects.Open(ctx, id) })
}

// send streams an object. The id is random and its content never changes, so
// it is a strong entity tag.
func (s *Server) send(w http.ResponseWriter, r *http.Request, open func(context.Context) (Object, Content, error)) {
	object, content, err := open(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	defer content.Close()
	h := w.Header()
	h.Set("Content-Type", mediaType(object.ContentType))
	h.Set("Content-Disposition", attachment(object.Name))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'") // should a browser show it after all
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Etag", entityTag(object.ID))

	out := &late{ResponseWriter: w}
	body := &ranged{ctx: r.Context(), content: content, size: object.Size, header: h}
	defer body.release()
	http.ServeContent(out, r, "", object.Created, body)
	switch {
	case body.err != nil && !out.sent:
		fail(w, body.err)
	case out.status >= http.StatusBadRequest:
		h.Del("Content-Disposition")
		reply(w, out.status, Failure{Code: strata.Invalid, Error: fmt.Sprintf("the range lies outside the file, which has %d bytes", object.Size)})
	case body.err == nil:
		out.commit()
	default:
		// The declared length is not reached, so the client knows, and may
		// resume.
		s.cfg.Log.WarnContext(r.Context(), "a download broke off", "object", object.ID, "error", oneLine(body.err.Error()))
	}
}

// entityTag is an object's, and that of a key while it names the object.
func entityTag(id strata.ObjectID) string { return `"` + id.String() + `"` }

// attachment is the Content-Disposition of a file to save (RFC 6266): a plain
// name for old clients and the exact one for the rest.
func attachment(name string) string {
	// A key has parts, and Windows divides paths by \ too.
	name = cmp.Or(name[strings.LastIndexAny(name, `/\`)+1:], "file")
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
	out := `attachment; filename="` + plain + `"`
	if plain != name {
		out += "; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
	}
	return out
}
