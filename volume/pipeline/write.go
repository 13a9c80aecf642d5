package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/ncw/directio"
	"golang.org/x/sync/errgroup"

	"strata"
	"strata/internal/hugepage"
	"strata/merkle"
	"strata/volume/vfs"
)

// Piece is how much is written or read at a time: large enough that a disk is
// at its full speed, small enough that whoever serves waits only for a few.
const Piece = 4 << 20

// inFlight is how many pieces a disk is given at once: it has the next when it is
// done with one, however late this process is told so.
const inFlight = 3

// Pace holds work on a disk back: to stay below a rate, and to let others go
// first. Both methods wait until n bytes may be moved, or return ctx's error.
type Pace interface {
	Write(ctx context.Context, n int) error
	Read(ctx context.Context, n int) error
}

// Unbound is the Pace that holds nothing back.
type Unbound struct{}

// Write implements Pace.
func (Unbound) Write(ctx context.Context, _ int) error { return ctx.Err() }

// Read implements Pace.
func (Unbound) Read(ctx context.Context, _ int) error { return ctx.Err() }

// Place is a stretch of a file.
type Place struct {
	File vfs.File
	Off  int64
	Sync func() error // makes what was written permanent
	Pace Pace
	// Settled calls a function once the file's disk no longer reads or writes
	// memory that it was given in a call that has returned: one that gives up
	// while a disk hangs returns before. nil: none does.
	Settled func(func())
	// Piece is how much is moved at a time; 0 is Piece. Tests make it small.
	Piece int
}

// settled calls do at once if err is nil, else as Settled says.
func (p Place) settled(err error, do func()) {
	if err == nil || p.Settled == nil {
		do()
		return
	}
	p.Settled(do)
}

func (p Place) piece() int {
	if p.Piece > 0 {
		return p.Piece
	}
	return Piece
}

// Write puts buf in its place past the cache, in large pieces, syncs it, reads
// it back from the disk and compares: a tree is returned only if the disk holds
// exactly what was in memory when it was hashed, so that an error of memory,
// bus or disk on the way does not become a root that is not there (code
// Corrupt). buf is not needed any more once free is called, which after an error
// may be later than the return, see Settled. watch may be nil.
//
// A crash leaves any part of buf in the place.
func (p Place) Write(ctx context.Context, buf []byte, free func(), watch Watch) (merkle.Tree, error) {
	if watch == nil {
		watch = func(_, _ uint64) {}
	}
	size := uint64(len(buf))
	tree, err := p.write(ctx, buf, func(done uint64) { watch(done, 2*size) })
	p.settled(err, free)
	if err != nil {
		return tree, err
	}
	root, err := p.Root(ctx, int64(size), func(done uint64) { watch(size+done, 2*size) })
	if err != nil {
		return tree, err
	}
	if root != tree.Root() {
		return tree, strata.E(strata.Corrupt, "the disk does not hold what was just written to it: check disk, cable and memory")
	}
	return tree, nil
}

// write writes and hashes buf at the same time, then syncs.
func (p Place) write(ctx context.Context, buf []byte, watch func(done uint64)) (merkle.Tree, error) {
	var tree merkle.Tree
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		tree, err = hash(gctx, buf)
		return err
	})
	g.Go(func() error { return p.writePieces(gctx, buf, watch) })
	if err := g.Wait(); err != nil {
		return merkle.Tree{}, err
	}
	if err := p.Sync(); err != nil {
		return merkle.Tree{}, fmt.Errorf("syncing a sector: %w", err)
	}
	return tree, nil
}

// writePieces writes buf.
func (p Place) writePieces(ctx context.Context, buf []byte, watch func(done uint64)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(inFlight)
	var mu sync.Mutex // guards done, and is held while watch is told
	var done uint64
	for at := 0; at < len(buf); at += p.piece() {
		piece := buf[at:min(at+p.piece(), len(buf))]
		if err := p.Pace.Write(ctx, len(piece)); err != nil {
			return cmp.Or(g.Wait(), err)
		}
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if _, err := p.File.WriteDirect(piece, p.Off+int64(at)); err != nil {
				return fmt.Errorf("writing a sector: %w", err)
			}
			mu.Lock()
			defer mu.Unlock()
			done += uint64(len(piece))
			watch(done)
			return nil
		})
	}
	return g.Wait()
}

