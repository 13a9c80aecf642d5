package timelock

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"strata"
)

// quicknet's public key, and its round 1000 with the randomness that drand
// publishes for it.
const (
	quicknetKey = "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
	round1000   = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39"
	random1000  = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestQuicknet: a message to a round of the public beacon opens with that
// round's real signature, and with no other.
func TestQuicknet(t *testing.T) {
	key, sig := unhex(t, quicknetKey), unhex(t, round1000)
	if sum := sha256.Sum256(sig); hex.EncodeToString(sum[:]) != random1000 {
		t.Fatalf("the signature's hash is %x, not the round's randomness", sum)
	}
	if !Verify(key, 1000, sig) || Verify(key, 1001, sig) {
		t.Error("the round's signature is not told from another's")
	}
	msg := []byte("weights")
	locked, err := Encrypt(rand.Reader, key, 1000, msg)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decrypt(locked, sig); err != nil || !bytes.Equal(got, msg) {
		t.Errorf("opened %q, %v", got, err)
	}
	later, err := Encrypt(rand.Reader, key, 1001, msg)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decrypt(later, sig); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("a message to the next round opened: %q, %v", got, err)
	}
}

func TestBeacon(t *testing.T) {
	b, err := NewBeacon(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	sig, err := b.Sign(5)
	if err != nil || len(sig) != SignatureSize || len(b.PublicKey()) != PublicKeySize {
		t.Fatalf("%x, %v", sig, err)
	}
	if !Verify(b.PublicKey(), 5, sig) || Verify(b.PublicKey(), 6, sig) || Verify(unhex(t, quicknetKey), 5, sig) {
		t.Error("a signature is not told from others")
	}
	for _, msg := range [][]byte{nil, {1}, make([]byte, 4000)} {
		locked, err := Encrypt(rand.Reader, b.PublicKey(), 5, msg)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decrypt(locked, sig)
		if err != nil || !bytes.Equal(got, msg) {
			t.Errorf("%d bytes: %d came back, %v", len(msg), len(got), err)
		}
		for _, at := range []int{100, 150, len(locked) - 20, len(locked) - 1} {
			bad := bytes.Clone(locked)
			bad[at] ^= 1
			if _, err := Decrypt(bad, sig); strata.CodeOf(err) != strata.Invalid {
				t.Errorf("byte %d of %d changed: %v", at, len(locked), err)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	key := unhex(t, quicknetKey)
	broken := errors.New("no randomness")
	for name, f := range map[string]func() error{
		"short key":    func() error { _, err := Encrypt(rand.Reader, key[:95], 1, nil); return err },
		"key no point": func() error { _, err := Encrypt(rand.Reader, make([]byte, 96), 1, nil); return err },
		"key at infinity": func() error {
			_, err := Encrypt(rand.Reader, append([]byte{0xc0}, make([]byte, 95)...), 1, nil)
			return err
		},
		"short secret":  func() error { _, err := NewBeacon(make([]byte, 31)); return err },
		"empty message": func() error { _, err := Decrypt(nil, unhex(t, round1000)); return err },
	} {
		if err := f(); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Encrypt(failing{broken}, key, 1, nil); !errors.Is(err, broken) {
		t.Errorf("without randomness: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// FuzzDecrypt: nothing panics, whatever is sent to a chain.
func FuzzDecrypt(f *testing.F) {
	sig := unhex(f, round1000)
	locked, err := Encrypt(bytes.NewReader(make([]byte, 76)), unhex(f, quicknetKey), 1000, []byte("seed"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(locked, sig)
	f.Add(locked[:96], sig)
	f.Add(append(bytes.Clone(locked[:96]), 255, 255, 255, 255, 255, 255, 255, 255), sig)
	f.Fuzz(func(t *testing.T, raw, sig []byte) {
		if msg, err := Decrypt(raw, sig); err == nil && len(msg) > len(raw) {
			t.Fatalf("%d bytes gave %d", len(raw), len(msg))
		}
	})
}
