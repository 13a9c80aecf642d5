package wallet

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"strata"
)

// Defaults are btcli's.
const (
	DefaultPath   = "~/.bittensor/wallets"
	DefaultName   = "default"
	DefaultHotkey = "default"
)

// Wallet names the files of one coldkey and one of its hotkeys. It holds no
// secret and reads the files anew at each call; it is safe for concurrent
// reading.
type Wallet struct {
	Path       string // the directory of wallets, "~" expanded
	Name       string // the coldkey's
	HotkeyName string

	// PasswordFile, if not empty, is a file that holds the password of encrypted
	// keys; it goes before what the environment says.
	PasswordFile string

	// Ask is asked for the password of an encrypted file that is found nowhere
	// else; nil: such a file is an error.
	Ask PasswordFunc

	// stretcher stands for the seconds and 512 MiB of stretching in tests.
	stretcher func(password string) [32]byte
}

// Role names one of a wallet's two keys.
type Role string

// The keys of a wallet: the owner's, and a miner's or validator's.
const (
	Coldkey Role = "coldkey"
	Hotkey  Role = "hotkey"
)

// files returns the secret and the public file of a key.
func (w Wallet) files(r Role) (secret, public string, err error) {
	switch r {
	case Coldkey:
		return w.coldkeyFile(), w.coldkeyPubFile(), nil
	case Hotkey:
		return w.hotkeyFile(), w.hotkeyPubFile(), nil
	}
	return "", "", strata.E(strata.Invalid, "%q is not a key of a wallet: say coldkey or hotkey", r)
}

// Load reads one of the keys like LoadHotkey.
func (w Wallet) Load(r Role) (*Key, error) {
	secret, _, err := w.files(r)
	if err != nil {
		return nil, err
	}
	return w.load(secret)
}

// LoadPublic reads the public half of one of the keys like LoadColdkeyPub.
func (w Wallet) LoadPublic(r Role) ([32]byte, error) {
	secret, public, err := w.files(r)
	if err != nil {
		return [32]byte{}, err
	}
	return w.loadPublic(public, secret)
}

