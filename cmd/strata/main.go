// Command strata is the whole of Strata: miner, validator, gateway, local chain
// and the tools around them, one file per verb. This file and the verbs are the
// only place where parts are put together for production.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"strata"
)

// program is the command line. Tests run it with their own streams.
type program struct {
	Allocate  allocateCmd  `cmd:"" help:"Partition disk space among validators and fill it."`
	Miner     minerCmd     `cmd:"" help:"Allocate, serve and keep proving disk space."`
	Validator validatorCmd `cmd:"" help:"Audit miners, set weights, and serve the gateway."`
	Gateway   gatewayCmds  `cmd:"" aliases:"bridge" help:"Serve users: web page and HTTP; recover, rotate-keys."`

	Put      putCmd      `cmd:"" help:"Store a file."`
	Get      getCmd      `cmd:"" help:"Fetch a file."`
	Ls       lsCmd       `cmd:"" help:"List stored files."`
	Rm       rmCmd       `cmd:"" help:"Delete a file."`
	Undelete undeleteCmd `cmd:"" help:"Bring a deleted file back."`
	Stat     statCmd     `cmd:"" help:"Show a stored file and its health."`

	Status statusCmd `cmd:"" help:"Show the network as a gateway sees it: miners, repair, backup."`
	Verify verifyCmd `cmd:"" help:"Ask the miners whether a stored file is whole; the exit status says so."`
	Export exportCmd `cmd:"" help:"Write what reads a stored file without the gateway; it discloses the keys."`
	Fetch  fetchCmd  `cmd:"" help:"Fetch a file from the miners with what export wrote."`

	Wallet   walletCmd   `cmd:"" help:"Create, import, list and show wallets."`
	Register registerCmd `cmd:"" help:"Register a hotkey on a subnet."`
	Stake    stakeCmd    `cmd:"" help:"Stake TAO on a hotkey."`
	Transfer transferCmd `cmd:"" help:"Send TAO to an address."`

	Scrub    scrubCmd    `cmd:"" help:"Read a miner's sectors, compare them with their roots, mend filler."`
	Replay   replayCmd   `cmd:"" help:"Compute a validator's credits and weights from its audit log."`
	Seal     sealCmd     `cmd:"" help:"Compute sectors, to check a claim."`
	Devnet   devnetCmd   `cmd:"" help:"Run a whole network on this machine."`
	Chain    chainCmd    `cmd:"" help:"The chain: a local node."`
	Bench    benchCmd    `cmd:"" help:"Measure this machine."`
	Simulate simulateCmd `cmd:"" help:"Play months of a network in seconds: rewards, durability, repair."`

	Version kong.VersionFlag `help:"Print the version."`
}

// streams are what a verb talks through.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() { os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})) }

// run executes one command line and returns its exit status.
func run(args []string, s streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	var p program
	exited := -1
	k, err := kong.New(&p,
		kong.Name("strata"),
		kong.Description("Storage on Bittensor: miners prove disk space, validators keep users' data in it."),
		kong.Writers(s.out, s.err),
		kong.Exit(func(code int) { exited = code }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Vars{"version": version()},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
	)
	if err != nil {
		return fail(s, fmt.Errorf("command line: %w", err))
	}
	kctx, err := k.Parse(args)
	if exited >= 0 { // --help or --version has been answered
		return exited
	}
	if err != nil {
		return fail(s, strata.E(strata.Invalid, "%w; see strata --help", err))
	}
	return fail(s, kctx.Run())
}

// exitStatus is the status that ends a command, by code. 0 is success; 130 is
// an interrupt, as shells have it.
var exitStatus = map[strata.Code]int{
	strata.Internal:        1,
	strata.Invalid:         2,
	strata.NotFound:        3,
	strata.Unauthenticated: 4,
	strata.Forbidden:       4,
	strata.Conflict:        5,
	strata.NoSpace:         6,
	strata.TooLarge:        6,
	strata.Locked:          7,
	strata.Unavailable:     8,
	strata.Throttled:       8,
	strata.Corrupt:         9,
}

// exitError carries the status of a command that ran on the user's behalf.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// fail prints an error as one line and returns the status to end with.
func fail(s streams, err error) int {
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(s.err, "strata: interrupted")
		return 130
	}
	fmt.Fprintln(s.err, "strata: "+err.Error())
	slog.Debug("command failed", "code", strata.CodeOf(err), "err", err)
	return exitStatus[strata.CodeOf(err)]
}
