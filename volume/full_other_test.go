//go:build !unix

package volume

import "syscall"

const errFull = syscall.Errno(112) // ERROR_DISK_FULL
