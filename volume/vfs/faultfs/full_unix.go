//go:build unix

package faultfs

import "syscall"

const (
	errFull = syscall.ENOSPC
	errIO   = syscall.EIO
)
