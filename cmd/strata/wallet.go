package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"strata"
	"strata/wallet"
)

type walletCmd struct {
	New      walletNewCmd      `cmd:"" help:"Create a coldkey and a hotkey; prints their mnemonics once."`
	Import   walletImportCmd   `cmd:"" help:"Restore a key from its mnemonic, seed, private key or URI, or its public half from an address."`
	Password walletPasswordCmd `cmd:"" help:"Encrypt a key, or change or remove its password."`
	List     walletListCmd     `cmd:"" help:"List the wallets."`
	Show     walletShowCmd     `cmd:"" help:"Show a wallet's addresses."`
	Sign     walletSignCmd     `cmd:"" help:"Sign a message with a key."`
	Verify   walletVerifyCmd   `cmd:"" help:"Check the signature of a message."`
	Request  walletRequestCmd  `cmd:"" name:"sign_request" help:"Print the headers of a signed HTTP request."`
}

type walletNewCmd struct {
	walletFlags
	newPasswordFlags
	HotkeyOnly  bool `name:"hotkey_only" help:"Only a new hotkey beside the existing coldkey; it is not encrypted."`
	ColdkeyOnly bool `name:"coldkey_only" help:"Only a new coldkey."`
	Words       int  `default:"12" help:"Words in a mnemonic: 12, 15, 18, 21 or 24."`
	Overwrite   bool `help:"Replace existing files: their keys are lost for good."`
}

// Run writes the files and prints the words to keep.
func (c *walletNewCmd) Run(s streams) error {
	if c.HotkeyOnly && c.ColdkeyOnly {
		return strata.E(strata.Invalid, "--hotkey_only and --coldkey_only contradict each other")
	}
	w := c.open()
	words, encrypted, err := c.create(s, w)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, "Write these words down and keep them offline: who has them has the key, and nothing else restores it.")
	if words.Coldkey != "" {
		fmt.Fprintln(s.out, "coldkey mnemonic:", words.Coldkey)
	}
	if words.Hotkey != "" {
		fmt.Fprintln(s.out, "hotkey mnemonic: ", words.Hotkey)
	}
	if words.Coldkey != "" && !encrypted {
		fmt.Fprintln(s.out, "The coldkey is not encrypted: strata wallet password coldkey")
	}
	return show(s, w, false)
}

func (c *walletNewCmd) create(s streams, w wallet.Wallet) (words wallet.Mnemonics, encrypted bool, err error) {
	o := wallet.Options{Words: c.Words, Overwrite: c.Overwrite}
	if c.HotkeyOnly {
		if o.Overwrite, err = mayReplace(s, w, o.Overwrite, wallet.Hotkey); err == nil {
			words.Hotkey, err = w.NewKey(wallet.Hotkey, o)
		}
		return words, false, err
	}
	roles := []wallet.Role{wallet.Coldkey, wallet.Hotkey}
	if c.ColdkeyOnly {
		roles = roles[:1]
	}
	if o.Overwrite, err = mayReplace(s, w, o.Overwrite, roles...); err != nil {
		return words, false, err
	}
	if o.Password, err = c.password(s, w, wallet.Coldkey); err != nil {
		return words, false, err
	}
	if c.ColdkeyOnly {
		words.Coldkey, err = w.NewKey(wallet.Coldkey, o)
	} else {
		words, err = w.New(o)
	}
	return words, o.Password != "", err
}

// password is what to encrypt a new key with.
func (f newPasswordFlags) password(s streams, w wallet.Wallet, r wallet.Role) (string, error) {
	known, err := w.KnownPassword(r)
	if err != nil {
		return "", err
	}
	return f.choose(s, known)
}

// mayReplace asks before a key is replaced, where there is somebody to ask;
// elsewhere the files stay and the command says so.
func mayReplace(s streams, w wallet.Wallet, overwrite bool, roles ...wallet.Role) (bool, error) {
	if overwrite || !isTerminal(s.in) {
		return overwrite, nil
	}
	for _, r := range roles {
		if _, err := w.Encrypted(r); strata.CodeOf(err) == strata.NotFound {
			continue
		}
		if !ask(s, fmt.Sprintf("Wallet %s has a %s %s already. Lose its key for good?", w.Name, r, roleName(w, r))) {
			return false, strata.E(strata.Conflict, "nothing was written: choose another name with --wallet.name or --wallet.hotkey")
		}
		overwrite = true
	}
	return overwrite, nil
}

// roleName is what a person calls a key.
func roleName(w wallet.Wallet, r wallet.Role) string {
	if r == wallet.Hotkey {
		return w.HotkeyName
	}
	return w.Name
}

