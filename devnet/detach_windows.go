package devnet

import (
	"os/exec"
	"syscall"
)

// detach puts the process in its own group, so that Ctrl-C on the console
// reaches the devnet alone, which then stops its processes in order.
func detach(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// killGroup kills a process; Windows has no signal for its children.
func killGroup(c *exec.Cmd) error { return c.Process.Kill() }
