package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"github.com/mattn/go-isatty"

	"strata"
	"strata/chain/subtensor"
	"strata/wallet"
)

// Flags are named as btcli and the prototype name them.

type walletFlags struct {
	Name   string `name:"wallet.name" env:"BT_WALLET_NAME" default:"default" help:"Name of the wallet (coldkey)."`
	Hotkey string `name:"wallet.hotkey" env:"BT_WALLET_HOTKEY" default:"default" help:"Name of the hotkey in the wallet."`
	Path   string `name:"wallet.path" env:"BT_WALLET_PATH" default:"~/.bittensor/wallets" help:"Directory of the wallets."`

	PasswordFile string `name:"wallet.password_file" help:"File that holds the password of encrypted keys."`
}

// open names the wallet. The password of an encrypted key is asked for where
// there is a terminal to ask on.
func (f walletFlags) open() wallet.Wallet {
	w := wallet.Open(f.Path, f.Name, f.Hotkey)
	w.PasswordFile = f.PasswordFile
	if isTerminal(os.Stdin) {
		w.Ask = askPassword
	}
	return w
}

type chainFlags struct {
	Network  string  `name:"subtensor.network" env:"BT_SUBTENSOR_NETWORK" default:"finney" help:"finney, test, archive or local."`
	Endpoint string  `name:"subtensor.chain_endpoint" env:"BT_SUBTENSOR_CHAIN_ENDPOINT" help:"Websocket URL of a node; wins over the network."`
	Netuid   *uint16 `name:"netuid" help:"The subnet; 1 unless given, to be given on finney and test."`
}

func (f chainFlags) dial(ctx context.Context, log *slog.Logger) (*subtensor.Client, error) {
	endpoints, err := subtensor.Endpoints(f.Network, f.Endpoint)
	if err != nil {
		return nil, err
	}
	return subtensor.Dial(ctx, endpoints, subtensor.Options{Logger: log})
}

// subnet returns the netuid. Whoever spends or serves on a public network says
// which subnet is meant: number 1 there is somebody else's.
func (f chainFlags) subnet(p strata.Profile) (strata.Netuid, error) {
	switch {
	case f.Netuid != nil:
		return strata.Netuid(*f.Netuid), nil
	case p != strata.LocalProfile:
		return 0, strata.E(strata.Invalid, "this is the %s network: say which subnet with --netuid", p.Name)
	default:
		return 1, nil
	}
}

type logFlags struct {
	Debug bool   `name:"logging.debug" help:"Log what happens in detail."`
	Trace bool   `name:"logging.trace" help:"Log every request."`
	Info  bool   `name:"logging.info" help:"Log progress (default)."`
	Dir   string `name:"logging.logging_dir" help:"Also log to strata.log in this directory."`
}

// logger writes for people on a terminal and JSON elsewhere.
func (f logFlags) logger(w io.Writer) (*slog.Logger, error) {
	level := slog.LevelInfo
	if f.Debug || f.Trace {
		level = slog.LevelDebug
	}
	if f.Trace {
		level = slog.LevelDebug - 4
	}
	if f.Dir != "" {
		if err := os.MkdirAll(expand(f.Dir), 0o700); err != nil {
			return nil, strata.E(strata.Invalid, "make the log directory: %w", err)
		}
		file, err := os.OpenFile(filepath.Join(expand(f.Dir), "strata.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, strata.E(strata.Invalid, "open the log: %w", err)
		}
		w = io.MultiWriter(w, file)
	} else if isTerminal(w) {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly})), nil
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})), nil
}

type dbFlags struct {
	Path []string `name:"db_path" default:"~/bittensor-db" help:"Where data lies; repeat for several disks."`
}

// one returns the only path, for roles that use one.
func (f dbFlags) one() (string, error) {
	if len(f.Path) != 1 {
		return "", strata.E(strata.Invalid, "%d --db_path were given: this command keeps its metadata in one", len(f.Path))
	}
	return expand(f.Path[0]), nil
}

// paths returns all paths.
func (f dbFlags) paths() []string {
	out := make([]string, len(f.Path))
	for i, p := range f.Path {
		out[i] = expand(p)
	}
	return out
}

// roleDir is where a hotkey's files lie below a db_path.
func roleDir(dbPath string, w walletFlags) string { return filepath.Join(dbPath, w.Name, w.Hotkey) }

// isTerminal says whether w is one.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// expand replaces a leading ~ by the home directory.
func expand(path string) string {
	if path == "~" || strings.HasPrefix(path, "~/") {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, path[1:])
		}
	}
	return path
}

// ask prints a question and says whether the answer is yes.
func ask(s streams, question string) bool {
	fmt.Fprintf(s.out, "%s [y/N] ", question)
	var answer string
	if _, err := fmt.Fscanln(s.in, &answer); err != nil && answer == "" {
		fmt.Fprintln(s.out)
		return false
	}
	return strings.HasPrefix(strings.ToLower(answer), "y")
}
