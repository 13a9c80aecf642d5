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
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"strata"
)

// program is the command line. Tests run it with their own streams.
type program struct {
	Put      putCmd      `cmd:"" group:"Files" help:"Store files and folders."`
	Get      getCmd      `cmd:"" group:"Files" help:"Fetch a file or a folder."`
	Ls       lsCmd       `cmd:"" group:"Files" help:"List stored files."`
	Rm       rmCmd       `cmd:"" group:"Files" help:"Delete files."`
	Undelete undeleteCmd `cmd:"" group:"Files" help:"Bring deleted files back."`
	Stat     statCmd     `cmd:"" group:"Files" help:"Show a stored file and its health."`
	Verify   verifyCmd   `cmd:"" group:"Files" help:"Ask the miners whether a stored file is whole; the exit status says so."`
	Export   exportCmd   `cmd:"" group:"Files" help:"Write what reads a stored file without the gateway; it discloses the keys."`
	Fetch    fetchCmd    `cmd:"" group:"Files" help:"Fetch a file from the miners with what export wrote."`
	Status   statusCmd   `cmd:"" group:"Files" help:"Show the network as a gateway sees it: miners, repair, backup."`

	Allocate  allocateCmd  `cmd:"" group:"Roles" help:"Partition disk space among validators and fill it."`
	Miner     minerCmd     `cmd:"" group:"Roles" help:"Allocate, serve and keep proving disk space."`
	Scrub     scrubCmd     `cmd:"" group:"Roles" help:"Read a miner's sectors, compare them with their roots, mend filler."`
	Validator validatorCmd `cmd:"" group:"Roles" help:"Audit miners, set weights, and serve the gateway."`
	Gateway   gatewayCmds  `cmd:"" group:"Roles" aliases:"bridge" help:"Serve users: web page and HTTP; recover, rotate-keys."`

	Wallet   walletCmd   `cmd:"" group:"Chain" help:"Create, import, list and show wallets."`
	Register registerCmd `cmd:"" group:"Chain" help:"Register a hotkey on a subnet."`
	Stake    stakeCmd    `cmd:"" group:"Chain" help:"Stake TAO on a hotkey."`
	Transfer transferCmd `cmd:"" group:"Chain" help:"Send TAO to an address."`
	Chain    chainCmd    `cmd:"" group:"Chain" help:"Look at a chain: subnets, neurons, weights; or run a local node."`

	Replay   replayCmd   `cmd:"" group:"Checking" help:"Compute a validator's credits and weights from its audit log; say why a miner is paid what it is."`
	Seal     sealCmd     `cmd:"" group:"Checking" help:"Compute sectors, to check a claim."`
	Bench    benchCmd    `cmd:"" group:"Checking" help:"Measure this machine."`
	Simulate simulateCmd `cmd:"" group:"Checking" help:"Play months of a network in seconds: rewards, durability, repair."`
	Devnet   devnetCmd   `cmd:"" group:"Checking" help:"Run a whole network on this machine."`

	Version kong.VersionFlag `help:"Print the version."`
}

const description = `Storage on Bittensor: miners prove disk space, validators keep users' data in it.

Exit status: 0 done, 1 a defect, 2 wrong usage, 3 not found, 4 not allowed, 5 conflict, 6 no room, 7 in use by another process, 8 try again later, 9 damaged, 130 interrupted.`

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
		kong.Description(description),
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
	kctx, err := k.Parse(alike(k.Model.Node, args))
	if exited >= 0 { // --help or --version has been answered
		return exited
	}
	if err != nil {
		return fail(s, strata.E(strata.Invalid, "%w; see strata --help", err))
	}
	return fail(s, kctx.Run())
}

// alike spells flags as they are declared: - and _ in their names are the same, as
// btcli's names have one and other tools' the other.
func alike(root *kong.Node, args []string) []string {
	declared := map[string]string{}
	// It fails only where the visitor does.
	_ = kong.Visit(root, func(n kong.Visitable, next kong.Next) error {
		if f, ok := n.(*kong.Flag); ok {
			declared[strings.ReplaceAll(f.Name, "-", "_")] = f.Name
		}
		return next(nil)
	})
	out := slices.Clone(args)
	for i, arg := range out {
		if arg == "--" {
			break
		}
		name, _, _ := strings.Cut(arg, "=")
		bare, flag := strings.CutPrefix(name, "--")
		if as, ok := declared[strings.ReplaceAll(bare, "-", "_")]; flag && ok {
			out[i] = "--" + as + strings.TrimPrefix(arg, name)
		}
	}
	return out
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

// resumable is the error of a command that goes on where it was.
type resumable struct{ error }

func (r resumable) Unwrap() error { return r.error }

// fail prints an error as one line and returns the status to end with.
func fail(s streams, err error) int {
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	case errors.Is(err, context.Canceled):
		text := "strata: interrupted"
		if errors.As(err, new(resumable)) {
			text += "; the same command goes on where it was"
		}
		fmt.Fprintln(s.err, text)
		return 130
	}
	fmt.Fprintln(s.err, "strata: "+err.Error())
	slog.Debug("command failed", "code", strata.CodeOf(err), "err", err)
	return exitStatus[strata.CodeOf(err)]
}
