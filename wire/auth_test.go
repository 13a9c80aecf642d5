package wire

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"

	"strata"
)

// TestSignedTextGolden is the vector of the Python SDK's own tests. It is
// signed by ed25519, which Strata does not accept, but the text is the same.
func TestSignedTextGolden(t *testing.T) {
	sender, err := strata.ParseHotkey("5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu")
	if err != nil {
		t.Fatal(err)
	}
	receiver, err := strata.ParseHotkey("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")
	if err != nil {
		t.Fatal(err)
	}
	body := sha256.Sum256([]byte(`{"prompt": "hello"}`))
	if got := hex.EncodeToString(body[:]); got != "341c57448e531310fbbe83f44cea2a5e838bd9e8a6b82b269f01d0dbbc23c3cc" {
		t.Fatalf("body hash %s", got)
	}
	sig, err := hex.DecodeString("1a6b631988bf1f7ea093ab9d5acf61f05c316d0b0e428b24b487b75a5f6ee0e1a56a26918fdf871b6cf09437e6588023a4ce423cf622621b2a7feee17612f704")
	if err != nil {
		t.Fatal(err)
	}
	text := signedText("ed25519", "POST", "/generate?stream=false", body, 1752076800000000000, sender, receiver)
	if !ed25519.Verify(sender[:], text, sig) {
		t.Errorf("the SDK's signature does not fit the text %q", text)
	}
}

// TestVerifyGolden is a signature made by another sr25519 implementation.
func TestVerifyGolden(t *testing.T) {
	key, err := strata.ParseHotkey("46ebddef8cd9bb167dc30878d7113b7e168e6f0646beffd77d69d39bad76b47a")
	if err != nil {
		t.Fatal(err)
	}
	sig, err := ParseSignature("0x4e172314444b8f820bb54c22e95076f220ed25373e5c178234aa6c211d29271244b947e3ff3418ff6b45fd1df1140c8cbff69fc58ee6dc96df70936a2bb74b82")
	if err != nil {
		t.Fatal(err)
	}
	if !Verify(key, []byte("this is a message"), sig) {
		t.Error("a good signature fails")
	}
	if Verify(key, []byte("this is a massage"), sig) {
		t.Error("a signature of another message passes")
	}
	for i := range sig {
		bad := sig
		bad[i] ^= 1
		if Verify(key, []byte("this is a message"), bad) {
			t.Errorf("a signature with byte %d changed passes", i)
		}
	}
}

func TestVerifySurvivesAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sig Signature
		copy(sig[:], rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(t, "sig"))
		if Verify(draw32(t), rapid.SliceOf(rapid.Byte()).Draw(t, "msg"), sig) {
			t.Fatal("random bytes pass for a signature")
		}
	})
	if Verify(strata.Hotkey{}, nil, Signature{63: 0x80}) {
		t.Error("the key at infinity signs")
	}
}

// signed returns the headers of one good request and its parts.
type signed struct {
	method, uri string
	body        [32]byte
	header      http.Header
	verifier    *Verifier
	clock       *clock
}

func newSigned(t *testing.T) *signed {
	t.Helper()
	sender, receiver, clk := newKey(t, 1), newKey(t, 2), newClock()
	s := &signed{method: "POST", uri: "/v1/audit", body: pattern(5), header: http.Header{}, clock: clk}
	s.verifier = NewVerifier(receiver.hotkey, clk.now)
	if _, err := SignRequest(s.header, sender, s.method, s.uri, s.body, uint64(clk.t.UnixNano()), sender.hotkey, receiver.hotkey); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *signed) verify() error {
	a, err := s.verifier.Check(s.header)
	if err != nil {
		return err
	}
	return s.verifier.Verify(a, s.method, s.uri, s.body)
}

func TestVerifierAccepts(t *testing.T) {
	s := newSigned(t)
	if err := s.verify(); err != nil {
		t.Fatal(err)
	}
	s = newSigned(t)
	s.header.Del(HeaderCrypto) // absent means sr25519
	if err := s.verify(); err != nil {
		t.Error(err)
	}
}

