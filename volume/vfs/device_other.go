//go:build !unix

package vfs

// Device implements FS: this system does not say.
func (OS) Device(string) (uint64, bool) { return 0, false }
