package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"strata"
)

// statements makes each kind of signed statement and returns what verifies it
// in a domain, for a key, with byte i of its contents changed (-1: none).
func statements(t *testing.T, k testKey) map[string]func(Domain, strata.Hotkey, int) error {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	head, receipt, super := sampleHead(), sampleReceipt(), sampleSuperblock()
	must(head.Sign(testDomain, k))
	must(receipt.Sign(testDomain, k))
	must(super.Sign(testDomain, k))
	key, now := pattern(90), time.Unix(1752076800, 0)
	bind, err := BindTLS(testDomain, k, k.hotkey, key, now.Add(time.Hour), RoleMiner)
	must(err)
	grant := Delegation{Validator: k.hotkey, Delegate: newKey(t, 9).hotkey, Expiry: uint64(now.Unix()) + 1}
	must(grant.Sign(testDomain, k, pattern(7)))
	order := signOrder(t, k, newKey(t, 9))
	answer := Answer{Request: patternSig(4), Status: 206, Content: RangeContent(pattern(6), 1, 2)}
	sig, err := answer.Sign(testDomain, k)
	must(err)
	return map[string]func(Domain, strata.Hotkey, int) error{
		"head": func(d Domain, h strata.Hotkey, i int) error {
			v, err := DecodeHead(flip(head.Encode(), i))
			must(err)
			return v.Verify(d, h)
		},
		"receipt": func(d Domain, h strata.Hotkey, i int) error {
			v, err := DecodeReceipt(flip(receipt.Encode(), i))
			if err != nil {
				return unsigned
			}
			return v.Verify(d, h)
		},
		"superblock": func(d Domain, h strata.Hotkey, i int) error {
			v, err := DecodeSuperblock(flip(super.Encode(), i))
			if err != nil {
				return unsigned
			}
			return v.Verify(d, h)
		},
		"binding": func(d Domain, h strata.Hotkey, i int) error {
			v, err := DecodeBinding(flip(bind.Encode(), i))
			must(err)
			return v.Verify(d, h, key, now, RoleMiner)
		},
		"delegation": func(d Domain, h strata.Hotkey, i int) error {
			v, err := DecodeDelegation(flip(grant.Encode(), i))
			must(err)
			if v.Validator != h {
				return unsigned
			}
			return v.Verify(d, newKey(t, 9).hotkey, pattern(7), now)
		},
		"order": func(d Domain, h strata.Hotkey, i int) error {
			v, err := DecodeOrder(flip(order.Encode(), i))
			if err != nil {
				return unsigned
			}
			return v.Verify(d, h, newKey(t, 9).hotkey)
		},
		"answer": func(d Domain, h strata.Hotkey, i int) error {
			raw := flip(slices.Concat(answer.Request[:], []byte{206, 0}, answer.Content, sig[:]), i)
			v := Answer{Status: int(binary.LittleEndian.Uint16(raw[64:])), Content: raw[66 : len(raw)-64]}
			copy(v.Request[:], raw)
			return v.Verify(d, h, Signature(raw[len(raw)-64:]))
		},
	}
}

// unsigned stands for a statement that no longer decodes.
var unsigned = strata.E(strata.Unauthenticated, "does not decode")

func flip(b []byte, i int) []byte {
	if i >= 0 && i < len(b) {
		b[i] ^= 1
	}
	return b
}

func signOrder(t *testing.T, validator, miner testKey) Order {
	t.Helper()
	o := Order{Root: pattern(1), Length: 5000, Nonce: 1752076800000000000}
	a, err := SignRequest(http.Header{}, validator, "PUT", ShardURI(testDomain, o.Root, o.Length), o.Root, o.Nonce, validator.hotkey, miner.hotkey)
	if err != nil {
		t.Fatal(err)
	}
	o.Signature = a.Signature
	return o
}

