//go:build unix

package hugepage

import "golang.org/x/sys/unix"

func reserve(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
}

func release(whole []byte) {
	_ = unix.Munmap(whole) // fails only for memory that Mmap did not return
}
