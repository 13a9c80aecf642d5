package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"strata"
)

// storeKey answers PUT /api/files/{key}: the body is the file, which replaces
// what the key named (RFC 9110 §9.3.4), on the condition of If-Match or
// If-None-Match (§13.1). A crash leaves the key with the old file or the new one,
// with the new one once this has answered.
func (s *Server) storeKey(w http.ResponseWriter, r *http.Request) {
	if err := enter(s.uploads, "uploads"); err != nil {
		fail(w, err)
		return
	}
	defer func() { <-s.uploads }()
	req, err := s.keyedRequest(r)
	if err != nil {
		fail(w, err)
		return
	}
	in, done := s.buffered(w, r)
	defer done()
	body := &limited{body: in, left: s.cfg.MaxObject, tooLarge: s.tooLarge}
	req.Body = body
	object, err := s.cfg.Objects.Put(r.Context(), req)
	switch {
	case body.err != nil:
		fail(w, body.err) // the cause, which Put may have wrapped
	case err != nil:
		failConditional(w, req.Condition, err)
	default:
		w.Header().Set("Etag", entityTag(object.ID))
		reply(w, http.StatusOK, Stored{Status: true, Hash: object.ID})
	}
}

// retrieveKey answers GET and HEAD /api/files/{key} as retrieve does.
func (s *Server) retrieveKey(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	err := CheckKey(key)
	if err == nil {
		err = enter(s.downloads, "downloads")
	}
	if err != nil {
		fail(w, err)
		return
	}
	defer func() { <-s.downloads }()
	s.send(w, r, func(ctx context.Context) (Object, Content, error) { return s.cfg.Objects.OpenKey(ctx, key) })
}

// deleteKey answers DELETE /api/files/{key} with 204 and the entity tag of the
// file that is gone, on the condition of If-Match. What names no file is 404, so
// that a misspelt key is noticed.
func (s *Server) deleteKey(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	err := CheckKey(key)
	var c Condition
	if err == nil {
		c, err = condition(r.Header)
	}
	if err == nil && c.Absent {
		err = strata.E(strata.Invalid, `there is nothing to delete where no file has the key: send If-Match: "HASH", or no condition`)
	}
	if err != nil {
		fail(w, err)
		return
	}
	id, err := s.cfg.Objects.DeleteKey(r.Context(), key, c.Match)
	if err != nil {
		failConditional(w, c, err)
		return
	}
	w.Header().Set("Etag", entityTag(id))
	w.WriteHeader(http.StatusNoContent)
}

// failConditional answers with err, a conflict under a condition with 412 (RFC
// 9110 §15.5.13).
func failConditional(w http.ResponseWriter, c Condition, err error) {
	if strata.CodeOf(err) == strata.Conflict && c != (Condition{}) {
		reply(w, http.StatusPreconditionFailed, Failure{Code: strata.Conflict, Error: oneLine(err.Error())})
		return
	}
	fail(w, err)
}

func (s *Server) keyedRequest(r *http.Request) (PutRequest, error) {
	req := PutRequest{ContentType: mediaType(r.Header.Get("Content-Type")), Size: r.ContentLength, Keyed: true}
	if limit := s.cfg.MaxObject; limit > 0 && r.ContentLength > limit {
		return req, s.tooLarge()
	}
	req.Name = r.PathValue("key")
	err := CheckKey(req.Name)
	if err != nil {
		return req, err
	}
	req.Condition, err = condition(r.Header)
	return req, err
}

// condition reads If-Match with one entity tag, or If-None-Match with *.
func condition(h http.Header) (c Condition, err error) {
	match, absent := h.Get("If-Match"), h.Get("If-None-Match")
	switch {
	case match == "" && absent == "":
		return c, nil
	case match == "" && absent == "*":
		return Condition{Absent: true}, nil
	case absent == "" && len(match) > 2 && strings.HasPrefix(match, `"`) && strings.HasSuffix(match, `"`):
		if c.Match, err = strata.ParseObjectID(match[1 : len(match)-1]); err == nil {
			return c, nil
		}
	}
	return c, strata.E(strata.Invalid, `a condition is either If-Match: "HASH" or If-None-Match: *`)
}

// CheckKey says whether a key can name a file: UTF-8 of at most MaxKey bytes
// without control characters, in parts divided by / of which none is blank, "."
// or "..", so that it stands in an address as it is. The error has code Invalid.
func CheckKey(key string) error {
	switch {
	case len(key) > MaxKey:
		return strata.E(strata.Invalid, "the key has %d bytes: shorten it to at most %d", len(key), MaxKey)
	case !utf8.ValidString(key):
		return strata.E(strata.Invalid, "the key is not UTF-8: choose another")
	case strings.ContainsFunc(key, unicode.IsControl):
		return strata.E(strata.Invalid, "the key has a control character: choose another")
	}
	for part := range strings.SplitSeq(key, "/") {
		if strings.TrimSpace(part) == "" || part == "." || part == ".." {
			return strata.E(strata.Invalid, "the key %q has a blank part, . or ..: write it like folder/name", key)
		}
	}
	return nil
}

// limited is a body of at most left bytes, 0: any number.
type limited struct {
	body     io.Reader
	left     int64
	tooLarge func() error
	err      error // why it ended badly; nil so far or after a good end
}

func (l *limited) Read(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	n, err := l.body.Read(p)
	switch {
	case l.left > 0 && int64(n) > l.left:
		l.err = l.tooLarge()
		return 0, l.err
	case l.left > 0 && int64(n) == l.left:
		l.left = -1 // one byte more is too much
	case l.left > 0:
		l.left -= int64(n)
	case l.left < 0 && n > 0:
		l.err = l.tooLarge()
		return 0, l.err
	}
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = brokenOff(err)
		return 0, l.err
	}
	return n, err
}
