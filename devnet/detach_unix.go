//go:build unix

package devnet

import (
	"os/exec"
	"syscall"
)

// detach puts the process in its own group, so that Ctrl-C on the terminal
// reaches the devnet alone, which then stops its processes in order.
func detach(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills a detached process and its children.
func killGroup(c *exec.Cmd) error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