// hash is merkle.Build that can be stopped.
func hash(ctx context.Context, buf []byte) (merkle.Tree, error) {
	b := merkle.NewBuilder(uint64(len(buf)))
	for len(buf) > 0 {
		if ctx.Err() != nil {
			return merkle.Tree{}, ctx.Err()
		}
		n := min(Piece, len(buf))
		if _, err := b.Write(buf[:n]); err != nil {
			return merkle.Tree{}, err
		}
		buf = buf[n:]
	}
	return b.Tree()
}

// Root returns the BLAKE3 hash of the first n bytes, as the disk holds them.
func (p Place) Root(ctx context.Context, n int64, watch func(done uint64)) (strata.Root, error) {
	b := merkle.NewBuilder(uint64(n))
	err := p.Read(ctx, n, func(piece []byte) error {
		_, werr := b.Write(piece)
		return werr
	}, watch)
	if err != nil {
		return strata.Root{}, err
	}
	tree, err := b.Tree()
	return tree.Root(), err
}

// scratch keeps a few buffers of one piece for the next reader. They are of
// huge pages: a direct read into memory in one piece is twice as fast as one
// into pages from everywhere.
var scratch = make(chan *hugepage.Memory, 2*inFlight)

// piece is a buffer for direct reads, of a piece or less.
type piece struct {
	bytes []byte
	mem   *hugepage.Memory // nil: the collector's
}

func take(n int64) (p piece) {
	if n < Piece/2 { // a small sector
		return piece{bytes: directio.AlignedBlock(int(n))}
	}
	select {
	case p.mem = <-scratch:
	default:
		var err error
		if p.mem, err = hugepage.Alloc(Piece); err != nil {
			return piece{bytes: directio.AlignedBlock(int(n))} // slower, and the collector may find the memory
		}
	}
	p.bytes = p.mem.Bytes()[:n]
	return p
}

func (p piece) give() {
	if p.mem == nil {
		return
	}
	select {
	case scratch <- p.mem:
	default:
		p.mem.Free()
	}
}

// coming is a piece that is being read.
type coming struct {
	piece
	err chan error // of the read, once it is over
}

// Read reads the first n bytes past the cache and hands them to visit in order,
// in equal pieces but for the last. The next ones are read while visit has one.
// After an error the disk may still read into their memory, which is given back
// when it is settled.
// watch, which may be nil, is told the bytes visited.
func (p Place) Read(ctx context.Context, n int64, visit func(piece []byte) error, watch func(done uint64)) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	pieces := make(chan coming, inFlight-1) // and one more waits for room
	go p.readAhead(ctx, n, pieces)
	done := uint64(0)
	for c := range pieces { // to the last, so that all buffers are given back
		if rerr := <-c.err; err == nil {
			err = rerr
		}
		if err == nil {
			err = visit(c.bytes)
		}
		done += uint64(len(c.bytes))
		p.settled(err, c.give)
		if err != nil {
			stop()
		} else if watch != nil {
			watch(done)
		}
	}
	return err
}

// readAhead sends the pieces as their reads begin, and ends with the first that
// may not begin.
func (p Place) readAhead(ctx context.Context, n int64, pieces chan<- coming) {
	defer close(pieces)
	for at := int64(0); at < n; at += int64(p.piece()) {
		size := min(int64(p.piece()), n-at)
		c := coming{err: make(chan error, 1)}
		if err := cmp.Or(ctx.Err(), p.Pace.Read(ctx, int(size))); err != nil {
			c.err <- err
			pieces <- c
			return
		}
		c.piece = take(size)
		go func() { c.err <- p.readPiece(c.bytes, at) }()
		pieces <- c
	}
}

func (p Place) readPiece(b []byte, at int64) error {
	if _, err := p.File.ReadDirect(b, p.Off+at); err != nil {
		return fmt.Errorf("reading a sector: %w", err)
	}
	return nil
}
