package envelope_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"testing"

	"golang.org/x/crypto/hkdf"
	"pgregory.net/rapid"

	"strata"
	"strata/envelope"
)

func key(b byte) (k envelope.Key) {
	for i := range k {
		k[i] = b + byte(i)
	}
	return k
}

func mustSealer(t testing.TB, k envelope.Key) *envelope.Sealer {
	t.Helper()
	s, err := envelope.NewSealer(k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// hkdfOf is an independent derivation of 32 bytes.
func hkdfOf(t *testing.T, secret envelope.Key, salt []byte, info string) (k envelope.Key) {
	t.Helper()
	if _, err := io.ReadFull(hkdf.New(sha256.New, secret[:], salt, []byte(info)), k[:]); err != nil {
		t.Fatal(err)
	}
	return k
}

// gcm seals independently of the package.
func gcm(t *testing.T, k envelope.Key, nonce string, plain, ad []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(k[:])
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	n, err := hex.DecodeString(nonce)
	if err != nil {
		t.Fatal(err)
	}
	return aead.Seal(nil, n, plain, ad)
}

// TestFormat computes keys, nonces and ciphertexts from the text of the
// package's comment with other code.
func TestFormat(t *testing.T) {
	shard, err := envelope.ShardKey(key(1), 0x0102030405060708, 0x0a0b0c0d)
	if err != nil {
		t.Fatal(err)
	}
	if want := hkdfOf(t, key(1), nil, "strata shard v1\x01\x02\x03\x04\x05\x06\x07\x08\x0a\x0b\x0c\x0d"); shard != want {
		t.Errorf("shard key %x, want %x", shard, want)
	}
	s := mustSealer(t, shard)
	for _, v := range []struct {
		number uint64
		last   bool
		nonce  string
	}{
		{0, false, "000000000000000000000000"},
		{0, true, "000000000000000000000001"},
		{0xfedcba98, false, "00000000000000fedcba9800"},
		{1, true, "000000000000000000000101"},
	} {
		got, err := s.SealChunk(nil, []byte("chunk"), v.number, v.last)
		if want := gcm(t, shard, v.nonce, []byte("chunk"), nil); err != nil || !bytes.Equal(got, want) {
			t.Errorf("chunk %d %v: %x (%v), want %x", v.number, v.last, got, err, want)
		}
	}
	nonce := [32]byte{9, 31: 7}
	wrapped, err := envelope.WrapKey(key(2), key(3), nonce, []byte("id"))
	object := key(3)
	want := append(nonce[:], gcm(t, hkdfOf(t, key(2), nonce[:], "strata wrap v1"), "000000000000000000000000", object[:], []byte("id"))...)
	if err != nil || !bytes.Equal(wrapped, want) || len(wrapped) != envelope.WrappedSize {
		t.Errorf("wrapped key %x (%v), want %x", wrapped, err, want)
	}
}

// TestKnownAnswer pins bytes that miners and catalogs already hold.
func TestKnownAnswer(t *testing.T) {
	shard, err := envelope.ShardKey(key(0), 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := mustSealer(t, shard).SealChunk(nil, []byte("strata"), 3, true)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := envelope.WrapKey(key(0), key(32), [32]byte{}, []byte("id"))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		name string
		got  []byte
		want string
	}{
		{"shard key", shard[:], "1c45dbce6c1c3a73045a8a24442e65c3a32cd96fd062da5f1676b31cb475cd0d"},
		{"chunk", sealed, "b38bbb7346e603ee8d5cd800bbd61d012b7622907a20"},
		{"wrapped key", wrapped[envelope.NonceSize:], "860fb48df9ceab12b507c42590bf264adf84f78d811ab7f003253e6379faf79fe605493ea5964f4f21912a46ccb7a392"},
	} {
		if got := hex.EncodeToString(v.got); got != v.want {
			t.Errorf("%s %s, want %s", v.name, got, v.want)
		}
	}
}

func TestOpenRefusesEveryChange(t *testing.T) {
	s := mustSealer(t, key(1))
	sealed, err := s.SealChunk(nil, []byte("plain"), 5, false)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, s *envelope.Sealer, b []byte, number uint64, last bool) {
		t.Helper()
		if _, err := s.OpenChunk(nil, b, number, last); strata.CodeOf(err) != strata.Corrupt {
			t.Errorf("%s: %v, want code corrupt", what, err)
		}
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 0x80
		refused("a flipped bit", s, bad, 5, false)
	}
	refused("another number", s, sealed, 6, false)
	refused("another flag", s, sealed, 5, true)
	refused("another key", mustSealer(t, key(2)), sealed, 5, false)
	refused("cut", s, sealed[:len(sealed)-1], 5, false)
	refused("a tag alone", s, sealed[:envelope.Overhead], 5, false)
	refused("nothing", s, nil, 5, false)
	refused("too long", s, make([]byte, envelope.ChunkSealed+1), 5, false)
	refused("a number out of range", s, sealed, envelope.MaxChunks, false)
}

func TestSealRefuses(t *testing.T) {
	s := mustSealer(t, key(1))
	for _, v := range []struct {
		size   int
		number uint64
	}{{0, 0}, {envelope.ChunkPlain + 1, 0}, {1, envelope.MaxChunks}} {
		if _, err := s.SealChunk(nil, make([]byte, v.size), v.number, false); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%+v: %v, want code invalid", v, err)
		}
	}
}

