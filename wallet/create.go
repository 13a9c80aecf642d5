package wallet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"strata"
	"strata/internal/durable"
)

// Mnemonics are the words that restore a wallet. They are for showing to its
// owner once: print the fields. The struct itself shows nothing, to loggers and
// encoders neither.
type Mnemonics struct {
	Coldkey string
	Hotkey  string
}

// Format hides the words.
func (m Mnemonics) Format(f fmt.State, _ rune) { fmt.Fprint(f, hiddenWords) }

// MarshalText hides the words.
func (m Mnemonics) MarshalText() ([]byte, error) { return []byte(hiddenWords), nil }

const hiddenWords = "[mnemonics]"

// New generates a coldkey and a hotkey with 12-word mnemonics and writes both,
// unencrypted. Where a file of either exists it changes nothing and gives code
// Conflict, unless overwrite is set; what is overwritten is gone.
//
// A crash on the way leaves whole files only, and the coldkey before the
// hotkey: the words that were not shown are in the files.
func (w Wallet) New(overwrite bool) (Mnemonics, error) {
	if err := w.free(overwrite, w.coldkeyFile(), w.coldkeyPubFile(), w.hotkeyFile(), w.hotkeyPubFile()); err != nil {
		return Mnemonics{}, err
	}
	cold, coldWords, err := Generate()
	if err != nil {
		return Mnemonics{}, err
	}
	hot, hotWords, err := Generate()
	if err != nil {
		return Mnemonics{}, err
	}
	if err := writePair(w.coldkeyFile(), w.coldkeyPubFile(), cold); err != nil {
		return Mnemonics{}, err
	}
	if err := writePair(w.hotkeyFile(), w.hotkeyPubFile(), hot); err != nil {
		return Mnemonics{}, err
	}
	return Mnemonics{Coldkey: coldWords, Hotkey: hotWords}, nil
}

// NewHotkey generates and writes a hotkey beside whatever coldkey there is, and
// returns its mnemonic. Errors are as for New.
func (w Wallet) NewHotkey(overwrite bool) (string, error) {
	if err := w.free(overwrite, w.hotkeyFile(), w.hotkeyPubFile()); err != nil {
		return "", err
	}
	k, words, err := Generate()
	if err != nil {
		return "", err
	}
	return words, writePair(w.hotkeyFile(), w.hotkeyPubFile(), k)
}

// ImportColdkey writes the coldkey of a mnemonic, a seed or a URI (see FromURI).
// Errors are as for FromURI and New.
func (w Wallet) ImportColdkey(secret string, overwrite bool) (*Key, error) {
	return w.imported(w.coldkeyFile(), w.coldkeyPubFile(), secret, overwrite)
}

// ImportHotkey writes a hotkey like ImportColdkey.
func (w Wallet) ImportHotkey(secret string, overwrite bool) (*Key, error) {
	return w.imported(w.hotkeyFile(), w.hotkeyPubFile(), secret, overwrite)
}

func (w Wallet) imported(file, pubFile, secret string, overwrite bool) (*Key, error) {
	if err := w.free(overwrite, file, pubFile); err != nil {
		return nil, err
	}
	k, err := FromURI(secret)
	if err != nil {
		return nil, err
	}
	return k, writePair(file, pubFile, k)
}

// free says whether the files may be written.
func (w Wallet) free(overwrite bool, files ...string) error {
	if err := w.check(); err != nil || overwrite {
		return err
	}
	for _, f := range files {
		_, err := os.Lstat(f)
		if err == nil {
			return strata.E(strata.Conflict, "wallet file %s exists: choose another name, or pass --overwrite to lose its key for good", f)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look for wallet file %s: %w", f, err)
		}
	}
	return nil
}

// writePair writes the secret file first: a crash between the two leaves a key
// without its public file, which loadPublic does without.
func writePair(file, pubFile string, k *Key) error {
	if err := writeFile(file, secretFile(k)); err != nil {
		return err
	}
	return writeFile(pubFile, publicFile(k))
}

// writeFile makes a file appear whole, readable by its owner only, and on the
// disk when it returns. A crash before that leaves at most a temporary file with
// mode 0600 beside it, never in a directory that others share.
func writeFile(file string, content keyfile) error {
	b, err := content.encode()
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(filepath.Dir(file)); err != nil {
		return fmt.Errorf("create wallet directory: %w", err)
	}
	if err := durable.WriteFile(file, b, 0o600); err != nil {
		return fmt.Errorf("save the wallet: %w", err)
	}
	return nil
}
