// Package vfs is the seam under a miner's sector files and their index: the few
// operations after which a crash or a failing disk can leave something
// different. OS is the operating system's; package faultfs puts a layer over it
// in which disks lose power, fill, fail, vanish and come back.
package vfs

import (
	"context"
	"database/sql"
	"io"

	"strata/internal/durable"
)

// Align is the alignment in bytes, of memory, offset and length, at which
// ReadDirect and WriteDirect go past the system's cache.
const Align = 4096

// FS is where sector files and index lie. Implementations are safe for
// concurrent use.
type FS interface {
	// Open opens a file for reading and writing; a missing one is created, and
	// its name is permanent when Open returns.
	Open(path string) (File, error)
	// OpenIndex opens or creates the index at path.
	OpenIndex(ctx context.Context, path string) (*durable.DB, error)
	// Commit commits a transaction of the index at path.
	Commit(path string, tx *sql.Tx) error
	// Space returns the size of the file system that holds path and what is
	// free there for an ordinary user, in bytes.
	Space(path string) (total, free uint64, err error)
	// Device returns a number that two paths have in common if they lie on one
	// file system, and false where the system does not say.
	Device(path string) (id uint64, ok bool)
}

// File is a data or hashes file.
type File interface {
	io.ReaderAt
	io.WriterAt
	// WriteDirect is WriteAt past the system's cache: what passes once should
	// not push out what is read often. Where the file system or the alignment
	// does not allow that, it is WriteAt. Sync makes it permanent.
	WriteDirect(b []byte, off int64) (int, error)
	// ReadDirect is ReadAt from the disk itself rather than the cache, so that
	// it finds what the disk holds. Where the system does not allow that, it is
	// ReadAt. What was written to the place must have been synced.
	ReadDirect(b []byte, off int64) (int, error)
	// Sync makes all writes so far permanent.
	Sync() error
	// Truncate cuts or extends (with a hole) the file.
	Truncate(size int64) error
	// Size returns the file's length in bytes.
	Size() (int64, error)
	// Allocate takes disk space for n bytes at off, extending the file. Where
	// the system cannot, it does nothing and writes take the space.
	Allocate(off, n int64) error
	// Punch gives the space of n bytes at off back; they read as zero. Where
	// the system cannot, it does nothing and the space waits to be reused.
	Punch(off, n int64) error
	Close() error
}
