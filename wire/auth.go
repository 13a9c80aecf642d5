package wire

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"

	"strata"
)

// Headers of requests and answers. The first six are btauth/1's, the format of
// signed requests of Bittensor's Python SDK v11.
const (
	HeaderVersion   = "X-Bittensor-Version"
	HeaderHotkey    = "X-Bittensor-Hotkey"
	HeaderReceiver  = "X-Bittensor-Receiver"
	HeaderNonce     = "X-Bittensor-Nonce"
	HeaderCrypto    = "X-Bittensor-Crypto"
	HeaderSignature = "X-Bittensor-Signature"

	// HeaderContent is the lower-case hex SHA-256 of a request's body. With
	// it, the signature is verified before the body is read. A shard that is
	// put goes without: its path names the body.
	HeaderContent = "X-Strata-Content-Sha256"
	// HeaderResponse is the signature of an answer: 0x and lower-case hex.
	HeaderResponse = "X-Strata-Signature"
	// HeaderSize is the size in bytes of the shard that a range is of.
	HeaderSize = "X-Strata-Size"
)

// Scheme is the only signature scheme accepted.
const Scheme = "sr25519"

const authVersion = "1"

// Header is what is needed of an http.Header.
type Header interface {
	Values(key string) []string
	Set(key, value string)
}

// Auth is the authentication of one request.
type Auth struct {
	Sender    strata.Hotkey
	Receiver  strata.Hotkey
	Nonce     uint64 // unix nanoseconds
	Signature Signature
}

// signedText returns what btauth/1 signs: eight lines joined by line feeds.
func signedText(scheme, method, uri string, body [32]byte, nonce uint64, sender, receiver strata.Hotkey) []byte {
	return []byte(strings.Join([]string{
		"btauth/" + authVersion, scheme, method, uri, hex.EncodeToString(body[:]),
		strconv.FormatUint(nonce, 10), sender.String(), receiver.String(),
	}, "\n"))
}

// SignRequest signs a request as btauth/1 and sets its headers. uri is the raw
// percent-encoded path and query; body is the SHA-256 of the whole body, or for
// a shard that is put, its root. A nonce is used once: a repeated request takes
// a new one.
func SignRequest(h Header, s Signer, method, uri string, body [32]byte, nonce uint64, sender, receiver strata.Hotkey) (Auth, error) {
	a := Auth{Sender: sender, Receiver: receiver, Nonce: nonce}
	if err := sign(&a.Signature, "request", s, a.text(method, uri, body)); err != nil {
		return Auth{}, err
	}
	h.Set(HeaderVersion, authVersion)
	h.Set(HeaderHotkey, sender.String())
	h.Set(HeaderReceiver, receiver.String())
	h.Set(HeaderNonce, strconv.FormatUint(nonce, 10))
	h.Set(HeaderCrypto, Scheme)
	h.Set(HeaderSignature, FormatSignature(a.Signature))
	return a, nil
}

func (a Auth) text(method, uri string, body [32]byte) []byte {
	return signedText(Scheme, method, uri, body, a.Nonce, a.Sender, a.Receiver)
}

// ParseAuth reads the headers' shape and verifies nothing. Every header comes
// once and in its one written form. The error has code Unauthenticated.
func ParseAuth(h Header) (Auth, error) {
	var a Auth
	version, err := single(h, HeaderVersion)
	if err != nil {
		return a, err
	}
	if version != authVersion {
		return a, strata.E(strata.Unauthenticated, "request: header %s is not %s", HeaderVersion, authVersion)
	}
	if v := h.Values(HeaderCrypto); len(v) > 1 || len(v) == 1 && v[0] != Scheme {
		return a, strata.E(strata.Unauthenticated, "request: only the scheme %s is accepted", Scheme)
	}
	if a.Sender, err = hotkeyHeader(h, HeaderHotkey); err != nil {
		return a, err
	}
	if a.Receiver, err = hotkeyHeader(h, HeaderReceiver); err != nil {
		return a, err
	}
	if a.Nonce, err = nonceHeader(h); err != nil {
		return a, err
	}
	text, err := single(h, HeaderSignature)
	if err != nil {
		return a, err
	}
	a.Signature, err = ParseSignature(text)
	return a, err
}

// single returns the value of a header that must come exactly once.
func single(h Header, key string) (string, error) {
	v := h.Values(key)
	if len(v) != 1 {
		return "", strata.E(strata.Unauthenticated, "request: header %s is needed once: sign the request as btauth/1", key)
	}
	return v[0], nil
}

func hotkeyHeader(h Header, key string) (strata.Hotkey, error) {
	s, err := single(h, key)
	if err != nil {
		return strata.Hotkey{}, err
	}
	raw, err := strata.DecodeSS58(s)
	k := strata.Hotkey(raw)
	if err != nil || k.String() != s {
		return strata.Hotkey{}, strata.E(strata.Unauthenticated, "request: header %s is not an ss58 address with prefix 42", key)
	}
	return k, nil
}

func nonceHeader(h Header) (uint64, error) {
	s, err := single(h, HeaderNonce)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, strata.E(strata.Unauthenticated, "request: header %s is not a decimal number of nanoseconds", HeaderNonce)
	}
	return n, nil
}

// FormatSignature returns 0x and 128 lower-case hex digits.
func FormatSignature(s Signature) string { return "0x" + hex.EncodeToString(s[:]) }

// ParseSignature reads what FormatSignature writes, and nothing else. The
// error has code Unauthenticated.
func ParseSignature(text string) (Signature, error) {
	var s Signature
	if !lowerHex(s[:], strings.TrimPrefix(text, "0x")) || !strings.HasPrefix(text, "0x") {
		return Signature{}, strata.E(strata.Unauthenticated, "signature is not 0x and %d lower-case hex digits", 2*len(s))
	}
	return s, nil
}

// ParseContentHash reads the value of HeaderContent: 64 lower-case hex digits.
// The error has code Invalid.
func ParseContentHash(text string) ([32]byte, error) {
	var h [32]byte
	if !lowerHex(h[:], text) {
		return [32]byte{}, strata.E(strata.Invalid, "request: header %s is not 64 lower-case hex digits", HeaderContent)
	}
	return h, nil
}

// lowerHex fills dst from exactly as many lower-case hex digits.
func lowerHex(dst []byte, s string) bool {
	if len(s) != 2*len(dst) || strings.ToLower(s) != s {
		return false
	}
	raw, err := hex.DecodeString(s)
	return err == nil && copy(dst, raw) == len(dst) && bytes.Equal(dst, raw)
}
