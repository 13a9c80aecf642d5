package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"strata"
)

// ranged gives http.ServeContent the io.ReadSeeker that it wants over a Content
// that is asked for ranges. ServeContent seeks, announces a length and then
// reads that many bytes; so the announced length says how much to ask for, and
// a small range of a large object fetches only itself.
type ranged struct {
	ctx     context.Context
	content Content
	size    int64
	header  http.Header // of the response, where Content-Length is announced

	pos  int64         // of the next Read
	body io.ReadCloser // reads from pos; nil after a Seek
	left int64         // of body
	err  error         // the first failure, which ServeContent swallows
}

// Seek implements io.Seeker; nothing is fetched.
func (r *ranged) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 || offset > r.size {
		return r.pos, strata.E(strata.Invalid, "position %d of a file of %d bytes", offset, r.size)
	}
	r.release()
	r.pos = offset
	return offset, nil
}

// Read implements io.Reader. The last bytes of a range are handed out only
// once the content has ended as it should.
func (r *ranged) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.pos == r.size {
		return 0, io.EOF
	}
	n, err := r.read(p)
	if err != nil {
		r.err = err
		return 0, err
	}
	r.pos += int64(n)
	return n, nil
}

func (r *ranged) read(p []byte) (int, error) {
	if r.body == nil {
		var err error
		r.left = r.announced()
		if r.body, err = r.content.Range(r.ctx, r.pos, r.left); err != nil {
			return 0, err
		}
	}
	n, err := r.body.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	switch {
	case r.left == 0 && (err == nil || errors.Is(err, io.EOF)):
		return n, r.end(err)
	case errors.Is(err, io.EOF):
		return 0, strata.E(strata.Corrupt, "the stored file ends %d bytes early", r.left)
	}
	return n, err
}

// end checks that nothing but the end follows, and lets the body go.
func (r *ranged) end(err error) error {
	for err == nil {
		var n int
		if n, err = r.body.Read(make([]byte, 1)); n > 0 {
			return strata.E(strata.Corrupt, "the stored file is longer than its record")
		}
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	r.release()
	return nil
}

// announced returns how many bytes from pos on will be read: the announced
// length, or all to the end where that covers several ranges.
func (r *ranged) announced() int64 {
	rest := r.size - r.pos
	if n, err := strconv.ParseInt(r.header.Get("Content-Length"), 10, 64); err == nil && n > 0 {
		return min(n, rest)
	}
	return rest
}

func (r *ranged) release() {
	if r.body != nil {
		_ = r.body.Close() // a reader: nothing is lost
		r.body = nil
	}
}
