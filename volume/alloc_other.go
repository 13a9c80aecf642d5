//go:build !linux

package volume

// Allocate does nothing: writing takes the space.
func (f osFile) Allocate(_, _ int64) error { return nil }

// Punch does nothing: the slot's space waits for the next sector.
func (f osFile) Punch(_, _ int64) error { return nil }
