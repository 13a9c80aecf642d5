//go:build unix

package volume

import "syscall"

const errFull = syscall.ENOSPC
