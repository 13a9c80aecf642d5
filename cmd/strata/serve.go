package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"time"

	"strata/devnet"
	"strata/internal/durable"
	"strata/internal/lifecycle"
)

// supervised are the flags by which another process runs this one.
type supervised struct {
	ReadyFile     string `name:"ready_file" hidden:"" help:"Write pid and addresses here once serving."`
	ExitWithStdin bool   `name:"exit_with_stdin" hidden:"" help:"End when standard input ends."`
}

// shutdownGrace is how long parts may take to end after a stop.
const shutdownGrace = 4 * time.Second

// group returns the lifecycle of a long-running verb, which an interrupt or
// the end of a supervisor's pipe stops.
func (f supervised) group(ctx context.Context, s streams, log *slog.Logger) *lifecycle.Group {
	ctx, cancel := context.WithCancel(ctx)
	if f.ExitWithStdin {
		go func() {
			_, _ = io.Copy(io.Discard, s.in) // its end, however it comes, is the signal
			cancel()
		}()
	}
	g := lifecycle.New(ctx, log, shutdownGrace)
	g.OnClose("context", func() error { cancel(); return nil })
	return g
}

// ready tells the supervisor that the process serves at addresses.
func (f supervised) ready(addresses map[string]string) error {
	if f.ReadyFile == "" {
		return nil
	}
	b, err := json.Marshal(devnet.Ready{PID: os.Getpid(), Addresses: addresses})
	if err != nil {
		return err
	}
	return durable.WriteFile(f.ReadyFile, b, 0o600)
}
