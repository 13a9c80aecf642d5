package wallet

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"strata"
)

const (
	alicePub  = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"
	aliceSeed = "e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a"
	aliceSS58 = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"

	aboutPhrase = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
	aboutSeed   = "4ed8d4b17698ddeaa1f1559f152f87b5d472f725ca86d341bd0276f1b61197e2"
	aboutSS58   = "5EPCUjPxiHAcNooYipQFWr9NmmXJKpNG5RhcntXwbtUySrgH"

	oldLeopard     = "old leopard transfer rib spatial phone calm indicate online fire caution review"
	oldLeopardSS58 = "5HDvhV6WDCjCKyrXqGQSDYqQAzkzabNhctmiDYEqgBC66BsX"
)

func fromURI(t *testing.T, uri string) *Key {
	t.Helper()
	k, err := FromURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Vectors of substrate's subkey, of btwallet and of sp-core's tests.
func TestFromURIVectors(t *testing.T) {
	for _, c := range []struct{ uri, seed, address string }{
		{"//Alice", aliceSeed, aliceSS58},
		{devPhrase + "//Alice", aliceSeed, aliceSS58},
		{"0x" + aliceSeed, aliceSeed, aliceSS58},
		{aliceSeed, aliceSeed, aliceSS58},
		{aboutPhrase, aboutSeed, aboutSS58},
		{"  Abandon" + strings.TrimPrefix(aboutPhrase, "abandon") + "\n", aboutSeed, aboutSS58},
		{oldLeopard, "", oldLeopardSS58},
		// 64 characters, as many as a seed's hex digits.
		{"force super ignore truck rent law angry chunk fun coffee gap leg", "", "5FbuV884Fmc1msvmwx5pfyAPw7DNWcJNWDskLRAqeFxxTTaH"},
		{"//Bob", "", "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"},
		{"/Alice", "", strata.EncodeSS58(key32(t, "d6c71059dbbe9ad2b0ed3f289738b800836eb425544ce694825285b958ca755e"))},
		{"0x9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "",
			strata.EncodeSS58(key32(t, "44a996beb1eef7bdcab976ab6d2ca26104834164ecf28fb375600576fcc6eb0f"))},
	} {
		k := fromURI(t, c.uri)
		if k.String() != c.address {
			t.Errorf("%q gives %s, want %s", c.uri, k, c.address)
		}
		if got := hex.EncodeToString(k.secret().seed); c.seed != "" && got != c.seed {
			t.Errorf("%q has seed %s, want %s", c.uri, got, c.seed)
		}
	}
}

func key32(t *testing.T, s string) [32]byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 {
		t.Fatalf("%q is not 32 bytes in hex", s)
	}
	return [32]byte(b)
}

func TestDerivationPaths(t *testing.T) {
	same := [][2]string{
		{"//1", "//+1"},    // both are the number
		{"/a//b", "/a//b"}, // a hard key of a soft one is determined
		{aboutPhrase + "///", aboutPhrase},
	}
	for _, s := range same {
		if a, b := fromURI(t, s[0]), fromURI(t, s[1]); a.pub != b.pub {
			t.Errorf("%q and %q give different keys", s[0], s[1])
		}
	}
	seen := map[[32]byte]string{}
	long := strings.Repeat("x", 70)
	for _, uri := range []string{"//1", "/1", "//01a", "//a/b", "//a//b", "/a", "//" + long, "//" + long + "y", "//" + long[:40],
		aboutPhrase, aboutPhrase + "///secret", aboutPhrase + "//1///secret"} {
		k := fromURI(t, uri)
		if other, ok := seen[k.pub]; ok {
			t.Errorf("%q and %q give the same key", uri, other)
		}
		seen[k.pub] = uri
	}
}

func TestFromURIRefuses(t *testing.T) {
	for name, uri := range map[string]string{
		"empty":              "",
		"blank":              "  ",
		"only a password":    "///x",
		"eleven words":       strings.TrimSuffix(aboutPhrase, " about"),
		"bad checksum":       strings.TrimSuffix(aboutPhrase, "about") + "abandon",
		"not a word":         strings.TrimSuffix(aboutPhrase, "about") + "strata",
		"not hex":            "0x" + strings.Repeat("zz", 32),
		"short seed":         "0x" + aliceSeed[:62],
		"empty junction":     "//a/",
		"too many junctions": strings.Repeat("//a", 17),
		"too long":           "//" + strings.Repeat("a", maxURI),
	} {
		_, err := FromURI(uri)
		if strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		} else if name != "not a word" && len(uri) > 8 && strings.Contains(err.Error(), uri[4:]) {
			t.Errorf("%s: the error quotes the secret: %v", name, err)
		}
	}
}

func TestGenerate(t *testing.T) {
	a, words, err := Generate(0)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(strings.Fields(words)); n != 12 {
		t.Errorf("%d words, want 12", n)
	}
	if b := fromURI(t, words); b.pub != a.pub {
		t.Errorf("the mnemonic restores %s, not %s", b, a)
	}
	if c, _, _ := Generate(0); c.pub == a.pub {
		t.Error("two generated keys are the same")
	}
}