type walletImportCmd struct {
	walletFlags
	newPasswordFlags
	Which     string `arg:"" enum:"coldkey,hotkey,coldkeypub,hotkeypub" help:"coldkey or hotkey; coldkeypub or hotkeypub for the public half alone."`
	File      string `help:"File that holds the secret; asked for, or read from standard input, unless given."`
	Keystore  string `help:"JSON keystore, as a browser's wallet exports it, instead of a secret."`
	Unlock    string `name:"keystore_password_file" help:"File that holds the keystore's password; asked for on a terminal unless given."`
	Address   string `help:"The ss58 address, or the public key in hex, of a coldkeypub or hotkeypub."`
	Encrypt   bool   `help:"Encrypt a hotkey too; a coldkey is unless --no_password."`
	Overwrite bool   `help:"Replace an existing file: its key is lost for good."`
}

// Run takes the secret from a prompt, a pipe or a file, never from an argument,
// where other users of the machine would see it.
func (c *walletImportCmd) Run(s streams) error {
	w := c.open()
	if role, public := strings.CutSuffix(c.Which, "pub"); public {
		return c.importPublic(s, w, wallet.Role(role))
	}
	role := wallet.Role(c.Which)
	o := wallet.Options{}
	var err error
	if o.Overwrite, err = mayReplace(s, w, c.Overwrite, role); err != nil {
		return err
	}
	save, err := c.source(s, w, role)
	if err != nil {
		return err
	}
	if role == wallet.Coldkey || c.Encrypt {
		if o.Password, err = c.password(s, w, role); err != nil {
			return err
		}
	}
	key, err := save(o)
	if err != nil {
		return err
	}
	return c.imported(s, key.String())
}

// source reads the secret and returns what writes its key.
func (c *walletImportCmd) source(s streams, w wallet.Wallet, role wallet.Role) (func(wallet.Options) (*wallet.Key, error), error) {
	if c.Keystore == "" {
		secret, err := c.secret(s)
		return func(o wallet.Options) (*wallet.Key, error) { return w.Import(role, secret, o) }, err
	}
	b, err := readSmall(c.Keystore, maxKeystoreFile)
	if err != nil {
		return nil, err
	}
	password := ""
	switch {
	case c.Unlock != "":
		password, err = wallet.ReadPassword(c.Unlock)
	case isTerminal(s.in):
		password, err = readHidden("password of the keystore (not shown): ")
	}
	return func(o wallet.Options) (*wallet.Key, error) { return w.ImportKeystore(role, b, password, o) }, err
}

// readSmall reads a file of a limited size that holds a secret.
func readSmall(file string, most int64) ([]byte, error) {
	f, err := os.Open(expand(file))
	if err != nil {
		return nil, strata.E(strata.Invalid, "read the secret: %w", err)
	}
	defer f.Close() // read only: nothing to lose
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil || int64(len(b)) > most {
		return nil, strata.E(strata.Invalid, "read the secret from %s: it must be a readable file of at most %d bytes", file, most)
	}
	return b, nil
}

func (c *walletImportCmd) importPublic(s streams, w wallet.Wallet, role wallet.Role) error {
	if c.Address == "" {
		return strata.E(strata.Invalid, "say which key with --address")
	}
	pub, err := w.ImportPublic(role, c.Address, c.Overwrite)
	if err != nil {
		return err
	}
	return c.imported(s, strata.EncodeSS58(pub))
}

func (c *walletImportCmd) imported(s streams, address string) error {
	_, err := fmt.Fprintf(s.out, "%s of wallet %s is %s\n", c.Which, c.Name, address)
	return err
}

const (
	maxSecretFile   = 4096
	maxKeystoreFile = 64 << 10
)

func (c *walletImportCmd) secret(s streams) (string, error) {
	if c.File != "" {
		b, err := readSmall(c.File, maxSecretFile)
		return strings.TrimSpace(string(b)), err
	}
	if isTerminal(s.in) {
		secret, err := readHidden("mnemonic, seed, private key or URI (not shown): ")
		return strings.TrimSpace(secret), err
	}
	line, err := bufio.NewReaderSize(s.in, maxSecretFile).ReadString('\n')
	if line = strings.TrimSpace(line); line == "" {
		return "", strata.E(strata.Invalid, "no secret was given on standard input (%v): pipe the mnemonic, or use --file", err)
	}
	return line, nil
}

type walletPasswordCmd struct {
	walletFlags
	newPasswordFlags
	Which string `arg:"" enum:"coldkey,hotkey" help:"coldkey or hotkey."`
}

