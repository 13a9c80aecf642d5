package object

import (
	"bytes"
	"context"
	"io"

	"github.com/zeebo/blake3"

	"strata"
)

// rowAhead is how many rows are read before they are encoded.
const rowAhead = 3

// row is a piece of the body: full, but for the body's last.
type row struct {
	buf  []byte // the plaintext; its capacity is a full row
	last bool   // the body ends here
}

// takeRow returns a buffer for a row, from an earlier body if there is one.
func (s *Store) takeRow(n int) []byte {
	if p, ok := s.rows.Get().(*[]byte); ok && cap(*p) >= n {
		return (*p)[:n]
	}
	return make([]byte, n)
}

// giveRows takes the buffers of a body that has ended.
func (s *Store) giveRows(rr *rowReader) {
	for {
		select {
		case b := <-rr.free:
			if b = b[:cap(b)]; len(b) > 0 {
				s.rows.Put(&b)
			}
		default:
			return
		}
	}
}

// rowReader cuts a body into rows in a goroutine of its own, so that reading
// and encoding overlap. After rows is closed, size, digest and err are set.
type rowReader struct {
	take   func(int) []byte
	rows   chan row
	free   chan []byte
	size   int64
	digest [32]byte
	err    error
}

// readRows starts reading. The goroutine ends with the body, with an error, or
// soon after ctx is done; the caller drains rows to wait for it.
func (s *Store) readRows(ctx context.Context, body io.Reader, rowLen int, want int64) *rowReader {
	rr := &rowReader{take: s.takeRow, rows: make(chan row), free: make(chan []byte, rowAhead)}
	if want >= 0 {
		rowLen = int(min(int64(rowLen), want+1))
	}
	for range rowAhead {
		rr.free <- nil // made when first needed: a small body needs one
	}
	go func() {
		defer close(rr.rows)
		rr.err = rr.run(ctx, ctxReader{ctx, body}, rowLen, want)
	}()
	return rr
}

// run sends each row once it knows whether another follows.
func (rr *rowReader) run(ctx context.Context, body io.Reader, rowLen int, want int64) error {
	h := blake3.New()
	var held []byte
	for {
		buf := <-rr.free
		if buf == nil {
			buf = rr.take(rowLen)
		}
		n, end, err := readFull(body, buf[:rowLen])
		if err != nil {
			return err
		}
		rr.size += int64(n)
		if err := checkSize(rr.size, want, end); err != nil {
			return err
		}
		h.Write(buf[:n])
		if held != nil && !rr.send(ctx, row{held, n == 0}) {
			return ctx.Err()
		}
		if end && n > 0 && !rr.send(ctx, row{buf[:n], true}) {
			return ctx.Err()
		}
		if end {
			h.Sum(rr.digest[:0])
			return nil
		}
		held = buf[:n]
	}
}

func (rr *rowReader) send(ctx context.Context, r row) bool {
	select {
	case rr.rows <- r:
		return true
	case <-ctx.Done():
		return false
	}
}

// takeSmall reads a body that may be small. It returns its bytes if it is, else
// a body that yields all of it.
func takeSmall(ctx context.Context, r PutRequest) (plain []byte, body io.Reader, isSmall bool, err error) {
	if r.Alone || r.Size > packLimit || r.Size == 0 {
		return nil, r.Body, false, nil
	}
	most := int64(packLimit)
	if r.Size > 0 {
		most = r.Size
	}
	head := make([]byte, most+1)
	n, end, err := readFull(ctxReader{ctx, r.Body}, head)
	if err != nil {
		return nil, nil, false, err
	}
	if err := checkSize(int64(n), r.Size, end); err != nil {
		return nil, nil, false, err
	}
	if end && n > 0 {
		return head[:n], nil, true, nil
	}
	rest := r.Body
	if end {
		rest = eof{}
	}
	return nil, io.MultiReader(bytes.NewReader(head[:n]), rest), false, nil
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// readFull fills p and says whether the body ended. Unlike io.ReadFull it tells
// a body that ended from one that broke off with io.ErrUnexpectedEOF.
func readFull(body io.Reader, p []byte) (n int, end bool, err error) {
	for n < len(p) {
		m, err := body.Read(p[n:])
		n += m
		if err == io.EOF {
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}

// recycle gives a row's buffer back.
func (rr *rowReader) recycle(r row) { rr.free <- r.buf[:cap(r.buf)] }

// checkSize compares what was read with what was announced; −1 is unknown.
func checkSize(have, want int64, end bool) error {
	if want < 0 || have <= want && !end || have == want {
		return nil
	}
	if have > want {
		return strata.E(strata.Invalid, "the file is larger than the %d bytes announced: send it again with its size", want)
	}
	return strata.E(strata.Invalid, "the file ended after %d of %d bytes: send it again", have, want)
}

// ctxReader stops between two reads once its context is done.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