// A signature that substrate made.
func TestVerifyVector(t *testing.T) {
	pub := key32(t, "46ebddef8cd9bb167dc30878d7113b7e168e6f0646beffd77d69d39bad76b47a")
	b, err := hex.DecodeString("4e172314444b8f820bb54c22e95076f220ed25373e5c178234aa6c211d29271244b947e3ff3418ff6b45fd1df1140c8cbff69fc58ee6dc96df70936a2bb74b82")
	if err != nil {
		t.Fatal(err)
	}
	sig, msg := [64]byte(b), []byte("this is a message")
	if !Verify(pub, msg, sig) {
		t.Fatal("a signature of substrate does not verify")
	}
	for i := range sig {
		bad := sig
		bad[i] ^= 1
		if Verify(pub, msg, bad) {
			t.Errorf("verifies with byte %d changed", i)
		}
	}
	unmarked := sig
	unmarked[63] &^= 128
	if Verify(pub, msg, unmarked) || Verify(pub, msg[1:], sig) || Verify([32]byte{}, msg, sig) || Verify([32]byte{0: 1}, msg, sig) {
		t.Error("a wrong message, key or unmarked signature verifies")
	}
	if Verify([32]byte{}, msg, [64]byte{63: 128}) {
		t.Error("the identity key signs everything")
	}
}

func TestSign(t *testing.T) {
	alice, soft := fromURI(t, "//Alice"), fromURI(t, "//Alice/soft")
	for _, k := range []*Key{alice, soft} {
		for _, msg := range [][]byte{nil, []byte("m"), bytes.Repeat([]byte("long"), 1000)} {
			a, err := k.Sign(msg)
			if err != nil {
				t.Fatal(err)
			}
			b, err := k.Sign(msg)
			if err != nil {
				t.Fatal(err)
			}
			if !Verify(k.PublicKey(), msg, a) || !Verify(k.PublicKey(), msg, b) {
				t.Errorf("%s: own signature does not verify", k)
			}
			if a == b || bytes.Equal(a[:32], b[:32]) {
				t.Errorf("%s: two signatures share their nonce", k)
			}
		}
	}
	if _, err := (Key{}).Sign(nil); err == nil {
		t.Error("a key without a secret signs")
	}
}

func TestSignConcurrently(t *testing.T) {
	k := fromURI(t, "//Alice")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			msg := []byte{byte(i)}
			if sig, err := k.Sign(msg); err != nil || !Verify(k.pub, msg, sig) {
				t.Errorf("signature %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func TestDerive(t *testing.T) {
	k := fromURI(t, "//Alice")
	// HKDF-SHA256 of Alice's seed, empty salt, info "strata test", computed with
	// another implementation.
	const want = "f50cf5f28e0d4dbb143aef2dfc7315d83995f8055c6153d67cfde44d5dcb667b"
	got, err := k.Derive("strata test", 32)
	if err != nil || hex.EncodeToString(got) != want {
		t.Errorf("Derive gives %x, %v; want %s", got, err, want)
	}
	other, err := k.Derive("strata test 2", 32)
	if err != nil || bytes.Equal(other, got) {
		t.Errorf("another purpose gives the same secret: %v", err)
	}
	for name, c := range map[string]struct {
		k *Key
		n int
	}{
		"none": {k, 0}, "negative": {k, -1}, "too many": {k, 8161}, "no seed": {fromURI(t, "/soft"), 32}, "no secret": {&Key{}, 32},
	} {
		if _, err := c.k.Derive("x", c.n); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// However a key is printed, nothing secret shows.
func TestKeysDoNotShow(t *testing.T) {
	k := fromURI(t, aboutPhrase)
	type holder struct {
		K, k *Key
		V, v Key
		M    Mnemonics
	}
	h := holder{k, k, *k, *k, Mnemonics{Coldkey: aboutPhrase, Hotkey: aboutPhrase}}
	var out bytes.Buffer
	for _, f := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		for _, v := range []any{k, *k, h, &h, h.M, []*Key{k}, []Key{*k}} {
			fmt.Fprintf(&out, f, v)
		}
	}
	for _, l := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(l).Info("m", "pointer", k, "value", *k, "holder", h, "words", h.M)
	}
	for _, v := range []any{k, *k, h, map[string]any{"k": k}} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	text := strings.ToLower(out.String())
	if !strings.Contains(out.String(), aboutSS58) {
		t.Error("the address does not show either")
	}
	secrets := []string{"abandon", aboutSeed, hex.EncodeToString(k.secret().scalar[:]), hex.EncodeToString(k.secret().nonce[:]), hex.EncodeToString([]byte(aboutPhrase))}
	for _, s := range append(secrets, fmt.Sprint(k.secret().seed), fmt.Sprint(k.secret().scalar)) {
		if strings.Contains(text, strings.Trim(s, "[]")) {
			t.Errorf("%.20s… shows", s)
		}
	}
}
