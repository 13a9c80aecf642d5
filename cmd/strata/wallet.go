package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"

	"strata"
	"strata/wallet"
)

type walletCmd struct {
	New    walletNewCmd    `cmd:"" help:"Create a coldkey and a hotkey; prints their mnemonics once."`
	Import walletImportCmd `cmd:"" help:"Restore a key from its mnemonic, seed or URI."`
	List   walletListCmd   `cmd:"" help:"List the wallets."`
	Show   walletShowCmd   `cmd:"" help:"Show a wallet's addresses."`
}

type walletNewCmd struct {
	walletFlags
	HotkeyOnly bool `name:"hotkey_only" help:"Only a new hotkey beside the existing coldkey."`
	Overwrite  bool `help:"Replace existing files: their keys are lost for good."`
}

// Run writes the files and prints the words to keep.
func (c *walletNewCmd) Run(s streams) error {
	w := c.open()
	words := wallet.Mnemonics{}
	var err error
	if c.HotkeyOnly {
		words.Hotkey, err = w.NewHotkey(c.Overwrite)
	} else {
		words, err = w.New(c.Overwrite)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, "Write these words down and keep them offline: who has them has the key, and nothing else restores it.")
	if words.Coldkey != "" {
		fmt.Fprintln(s.out, "coldkey mnemonic:", words.Coldkey)
	}
	fmt.Fprintln(s.out, "hotkey mnemonic: ", words.Hotkey)
	return show(s, w, false)
}

type walletImportCmd struct {
	walletFlags
	Which     string `arg:"" enum:"coldkey,hotkey" help:"coldkey or hotkey."`
	File      string `help:"File that holds the secret; asked for, or read from standard input, unless given."`
	Overwrite bool   `help:"Replace an existing file: its key is lost for good."`
}

// Run takes the secret from a prompt, a pipe or a file, never from an argument,
// where other users of the machine would see it.
func (c *walletImportCmd) Run(s streams) error {
	secret, err := c.secret(s)
	if err != nil {
		return err
	}
	w := c.open()
	save := w.ImportHotkey
	if c.Which == "coldkey" {
		save = w.ImportColdkey
	}
	key, err := save(secret, c.Overwrite)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s of wallet %s is %s\n", c.Which, c.Name, key)
	return err
}

const maxSecretFile = 4096

func (c *walletImportCmd) secret(s streams) (string, error) {
	if c.File != "" {
		b, err := os.ReadFile(expand(c.File))
		if err != nil || len(b) > maxSecretFile {
			return "", strata.E(strata.Invalid, "read the secret from %s: it must be a readable file of at most %d bytes", c.File, maxSecretFile)
		}
		return strings.TrimSpace(string(b)), nil
	}
	if f, ok := s.in.(*os.File); ok && isTerminal(f) {
		fmt.Fprint(s.err, "mnemonic, seed or URI (not shown): ")
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(s.err)
		return strings.TrimSpace(string(b)), err
	}
	line, err := bufio.NewReaderSize(s.in, maxSecretFile).ReadString('\n')
	if line = strings.TrimSpace(line); line == "" {
		return "", strata.E(strata.Invalid, "no secret was given on standard input (%v): pipe the mnemonic, or use --file", err)
	}
	return line, nil
}

type walletListCmd struct {
	Path string `name:"wallet.path" env:"BT_WALLET_PATH" default:"~/.bittensor/wallets" help:"Directory of the wallets."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// walletRow is one hotkey of a listing.
type walletRow struct {
	Wallet  string `json:"wallet"`
	Coldkey string `json:"coldkey"`
	Name    string `json:"hotkey_name,omitempty"`
	Hotkey  string `json:"hotkey,omitempty"`
}

// Run prints one line for each hotkey.
func (c *walletListCmd) Run(s streams) error {
	list, err := wallet.List(c.Path)
	if err != nil {
		return err
	}
	rows := []walletRow{}
	for _, l := range list {
		cold := text(l.Coldkey, l.Err)
		if len(l.Hotkeys) == 0 {
			rows = append(rows, walletRow{Wallet: l.Name, Coldkey: cold})
		}
		for _, h := range l.Hotkeys {
			rows = append(rows, walletRow{l.Name, cold, h.Name, text(h.Hotkey, h.Err)})
		}
	}
	if c.JSON {
		return json.NewEncoder(s.out).Encode(rows)
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintf(s.out, "no wallets in %s: make one with strata wallet new\n", c.Path)
		return err
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WALLET\tCOLDKEY\tHOTKEY\tADDRESS")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", r.Wallet, r.Coldkey, r.Name, r.Hotkey)
	}
	return t.Flush()
}

type walletShowCmd struct {
	walletFlags
	JSON bool `name:"json" help:"Print JSON."`
}

// Run prints the public halves.
func (c *walletShowCmd) Run(s streams) error { return show(s, c.open(), c.JSON) }

func show(s streams, w wallet.Wallet, asJSON bool) error {
	hot, hotErr := w.LoadHotkeyPub()
	cold, coldErr := w.LoadColdkeyPub()
	if hotErr != nil && coldErr != nil {
		return hotErr
	}
	row := walletRow{Wallet: w.Name, Coldkey: text(cold, coldErr), Name: w.HotkeyName, Hotkey: text(hot, hotErr)}
	if asJSON {
		return json.NewEncoder(s.out).Encode(row)
	}
	_, err := fmt.Fprintf(s.out, "wallet  %s\ncoldkey %s\nhotkey  %s (%s)\n", row.Wallet, row.Coldkey, row.Hotkey, row.Name)
	return err
}

// text is an address, or why there is none.
func text(v fmt.Stringer, err error) string {
	if err != nil {
		return "(" + string(strata.CodeOf(err)) + ")"
	}
	return v.String()
}
