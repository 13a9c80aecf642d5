package peer

import (
	"io"
	"sync"

	"strata"
)

// lentPiece is how much of a lent body is written at a time.
const lentPiece = 256 << 10

// lent is a body that belongs to the caller again when a call has returned. The
// HTTP transport may go on reading a request's body after it has given its answer
// or its error; by then the caller may have other bytes there.
type lent struct {
	mu   sync.Mutex // guards body, and is held while bytes of it are used
	body []byte     // nil once it was given back
}

func newLent(body []byte) *lent { return &lent{body: body} }

// end gives the body back: nobody reads it any more when end returns. A write
// under way ends first, which takes no longer than closing its connection.
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

func (r *lentReader) rest() ([]byte, error) {
	switch {
	case r.l.body == nil:
		return nil, strata.E(strata.Unavailable, "the request has ended")
	case r.at == len(r.l.body):
		return nil, io.EOF
	}
	return r.l.body[r.at:], nil
}

// Read implements io.Reader.
func (r *lentReader) Read(p []byte) (int, error) {
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	b, err := r.rest()
	n := copy(p, b)
	r.at += n
	return n, err
}

// WriteTo implements io.WriterTo, which spares a copy.
func (r *lentReader) WriteTo(w io.Writer) (total int64, err error) {
	for {
		n, err := r.writePiece(w)
		total += int64(n)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

func (r *lentReader) writePiece(w io.Writer) (int, error) {
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	b, err := r.rest()
	if err != nil {
		return 0, err
	}
	n, err := w.Write(b[:min(len(b), lentPiece)])
	r.at += n
	return n, err
}

// Close implements io.Closer.
func (r *lentReader) Close() error { return nil }

var _ io.WriterTo = (*lentReader)(nil)
