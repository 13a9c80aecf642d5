package wallet

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"

	"golang.org/x/crypto/nacl/secretbox"
	"golang.org/x/crypto/scrypt"

	"strata"
)

// A keystore is what wallets in browsers export (polkadot.js and those that
// follow it): JSON around base64 of
//
//	salt 32 ‖ N, p, r u32 ‖ nonce 24 ‖ XSalsa20-Poly1305 box, keyed by scrypt
//
// whose plaintext is a header, the private key, a divider and the public key.
// Source: @polkadot/util-crypto and @polkadot/keyring, generation 3.
const (
	keystoreScrypt = 32 + 3*4
	keystoreNonce  = 24
	keystorePlain  = 16 + 64 + 5 + 32
)

var (
	keystoreHeader  = []byte{0x30, 0x53, 0x02, 0x01, 0x01, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20}
	keystoreDivider = []byte{0xa1, 0x23, 0x03, 0x21, 0x00}
)

// keystoreCosts are the costs of scrypt (N, p, r) that wallets use; others
// would let a file choose how much memory it takes.
var keystoreCosts = [][3]int{{1 << 13, 10, 8}, {1 << 14, 5, 8}, {1 << 15, 3, 8}, {1 << 15, 1, 8}, {1 << 16, 2, 8}, {1 << 17, 1, 8}}

type keystore struct {
	Encoded  string `json:"encoded"`
	Encoding struct {
		Content []string `json:"content"`
		Type    []string `json:"type"`
		Version string   `json:"version"`
	} `json:"encoding"`
	Address string `json:"address"`
}

// FromKeystore makes the key of a keystore. It has no seed: it signs, and does
// not derive secrets. Errors: Corrupt or Invalid for a file that is none,
// Unauthenticated for a wrong password; none quotes the content.
func FromKeystore(b []byte, password string) (*Key, error) {
	var k keystore
	if len(b) > maxFile || json.Unmarshal(b, &k) != nil || k.Encoded == "" {
		return nil, strata.E(strata.Corrupt, "it is not the JSON keystore that a browser's wallet exports")
	}
	if k.Encoding.Version != "3" || !slices.Equal(k.Encoding.Content, []string{"pkcs8", "sr25519"}) {
		return nil, strata.E(strata.Invalid, "its key is not an sr25519 one of keystore version 3: export the mnemonic instead")
	}
	raw, err := base64.StdEncoding.DecodeString(k.Encoded)
	if err != nil {
		return nil, strata.E(strata.Corrupt, "its key is not base64")
	}
	if slices.Contains(k.Encoding.Type, "xsalsa20-poly1305") {
		if raw, err = openKeystore(raw, password); err != nil {
			return nil, err
		}
	}
	key, err := keystoreKey(raw)
	if err != nil {
		return nil, err
	}
	if pub, err := strata.DecodeSS58(k.Address); err != nil || pub != key.pub {
		return nil, strata.E(strata.Corrupt, "its key belongs to %s, but it says another address", key)
	}
	return key, nil
}

// openKeystore decrypts; its cost is one of keystoreCosts, at most 128 MiB.
func openKeystore(raw []byte, password string) ([]byte, error) {
	if len(raw) < keystoreScrypt+keystoreNonce+secretbox.Overhead {
		return nil, strata.E(strata.Corrupt, "its key is cut short")
	}
	cost := [3]int{}
	for i := range cost {
		cost[i] = int(binary.LittleEndian.Uint32(raw[32+4*i:]))
	}
	if !slices.Contains(keystoreCosts, cost) {
		return nil, strata.E(strata.Invalid, "its password is stretched in a way that no wallet uses")
	}
	stretched, err := scrypt.Key([]byte(password), raw[:32], cost[0], cost[2], cost[1], 64)
	if err != nil {
		return nil, strata.E(strata.Invalid, "stretch the keystore's password: %w", err)
	}
	box := raw[keystoreScrypt:]
	plain, ok := secretbox.Open(nil, box[keystoreNonce:], (*[keystoreNonce]byte)(box), (*[32]byte)(stretched))
	if !ok {
		return nil, strata.E(strata.Unauthenticated, "the password is wrong or the file is damaged")
	}
	return plain, nil
}

// keystoreKey reads the plaintext. The scalar is written eight times as large,
// as ed25519 has it.
func keystoreKey(plain []byte) (*Key, error) {
	if len(plain) != keystorePlain || !bytes.HasPrefix(plain, keystoreHeader) || !bytes.Equal(plain[80:85], keystoreDivider) {
		return nil, strata.E(strata.Corrupt, "its key is not in the form of keystore version 3")
	}
	var scalar [32]byte
	copy(scalar[:], plain[16:48])
	low := byte(0)
	for i := len(scalar) - 1; i >= 0; i-- {
		scalar[i], low = scalar[i]>>3|low<<5, scalar[i]&7
	}
	if low != 0 {
		return nil, strata.E(strata.Corrupt, "its private key is not an sr25519 one")
	}
	k, err := fromScalar(scalar, [32]byte(plain[48:80]), nil)
	if err != nil {
		return nil, err
	}
	if k.pub != [32]byte(plain[85:]) {
		return nil, strata.E(strata.Corrupt, "its private key belongs to %s, not to its public key", k)
	}
	return k, nil
}

// ImportKeystore writes the key of a keystore like Import.
func (w Wallet) ImportKeystore(r Role, b []byte, password string, o Options) (*Key, error) {
	if err := w.freeRole(r, o.Overwrite); err != nil {
		return nil, err
	}
	k, err := FromKeystore(b, password)
	if err != nil {
		return nil, err
	}
	return k, w.writePair(r, k, o.Password)
}
