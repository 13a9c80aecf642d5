//go:build !linux

package vfs

// Allocate does nothing: writing takes the space.
func (f *osFile) Allocate(_, _ int64) error { return nil }

// Punch does nothing: the slot's space waits for the next sector.
func (f *osFile) Punch(_, _ int64) error { return nil }

// refused says whether a file system does not do direct I/O after all.
func refused(error) bool { return false }

// forget does nothing: what is in the cache is read from there.
func (f *osFile) forget(_, _ int64) {}
