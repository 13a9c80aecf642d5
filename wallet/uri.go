package wallet

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/ChainSafe/go-schnorrkel"
	"github.com/tyler-smith/go-bip39"
	"golang.org/x/crypto/blake2b"

	"strata"
)

const (
	// devPhrase is what substrate's URIs begin with when they name none. Its
	// keys (//Alice, …) are known to everybody.
	devPhrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"

	defaultWords = 12
	maxURI       = 1024
	maxJunctions = 16
)

// Generate makes a key from fresh randomness and returns it with its mnemonic
// of 12, 15, 18, 21 or 24 words; 0 means 12.
func Generate(words int) (*Key, string, error) {
	if words == 0 {
		words = defaultWords
	}
	if err := checkWords(words); err != nil {
		return nil, "", err
	}
	entropy, err := bip39.NewEntropy(words / 3 * 32)
	if err != nil {
		return nil, "", fmt.Errorf("generate a mnemonic: %w", err)
	}
	phrase, err := bip39.NewMnemonic(entropy)
	if err != nil {
		return nil, "", fmt.Errorf("generate a mnemonic: %w", err)
	}
	k, err := FromURI(phrase)
	return k, phrase, err
}

// FromURI makes a key from a substrate secret URI
//
//	[mnemonic | 64 or 128 hex digits, 0x optional] {"//"hard | "/"soft} ["///"password]
//
// where no mnemonic before a path means substrate's development phrase, so that
// "//Alice" is the usual development key. 64 hex digits are a seed, 128 a private
// key as wallet files have it. A mnemonic has 12 to 24 English words
// (BIP-39); its seed is substrate's: PBKDF2-HMAC-SHA512 of the entropy.
// The error has code Invalid and quotes nothing of the input.
// Source: https://docs.substrate.io/reference/command-line-tools/subkey/.
func FromURI(uri string) (*Key, error) {
	if len(uri) > maxURI {
		return nil, strata.E(strata.Invalid, "secret is longer than %d characters: give a mnemonic, a seed of 64 hex digits or a URI", maxURI)
	}
	root, path, password := splitURI(uri)
	if root == "" && path == "" {
		return nil, strata.E(strata.Invalid, "secret is empty: give a mnemonic, a seed of 64 hex digits or a URI like //Alice")
	}
	k, err := fromRoot(root, password)
	if err != nil {
		return nil, err
	}
	if path != "" {
		return derivePath(k, path)
	}
	return k, nil
}

// splitURI cuts a URI at its first "/" and its "///".
func splitURI(uri string) (root, path, password string) {
	uri, password, _ = strings.Cut(uri, "///")
	if i := strings.IndexByte(uri, '/'); i >= 0 {
		uri, path = uri[:i], uri[i:]
	}
	return strings.Join(strings.Fields(uri), " "), path, password
}

// fromRoot makes the key of a URI without its path.
func fromRoot(root, password string) (*Key, error) {
	if h := strings.TrimPrefix(root, "0x"); len(h) == 64 && !strings.Contains(h, " ") {
		seed, err := hex.DecodeString(h)
		if err != nil {
			return nil, strata.E(strata.Invalid, "seed is not 64 hex digits")
		}
		return fromSeed([32]byte(seed))
	}
	if h := strings.TrimPrefix(root, "0x"); len(h) == 128 && !strings.Contains(h, " ") {
		b, err := hex.DecodeString(h)
		if err != nil {
			return nil, strata.E(strata.Invalid, "private key is not 128 hex digits")
		}
		return fromScalar([32]byte(b[:32]), [32]byte(b[32:]), nil)
	}
	if root == "" {
		root = devPhrase
	}
	root = strings.ToLower(root)
	seed, err := seedOf(root, password)
	if err != nil {
		return nil, err
	}
	k, err := fromSeed(seed)
	if err == nil && password == "" {
		k.secret().phrase = root
	}
	return k, err
}

// seedOf returns the first 32 bytes of substrate's seed of a mnemonic. It
// differs from BIP-39 in stretching the entropy, not the words.
func seedOf(phrase, password string) ([32]byte, error) {
	if err := checkWords(len(strings.Fields(phrase))); err != nil {
		return [32]byte{}, err
	}
	entropy, err := bip39.EntropyFromMnemonic(phrase)
	if err != nil {
		return [32]byte{}, strata.E(strata.Invalid, "mnemonic is wrong: a word is mistyped, missing or out of order")
	}
	b, err := pbkdf2.Key(sha512.New, string(entropy), []byte("mnemonic"+password), 2048, 64)
	if err != nil {
		return [32]byte{}, fmt.Errorf("stretch the mnemonic: %w", err)
	}
	return [32]byte(b[:32]), nil
}

// checkWords says whether a mnemonic may have n words.
func checkWords(n int) error {
	if n < 12 || n > 24 || n%3 != 0 {
		return strata.E(strata.Invalid, "mnemonic has %d words, not 12, 15, 18, 21 or 24", n)
	}
	return nil
}

// derivePath applies junctions: each begins with one slash (soft) or two (hard).
func derivePath(k *Key, path string) (*Key, error) {
	for n := 0; path != ""; n++ {
		hard := strings.HasPrefix(path, "//")
		path = strings.TrimPrefix(strings.TrimPrefix(path, "/"), "/")
		code := path
		if i := strings.IndexByte(path, '/'); i >= 0 {
			code = path[:i]
		}
		path = path[len(code):]
		if code == "" || n == maxJunctions {
			return nil, strata.E(strata.Invalid, "derivation path is wrong: write at most %d parts like //hard/soft, none empty", maxJunctions)
		}
		next, err := deriveOne(k, chainCode(code), hard)
		if err != nil {
			return nil, err
		}
		k = next
	}
	return k, nil
}

// deriveOne derives one junction.
func deriveOne(k *Key, cc [32]byte, hard bool) (*Key, error) {
	sk := schnorrkel.NewSecretKey(k.secret().scalar, k.secret().nonce)
	if hard {
		mini, _, err := sk.HardDeriveMiniSecretKey(nil, cc)
		if err != nil {
			return nil, fmt.Errorf("derive a hard key: %w", err)
		}
		return fromSeed(mini.Encode())
	}
	ext, err := schnorrkel.DeriveKeySoft(sk, nil, cc)
	if err != nil {
		return nil, fmt.Errorf("derive a soft key: %w", err)
	}
	child, err := ext.Secret()
	if err != nil {
		return nil, fmt.Errorf("derive a soft key: %w", err)
	}
	nonce, err := randomNonce()
	if err != nil {
		return nil, fmt.Errorf("derive a soft key: %w", err)
	}
	return fromScalar(child.Encode(), nonce, nil)
}

// chainCode is substrate's of a junction: a number as 64-bit little-endian,
// anything else as a SCALE string, blake2b-256 hashed when longer than 32 bytes.
func chainCode(code string) (cc [32]byte) {
	if n, err := strconv.ParseUint(strings.TrimPrefix(code, "+"), 10, 64); err == nil {
		binary.LittleEndian.PutUint64(cc[:], n)
		return cc
	}
	enc := append(compact(len(code)), code...)
	if len(enc) > len(cc) {
		return blake2b.Sum256(enc)
	}
	copy(cc[:], enc)
	return cc
}

// compact is SCALE's of a length below 2¹⁴, which maxURI ensures.
func compact(n int) []byte {
	if n < 1<<6 {
		return []byte{byte(n << 2)}
	}
	return binary.LittleEndian.AppendUint16(nil, uint16(n<<2|1))
}
