package disk

import (
	"context"

	"strata/volume/vfs"
)

// patient is a file whose operations end when patience with its disk does.
type patient struct {
	d    *Disk
	file vfs.File
}

func (f patient) ask(op func() error) error {
	_, err := Ask(context.Background(), f.d, func() (struct{}, error) { return struct{}{}, op() })
	return err
}

func (f patient) count(op func() (int, error)) (int, error) {
	return Ask(context.Background(), f.d, op)
}

// ReadAt implements vfs.File.
func (f patient) ReadAt(b []byte, off int64) (int, error) {
	return f.count(func() (int, error) { return f.file.ReadAt(b, off) })
}

// ReadDirect implements vfs.File.
func (f patient) ReadDirect(b []byte, off int64) (int, error) {
	return f.count(func() (int, error) { return f.file.ReadDirect(b, off) })
}

// WriteAt implements vfs.File.
func (f patient) WriteAt(b []byte, off int64) (int, error) {
	return f.count(func() (int, error) { return f.file.WriteAt(b, off) })
}

// WriteDirect implements vfs.File.
func (f patient) WriteDirect(b []byte, off int64) (int, error) {
	return f.count(func() (int, error) { return f.file.WriteDirect(b, off) })
}

// Sync implements vfs.File.
func (f patient) Sync() error { return f.ask(f.file.Sync) }

// Truncate implements vfs.File.
func (f patient) Truncate(size int64) error {
	return f.ask(func() error { return f.file.Truncate(size) })
}

// Size implements vfs.File.
func (f patient) Size() (int64, error) { return Ask(context.Background(), f.d, f.file.Size) }

// Allocate implements vfs.File.
func (f patient) Allocate(off, n int64) error {
	return f.ask(func() error { return f.file.Allocate(off, n) })
}

// Punch implements vfs.File.
func (f patient) Punch(off, n int64) error {
	return f.ask(func() error { return f.file.Punch(off, n) })
}

// Close implements vfs.File.
func (f patient) Close() error { return f.ask(f.file.Close) }
