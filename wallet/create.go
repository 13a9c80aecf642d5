package wallet

import (
	"crypto/rand"
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

// Options say how a key is written. The zero value is right for keys of a test
// network.
type Options struct {
	// Overwrite replaces existing files; the keys they held are gone.
	Overwrite bool
	// Password encrypts the secret file as btcli does; "" leaves it readable.
	Password string
	// Words is the length of a new mnemonic: 12, 15, 18, 21 or 24; 0 means 12.
	Words int
}

// New generates a coldkey and a hotkey and writes both; a password encrypts the
// coldkey only: a hotkey is read by programs that start without a person. Where
// a file of either exists it changes nothing and gives code Conflict, unless
// told to overwrite.
//
// A crash on the way leaves whole files only, and the coldkey before the
// hotkey: the words that were not shown are in the files.
func (w Wallet) New(o Options) (Mnemonics, error) {
	if err := w.free(o.Overwrite, w.coldkeyFile(), w.coldkeyPubFile(), w.hotkeyFile(), w.hotkeyPubFile()); err != nil {
		return Mnemonics{}, err
	}
	cold, coldWords, err := Generate(o.Words)
	if err != nil {
		return Mnemonics{}, err
	}
	hot, hotWords, err := Generate(o.Words)
	if err != nil {
		return Mnemonics{}, err
	}
	if err := w.writePair(Coldkey, cold, o.Password); err != nil {
		return Mnemonics{}, err
	}
	if err := w.writePair(Hotkey, hot, ""); err != nil {
		return Mnemonics{}, err
	}
	return Mnemonics{Coldkey: coldWords, Hotkey: hotWords}, nil
}

// NewKey generates and writes one key beside whatever else there is, and
// returns its mnemonic. Errors are as for New.
func (w Wallet) NewKey(r Role, o Options) (string, error) {
	if err := w.freeRole(r, o.Overwrite); err != nil {
		return "", err
	}
	k, words, err := Generate(o.Words)
	if err != nil {
		return "", err
	}
	return words, w.writePair(r, k, o.Password)
}

// Import writes the key of a mnemonic, a seed, a private key or a URI (see
// FromURI). Errors are as for FromURI and New.
func (w Wallet) Import(r Role, secret string, o Options) (*Key, error) {
	if err := w.freeRole(r, o.Overwrite); err != nil {
		return nil, err
	}
	k, err := FromURI(secret)
	if err != nil {
		return nil, err
	}
	return k, w.writePair(r, k, o.Password)
}

// ImportPublic writes the public half of a key alone, given as an ss58 address
// or in hex. What needs no signature works with it. Errors are as for New.
func (w Wallet) ImportPublic(r Role, address string, overwrite bool) ([32]byte, error) {
	secret, public, err := w.files(r)
	if err != nil {
		return [32]byte{}, err
	}
	pub, err := strata.ParseHotkey(address)
	if err != nil {
		return [32]byte{}, err
	}
	if _, err := os.Lstat(secret); err == nil { // the two would disagree
		return [32]byte{}, strata.E(strata.Conflict, "wallet file %s exists: its public half is not to be replaced by another", secret)
	}
	if err := w.free(overwrite, public); err != nil {
		return [32]byte{}, err
	}
	return pub, writeFile(public, publicFile(pub))
}

// SetPassword encrypts a secret file, changes its password, or with "" decrypts
// it, and writes the public file if that is missing. The old password comes from
// where Load takes it; choose is called when it was right.
//
// The file is replaced whole: a crash leaves it under the old password or the new.
func (w Wallet) SetPassword(r Role, choose func() (string, error)) error {
	secret, public, err := w.files(r)
	if err != nil {
		return err
	}
	k, err := w.load(secret)
	if err != nil {
		return err
	}
	password, err := choose()
	if err != nil {
		return err
	}
	if err := w.writeSecret(secret, k, password); err != nil {
		return err
	}
	if _, err := os.Lstat(public); err == nil {
		return nil
	}
	return writeFile(public, publicFile(k.pub))
}

// Encrypted says whether a secret file is encrypted. Errors are as for Load.
func (w Wallet) Encrypted(r Role) (bool, error) {
	secret, _, err := w.files(r)
	if err != nil {
		return false, err
	}
	b, err := w.read(secret)
	return err == nil && encrypted(b), err
}

// KnownPassword returns the password that Load would use for a key without
// asking, "" if there is none: what a script means for a key it creates.
func (w Wallet) KnownPassword(r Role) (string, error) {
	secret, _, err := w.files(r)
	if err != nil {
		return "", err
	}
	return w.knownPassword(secret)
}

func (w Wallet) freeRole(r Role, overwrite bool) error {
	secret, public, err := w.files(r)
	if err != nil {
		return err
	}
	return w.free(overwrite, secret, public)
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
// without its public file. Load does without it; of an encrypted key SetPassword
// writes it.
func (w Wallet) writePair(r Role, k *Key, password string) error {
	secret, public, err := w.files(r)
	if err != nil {
		return err
	}
	if err := w.writeSecret(secret, k, password); err != nil {
		return err
	}
	return writeFile(public, publicFile(k.pub))
}

// writeSecret writes a secret file, encrypted unless the password is "".
func (w Wallet) writeSecret(file string, k *Key, password string) error {
	content := secretFile(k)
	if password == "" {
		return writeFile(file, content)
	}
	b, err := content.encode()
	if err != nil {
		return err
	}
	var nonce [naclNonce]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return fmt.Errorf("encrypt a wallet file: %w", err)
	}
	return writeBytes(file, box(b, w.stretch(password), nonce))
}

func writeFile(file string, content keyfile) error {
	b, err := content.encode()
	if err != nil {
		return err
	}
	return writeBytes(file, b)
}

// writeBytes makes a file appear whole, readable by its owner only, and on the
// disk when it returns. A crash before that leaves at most a temporary file with
// mode 0600 beside it, never in a directory that others share.
func writeBytes(file string, b []byte) error {
	if err := durable.MkdirAll(filepath.Dir(file)); err != nil {
		return fmt.Errorf("create wallet directory: %w", err)
	}
	if err := durable.WriteFile(file, b, 0o600); err != nil {
		return fmt.Errorf("save the wallet: %w", err)
	}
	return nil
}
