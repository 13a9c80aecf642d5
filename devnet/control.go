package devnet

import (
	"context"
	"os"
	"slices"

	"strata"
)

// process returns the running or last process of a name.
func (n *Network) process(name string) (*Process, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.processes {
		if p.Name == name {
			return p, nil
		}
	}
	return nil, strata.E(strata.NotFound, "the network has no process %q", name)
}

// Kill ends a process at once, as a crash would: it has no time to write
// anything. It returns when the process is gone; one that is gone already is fine.
func (n *Network) Kill(name string) error {
	p, err := n.process(name)
	if err != nil {
		return err
	}
	_ = p.cmd.Process.Kill() // it may have ended meanwhile
	<-p.done
	return nil
}

// Restart starts a process that has ended once more, as it was started before,
// and returns once it serves, perhaps at another address. Code Conflict if it runs.
func (n *Network) Restart(ctx context.Context, name string) error {
	old, err := n.process(name)
	if err != nil {
		return err
	}
	if old.Alive() {
		return strata.E(strata.Conflict, "%s runs with pid %d: kill it first", name, old.PID)
	}
	n.mu.Lock()
	n.processes = slices.DeleteFunc(n.processes, func(p *Process) bool { return p == old })
	n.mu.Unlock()
	_, err = n.start(ctx, old.Role, old.Name, old.args...)
	return err
}

// signal sends a signal to a process that runs.
func (n *Network) signal(name string, s os.Signal) error {
	p, err := n.process(name)
	if err != nil {
		return err
	}
	return p.cmd.Process.Signal(s)
}