func TestStatements(t *testing.T) {
	k := newKey(t, 1)
	otherChain, otherNet := testDomain, testDomain
	otherChain.Genesis[0]++
	otherNet.Netuid++
	sizes := map[string]int{
		"head": HeadSize, "receipt": ReceiptSize, "superblock": len(sampleSuperblock().Encode()),
		"binding": BindingSize, "order": OrderSize, "delegation": DelegationSize, "answer": 64 + 2 + 52 + 64,
	}
	for name, verify := range statements(t, k) {
		if err := verify(testDomain, k.hotkey, -1); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := verify(testDomain, newKey(t, 2).hotkey, -1); strata.CodeOf(err) != strata.Unauthenticated {
			t.Errorf("%s of another key: %v", name, err)
		}
		for _, d := range []Domain{otherChain, otherNet} {
			if err := verify(d, k.hotkey, -1); strata.CodeOf(err) != strata.Unauthenticated {
				t.Errorf("%s of another network: %v", name, err)
			}
		}
		for i := range sizes[name] {
			if err := verify(testDomain, k.hotkey, i); strata.CodeOf(err) != strata.Unauthenticated {
				t.Errorf("%s with byte %d changed: %v", name, i, err)
			}
		}
	}
}

// TestSignedBytes spells out the common form once.
func TestSignedBytes(t *testing.T) {
	h := sampleHead()
	want := slices.Concat([]byte("strata/head/1"), testDomain.Genesis[:], []byte{11, 0}, h.Encode()[:HeadSize-64])
	if !bytes.Equal(h.SignedBytes(testDomain), want) {
		t.Errorf("head signs %x", h.SignedBytes(testDomain))
	}
	if h.Hash(testDomain) == h.Hash(Domain{}) {
		t.Error("a head's hash does not depend on the network")
	}
}

func TestTagsDiffer(t *testing.T) {
	tags := []string{TagHead, TagReceipt, TagResponse, TagTLS, TagSuperblock}
	for i, a := range tags {
		for j, b := range tags {
			if i != j && strings.HasPrefix(a, b) {
				t.Errorf("%s begins with %s", a, b)
			}
		}
	}
}

func TestOrderIsForOneMiner(t *testing.T) {
	validator, miner := newKey(t, 1), newKey(t, 9)
	o := signOrder(t, validator, miner)
	if err := o.Verify(testDomain, validator.hotkey, miner.hotkey); err != nil {
		t.Fatal(err)
	}
	if err := o.Verify(testDomain, validator.hotkey, validator.hotkey); strata.CodeOf(err) != strata.Unauthenticated {
		t.Errorf("order for another miner: %v", err)
	}
}

func TestBindingRefuses(t *testing.T) {
	k, key, now := newKey(t, 1), pattern(90), time.Unix(1752076800, 0)
	b, err := BindTLS(testDomain, k, k.hotkey, key, now.Add(time.Hour), RoleMiner)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		err  error
	}{
		{"other role", b.Verify(testDomain, k.hotkey, key, now, "gateway")},
		{"other TLS key", b.Verify(testDomain, k.hotkey, pattern(91), now, RoleMiner)},
		{"expired", b.Verify(testDomain, k.hotkey, key, now.Add(time.Hour), RoleMiner)},
		{"before 1970", b.Verify(testDomain, k.hotkey, key, time.Unix(-1, 0), RoleMiner)},
	}
	for _, tt := range tests {
		if strata.CodeOf(tt.err) != strata.Unauthenticated {
			t.Errorf("%s: %v", tt.name, tt.err)
		}
	}
}

type brokenSigner struct{ err error }

func (b brokenSigner) Sign([]byte) ([64]byte, error) { return [64]byte{}, b.err }

func TestSignerFailure(t *testing.T) {
	cause := errors.New("key is locked")
	h := sampleHead()
	if err := h.Sign(testDomain, brokenSigner{cause}); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	header := http.Header{}
	if _, err := SignRequest(header, brokenSigner{cause}, "GET", "/", [32]byte{}, 1, pattern(1), pattern(2)); !errors.Is(err, cause) || len(header) > 0 {
		t.Errorf("got %v and headers %v", err, header)
	}
}

