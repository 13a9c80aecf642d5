// Package faultfs is a file system whose disks lose power, fill, fail, vanish
// and come back, hang, flip bits and answer slowly, for tests of what is built on
// package vfs. It keeps real files, so that a test can look at what is left.
package faultfs

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"strata/internal/durable"
	"strata/volume/vfs"
)

// ErrCut is what every operation returns after the power went.
var ErrCut = errors.New("the power is off")

// Loss is what a cut leaves of writes that no sync followed.
type Loss int

// The losses.
const (
	LoseAll  Loss = iota // the disk had written none of them
	KeepAll              // all of them
	TearHalf             // the first half of each
	LoseOdd              // every other one: a disk does not keep the order
	Losses               // how many there are
)

// FS is the operating system's files with faults in them. Its zero value has
// none. The exported fields are set before use; methods change it at any time.
// It is safe for concurrent use.
type FS struct {
	// At is the write, sync or commit, from 1, at which the power goes: that
	// one is the last, and everything after it fails with ErrCut. 0: never.
	At int
	// Done says that the operation at the cut takes effect.
	Done bool
	// Keep is what Crash leaves of unsynced writes.
	Keep Loss
	// Seek is how long each read takes. The disk has one arm: reads wait for
	// each other.
	Seek time.Duration

	os vfs.OS

	mu      sync.Mutex // guards what follows
	count   int
	off     bool // the power went at Cut
	files   []*file
	full    bool
	noSpace bool
	gone    []string // directories on disks that fail
	hangs   []hang
	reads   map[string]Reads
	arm     chan struct{} // of one place, taken by the read that is being made
}

// hang is a disk that does not answer until it is let go.
type hang struct {
	dir string
	let chan struct{}
}

// Reads is what was read of a file.
type Reads struct {
	Calls int
	Bytes int64
}

// file is one open file.
type file struct {
	vfs.File
	fs   *FS
	path string

	broken bool    // opened before its disk failed; the FS's mu guards this and the next
	undo   []patch // of writes since the last sync
}

type patch struct {
	off  int64
	old  []byte
	size int64 // of the file before
}

// Count returns how many writes, syncs and commits there were.
func (f *FS) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

// Fill makes every allocation and write fail as on a full disk, or no longer.
func (f *FS) Fill(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full = on
}

// Reserve makes Space say that nearly nothing is free, or no longer.
func (f *FS) Reserve(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noSpace = on
}

// Fail makes everything below dir fail as on a disk that was pulled out. Files
// that are open then stay broken after Mend, as they do on a real one.
func (f *FS) Fail(dir string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gone = append(f.gone, filepath.Clean(dir))
	for _, c := range f.files {
		c.broken = c.broken || f.failed(c.path)
	}
}

// Mend brings dir's disk back.
func (f *FS) Mend(dir string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, g := range f.gone {
		if g == filepath.Clean(dir) {
			f.gone = append(f.gone[:i], f.gone[i+1:]...)
			return
		}
	}
}

// Writes is put after a file's path for Hang to hold its writes only.
const Writes = ":writes"

// Hang makes every operation below dir neither succeed nor fail until the result
// is called; then those that were begun go on.
func (f *FS) Hang(dir string) (release func()) {
	h := hang{filepath.Clean(dir), make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hangs = append(f.hangs, h)
	return sync.OnceFunc(func() {
		f.mu.Lock()
		f.hangs = slices.DeleteFunc(f.hangs, func(o hang) bool { return o == h })
		f.mu.Unlock()
		close(h.let)
	})
}

// Pass lets new operations below dir go on; those that hang stay so until they
// are released.
func (f *FS) Pass(dir string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hangs = slices.DeleteFunc(f.hangs, func(h hang) bool { return h.dir == filepath.Clean(dir) })
}

// stuck returns when the disk of path does not hang. The caller does not hold mu.
func (f *FS) stuck(path string) {
	for {
		f.mu.Lock()
		i := slices.IndexFunc(f.hangs, func(h hang) bool { return strings.HasPrefix(path, h.dir) })
		var let chan struct{}
		if i >= 0 {
			let = f.hangs[i].let
		}
		f.mu.Unlock()
		if let == nil {
			return
		}
		<-let
	}
}

// failed says whether path lies on a failed disk. The caller holds mu.
func (f *FS) failed(path string) bool {
	for _, g := range f.gone {
		if strings.HasPrefix(path, g) {
			return true
		}
	}
	return false
}

// TakeReads returns what was read of each file since the last call, by base name.
func (f *FS) TakeReads() map[string]Reads {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.reads
	f.reads = nil
	return r
}

// Cut lets the power go now: nothing after it takes effect.
func (f *FS) Cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.off = true
}

