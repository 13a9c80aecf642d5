//go:build unix

package devnet

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// devnetCommand is `strata devnet` with a small network.
func devnetCommand(ctx context.Context, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	cmd = exec.CommandContext(ctx, command, append([]string{"devnet",
		"--miners", "2", "--space", "16MiB", "--block_time", "100ms", "--port", "0"}, args...)...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, stdout, stderr
}

// TestNoProcessOutlivesTheDevnet ends `strata devnet` in each way there is.
func TestNoProcessOutlivesTheDevnet(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		running int // processes that serve when the signal comes
		signal  syscall.Signal
		status  []int
	}{
		{"interrupted", 4, syscall.SIGINT, []int{0, 130}},
		{"interrupted while it starts", 1, syscall.SIGINT, []int{130}},
		{"terminated", 4, syscall.SIGTERM, []int{0, 130}},
		{"killed", 4, syscall.SIGKILL, []int{-1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := endDevnet(t, tt.running, tt.signal)
			for tries := 1; got == 0 && !slices.Contains(tt.status, got) && tries < 5; tries++ {
				t.Log("it had started before the signal came")
				got = endDevnet(t, tt.running, tt.signal)
			}
			if !slices.Contains(tt.status, got) {
				t.Errorf("the devnet ended with status %d, want %v", got, tt.status)
			}
		})
	}
}

// endDevnet starts a devnet, sends it a signal once so many processes serve, and
// returns its status when all of them have ended.
func endDevnet(t *testing.T, running int, signal syscall.Signal) (status int) {
	t.Helper()
	ctx, dir := within(t), t.TempDir()
	cmd, _, stderr := devnetCommand(ctx, "--dir", dir)
	pids := startUntil(ctx, t, cmd, dir, running)
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	t.Logf("ended with %v:\n%s", err, stderr)
	if strings.Contains(stderr.String(), "did not stop") {
		t.Error("a process had to be killed")
	}
	until(ctx, t, "every process has ended", func() bool {
		return !slices.ContainsFunc(pids, alive) && len(mentioning(dir)) == 0
	})
	if t.Failed() {
		showLogs(t, dir)
	}
	return cmd.ProcessState.ExitCode()
}

// startUntil starts a devnet and returns the pids of its processes once so many
// serve.
func startUntil(ctx context.Context, t *testing.T, cmd *exec.Cmd, dir string, running int) (pids []int) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil { // the test failed before it ended it
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	until(ctx, t, "processes.json lists the processes", func() bool {
		ps, err := processesFile(filepath.Join(dir, "processes.json"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		pids = nil
		for _, p := range ps {
			if p.PID > 0 {
				pids = append(pids, p.PID)
			}
		}
		return len(pids) >= running
	})
	for _, pid := range pids {
		if !alive(pid) {
			t.Fatalf("processes.json lists pid %d, which does not run", pid)
		}
	}
	return pids
}

// alive says whether a process runs. One that has ended but that nobody has
// waited for, as an orphan may stay for ever in a container, does not.
func alive(pid int) bool {
	if stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat")); err == nil {
		_, after, _ := bytes.Cut(stat, []byte(") ")) // the state follows the name
		return !bytes.HasPrefix(after, []byte("Z"))
	}
	return syscall.Kill(pid, 0) == nil
}

// mentioning returns the processes with dir on their command line, those that
// processes.json does not name yet included. Where there is no /proc it knows
// of none.
func mentioning(dir string) []string {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is good
	return slices.DeleteFunc(files, func(f string) bool {
		line, err := os.ReadFile(f)
		return err != nil || !bytes.Contains(line, []byte(dir)) // an ended one has no line
	})
}

// TestExec runs two devnets at once, each with a command of its own that waits
// for the other's: they do not meet, the command has all it needs, and its
// status is the devnet's.
func TestExec(t *testing.T) {
	t.Parallel()
	const script = `set -eu
[ "$("$STRATA_BINARY" ls --json)" = "[]" ] # gateway and token are right
echo "$STRATA_DIR"; echo "$STRATA_CHAIN"; echo "$STRATA_GATEWAY"; echo "$STRATA_TOKEN"
for p in $(tr -d ' ,' < "$STRATA_DIR/processes.json" | sed -n 's/"pid"://p'); do kill -0 "$p"; done
cp "$STRATA_DIR/processes.json" "$MEET/$STATUS"
while ! [ -e "$MEET/0" ] || ! [ -e "$MEET/7" ]; do sleep 0.05; done
exit "$STATUS"`
	ctx, meet := within(t), t.TempDir()
	var runs []execRun
	for _, status := range []int{0, 7} {
		r := execRun{status: status, processes: filepath.Join(meet, strconv.Itoa(status))}
		r.cmd, r.stdout, r.stderr = devnetCommand(ctx, "--exec", script)
		r.cmd.Env = append(os.Environ(), "MEET="+meet, "STATUS="+strconv.Itoa(status))
		if err := r.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, r)
	}
	for i := range runs {
		err := runs[i].cmd.Wait() // of all, before anything can end the test
		if got := runs[i].cmd.ProcessState.ExitCode(); got != runs[i].status {
			t.Errorf("status %d, the command's is %d (%v)\n%s\n%s", got, runs[i].status, err, runs[i].stdout, runs[i].stderr)
		}
	}
	a, b := runs[0].check(t), runs[1].check(t)
	for i := range a {
		if a[i] == b[i] {
			t.Errorf("two devnets at once share %s", a[i])
		}
	}
}

// execRun is one `strata devnet --exec`.
type execRun struct {
	cmd            *exec.Cmd
	stdout, stderr *bytes.Buffer
	status         int    // to be
	processes      string // where its command copied processes.json
}

// check looks at what the command saw, and returns what it printed.
func (r execRun) check(t *testing.T) []string {
	t.Helper()
	said := strings.Fields(r.stdout.String())
	if len(said) != 4 {
		t.Fatalf("the command printed %q, want directory, chain, gateway and token", r.stdout)
	}
	dir, chain, gateway := said[0], said[1], said[2]
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary directory %s stays (%v)", dir, err)
	}
	ps, err := processesFile(r.processes)
	if err != nil {
		t.Fatal(err)
	}
	roles := map[string]int{}
	for _, p := range ps {
		roles[p.Role]++
		if p.Name == "" || p.PID <= 0 || p.Log != filepath.Join(dir, "logs", p.Name+".log") || len(p.Addresses) == 0 {
			t.Errorf("processes.json is incomplete: %+v", p)
		}
		if p.Role == "chain" && p.Addresses["rpc"] != chain || p.Role == "validator" && p.Addresses["gateway"] != gateway {
			t.Errorf("processes.json and the environment differ: %+v, %s, %s", p, chain, gateway)
		}
	}
	if roles["chain"] != 1 || roles["validator"] != 1 || roles["miner"] != 2 {
		t.Errorf("processes.json lists %v", roles)
	}
	return said
}
