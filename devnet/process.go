package devnet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"strata"
)

// Ready is what a process writes to its --ready_file once it serves.
type Ready struct {
	PID       int               `json:"pid"`
	Addresses map[string]string `json:"addresses"` // e.g. "axon": "127.0.0.1:8091"
}

// Process is one entry of processes.json. PID and Addresses are zero until it
// serves; the Network's mu guards them until Up has returned.
type Process struct {
	Role      string            `json:"role"`
	Name      string            `json:"name"`
	PID       int               `json:"pid"`
	Addresses map[string]string `json:"addresses"`
	Log       string            `json:"log"`

	args  []string // as start was given them
	cmd   *exec.Cmd
	stdin io.Closer     // closing it tells the process to end
	done  chan struct{} // closed once it has ended
	err   error         // how it ended; read after done
}

const pollEvery = 20 * time.Millisecond

// start runs `binary args…` with its output in logs/<name>.log. The process
// ends when its standard input does, so none outlives a killed devnet.
func (n *Network) start(ctx context.Context, role, name string, args ...string) (*Process, error) {
	p := &Process{Role: role, Name: name, Log: filepath.Join(n.cfg.Dir, "logs", name+".log"), args: args, done: make(chan struct{})}
	ready := filepath.Join(n.cfg.Dir, "run", name+".json")
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the old ready file of %s: %w", name, err)
	}
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", name, err)
	}
	defer log.Close() // the child has its own copy

	p.cmd = exec.Command(n.cfg.Binary, append(args, "--ready_file", ready, "--exit_with_stdin")...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	detach(p.cmd)
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	n.add(p)
	return p, n.awaitReady(ctx, p, ready)
}

// awaitReady returns once the process has written its ready file.
func (n *Network) awaitReady(ctx context.Context, p *Process, file string) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		b, err := os.ReadFile(file)
		var r Ready
		if err == nil && json.Unmarshal(b, &r) == nil {
			n.mu.Lock()
			p.PID, p.Addresses = r.PID, r.Addresses
			n.mu.Unlock()
			return n.writeProcesses()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.done:
			return strata.E(strata.Unavailable, "%s ended while starting (%v): %s; its log is %s", p.Name, p.err, lastLine(p.Log), p.Log)
		case <-tick.C:
		}
	}
}

// Alive says whether the process runs.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stopAll ends the processes in reverse order of their start, all within
// grace: a closed standard input asks, a kill ends what does not listen.
func (n *Network) stopAll(grace time.Duration) {
	n.mu.Lock()
	ps := n.processes
	n.mu.Unlock()
	deadline := time.After(grace)
	for i := len(ps) - 1; i >= 0; i-- {
		if ps[i].Role != "chain" {
			ps[i].stdin.Close()
		}
	}
	// The chain goes last: a role that still submits would wait for it in vain.
	for i := len(ps) - 1; i >= 0; i-- {
		ps[i].stdin.Close()
		select {
		case <-ps[i].done:
		case <-deadline:
			for _, p := range ps {
				if p.Alive() {
					n.cfg.Log.Warn("killing a process that did not stop", "name", p.Name, "pid", p.PID)
					_ = p.cmd.Process.Kill() // it may have ended meanwhile
				}
			}
			deadline = nil
			<-ps[i].done
		}
	}
}

func (n *Network) add(p *Process) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.processes = append(n.processes, p)
}

// lastLine returns the end of a log for an error message.
func lastLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "no log"
	}
	b = bytes.TrimSpace(b)
	line := string(b[bytes.LastIndexByte(b, '\n')+1:])
	if len(line) > 400 {
		line = line[:400] + "…"
	}
	return strings.TrimSpace(line)
}
