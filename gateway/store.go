package gateway

import (
	"bufio"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"strata"
)

const (
	maxFields    = 8       // form fields skipped before the file
	maxField     = 4 << 10 // bytes in one of them
	formOverhead = 64 << 10
	maxMediaType = 255 // bytes
	binary       = "application/octet-stream"
)

// store answers POST /store/: one multipart field "file" (RFC 7578), streamed.
// A crash before Put has returned leaves nothing that the user was promised.
func (s *Server) store(w http.ResponseWriter, r *http.Request) {
	if err := enter(s.uploads, "uploads"); err != nil {
		fail(w, err)
		return
	}
	defer func() { <-s.uploads }()
	object, err := s.receive(w, r)
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, http.StatusOK, Stored{Status: true, Hash: object.ID})
}

// bodyBuffers are what uploads are read through. mime/multipart asks for 4 KiB
// at a time; without them each would cost a system call and a deadline.
var bodyBuffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 128<<10) }}

func (s *Server) receive(w http.ResponseWriter, r *http.Request) (Object, error) {
	if limit := s.cfg.MaxObject; limit > 0 && r.ContentLength > limit+formOverhead {
		return Object{}, s.tooLarge()
	}
	in, done := s.buffered(w, r)
	defer done() // Put is over: nobody reads any more
	r.Body = io.NopCloser(in)
	form, err := r.MultipartReader()
	if err != nil {
		return Object{}, strata.E(strata.Invalid, "the request is no file upload: send multipart/form-data with a field named file")
	}
	part, err := findFile(form)
	if err != nil {
		return Object{}, err
	}
	name, err := cleanName(rawFileName(part))
	if err != nil {
		return Object{}, err
	}
	body := &fileBody{part: bufio.NewReader(part), form: form, limit: s.cfg.MaxObject, tooLarge: s.tooLarge}
	if err := body.probe(); err != nil {
		return Object{}, err
	}
	object, err := s.cfg.Objects.Put(r.Context(), PutRequest{
		Name: name, ContentType: mediaType(part.Header.Get("Content-Type")), Size: -1, Body: body,
	})
	if body.err != nil {
		return Object{}, body.err // the cause, which Put may have wrapped
	}
	return object, err
}

// buffered returns the request's body, cut when it does not move.
func (s *Server) buffered(w http.ResponseWriter, r *http.Request) (in *bufio.Reader, done func()) {
	in = bodyBuffers.Get().(*bufio.Reader)
	in.Reset(&patient{body: r.Body, rc: http.NewResponseController(w), idle: s.cfg.Idle})
	return in, func() {
		in.Reset(nil)
		bodyBuffers.Put(in)
	}
}

func (s *Server) tooLarge() error {
	return strata.E(strata.TooLarge, "the file is larger than this gateway takes: %s", strata.ByteSize(s.cfg.MaxObject))
}

// findFile returns the part named "file", skipping a few small fields before it.
func findFile(form *multipart.Reader) (*multipart.Part, error) {
	for range maxFields {
		part, err := form.NextPart()
		if err == io.EOF { // bare at the end mark, wrapped when the body just stops
			break
		}
		if err != nil {
			return nil, brokenOff(err)
		}
		if part.FormName() == "file" {
			return part, nil
		}
		if _, err := io.CopyN(io.Discard, part, maxField+1); err == nil {
			return nil, strata.E(strata.Invalid, "the form field %q before the file is larger than %d bytes: send the file first", oneLine(part.FormName()), maxField)
		} else if !errors.Is(err, io.EOF) {
			return nil, brokenOff(err)
		}
	}
	return nil, strata.E(strata.Invalid, "the upload has no field named file")
}

// fileBody is the content of the file part. It ends well only if the whole
// form does, so Put never takes half a file for a whole one.
type fileBody struct {
	part     *bufio.Reader
	form     *multipart.Reader
	read     int64
	limit    int64 // 0: none
	tooLarge func() error
	err      error // why it ended badly; nil so far or after a good end
	done     bool
}

// probe refuses an empty file before anything is stored.
func (b *fileBody) probe() error {
	switch _, err := b.part.Peek(1); {
	case errors.Is(err, io.EOF):
		return strata.E(strata.Invalid, "the file is empty: there is nothing to store")
	case err != nil:
		return brokenOff(err)
	}
	return nil
}

func (b *fileBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.done {
		return 0, io.EOF
	}
	n, err := b.part.Read(p)
	b.read += int64(n)
	switch {
	case b.limit > 0 && b.read > b.limit:
		b.err = b.tooLarge()
		return 0, b.err
	case errors.Is(err, io.EOF):
		if b.err = b.finish(); b.err == nil {
			b.done = true
			return n, io.EOF
		}
		return 0, b.err
	case err != nil:
		b.err = brokenOff(err)
		return 0, b.err
	}
	return n, nil
}

// finish checks that the file was the form's last part.
func (b *fileBody) finish() error {
	switch _, err := b.form.NextPart(); {
	case err == io.EOF: // bare at the end mark, wrapped when the body just stops
		return nil
	case err != nil:
		return brokenOff(err)
	}
	return strata.E(strata.Invalid, "the form goes on after the file: send one file in a request, as the last field")
}

// brokenOff describes an upload that ended early or is no valid form.
func brokenOff(err error) error {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return strata.E(strata.Invalid, "the upload stopped moving and was cut: send it again: %w", err)
	}
	return strata.E(strata.Invalid, "the upload broke off before its end: send it again: %w", err)
}

// rawFileName reads the part's file name as sent: Part.FileName would turn a
// path into a name by this system's rules, and the sender's may differ.
func rawFileName(part *multipart.Part) string {
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	return params["filename"]
}

// cleanName returns the last element of a path written with / or \, or an
// Invalid error when that is no name for a file.
func cleanName(raw string) (string, error) {
	name := raw[strings.LastIndexAny(raw, `/\`)+1:]
	switch {
	case name == "" || name == "." || name == ".." || strings.TrimSpace(name) == "":
		return "", strata.E(strata.Invalid, "the file has no name: send one with the field file")
	case len(name) > MaxName:
		return "", strata.E(strata.Invalid, "the file's name has %d bytes: shorten it to at most %d", len(name), MaxName)
	case !utf8.ValidString(name):
		return "", strata.E(strata.Invalid, "the file's name is not UTF-8: rename it")
	case strings.ContainsFunc(name, unicode.IsControl):
		return "", strata.E(strata.Invalid, "the file's name has a control character: rename it")
	}
	return name, nil
}

// mediaType returns a checked media type, or that of unknown bytes.
func mediaType(s string) string {
	t, params, err := mime.ParseMediaType(s)
	if err != nil || len(s) > maxMediaType || !strings.Contains(t, "/") {
		return binary
	}
	if out := mime.FormatMediaType(t, params); out != "" {
		return out
	}
	return binary
}