func TestVerifierRefuses(t *testing.T) {
	other := newKey(t, 3).hotkey.String()
	set := func(k, v string) func(*signed) { return func(s *signed) { s.header.Set(k, v) } }
	tests := []struct {
		name   string
		change func(*signed)
	}{
		{"no version", func(s *signed) { s.header.Del(HeaderVersion) }},
		{"other version", set(HeaderVersion, "2")},
		{"ed25519", set(HeaderCrypto, "ed25519")},
		{"two schemes", func(s *signed) { s.header.Add(HeaderCrypto, Scheme) }},
		{"no signature", func(s *signed) { s.header.Del(HeaderSignature) }},
		{"empty signature", set(HeaderSignature, "")},
		{"zero signature", set(HeaderSignature, FormatSignature(Signature{}))},
		{"two signatures", func(s *signed) { s.header.Add(HeaderSignature, s.header.Get(HeaderSignature)) }},
		{"other sender", set(HeaderHotkey, other)},
		{"sender in hex", set(HeaderHotkey, "0x46ebddef8cd9bb167dc30878d7113b7e168e6f0646beffd77d69d39bad76b47a")},
		{"sender with leading zero", func(s *signed) { s.header.Set(HeaderHotkey, "1"+s.header.Get(HeaderHotkey)) }},
		{"other receiver", set(HeaderReceiver, other)},
		{"any receiver", set(HeaderReceiver, "-")},
		{"nonce with zero", func(s *signed) { s.header.Set(HeaderNonce, "0"+s.header.Get(HeaderNonce)) }},
		{"nonce with sign", func(s *signed) { s.header.Set(HeaderNonce, "+"+s.header.Get(HeaderNonce)) }},
		{"next nonce", set(HeaderNonce, "1752076800000000001")},
		{"huge nonce", set(HeaderNonce, "18446744073709551615")},
		{"other method", func(s *signed) { s.method = "PUT" }},
		{"other uri", func(s *signed) { s.uri += "?x=1" }},
		{"other body", func(s *signed) { s.body[31]++ }},
		{"too old", func(s *signed) { s.clock.t = s.clock.t.Add(MaxAge + 1) }},
		{"in the future", func(s *signed) { s.clock.t = s.clock.t.Add(-MaxSkew - 1) }},
		{"before the start", func(s *signed) {
			s.clock.t = s.clock.t.Add(time.Nanosecond)
			s.verifier = NewVerifier(s.verifier.self, s.clock.now)
		}},
		{"replay", func(s *signed) { _ = s.verify() }},
	}
	for _, tt := range tests {
		s := newSigned(t)
		tt.change(s)
		if err := s.verify(); strata.CodeOf(err) != strata.Unauthenticated {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestFreshnessBounds(t *testing.T) {
	for name, d := range map[string]time.Duration{"oldest": MaxAge, "newest": -MaxSkew} {
		s := newSigned(t)
		s.clock.t = s.clock.t.Add(d)
		if err := s.verify(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSlowBody lets the nonce go stale between Check and Verify: the replay
// memory may have forgotten it by then.
func TestSlowBody(t *testing.T) {
	s := newSigned(t)
	a, err := s.verifier.Check(s.header)
	if err != nil {
		t.Fatal(err)
	}
	s.clock.t = s.clock.t.Add(MaxAge + 1)
	if err := s.verifier.Verify(a, s.method, s.uri, s.body); strata.CodeOf(err) != strata.Unauthenticated {
		t.Error(err)
	}
}

// TestBadSignatureTakesNoNonce: otherwise anybody could burn a nonce that
// somebody else is about to use.
func TestBadSignatureTakesNoNonce(t *testing.T) {
	s := newSigned(t)
	good := s.header.Get(HeaderSignature)
	s.header.Set(HeaderSignature, FormatSignature(patternSig(1)))
	if err := s.verify(); strata.CodeOf(err) != strata.Unauthenticated {
		t.Fatal(err)
	}
	s.header.Set(HeaderSignature, good)
	if err := s.verify(); err != nil {
		t.Error(err)
	}
}

// TestNoNonceTwice: whatever the clock does, a fresh nonce is taken once.
func TestNoNonceTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clk := newClock()
		v := NewVerifier(pattern(1), clk.now)
		taken := map[uint64]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			clk.t = clk.t.Add(time.Duration(rapid.Int64Range(0, int64(7*time.Second)).Draw(t, "wait")))
			at := clk.t.Add(time.Duration(rapid.IntRange(-10, 2).Draw(t, "nonce")) * time.Second).Truncate(time.Second)
			n := uint64(at.UnixNano())
			if v.fresh(n) != nil {
				continue
			}
			if err := v.take(nonceKey{pattern(2), n}); (err == nil) == taken[n] {
				t.Fatalf("nonce %d taken before: %v, now: %v", n, taken[n], err)
			}
			taken[n] = true
		}
	})
}

func TestReplayMemoryIsBounded(t *testing.T) {
	clk := newClock()
	v := NewVerifier(pattern(1), clk.now)
	for sender := range byte(4) {
		for i := range uint64(maxOfOne) {
			if err := v.take(nonceKey{pattern(2 + sender), i}); err != nil {
				t.Fatal(err)
			}
		}
		if err := v.take(nonceKey{pattern(2 + sender), maxOfOne}); strata.CodeOf(err) != strata.Throttled {
			t.Errorf("one too many of one sender: %v", err)
		}
	}
	if err := v.take(nonceKey{pattern(9), 1}); strata.CodeOf(err) != strata.Throttled {
		t.Errorf("one too many: %v", err)
	}
	clk.t = clk.t.Add(MaxAge + MaxSkew + 1)
	if err := v.take(nonceKey{pattern(2), maxOfOne}); err != nil {
		t.Errorf("a generation later: %v", err)
	}
	if err := v.take(nonceKey{pattern(2), 0}); strata.CodeOf(err) != strata.Unauthenticated {
		t.Errorf("forgotten after one generation: %v", err)
	}
}

func TestParseContentHash(t *testing.T) {
	want := pattern(200)
	text := hex.EncodeToString(want[:])
	if got, err := ParseContentHash(text); err != nil || got != want {
		t.Errorf("got %x, %v", got, err)
	}
	for _, bad := range []string{"", text[:63], text + "0", "0x" + text[2:], "G" + text[1:], "F" + text[1:]} {
		if _, err := ParseContentHash(bad); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
