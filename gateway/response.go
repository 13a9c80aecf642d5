package gateway

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// response counts what is sent and moves the connection's write deadline on
// before each write, so that a client may be slow for hours but not silent.
type response struct {
	http.ResponseWriter
	rc      *http.ResponseController
	idle    time.Duration
	status  int
	written int64
}

// extend moves the deadline on, by the connection's clock. A recorder in a test
// has no connection, which does no harm.
func (w *response) extend() { _ = w.rc.SetWriteDeadline(time.Now().Add(w.idle)) }

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) WriteHeader(status int) {
	if w.status == 0 || w.status < 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.extend()
	n, err := w.ResponseWriter.Write(p)
	w.written += int64(n)
	return n, err
}

// late holds the status back until the first byte of the body, so that a
// file that cannot be read is answered with an error and not with half a 200.
// The text of a refusal is dropped: the caller writes a better one.
type late struct {
	http.ResponseWriter
	status int  // to send, or sent
	sent   bool // the header is out
}

func (w *late) WriteHeader(status int) { w.status = status }

// commit sends the header that was held back.
func (w *late) commit() {
	if !w.sent {
		w.ResponseWriter.WriteHeader(w.status)
		w.sent = true
	}
}

func (w *late) Write(p []byte) (int, error) {
	if w.status >= http.StatusBadRequest {
		return len(p), nil
	}
	w.commit()
	return w.ResponseWriter.Write(p)
}

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// ReadFrom is what io.Copy uses: larger steps mean fewer deadlines to set.
func (w *late) ReadFrom(r io.Reader) (int64, error) {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, *buf)
}

// patient moves the connection's read deadline on before each read of a
// request's body, and lifts it at the end: armed while the answer is computed
// it would cancel the request.
type patient struct {
	body io.Reader
	rc   *http.ResponseController
	idle time.Duration
}

func (p *patient) Read(b []byte) (int, error) {
	_ = p.rc.SetReadDeadline(time.Now().Add(p.idle))
	n, err := p.body.Read(b)
	if err != nil {
		_ = p.rc.SetReadDeadline(time.Time{})
	}
	return n, err
}
