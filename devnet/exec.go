package devnet

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"

	"strata"
)

// Exec runs a shell command against the network with STRATA_GATEWAY,
// STRATA_CHAIN, STRATA_DIR and STRATA_TOKEN set, and returns its exit status.
// A cancelled context kills it with all that it has started.
func (n *Network) Exec(ctx context.Context, command string, stdout, stderr io.Writer) (int, error) {
	token, err := n.Token()
	if err != nil {
		return 0, err
	}
	cmd := shell(ctx, command)
	cmd.Env = append(os.Environ(),
		"STRATA_GATEWAY="+n.GatewayURL(),
		"STRATA_CHAIN="+n.ChainURL(),
		"STRATA_DIR="+n.cfg.Dir,
		"STRATA_TOKEN="+token.Reveal(),
		"STRATA_BINARY="+n.cfg.Binary,
	)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case errors.As(err, &exit):
		return exit.ExitCode(), nil
	case err != nil:
		return 0, strata.E(strata.Invalid, "run %q: %w", command, err)
	}
	return 0, nil
}

// shell returns a command that ends with all it has started when ctx does.
func shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	if runtime.GOOS == "windows" {
		cmd = exec.CommandContext(ctx, "cmd", "/C", command)
	}
	detach(cmd)
	cmd.Cancel = func() error { return killGroup(cmd) }
	cmd.WaitDelay = time.Second
	return cmd
}
