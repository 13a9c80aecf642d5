//go:build !unix

package faultfs

import "syscall"

const (
	errFull = syscall.Errno(112)  // ERROR_DISK_FULL
	errIO   = syscall.Errno(1117) // ERROR_IO_DEVICE
)
