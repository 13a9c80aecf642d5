package strata

import (
	"errors"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Vector: the well-known account //Alice.
const (
	aliceHex  = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"
	aliceSS58 = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
)

func TestHotkeyForms(t *testing.T) {
	for _, in := range []string{aliceSS58, aliceHex, "0x" + aliceHex} {
		h, err := ParseHotkey(in)
		if err != nil || h.String() != aliceSS58 {
			t.Errorf("ParseHotkey(%q) = %v, %v, want %s", in, h, err, aliceSS58)
		}
	}
}

func TestBadKeys(t *testing.T) {
	for name, in := range map[string]string{
		"empty":          "",
		"mistyped":       "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ",
		"character":      "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKut0Y",
		"other prefix":   "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5",
		"short hex":      aliceHex[2:],
		"not hex":        "zz" + aliceHex[2:],
		"very long text": strings.Repeat("5", 10_000),
	} {
		_, err := ParseHotkey(in)
		if CodeOf(err) != Invalid {
			t.Errorf("%s: err = %v, want code Invalid", name, err)
		} else if len(err.Error()) > 250 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error is not one short line: %q", name, err)
		}
	}
}

func TestSS58RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
		back, err := DecodeSS58(EncodeSS58(key))
		if err != nil || back != key {
			t.Fatalf("round trip of %x gave %x, %v", key, back, err)
		}
	})
}

func FuzzDecodeSS58(f *testing.F) {
	f.Add(aliceSS58)
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if key, err := DecodeSS58(s); err == nil && EncodeSS58(key) != s {
			t.Fatalf("%q decodes but encodes to %q", s, EncodeSS58(key))
		}
	})
}

func TestTextRoundTrips(t *testing.T) {
	root, err := ParseRoot(aliceHex)
	if err != nil || root.String() != aliceHex {
		t.Errorf("ParseRoot: %v, %v", root, err)
	}
	id, err := ParseObjectID(aliceHex[:32])
	if err != nil || id.String() != aliceHex[:32] {
		t.Errorf("ParseObjectID: %v, %v", id, err)
	}
	keep := id
	if err := id.UnmarshalText([]byte("nonsense")); err == nil || id != keep {
		t.Errorf("a bad object id gave %v and changed the value to %v", err, id)
	}
}

func TestByteSize(t *testing.T) {
	for in, want := range map[string]ByteSize{
		"0": 0, "1024": 1024, "256MiB": 256 * MiB, "1.5 GiB": 3 * GiB / 2, "4GB": 4_000_000_000, "2t": 2 * TiB, "7 B": 7,
	} {
		if got, err := ParseByteSize(in); err != nil || got != want {
			t.Errorf("ParseByteSize(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "MiB", "-1", "1XiB", "1e400", "9999999999TiB", "1.2.3M"} {
		if got, err := ParseByteSize(in); CodeOf(err) != Invalid {
			t.Errorf("ParseByteSize(%q) = %d, %v, want code Invalid", in, got, err)
		}
	}
	for in, want := range map[ByteSize]string{0: "0 B", 1023: "1023 B", 4 * MiB: "4 MiB", 3 * GiB / 2: "1.5 GiB"} {
		if got := in.String(); got != want {
			t.Errorf("%d prints as %q, want %q", uint64(in), got, want)
		}
	}
}

func TestTao(t *testing.T) {
	for in, want := range map[string]Rao{"1": RaoPerTao, "0.5": RaoPerTao / 2, "0.000000001": 1, ".25": RaoPerTao / 4, "18446744073.709551615": 1<<64 - 1} {
		got, err := ParseTao(in)
		if err != nil || got != want {
			t.Errorf("ParseTao(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", ".", "-1", "1.0000000001", "18446744073.709551616", "1,5", "+1"} {
		if got, err := ParseTao(in); CodeOf(err) != Invalid {
			t.Errorf("ParseTao(%q) = %d, %v, want code Invalid", in, got, err)
		}
	}
	if got := (RaoPerTao * 3 / 2).String(); got != "1.5" {
		t.Errorf("1.5 TAO prints as %q", got)
	}
}

func TestCodeSurvivesWrapping(t *testing.T) {
	err := E(NoSpace, "disk: %w", io.ErrShortWrite)
	wrapped := E(Invalid, "outer: %w", err)
	switch {
	case CodeOf(nil) != "":
		t.Error("nil has a code")
	case CodeOf(io.EOF) != Internal:
		t.Error("a plain error is not Internal")
	case CodeOf(err) != NoSpace || !errors.Is(err, io.ErrShortWrite):
		t.Errorf("CodeOf = %s", CodeOf(err))
	case CodeOf(wrapped) != Invalid || !errors.Is(wrapped, io.ErrShortWrite):
		t.Errorf("outermost code is %s, want Invalid", CodeOf(wrapped))
	}
}

func TestProfiles(t *testing.T) {
	if p := ProfileFor(GenesisHash{1}); p != LocalProfile || p.SectorSize() != 4*MiB || p.MaxShard() != MiB {
		t.Errorf("an unknown chain has profile %+v", p)
	}
	finney, err := ParseGenesisHash("0x" + finneyGenesis)
	if err != nil || ProfileFor(finney) != MainProfile || MainProfile.SectorSize() != 4*GiB {
		t.Errorf("finney has profile %s, %v", ProfileFor(finney).Name, err)
	}
	test, err := ParseGenesisHash(testGenesis)
	if err != nil || ProfileFor(test) != TestProfile || TestProfile.SectorSize() != GiB {
		t.Errorf("test has profile %s, %v", ProfileFor(test).Name, err)
	}
	for _, p := range []Profile{LocalProfile, TestProfile, MainProfile} {
		if p.Blocks&(p.Blocks-1) != 0 || p.Blocks < 16 || p.Passes < 4 || p.Passes > 255 {
			t.Errorf("profile %s has N = %d, P = %d", p.Name, p.Blocks, p.Passes)
		}
		if (p.Penalty == 0) == (p.PenaltyTempos == 0) || (p.LeafWindow == 0) == (p.LeafTempos == 0) {
			t.Errorf("profile %s must give each window in exactly one unit", p.Name)
		}
	}
}

// TestSS58MatchesBigNumbers compares both ways with base58 done by math/big.
func TestSS58MatchesBigNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var key [32]byte
		copy(key[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key"))
		if rapid.Bool().Draw(t, "small") {
			clear(key[:20])
		}
		raw := append([]byte{42}, key[:]...)
		sum := ss58Checksum(raw)
		n := new(big.Int).SetBytes(append(raw, sum[0], sum[1]))
		var want []byte
		for digit := new(big.Int); n.Sign() > 0; {
			n.DivMod(n, big.NewInt(58), digit)
			want = append(want, ss58Alphabet[digit.Int64()])
		}
		slices.Reverse(want)
		got := EncodeSS58(key)
		if got != string(want) {
			t.Fatalf("%x is %s, want %s", key, got, want)
		}
		if back, err := DecodeSS58(got); err != nil || back != key {
			t.Fatalf("%s decodes to %x, %v", got, back, err)
		}
		if _, err := DecodeSS58("1" + got); CodeOf(err) != Invalid {
			t.Fatalf("a leading zero digit: %v", err)
		}
	})
}

func BenchmarkSS58(b *testing.B) {
	key := [32]byte{1, 2, 3}
	for b.Loop() {
		if _, err := DecodeSS58(EncodeSS58(key)); err != nil {
			b.Fatal(err)
		}
	}
}
