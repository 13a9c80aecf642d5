//go:build unix

package devnet

import "syscall"

// Pause stops a process where it is: its connections stay open and nothing is
// answered, as on a machine that hangs.
func (n *Network) Pause(name string) error { return n.signal(name, syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (n *Network) Resume(name string) error { return n.signal(name, syscall.SIGCONT) }