// Run takes the old password as every command does: from a file, from the
// environment, or by asking. The new one does not come from the environment,
// which holds the old one.
func (c *walletPasswordCmd) Run(s streams) error {
	w, role := c.open(), wallet.Role(c.Which)
	was, err := w.Encrypted(role)
	if err != nil {
		return err
	}
	if !c.None && c.newPasswordFlags.File == "" && !isTerminal(s.in) {
		return strata.E(strata.Invalid, "give the new password with --new_password_file, or --no_password to decrypt, or run this in a terminal")
	}
	var pw string
	err = w.SetPassword(role, func() (string, error) {
		pw, err = c.choose(s, "")
		return pw, err
	})
	if err != nil {
		return err
	}
	done := map[[2]bool]string{
		{false, true}: "encrypted", {true, true}: "encrypted under a new password", {true, false}: "decrypted", {false, false}: "unencrypted, as it was",
	}[[2]bool{was, pw != ""}]
	_, err = fmt.Fprintf(s.out, "%s of wallet %s is %s\n", role, w.Name, done)
	return err
}

type walletSignCmd struct {
	walletFlags
	Use     string `enum:"coldkey,hotkey" default:"hotkey" help:"Which key signs."`
	Message string `arg:"" help:"The text to sign, as it is."`
}

// Run prints the signature in hex, as btcli does.
func (c *walletSignCmd) Run(s streams) error {
	key, err := c.open().Load(wallet.Role(c.Use))
	if err != nil {
		return err
	}
	sig, err := key.Sign([]byte(c.Message))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%x\n", sig)
	return err
}

type walletVerifyCmd struct {
	Address   strata.Hotkey `arg:"" help:"Who signed (ss58)."`
	Signature string        `arg:"" help:"The signature, 128 hex digits."`
	Message   string        `arg:"" help:"What was signed."`
}

// Run ends with an error if the signature is not the address's.
func (c *walletVerifyCmd) Run(s streams) error {
	b, err := hex.DecodeString(strings.TrimPrefix(c.Signature, "0x"))
	if err != nil || len(b) != 64 {
		return strata.E(strata.Invalid, "a signature is 128 hex digits")
	}
	if !wallet.Verify(c.Address, []byte(c.Message), [64]byte(b)) {
		return strata.E(strata.Unauthenticated, "this is not %s's signature of this message", c.Address)
	}
	_, err = fmt.Fprintf(s.out, "signed by %s\n", c.Address)
	return err
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
	// How the two are kept: "plain", "encrypted", "public only" or "missing".
	ColdkeyFile string `json:"coldkey_file,omitempty"`
	HotkeyFile  string `json:"hotkey_file,omitempty"`
}

// kept says how a key is kept.
func kept(w wallet.Wallet, r wallet.Role) string {
	encrypted, err := w.Encrypted(r)
	switch {
	case err == nil && encrypted:
		return "encrypted"
	case err == nil:
		return "plain"
	case strata.CodeOf(err) != strata.NotFound:
		return "(" + string(strata.CodeOf(err)) + ")"
	}
	if _, err := w.LoadPublic(r); err == nil {
		return "public only"
	}
	return "missing"
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
			rows = append(rows, walletRow{Wallet: l.Name, Coldkey: cold, ColdkeyFile: kept(wallet.Open(c.Path, l.Name, ""), wallet.Coldkey)})
		}
		for _, h := range l.Hotkeys {
			w := wallet.Open(c.Path, l.Name, h.Name)
			rows = append(rows, walletRow{l.Name, cold, h.Name, text(h.Hotkey, h.Err), kept(w, wallet.Coldkey), kept(w, wallet.Hotkey)})
		}
	}
	if c.JSON {
		return json.NewEncoder(s.out).Encode(rows)
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintf(s.out, "no wallets in %s: make one with strata wallet new\n", c.Path)
		return err
	}
	var t grid
	t.add("WALLET", "COLDKEY", "KEPT", "HOTKEY", "ADDRESS", "KEPT")
	for _, r := range rows {
		t.add(r.Wallet, r.Coldkey, r.ColdkeyFile, r.Name, r.Hotkey, r.HotkeyFile)
	}
	return t.print(s.out)
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
	row := walletRow{w.Name, text(cold, coldErr), w.HotkeyName, text(hot, hotErr), kept(w, wallet.Coldkey), kept(w, wallet.Hotkey)}
	if asJSON {
		return json.NewEncoder(s.out).Encode(row)
	}
	_, err := fmt.Fprintf(s.out, "wallet  %s\ncoldkey %s, %s\nhotkey  %s (%s), %s\n", row.Wallet, row.Coldkey, row.ColdkeyFile, row.Hotkey, row.Name, row.HotkeyFile)
	return err
}

// text is an address, or why there is none.
func text(v fmt.Stringer, err error) string {
	if err != nil {
		return "(" + string(strata.CodeOf(err)) + ")"
	}
	return v.String()
}
