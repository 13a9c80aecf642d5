package vfs

import "unsafe"

// address returns where b lies in memory.
func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
