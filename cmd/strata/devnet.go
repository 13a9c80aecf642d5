package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"strata"
	"strata/devnet"
	"strata/gateway"
)

type devnetCmd struct {
	Dir        string          `help:"Where the network lives; a temporary directory unless given."`
	Miners     int             `default:"6" help:"Number of miners."`
	Validators int             `default:"1" help:"Number of validators."`
	Space      strata.ByteSize `default:"256MiB" help:"Space of each miner."`
	Tempo      uint16          `default:"20" help:"Blocks between two epochs."`
	BlockTime  time.Duration   `name:"block_time" default:"250ms" help:"Time between two blocks."`
	Weights    string          `enum:"plain,commit-reveal,timelock" default:"plain" help:"How the subnet takes weights: ${enum}."`
	Port       int             `default:"-1" help:"Port of the first gateway; 3000, or a free one with --exec."`
	Exec       string          `help:"Run this once all miners are audited, then stop; its status is ours."`
	logFlags
}

// Run brings the network up, shows it, and stops it on an interrupt or when
// the command of --exec has ended.
func (c *devnetCmd) Run(ctx context.Context, s streams) error {
	log, err := c.logger(s.err)
	if err != nil {
		return err
	}
	if err := c.validate(); err != nil {
		return err
	}
	cfg, cleanup, err := c.config(log)
	if err != nil {
		return err
	}
	defer cleanup()
	n, err := devnet.Open(cfg)
	if err != nil {
		return err
	}
	err = c.play(ctx, s, n, log)
	return errors.Join(err, n.Close())
}

func (c *devnetCmd) validate() error {
	switch {
	case c.Miners < 1 || c.Miners > 200:
		return strata.E(strata.Invalid, "--miners %d: 1 to 200", c.Miners)
	case c.Validators < 1 || c.Validators > 50:
		return strata.E(strata.Invalid, "--validators %d: 1 to 50", c.Validators)
	case c.BlockTime < 10*time.Millisecond:
		return strata.E(strata.Invalid, "--block_time %s: at least 10ms", c.BlockTime)
	}
	return nil
}

// config returns what to run; cleanup removes a temporary directory.
func (c *devnetCmd) config(log *slog.Logger) (devnet.Config, func(), error) {
	binary, err := os.Executable()
	if err != nil {
		return devnet.Config{}, nil, fmt.Errorf("find this program's file: %w", err)
	}
	port := c.Port
	if port < 0 {
		port = 3000
		if c.Exec != "" {
			port = 0
		}
	}
	dir, cleanup := expand(c.Dir), func() {}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "strata-devnet-"); err != nil {
			return devnet.Config{}, nil, strata.E(strata.NoSpace, "make a temporary directory: %w", err)
		}
		cleanup = func() {
			if err := os.RemoveAll(dir); err != nil {
				log.Warn("the temporary directory stays", "dir", dir, "err", err)
			}
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return devnet.Config{}, nil, err
	}
	return devnet.Config{
		Dir: dir, Binary: binary, Miners: c.Miners, Validators: c.Validators, Space: c.Space,
		Tempo: c.Tempo, BlockTime: c.BlockTime, Weights: c.Weights, Port: port, Log: log,
	}, cleanup, nil
}

func (c *devnetCmd) play(ctx context.Context, s streams, n *devnet.Network, log *slog.Logger) error {
	fmt.Fprintln(s.err, "starting a chain, validators and miners; this takes a few seconds")
	if err := n.Up(ctx); err != nil {
		return err
	}
	page, err := n.Page()
	if err != nil {
		return err
	}
	show := c.display(s, n, page, log)
	if err := n.AwaitReady(ctx, show); err != nil {
		return err
	}
	if c.Exec == "" {
		return watch(ctx, n, show, log)
	}
	status, err := n.Exec(ctx, c.Exec, s.out, s.err)
	if err == nil && status != 0 {
		err = exitError(status)
	}
	return err
}

// display returns what shows a status: a live table on a terminal, a log line
// now and then elsewhere.
func (c *devnetCmd) display(s streams, n *devnet.Network, page string, log *slog.Logger) func(gateway.NetworkStatus) {
	if c.Exec == "" && isTerminal(s.out) {
		screen := &devnet.Screen{Out: s.out}
		footer := fmt.Sprintf("%s\nfiles in %s · Ctrl-C stops", page, n.Dir())
		return func(st gateway.NetworkStatus) {
			if err := screen.Draw(st, footer); err != nil {
				log.Debug("draw", "err", err)
			}
		}
	}
	if c.Exec == "" {
		fmt.Fprintln(s.out, page)
	}
	last := time.Time{}
	return func(st gateway.NetworkStatus) {
		if time.Since(last) < 5*time.Second {
			return
		}
		last = time.Now()
		sealed, target, audited := devnet.Totals(st)
		log.Info("devnet", "block", st.Block, "miners", len(st.Miners), "sealed", sealed, "target", target, "audited", audited, "objects", st.Objects)
	}
}

// watch shows the network until interrupted, and says when its gateway is silent.
func watch(ctx context.Context, n *devnet.Network, show func(gateway.NetworkStatus), log *slog.Logger) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	silent := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		st, err := n.Status(ctx)
		if err == nil {
			show(st)
		} else if !silent && ctx.Err() == nil {
			log.Warn("the gateway does not answer; Ctrl-C and the same command start the network anew", "logs", filepath.Join(n.Dir(), "logs"), "err", err)
		}
		silent = err != nil
	}
}
