package scale

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"strata"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Values from the SCALE reference (docs.substrate.io) and the edges of each form.
func TestCompact(t *testing.T) {
	for _, c := range []struct {
		value, hex string
	}{
		{"0", "00"}, {"1", "04"}, {"42", "a8"}, {"63", "fc"}, {"64", "0101"}, {"69", "1501"},
		{"16383", "fdff"}, {"16384", "02000100"}, {"65535", "feff0300"},
		{"1073741823", "feffffff"}, {"1073741824", "0300000040"}, {"4294967295", "03ffffffff"},
		{"4294967296", "070000000001"}, {"100000000000000", "0b00407a10f35a"},
		{"18446744073709551615", "13ffffffffffffffff"},
		{"18446744073709551616", "17000000000000000001"},
		{"340282366920938463463374607431768211455", "33ffffffffffffffffffffffffffffffff"},
	} {
		n, _ := new(big.Int).SetString(c.value, 10)
		var e Encoder
		if err := e.CompactBig(n); err != nil || hex.EncodeToString(e.Bytes()) != c.hex {
			t.Errorf("%s encodes to %x, %v; want %s", c.value, e.Bytes(), err, c.hex)
		}
		d := NewDecoder(unhex(t, c.hex))
		if got := d.CompactBig(); d.Done() != nil || got.Cmp(n) != 0 {
			t.Errorf("%s decodes to %s, %v", c.hex, got, d.Err())
		}
		d = NewDecoder(unhex(t, c.hex))
		got := d.Compact()
		if fits := n.IsUint64(); fits != (d.Done() == nil) || fits && got != n.Uint64() {
			t.Errorf("%s as 64 bits decodes to %d, %v", c.hex, got, d.Err())
		}
	}
}

func TestCompactRejects(t *testing.T) {
	for name, s := range map[string]string{
		"empty": "", "cut two-byte": "01", "cut four-byte": "020001", "cut big": "03000000",
		"63 in two bytes": "fd00", "16383 in four bytes": "feff0000", "2^30-1 in five bytes": "03ffffff3f",
		"leading zero": "070000004000", "big leading zero": "1700000000000000000000",
	} {
		small, large := NewDecoder(unhex(t, s)), NewDecoder(unhex(t, s))
		if got, big := small.Compact(), large.CompactBig(); got != 0 || big.Sign() != 0 {
			t.Errorf("%s: gave %d and %s beside the error", name, got, big)
		}
		if n := NewDecoder(unhex(t, s)).Count(); n != 0 {
			t.Errorf("%s: a caller would loop %d times", name, n)
		}
		if small.Err() == nil || large.Err() == nil {
			t.Errorf("%s: %s was accepted: %v, %v", name, s, small.Err(), large.Err())
		}
	}
	for _, n := range []*big.Int{big.NewInt(-1), new(big.Int).Lsh(big.NewInt(1), 536)} {
		var e Encoder
		if e.CompactBig(n) == nil {
			t.Errorf("%d bits were encoded as a compact", n.BitLen())
		}
	}
}

func TestDecoderBounds(t *testing.T) {
	for name, read := range map[string]func(*Decoder){
		"u16":            func(d *Decoder) { d.U16() },
		"u256":           func(d *Decoder) { d.U256() },
		"bool of 2":      func(d *Decoder) { d.Bool() },
		"string too big": func(d *Decoder) { d.Str() },
		"negative raw":   func(d *Decoder) { d.Raw(-1) },
		"vector too big": func(d *Decoder) { Vec(d, (*Decoder).U8) },
	} {
		d := NewDecoder([]byte{2})
		if name == "string too big" || name == "vector too big" {
			d = NewDecoder(unhex(t, "feffffff00"))
		}
		read(d)
		if strata.CodeOf(d.Err()) != strata.Invalid {
			t.Errorf("%s: %v", name, d.Err())
		}
		if d.U64() != 0 || d.Str() != "" || d.Rest() != nil {
			t.Errorf("%s: reads after an error are not zero", name)
		}
	}
	if err := NewDecoder([]byte{1}).Done(); err == nil {
		t.Error("a byte left over is no error")
	}
}

func TestStringsMustBeUTF8(t *testing.T) {
	d := NewDecoder([]byte{4, 0xff})
	if d.Str(); d.Err() == nil {
		t.Error("a string that is not UTF-8 was accepted")
	}
}

func TestFixedIntegers(t *testing.T) {
	one := big.NewInt(1)
	for _, c := range []struct {
		n      *big.Int
		bytes  int
		signed bool
		want   string // empty: does not fit
	}{
		{big.NewInt(255), 1, false, "ff"}, {big.NewInt(256), 1, false, ""}, {big.NewInt(-1), 1, false, ""},
		{big.NewInt(-128), 1, true, "80"}, {big.NewInt(127), 1, true, "7f"}, {big.NewInt(128), 1, true, ""},
		{big.NewInt(-129), 1, true, ""}, {big.NewInt(-2), 2, true, "feff"},
		{new(big.Int).Lsh(one, 128), 16, false, ""},
		{new(big.Int).Lsh(one, 255), 32, false, strings.Repeat("00", 31) + "80"},
	} {
		var e Encoder
		err := e.Fixed(c.n, c.bytes, c.signed)
		if (err == nil) != (c.want != "") || err == nil && hex.EncodeToString(e.Bytes()) != c.want {
			t.Errorf("%s in %d bytes: %x, %v; want %s", c.n, c.bytes, e.Bytes(), err, c.want)
		}
		if err != nil {
			continue
		}
		d := NewDecoder(e.Bytes())
		got := d.bigUint(c.bytes)
		if c.signed {
			d = NewDecoder(e.Bytes())
			got = d.bigInt(c.bytes)
		}
		if got.Cmp(c.n) != 0 {
			t.Errorf("%s decodes to %s", c.n, got)
		}
	}
}

func TestBlobAndStringRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, s := rapid.SliceOf(rapid.Byte()).Draw(t, "b"), rapid.String().Draw(t, "s")
		u, c := rapid.Uint64().Draw(t, "u"), rapid.Uint64().Draw(t, "c")
		var e Encoder
		e.Blob(b)
		e.Str(s)
		e.U64(u)
		e.Compact(c)
		d := NewDecoder(e.Bytes())
		if !bytes.Equal(d.Blob(), b) || d.Str() != s || d.U64() != u || d.Compact() != c || d.Done() != nil {
			t.Fatalf("not the same again: %v", d.Err())
		}
	})
}

// Vectors of XXH64: the specification's and python-xxhash's documentation.
func TestXXH64(t *testing.T) {
	for _, c := range []struct {
		in   string
		seed uint64
		want uint64
	}{
		{"", 0, 0xef46db3751d8e999},
		{"a", 0, 0xd24ec4f1a98c6e5b},
		{"abc", 0, 0x44bc2cf5ad770999},
		{"Nobody inspects the spammish repetition", 0, 0xfbcea83c8a378bf1},
		{"xxhash", 20141025, 0xb559b98d844e0635},
	} {
		if got := xxh64([]byte(c.in), c.seed); got != c.want {
			t.Errorf("xxh64(%q, %d) = %x, want %x", c.in, c.seed, got, c.want)
		}
	}
}

func TestHashers(t *testing.T) {
	alice := unhex(t, "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d")
	for _, c := range []struct {
		h    Hasher
		in   []byte
		want string
	}{
		// Well-known parts of Substrate storage keys.
		{Twox128, []byte("System"), "26aa394eea5630e07c48ae0c9558cef7"},
		{Twox128, []byte("Account"), "b99d880ec681799c0cf30e8886371da9"},
		{Blake2x128Concat, alice, "de1e86a9a8c739864cf3cc5ec2bea59f" + hex.EncodeToString(alice)},
		{Blake2x128, alice, "de1e86a9a8c739864cf3cc5ec2bea59f"},
		{Identity, []byte{1, 2}, "0102"},
		{Twox64Concat, []byte("a"), "5b6e8ca9f1c44ed261"},
		{Blake2x256, nil, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"},
	} {
		if got := hex.EncodeToString(c.h.Hash(c.in)); got != c.want {
			t.Errorf("hasher %d of %x = %s, want %s", c.h, c.in, got, c.want)
		}
	}
	if got := Twox256.Hash([]byte("System")); len(got) != 32 || !bytes.HasPrefix(got, Twox128.Hash([]byte("System"))) {
		t.Errorf("Twox256 is %x, which Twox128 does not begin", got)
	}
}

// The bytes are sp_runtime's own tests: Era::mortal(64, 42), Era::mortal(32768, 20000).
func TestEra(t *testing.T) {
	for _, c := range []struct {
		era  Era
		want string
	}{
		{Era{}, "00"},
		{MortalEra(64, 42), "a502"},
		{MortalEra(32768, 20000), "4e9c"},
		{MortalEra(1, 7), "3100"},
	} {
		b := c.era.bytes()
		if hex.EncodeToString(b) != c.want {
			t.Errorf("%+v encodes to %x, want %s", c.era, b, c.want)
		}
		if again, err := DecodeEra(b); err != nil || again != c.era {
			t.Errorf("%s decodes to %+v, %v", c.want, again, err)
		}
	}
	for _, bad := range []string{"", "01", "0000", "f0ff", "000000", "a5ff"} {
		if e, err := DecodeEra(unhex(t, bad)); err == nil {
			t.Errorf("%s was accepted as %+v", bad, e)
		}
	}
	if e := (Era{}); e.Birth(9) != 0 || e.Death(9) != ^uint64(0) {
		t.Error("an immortal era has an end")
	}
}

// TestEraLifetime: the era made at a block is born there (rounded down for
// long periods), and covers it.
func TestEraLifetime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		period := rapid.Uint64Range(0, 1<<17).Draw(t, "period")
		current := rapid.Uint64Range(0, 1<<40).Draw(t, "current")
		e := MortalEra(period, current)
		again, err := DecodeEra(e.bytes())
		if err != nil || again != e {
			t.Fatalf("decodes to %+v, %v", again, err)
		}
		birth := e.Birth(current)
		if birth > current || current-birth >= quantum(e.Period) && current >= e.Phase || e.Death(current) != birth+e.Period {
			t.Fatalf("%+v at %d: from %d to %d", e, current, birth, e.Death(current))
		}
		if last := e.Death(current) - 1; e.Birth(last) != birth {
			t.Fatalf("at its last block %d the era starts at %d, not %d", last, e.Birth(last), birth)
		}
	})
}
