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

	// Ask is asked for the password of an encrypted file whose password is not
	// in the environment; nil: such a file is an error.
	Ask PasswordFunc
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
// An encrypted file takes its password from the environment (BT_PW_… as btcli
// saves it, BT_WALLET_PASSWORD, BT_WALLET_PASSWORD_FILE), then from w.Ask;
// decrypting takes seconds and 512 MiB.
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
	if err != nil {
		return nil, err
	}
	if encrypted(b) {
		if b, err = decryptFile(file, b, w.Ask); err != nil {
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

func decryptFile(file string, b []byte, ask PasswordFunc) ([]byte, error) {
	pw, err := password(file, ask)
	if err != nil {
		return nil, err
	}
	return decrypt(b, pw)
}

// loadPublic reads the first of the files that exists.
func (w Wallet) loadPublic(public, secret string) ([32]byte, error) {
	b, err := w.read(public)
	if strata.CodeOf(err) == strata.NotFound {
		w.Ask = nil // a public key is not worth a password
		k, err := w.load(secret)
		if err != nil {
			return [32]byte{}, err
		}
		return k.pub, nil
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
