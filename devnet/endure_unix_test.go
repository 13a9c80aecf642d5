//go:build unix

package devnet

import (
	"os"
	"syscall"
)

// suspend stops a process without ending it: its sockets stay open and nothing
// answers. resume lets it go on.
func suspend(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
