package wallet

import (
	"bytes"
	"encoding/base64"
	"os"
	"strings"
	"sync"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/nacl/secretbox"

	"strata"
)

// The encryption of btcli's coldkeys: "$NACL" ‖ 24-byte nonce ‖ XSalsa20-Poly1305
// box, keyed by Argon2i of the password with libsodium's "sensitive" limits and
// a fixed salt. Source: btwallet, src/keyfile.rs.
const (
	naclMagic   = "$NACL"
	naclNonce   = 24
	argonPasses = 8
	argonKiB    = 512 << 10
)

var argonSalt = []byte{
	0x13, 0x71, 0x83, 0xdf, 0xf1, 0x5a, 0x09, 0xbc, 0x9c, 0x90, 0xb5, 0x51, 0x87, 0x39, 0xe9, 0xb1,
}

// PasswordFunc asks a person for the password of an encrypted key file.
type PasswordFunc func(file string) (string, error)

// stretching lets one key be stretched at a time: it takes 512 MiB.
var stretching sync.Mutex

// stretch turns a password into the box's key, in some seconds.
func stretch(password string) (key [32]byte) {
	stretching.Lock()
	defer stretching.Unlock()
	copy(key[:], argon2.Key([]byte(password), argonSalt, argonPasses, argonKiB, 1, uint32(len(key))))
	return key
}

// encrypted says whether a file's content is in any of btcli's encryptions.
func encrypted(b []byte) bool {
	return bytes.HasPrefix(b, []byte(naclMagic)) || bytes.HasPrefix(b, []byte("$ANSIBLE_VAULT")) ||
		bytes.HasPrefix(b, []byte("gAAAAA"))
}

// decryptable refuses the encryptions that btcli used before NaCl's.
func decryptable(b []byte) error {
	if !bytes.HasPrefix(b, []byte(naclMagic)) {
		return strata.E(strata.Invalid, "it is encrypted in an old format: re-encrypt it with a current btcli")
	}
	return nil
}

// box encrypts a file's content with the stretched key, under a nonce that was
// never used with it.
func box(plain []byte, key [32]byte, nonce [naclNonce]byte) []byte {
	return secretbox.Seal(append([]byte(naclMagic), nonce[:]...), plain, &nonce, &key)
}

// unbox opens an encrypted file's content with the stretched key.
func unbox(b []byte, key [32]byte) ([]byte, error) {
	box, ok := bytes.CutPrefix(b, []byte(naclMagic))
	if !ok || len(box) < naclNonce+secretbox.Overhead {
		return nil, strata.E(strata.Corrupt, "it is cut short")
	}
	plain, ok := secretbox.Open(nil, box[naclNonce:], (*[naclNonce]byte)(box), &key)
	if !ok {
		return nil, strata.E(strata.Unauthenticated, "the password is wrong or the file is damaged")
	}
	return plain, nil
}

// password finds the password of a file, asking for it if it must.
func (w Wallet) password(file string) (string, error) {
	pw, err := w.knownPassword(file)
	switch {
	case err != nil || pw != "":
		return pw, err
	case w.Ask == nil:
		return "", strata.E(strata.Unauthenticated,
			"it is encrypted: run the command in a terminal, give --wallet.password_file, or set BT_WALLET_PASSWORD")
	}
	return w.Ask(file)
}

// knownPassword finds the password of a file without asking, "" if there is
// none: in w.PasswordFile, then where the Python SDK looks, in its order:
// BT_WALLET_PASSWORD, btcli's BT_PW_… variable of that file, the file that
// BT_WALLET_PASSWORD_FILE names.
func (w Wallet) knownPassword(file string) (string, error) {
	if w.PasswordFile != "" {
		return ReadPassword(w.PasswordFile)
	}
	if v := os.Getenv("BT_WALLET_PASSWORD"); v != "" {
		return v, nil
	}
	name := passwordVariable(file)
	if v := os.Getenv(name); v != "" {
		return unmask(name, v)
	}
	if v := os.Getenv("BT_WALLET_PASSWORD_FILE"); v != "" {
		return ReadPassword(v)
	}
	return "", nil
}

// ReadPassword reads a password from a file, without the line's end. The error
// has code Invalid.
func ReadPassword(file string) (string, error) {
	b, err := readBounded(expand(file))
	if err != nil {
		return "", strata.E(strata.Invalid, "the password file cannot be read: %w", err)
	}
	pw := strings.TrimRight(string(b), "\r\n")
	if pw == "" || len(b) > maxFile {
		return "", strata.E(strata.Invalid, "the password file %s is empty or larger than %d bytes", file, maxFile)
	}
	return pw, nil
}

// passwordVariable is btcli's name of the variable for a file.
func passwordVariable(file string) string {
	return "BT_PW_" + strings.ToUpper(strings.NewReplacer("/", "_", ".", "_").Replace(file))
}

// unmask undoes btcli's masking of a password in the environment: base64 of the
// password XOR the variable's name. It hides it from a glance, no more.
func unmask(name, value string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return "", strata.E(strata.Invalid, "variable %s is not a password that btcli saved", name)
	}
	for i := range b {
		b[i] ^= name[i%len(name)]
	}
	return string(b), nil
}
