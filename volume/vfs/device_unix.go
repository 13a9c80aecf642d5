//go:build unix

package vfs

import (
	"os"
	"syscall"
)

// Device implements FS.
func (OS) Device(path string) (uint64, bool) {
	st, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return uint64(sys.Dev), true // its type differs by system
}
