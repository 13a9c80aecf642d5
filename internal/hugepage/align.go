package hugepage

import "unsafe"

// offset returns how far from its start the first aligned byte of b is.
func offset(b []byte) int {
	return int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (Align - 1))
}
