package peer

import (
	"io"
	"sync"

	"strata"
)

// lent is a body that belongs to the caller again when a call has returned. The
// HTTP transport may go on reading a request's body after it has given its answer
// or its error; by then the caller may have other bytes there.
type lent struct {
	mu   sync.Mutex // guards body, and is held while bytes of it are copied
	body []byte     // nil once it was given back
}

func newLent(body []byte) *lent { return &lent{body: body} }

// end gives the body back: nobody reads it any more when end returns.
func (l *lent) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.body = nil
}

// reader returns a fresh reader of the body, for one request.
func (l *lent) reader() io.ReadCloser { return &lentReader{l: l} }

// lentReader reads a lent body once.
type lentReader struct {
	l  *lent
	at int
}

// Read implements io.Reader.
func (r *lentReader) Read(p []byte) (int, error) {
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	switch {
	case r.l.body == nil:
		return 0, strata.E(strata.Unavailable, "the request has ended")
	case r.at == len(r.l.body):
		return 0, io.EOF
	}
	n := copy(p, r.l.body[r.at:])
	r.at += n
	return n, nil
}

// Close implements io.Closer.
func (r *lentReader) Close() error { return nil }