// Open names a wallet; an empty argument means the default. Nothing is read, so
// nothing need exist yet.
func Open(path, name, hotkey string) Wallet {
	return Wallet{
		Path:       expand(or(path, DefaultPath)),
		Name:       or(name, DefaultName),
		HotkeyName: or(hotkey, DefaultHotkey),
	}
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// expand replaces a leading "~". Without a home directory the path stays as it
// is, and the error of reading it shows it.
func expand(path string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || (rest != "" && !strings.HasPrefix(rest, "/")) {
		return filepath.Clean(path)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Clean(path)
	}
	return filepath.Join(home, rest)
}

// LoadHotkey reads the hotkey. A missing file gives code NotFound, a damaged
// one Corrupt, an encrypted one without its password Unauthenticated.
//
// An encrypted file takes its password from w.PasswordFile, from the environment
// (BT_WALLET_PASSWORD, BT_PW_… as btcli saves it, BT_WALLET_PASSWORD_FILE), then
// from w.Ask; decrypting takes seconds and 512 MiB.
func (w Wallet) LoadHotkey() (*Key, error) { return w.load(w.hotkeyFile()) }

// LoadColdkey reads the coldkey like LoadHotkey.
func (w Wallet) LoadColdkey() (*Key, error) { return w.load(w.coldkeyFile()) }

// LoadColdkeyPub reads the coldkey's public half: from coldkeypub.txt, or from
// an unencrypted coldkey where there is none. Errors are as for LoadHotkey.
func (w Wallet) LoadColdkeyPub() (strata.Coldkey, error) {
	return w.loadPublic(w.coldkeyPubFile(), w.coldkeyFile())
}

// LoadHotkeyPub reads the hotkey's public half, so that reading needs no
// secret. Errors are as for LoadHotkey.
func (w Wallet) LoadHotkeyPub() (strata.Hotkey, error) {
	return w.loadPublic(w.hotkeyPubFile(), w.hotkeyFile())
}

func (w Wallet) dir() string            { return filepath.Join(w.Path, w.Name) }
func (w Wallet) coldkeyFile() string    { return filepath.Join(w.dir(), "coldkey") }
func (w Wallet) coldkeyPubFile() string { return filepath.Join(w.dir(), "coldkeypub.txt") }
func (w Wallet) hotkeyFile() string     { return filepath.Join(w.dir(), "hotkeys", w.HotkeyName) }
func (w Wallet) hotkeyPubFile() string {
	return filepath.Join(w.dir(), "hotkeys", w.HotkeyName+"pub.txt")
}

// check refuses names that would lead out of the wallet directory.
func (w Wallet) check() error {
	for _, n := range []string{w.Name, w.HotkeyName} {
		if n == "" || n == "." || n == ".." || strings.ContainsAny(n, "/\\\x00") || len(n) > 200 {
			return strata.E(strata.Invalid, "wallet name %q is not a file name: use letters, digits, - and _", n)
		}
	}
	return nil
}

// load reads a secret file.
func (w Wallet) load(file string) (*Key, error) {
	b, err := w.read(file)
	if strata.CodeOf(err) == strata.NotFound {
		err = w.onlyPublic(file, err)
	}
	if err != nil {
		return nil, err
	}
	if encrypted(b) {
		if b, err = w.decryptFile(file, b); err != nil {
			return nil, about(file, err)
		}
	}
	f, err := parseKeyfile(b)
	if err != nil {
		return nil, about(file, err)
	}
	k, err := f.key()
	if err != nil {
		return nil, about(file, err)
	}
	return k, nil
}

// onlyPublic says of a missing secret file that its public half is there.
func (w Wallet) onlyPublic(file string, err error) error {
	for _, r := range []Role{Coldkey, Hotkey} {
		secret, public, _ := w.files(r) // cannot fail: both are known
		if _, e := os.Lstat(public); secret == file && e == nil {
			return strata.E(strata.NotFound, "wallet %s has only the public half of its %s here, which cannot sign: run this where the key is, or `strata wallet import %s`", w.Name, r, r)
		}
	}
	return err
}

func (w Wallet) decryptFile(file string, b []byte) ([]byte, error) {
	if err := decryptable(b); err != nil {
		return nil, err
	}
	pw, err := w.password(file)
	if err != nil {
		return nil, err
	}
	return unbox(b, w.stretch(pw))
}

// stretch turns a password into the key of a file.
func (w Wallet) stretch(password string) [32]byte {
	if w.stretcher != nil {
		return w.stretcher(password)
	}
	return stretch(password)
}

// loadPublic reads the first of the files that exists.
func (w Wallet) loadPublic(public, secret string) ([32]byte, error) {
	b, err := w.read(public)
	if strata.CodeOf(err) == strata.NotFound {
		return w.publicOfSecret(secret)
	}
	if err != nil {
		return [32]byte{}, err
	}
	f, err := parseKeyfile(b)
	if err != nil {
		return [32]byte{}, about(public, err)
	}
	pub, stated, err := f.public()
	if err == nil && !stated {
		err = strata.E(strata.Corrupt, "it holds no address")
	}
	if err != nil {
		return [32]byte{}, about(public, err)
	}
	return pub, nil
}

// publicOfSecret reads the public half of a secret file without a public one
// beside it. A public key is not worth a password.
func (w Wallet) publicOfSecret(file string) ([32]byte, error) {
	b, err := w.read(file)
	if err == nil && encrypted(b) {
		err = strata.E(strata.Unauthenticated, "wallet file %s is encrypted and the public file beside it is missing: `strata wallet password` writes it again", file)
	}
	if err != nil {
		return [32]byte{}, err
	}
	k, err := w.load(file)
	if err != nil {
		return [32]byte{}, err
	}
	return k.pub, nil
}

// read returns a file's bytes, at most one more than maxFile.
func (w Wallet) read(file string) ([]byte, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	b, err := readBounded(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, strata.E(strata.NotFound,
			"no wallet at %s: create one with `strata wallet new`, or name another with --wallet.name, --wallet.hotkey, --wallet.path", file)
	case errors.Is(err, fs.ErrPermission):
		return nil, strata.E(strata.Forbidden, "wallet file %s may not be read by this user: run as its owner", file)
	case err != nil:
		return nil, fmt.Errorf("read wallet file %s: %w", file, err)
	}
	return b, nil
}

func readBounded(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only: nothing to lose
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// about names the file that an error is about, keeping the error's code.
func about(file string, err error) error {
	return strata.E(strata.CodeOf(err), "wallet file %s: %w", file, err)
}
