//go:build !unix

package durable

import (
	"errors"
	"syscall"
)

// Windows' own codes for a full disk: ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL.
func isQuota(err error) bool {
	return errors.Is(err, syscall.Errno(39)) || errors.Is(err, syscall.Errno(112))
}