// TestErrorTable: every code of the root package has a status of its own, and
// comes back from it.
func TestErrorTable(t *testing.T) {
	codes := []strata.Code{
		strata.Invalid, strata.NotFound, strata.Unauthenticated, strata.Forbidden, strata.Conflict, strata.TooLarge,
		strata.NoSpace, strata.Locked, strata.Unavailable, strata.Throttled, strata.Corrupt, strata.Internal,
	}
	if len(codes) != len(statuses) {
		t.Errorf("%d codes, %d in the table", len(codes), len(statuses))
	}
	for _, c := range codes {
		if got := CodeOfStatus(HTTPStatus(c)); got != c {
			t.Errorf("%s is status %d, which is %s", c, HTTPStatus(c), got)
		}
	}
	for status, want := range map[int]strata.Code{418: strata.Invalid, 599: strata.Internal, 302: strata.Internal} {
		if got := CodeOfStatus(status); got != want {
			t.Errorf("status %d is %s, want %s", status, got, want)
		}
	}
	if HTTPStatus("no such code") != 500 {
		t.Error("an unknown code is not 500")
	}
}

func TestErrorDocument(t *testing.T) {
	err := DecodeError(404, EncodeError(strata.E(strata.NotFound, "shard 12 is not here")))
	if strata.CodeOf(err) != strata.NotFound || err.Error() != "shard 12 is not here" {
		t.Errorf("got %v", err)
	}
	if doc := string(EncodeError(errors.New("open /home/me/key: denied"))); strings.Contains(doc, "/home") {
		t.Errorf("an internal error shows in %s", doc)
	}
	if doc := EncodeError(strata.E(strata.Invalid, "%s", strings.Repeat("\x01é", 2000))); len(doc) > MaxError {
		t.Errorf("document of %d bytes", len(doc))
	}
}

func TestErrorDocumentDamaged(t *testing.T) {
	for name, b := range map[string]string{
		"nothing": "", "text": "not found", "large": `{"code":"invalid","error":"` + strings.Repeat("x", MaxError) + `"}`,
		"unknown code": `{"code":"ok","error":"fine"}`,
	} {
		if err := DecodeError(404, []byte(b)); strata.CodeOf(err) != strata.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := DecodeError(400, []byte(`{"code":"invalid","error":"a\u001b[31mb\u009bc"}`)).Error(); got != "a [31mb c" {
		t.Errorf("control characters pass: %q", got)
	}
}

func TestDelegationIsBounded(t *testing.T) {
	v, d := newKey(t, 1), newKey(t, 2)
	g := Delegation{Validator: v.hotkey, Delegate: d.hotkey, Expiry: 1000}
	if err := g.Sign(testDomain, v, pattern(1)); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"another shard":    g.Verify(testDomain, d.hotkey, pattern(2), time.Unix(999, 0)),
		"another delegate": g.Verify(testDomain, v.hotkey, pattern(1), time.Unix(999, 0)),
		"over":             g.Verify(testDomain, d.hotkey, pattern(1), time.Unix(1000, 0)),
		"before time":      g.Verify(testDomain, d.hotkey, pattern(1), time.Unix(-1, 0)),
	} {
		if strata.CodeOf(err) != strata.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := ParseDelegation(FormatDelegation(g)); err != nil || got != g {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "00", FormatDelegation(g) + "00", "G" + FormatDelegation(g)[1:]} {
		if _, err := ParseDelegation(bad); strata.CodeOf(err) != strata.Unauthenticated {
			t.Errorf("%.10q: %v", bad, err)
		}
	}
}

// TestLeavingIsSigned: that a miner leaves is part of what it signs, and changes
// nothing else of the layout.
func TestLeavingIsSigned(t *testing.T) {
	key := newKey(t, 3)
	h := sampleHead()
	stays := h.SignedBytes(testDomain)
	h.Leaving = true
	if err := h.Sign(testDomain, key); err != nil {
		t.Fatal(err)
	}
	got, err := DecodeHead(h.Encode())
	if err != nil || got != h || len(h.SignedBytes(testDomain)) != len(stays) {
		t.Errorf("%+v is read as %+v, %v", h, got, err)
	}
	got.Leaving = false
	if err := got.Verify(testDomain, key.hotkey); strata.CodeOf(err) != strata.Unauthenticated {
		t.Errorf("without its mark it verifies: %v", err)
	}
	if !bytes.Equal(got.SignedBytes(testDomain), stays) {
		t.Error("a head without the mark is another than it was")
	}
}