// step counts an operation and says whether to do it and whether it succeeds.
// The caller holds mu.
func (f *FS) step() (act bool, err error) {
	f.count++
	switch {
	case f.off:
		return false, ErrCut
	case f.At == 0 || f.count < f.At:
		return true, nil
	case f.count == f.At:
		return f.Done, ErrCut
	default:
		return false, ErrCut
	}
}

// Open implements vfs.FS.
func (f *FS) Open(path string) (vfs.File, error) {
	f.stuck(path)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed(path) {
		return nil, &os.PathError{Op: "open", Path: path, Err: errIO}
	}
	r, err := f.os.Open(path)
	if err != nil {
		return nil, err
	}
	c := &file{File: r, fs: f, path: path}
	f.files = append(f.files, c)
	return c, nil
}

// OpenIndex implements vfs.FS. The index's fsyncs are left out like those of
// files: a commit that returned is never lost here.
func (f *FS) OpenIndex(ctx context.Context, path string) (*durable.DB, error) {
	db, err := f.os.OpenIndex(ctx, path)
	if err != nil {
		return nil, err
	}
	if _, err := db.Write.ExecContext(ctx, "PRAGMA synchronous = OFF"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Commit implements vfs.FS.
func (f *FS) Commit(path string, tx *sql.Tx) error {
	f.stuck(path)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed(path) {
		return &os.PathError{Op: "commit", Path: path, Err: errIO}
	}
	act, err := f.step()
	if act {
		return errors.Join(tx.Commit(), err)
	}
	return err
}

// Space implements vfs.FS.
func (f *FS) Space(path string) (total, free uint64, err error) {
	f.stuck(path)
	f.mu.Lock()
	failed, noSpace := f.failed(path), f.noSpace
	f.mu.Unlock()
	switch {
	case failed:
		return 0, 0, &os.PathError{Op: "statfs", Path: path, Err: errIO}
	case noSpace:
		return 1 << 40, 1 << 20, nil
	}
	return f.os.Space(path)
}

// Device implements vfs.FS.
func (f *FS) Device(path string) (uint64, bool) { return f.os.Device(path) }

// failed says whether the file's disk has failed since it was opened. The
// caller holds the FS's mu.
func (c *file) failed() bool { return c.broken || c.fs.failed(c.path) }

// WriteAt implements vfs.File.
func (c *file) WriteAt(b []byte, off int64) (int, error) { return c.write(b, off, c.File.WriteAt) }

// WriteDirect implements vfs.File.
func (c *file) WriteDirect(b []byte, off int64) (int, error) {
	return c.write(b, off, c.File.WriteDirect)
}

func (c *file) write(b []byte, off int64, write func([]byte, int64) (int, error)) (int, error) {
	c.fs.stuck(c.path + Writes)
	c.fs.mu.Lock()
	defer c.fs.mu.Unlock()
	switch {
	case c.failed():
		return 0, &os.PathError{Op: "write", Path: c.path, Err: errIO}
	case c.fs.full:
		return 0, &os.PathError{Op: "write", Path: c.path, Err: errFull}
	}
	act, err := c.fs.step()
	if !act {
		return 0, err
	}
	size, serr := c.Size()
	old := make([]byte, len(b))
	_, rerr := c.File.ReadAt(old, off)
	if rerr != nil && !errors.Is(rerr, io.EOF) {
		return 0, rerr
	}
	c.undo = append(c.undo, patch{off, old, size})
	n, werr := write(b, off)
	return n, errors.Join(serr, werr, err)
}

// ReadAt implements vfs.File.
func (c *file) ReadAt(b []byte, off int64) (int, error) { return c.read(b, off, c.File.ReadAt) }

// ReadDirect implements vfs.File.
func (c *file) ReadDirect(b []byte, off int64) (int, error) {
	return c.read(b, off, c.File.ReadDirect)
}

func (c *file) read(b []byte, off int64, read func([]byte, int64) (int, error)) (int, error) {
	f := c.fs
	f.stuck(c.path)
	f.mu.Lock()
	failed := c.failed()
	if f.reads == nil {
		f.reads = map[string]Reads{}
	}
	name := filepath.Base(c.path)
	r := f.reads[name]
	f.reads[name] = Reads{r.Calls + 1, r.Bytes + int64(len(b))}
	if f.arm == nil {
		f.arm = make(chan struct{}, 1) // unlike a mutex, it lets a fake clock go on
	}
	f.mu.Unlock()
	if failed {
		return 0, &os.PathError{Op: "read", Path: c.path, Err: errIO}
	}
	if f.Seek > 0 {
		f.arm <- struct{}{}
		defer func() { <-f.arm }()
		time.Sleep(f.Seek)
	}
	return read(b, off)
}

// Sync implements vfs.File.
func (c *file) Sync() error {
	c.fs.stuck(c.path)
	c.fs.mu.Lock()
	defer c.fs.mu.Unlock()
	if c.failed() {
		return &os.PathError{Op: "sync", Path: c.path, Err: errIO}
	}
	act, err := c.fs.step()
	if act {
		c.undo = nil // a real fsync only costs time in a test
	}
	return err
}

// Truncate implements vfs.File.
func (c *file) Truncate(size int64) error {
	return c.other("truncate", func() error { return c.File.Truncate(size) })
}

// Size implements vfs.File.
func (c *file) Size() (int64, error) { return c.File.Size() }

// Allocate implements vfs.File.
func (c *file) Allocate(off, n int64) error {
	return c.other("allocate", func() error { return c.File.Allocate(off, n) })
}

// Punch implements vfs.File.
func (c *file) Punch(off, n int64) error {
	return c.other("punch", func() error { return c.File.Punch(off, n) })
}

func (c *file) other(op string, do func() error) error {
	c.fs.stuck(c.path)
	c.fs.mu.Lock()
	failed := c.failed()
	c.fs.mu.Unlock()
	if failed {
		return &os.PathError{Op: op, Path: c.path, Err: errIO}
	}
	return do()
}

// Crash applies the loss to unsynced writes, and says whether there were any.
// Whoever used the files has closed them.
func (f *FS) Crash() (lost bool, err error) {
	for _, c := range f.files {
		lost = lost || len(c.undo) > 0
		if err := f.restore(c); err != nil {
			return lost, err
		}
	}
	return lost, nil
}

// restore undoes a file's unsynced writes, newest first.
func (f *FS) restore(c *file) error {
	w, err := os.OpenFile(c.path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil // it was deleted
	}
	if err != nil {
		return err
	}
	for i := len(c.undo) - 1; i >= 0 && err == nil; i-- {
		p := c.undo[i]
		if f.Keep == KeepAll || (f.Keep == LoseOdd && i%2 == 0) {
			continue
		}
		from := 0
		if f.Keep == TearHalf {
			from = len(p.old) / 2
		}
		if _, err = w.WriteAt(p.old[from:], p.off+int64(from)); err == nil && f.Keep == LoseAll {
			err = w.Truncate(p.size)
		}
	}
	return errors.Join(err, w.Close())
}
