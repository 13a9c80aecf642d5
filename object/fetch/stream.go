package fetch

import (
	"context"
	"io"
	"time"

	"strata"
	"strata/catalog"
	"strata/envelope"
	"strata/object/segment"
)

// stream is one shard being read. Its fields but credit belong to fetch's caller.
type stream struct {
	shard  catalog.Shard
	from   int
	next   int           // the row that it sends next
	ended  bool          // it failed, or has sent everything
	slow   bool          // no longer counted on
	credit chan struct{} // one for each row that it may read
	began  time.Time
}

// event is a chunk of a row, or the error that ends its stream.
type event struct {
	st    *stream
	row   int
	plain []byte // from Source.chunks
	err   error
}

// start reads a shard from row r on.
func (f *fetch) start(h catalog.Shard, r int) {
	st := &stream{shard: h, from: r, next: r, credit: make(chan struct{}, f.to-r+ahead), began: f.s.now()}
	for range ahead {
		st.credit <- struct{}{}
	}
	f.streams = append(f.streams, st)
	go func() {
		if err := f.read(st, r); err != nil {
			f.send(event{st: st, err: err})
		}
	}()
}

// send passes an event on, unless the fetch has ended.
func (f *fetch) send(e event) bool {
	select {
	case f.events <- e:
		return true
	case <-f.ctx.Done():
		return false
	}
}

// read runs in a stream's goroutine.
func (f *fetch) read(st *stream, from int) error {
	sealer, err := segment.NewSealer(f.key, f.segment.Number, st.shard.Index)
	if err != nil {
		return err
	}
	for r := from; r < f.to; {
		to := f.ration(from, r)
		if err := f.request(st, sealer, r, to); err != nil {
			return err
		}
		r = to
	}
	return nil
}

// ration returns the end of the request that begins with row r, in a stream that
// began at from.
func (f *fetch) ration(from, r int) int {
	switch {
	case !f.opening || r-from >= ahead || f.to-from <= ahead:
		return f.to
	case r == from:
		return min(f.to, r+1)
	}
	return min(f.to, from+ahead)
}

// request reads rows from to to of a shard with one request.
func (f *fetch) request(st *stream, sealer *envelope.Sealer, from, to int) error {
	if !f.credit(st) {
		return f.ctx.Err()
	}
	ctx, small := f.ctx, to-from <= ahead
	if small {
		var end func()
		ctx, end = outlasting(f.ctx, drainLimit)
		defer end()
	}
	body, err := f.get(ctx, st.shard, from, to)
	if err != nil {
		return err
	}
	defer body.Close()
	if small {
		defer func() { _, _ = io.Copy(io.Discard, body) }() // nothing more is wanted but the end
	}
	for r := from; r < to; r++ {
		if r > from && !f.credit(st) {
			return f.ctx.Err()
		}
		plain, err := f.readChunk(body, sealer, r)
		if err != nil {
			return err
		}
		if !f.send(event{st: st, row: r, plain: plain}) {
			return f.ctx.Err()
		}
	}
	return nil
}

// credit waits until a stream may read another row; false when the fetch ends.
func (f *fetch) credit(st *stream) bool {
	select {
	case <-st.credit:
		return f.ctx.Err() == nil
	case <-f.ctx.Done():
		return false
	}
}

// outlasting returns a context that ends a while after ctx. end frees it.
func outlasting(ctx context.Context, d time.Duration) (out context.Context, end func()) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(d, cancel) })
	return out, func() { stop(); cancel() }
}

// readChunk reads and opens a shard's chunk of row r.
func (f *fetch) readChunk(body io.Reader, sealer *envelope.Sealer, r int) ([]byte, error) {
	plain, n, err := f.chunkFrom(body, sealer, r)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		// Never io.EOF itself: a reader would take it for the file's end.
		err = strata.E(strata.Unavailable, "a shard broke off %d bytes into chunk %d", n, r)
	}
	return plain, err
}
