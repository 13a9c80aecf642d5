package sr25519

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/ChainSafe/go-schnorrkel"
	"pgregory.net/rapid"
)

// Another implementation is the oracle: what one signs the other accepts, and
// both refuse the same.
func TestAgreesWithSchnorrkel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		msg := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "message")
		mini, err := schnorrkel.NewMiniSecretKeyFromRaw(seed)
		if err != nil {
			t.Fatal(err)
		}
		other := mini.ExpandEd25519()
		key, err := NewPrivateKey(other.Encode(), [32]byte{1})
		if err != nil {
			t.Fatal(err)
		}
		public, err := other.Public()
		if err != nil || key.Public() != public.Encode() {
			t.Fatalf("public key %x, want %x (%v)", key.Public(), public.Encode(), err)
		}
		ours, err := key.Sign(msg)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := other.Sign(schnorrkel.NewSigningContext([]byte("substrate"), msg))
		if err != nil {
			t.Fatal(err)
		}
		for _, sig := range [][64]byte{ours, theirs.Encode()} {
			if !Verify(key.Public(), msg, sig) || !oracle(key.Public(), msg, sig) {
				t.Fatalf("signature %x is refused", sig)
			}
			bad := sig
			bad[rapid.IntRange(0, 63).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			if Verify(key.Public(), msg, bad) {
				t.Fatalf("a changed signature %x is taken", bad)
			}
			if Verify(key.Public(), append(bytes.Clone(msg), 0), sig) {
				t.Fatal("the signature of another message is taken")
			}
		}
	})
}

// oracle is Verify by the other implementation.
func oracle(pub [32]byte, msg []byte, sig [64]byte) bool {
	pk, s := new(schnorrkel.PublicKey), new(schnorrkel.Signature)
	if pk.Decode(pub) != nil || s.Decode(sig) != nil {
		return false
	}
	ok, err := pk.Verify(s, schnorrkel.NewSigningContext([]byte("substrate"), msg))
	return err == nil && ok
}

// TestZeroKeyAndMark: what others would take and we must not.
func TestZeroKeyAndMark(t *testing.T) {
	key, err := NewPrivateKey([32]byte{5}, [32]byte{6})
	if err != nil {
		t.Fatal(err)
	}
	sig, err := key.Sign([]byte("m"))
	if err != nil {
		t.Fatal(err)
	}
	unmarked := sig
	unmarked[63] &^= 0x80
	if Verify(key.Public(), []byte("m"), unmarked) {
		t.Error("a signature without schnorrkel's mark is taken")
	}
	zero, err := NewPrivateKey([32]byte{}, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	forged, err := zero.Sign([]byte("m"))
	if err != nil {
		t.Fatal(err)
	}
	if zero.Public() != ([32]byte{}) || Verify(zero.Public(), []byte("m"), forged) {
		t.Error("the zero key verifies, with which anybody signs")
	}
	if _, err := NewPrivateKey([32]byte(bytes.Repeat([]byte{0xff}, 32)), [32]byte{}); err == nil {
		t.Error("a scalar that is not canonical is taken")
	}
}

// FuzzVerify: no input panics, and what is taken the oracle takes too.
func FuzzVerify(f *testing.F) {
	key, err := NewPrivateKey([32]byte{5}, [32]byte{6})
	if err != nil {
		f.Fatal(err)
	}
	pub := key.Public()
	sig, err := key.Sign([]byte("m"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pub[:], []byte("m"), sig[:])
	f.Add(make([]byte, 32), []byte{}, make([]byte, 64))
	point, _ := hex.DecodeString("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76") // Ristretto's base point
	f.Add(point, []byte("x"), bytes.Repeat([]byte{0x80}, 64))
	f.Fuzz(func(t *testing.T, pub, msg, sig []byte) {
		if len(pub) != 32 || len(sig) != 64 {
			return
		}
		if Verify([32]byte(pub), msg, [64]byte(sig)) && !oracle([32]byte(pub), msg, [64]byte(sig)) {
			t.Fatal("taken here and refused by the other implementation")
		}
	})
}

func BenchmarkSign(b *testing.B) {
	key, err := NewPrivateKey([32]byte{5}, [32]byte{6})
	if err != nil {
		b.Fatal(err)
	}
	msg := make([]byte, 150)
	for b.Loop() {
		if _, err := key.Sign(msg); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	key, err := NewPrivateKey([32]byte{5}, [32]byte{6})
	if err != nil {
		b.Fatal(err)
	}
	msg := make([]byte, 150)
	sig, err := key.Sign(msg)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !Verify(key.Public(), msg, sig) {
			b.Fatal("refused")
		}
	}
}
