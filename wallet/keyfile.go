package wallet

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"strata"
)

// Limits of a key file. btcli's have about 500 bytes.
const (
	maxFile  = 64 << 10
	maxField = 4 << 10
)

// keyfile is the content of a wallet file. btcli reads it as a map of strings,
// so fields without a value are left out.
type keyfile struct {
	AccountID    string `json:"accountId,omitempty"`
	PublicKey    string `json:"publicKey,omitempty"`
	PrivateKey   string `json:"privateKey,omitempty"`
	SecretPhrase string `json:"secretPhrase,omitempty"`
	SecretSeed   string `json:"secretSeed,omitempty"`
	SS58Address  string `json:"ss58Address,omitempty"`
	CryptoType   any    `json:"cryptoType,omitempty"` // newer tools; read only
}

// publicFile is what …pub.txt holds.
func publicFile(key [32]byte) keyfile {
	pub := "0x" + hex.EncodeToString(key[:])
	return keyfile{AccountID: pub, PublicKey: pub, SS58Address: strata.EncodeSS58(key)}
}

// secretFile is what a coldkey or hotkey file holds.
func secretFile(k *Key) keyfile {
	f, s := publicFile(k.pub), k.secret()
	f.PrivateKey = "0x" + hex.EncodeToString(s.scalar[:]) + hex.EncodeToString(s.nonce[:])
	if s.seed != nil {
		f.SecretSeed = "0x" + hex.EncodeToString(s.seed)
	}
	f.SecretPhrase = s.phrase
	return f
}

// encode returns the file's bytes.
func (f keyfile) encode() ([]byte, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode a wallet file: %w", err)
	}
	return append(b, '\n'), nil
}

// parseKeyfile reads a wallet file: JSON, or a bare seed or mnemonic as newer
// tools write. It bounds every field. The error has code Corrupt and quotes
// nothing of the content.
func parseKeyfile(b []byte) (keyfile, error) {
	text := strings.TrimSpace(string(b))
	if len(b) > maxFile || text == "" {
		return keyfile{}, strata.E(strata.Corrupt, "it is empty or larger than %d bytes", maxFile)
	}
	if !strings.HasPrefix(text, "{") {
		return bareSecret(text), nil
	}
	var f keyfile
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return keyfile{}, strata.E(strata.Corrupt, "it is not the JSON that btcli writes")
	}
	for _, v := range []string{f.AccountID, f.PublicKey, f.PrivateKey, f.SecretPhrase, f.SecretSeed, f.SS58Address} {
		if len(v) > maxField {
			return keyfile{}, strata.E(strata.Corrupt, "a field of it is longer than %d characters", maxField)
		}
	}
	return f, f.checkCrypto()
}

// bareSecret takes a file whose whole content is a seed or a mnemonic.
func bareSecret(text string) keyfile {
	if strings.Contains(text, " ") {
		return keyfile{SecretPhrase: text}
	}
	return keyfile{SecretSeed: text}
}

// checkCrypto refuses keys of other schemes (1 is sr25519's number in the SDK).
func (f keyfile) checkCrypto() error {
	switch strings.ToLower(fmt.Sprint(f.CryptoType)) {
	case "<nil>", "", "1", "sr25519":
		return nil
	}
	return strata.E(strata.Invalid, "its key is not an sr25519 one")
}

// key makes the key of a secret file: secretPhrase before secretSeed before
// privateKey, as btcli does.
func (f keyfile) key() (*Key, error) {
	k, err := f.unchecked()
	if err != nil {
		return nil, err
	}
	pub, stated, err := f.public()
	if err != nil {
		return nil, err
	}
	if stated && pub != k.pub {
		return nil, strata.E(strata.Corrupt, "its secret belongs to %s, but it says %s", k, strata.EncodeSS58(pub))
	}
	return k, nil
}

func (f keyfile) unchecked() (*Key, error) {
	switch {
	case f.SecretPhrase != "":
		return FromURI(f.SecretPhrase)
	case f.SecretSeed != "":
		if len(strings.TrimPrefix(f.SecretSeed, "0x")) != 64 { // no URI here: //Alice is everybody's
			return nil, strata.E(strata.Corrupt, "its secretSeed is not 32 bytes in hex")
		}
		return FromURI(f.SecretSeed)
	case f.PrivateKey != "":
		return parsePrivate(f.PrivateKey)
	}
	return nil, strata.E(strata.Corrupt, "it holds no secret, only an address")
}

// parsePrivate reads 64 bytes in hex: scalar and nonce.
func parsePrivate(s string) (*Key, error) {
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil || len(b) != 64 {
		return nil, strata.E(strata.Corrupt, "its privateKey is not 64 bytes in hex")
	}
	return fromScalar([32]byte(b[:32]), [32]byte(b[32:]), nil)
}

// public returns the public key that the file states and whether it states one.
// All its statements must agree.
func (f keyfile) public() (pub [32]byte, stated bool, err error) {
	for _, s := range []string{f.SS58Address, f.PublicKey, f.AccountID} {
		if s == "" {
			continue
		}
		k, err := strata.ParseHotkey(s)
		if err != nil {
			return pub, false, strata.E(strata.Corrupt, "its address or public key is malformed: %w", err)
		}
		if stated && k != pub {
			return pub, false, strata.E(strata.Corrupt, "its address and its public key are not the same key")
		}
		pub, stated = k, true
	}
	return pub, stated, nil
}