func TestUnwrapRefuses(t *testing.T) {
	wrapped, err := envelope.WrapKey(key(1), key(2), [32]byte{1}, []byte("id"))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, gateway envelope.Key, b []byte, ad string) {
		t.Helper()
		if _, err := envelope.UnwrapKey(gateway, b, []byte(ad)); strata.CodeOf(err) != strata.Corrupt {
			t.Errorf("%s: %v, want code corrupt", what, err)
		}
	}
	for i := range wrapped {
		bad := bytes.Clone(wrapped)
		bad[i] ^= 1
		refused("a flipped bit", key(1), bad, "id")
	}
	refused("another gateway key", key(3), wrapped, "id")
	refused("another object", key(1), wrapped, "ie")
	refused("cut", key(1), wrapped[:len(wrapped)-1], "id")
	refused("nothing", key(1), nil, "id")
	if k, err := envelope.UnwrapKey(key(1), wrapped, []byte("id")); err != nil || k != key(2) {
		t.Errorf("unwrapped %x (%v), want %x", k, err, key(2))
	}
}

// TestKeysDiffer: no two shards of one object, nor of two, share a key.
func TestKeysDiffer(t *testing.T) {
	seen := map[envelope.Key]bool{}
	for object := range byte(3) {
		for segment := range uint64(20) {
			for index := range uint32(20) {
				k, err := envelope.ShardKey(key(object), segment, index)
				if err != nil || seen[k] {
					t.Fatalf("object %d segment %d index %d: a key again (%v)", object, segment, index, err)
				}
				seen[k] = true
			}
		}
	}
}

func TestRoundTrip(t *testing.T) {
	s := mustSealer(t, key(1))
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 1, 500).Draw(t, "plain")
		number := rapid.Uint64Range(0, envelope.MaxChunks-1).Draw(t, "number")
		last := rapid.Bool().Draw(t, "last")
		sealed, err := s.SealChunk([]byte("before"), plain, number, last)
		if err != nil || len(sealed) != len("before")+len(plain)+envelope.Overhead {
			t.Fatalf("%d bytes, %v", len(sealed), err)
		}
		sealed = sealed[len("before"):]
		got, err := s.OpenChunk(sealed[:0], sealed, number, last) // in place
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%x, %v", got, err)
		}
	})
}

func FuzzOpenChunk(f *testing.F) {
	s := mustSealer(f, key(1))
	good, err := s.SealChunk(nil, []byte("plain"), 0, true)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, uint64(0), true)
	f.Add([]byte{}, uint64(1), false)
	f.Fuzz(func(t *testing.T, sealed []byte, number uint64, last bool) {
		plain, err := s.OpenChunk(nil, sealed, number, last)
		if err != nil {
			return
		}
		again, err := s.SealChunk(nil, plain, number, last)
		if err != nil || !bytes.Equal(again, sealed) {
			t.Fatalf("%x opened, and seals to %x (%v)", sealed, again, err)
		}
	})
}

func FuzzUnwrapKey(f *testing.F) {
	good, err := envelope.WrapKey(key(1), key(2), [32]byte{}, []byte("id"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, []byte("id"))
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, wrapped, ad []byte) {
		k, err := envelope.UnwrapKey(key(1), wrapped, ad)
		if err != nil {
			return
		}
		again, err := envelope.WrapKey(key(1), k, [32]byte(wrapped[:32]), ad)
		if err != nil || !bytes.Equal(again, wrapped) {
			t.Fatalf("%x unwrapped, and wraps to %x (%v)", wrapped, again, err)
		}
	})
}

func BenchmarkSealChunk(b *testing.B) {
	s := mustSealer(b, key(1))
	plain, out := make([]byte, envelope.ChunkPlain), make([]byte, 0, envelope.ChunkSealed)
	b.SetBytes(envelope.ChunkPlain)
	for b.Loop() {
		if _, err := s.SealChunk(out, plain, 7, false); err != nil {
			b.Fatal(err)
		}
	}
}
