package wire

import (
	"time"

	"strata"
)

// RoleMiner is the role of a miner's TLS certificate.
const RoleMiner = "miner"

// BindingSize is the length of an encoded Binding.
const BindingSize = 32 + 8 + 16 + signatureSize

// Binding ties a TLS key to a hotkey: the hotkey signs the SHA-256 of the
// certificate's public key (SubjectPublicKeyInfo), when that ends, and in which
// role it may be used.
//
// Layout, in the certificate's extension: hotkey 32 ‖ expiry u64 (unix
// seconds) ‖ role 16 (ASCII, padded with zeros) ‖ signature 64. Signed: TagTLS,
// domain, key SHA-256 32 ‖ expiry ‖ role.
type Binding struct {
	Hotkey    strata.Hotkey
	Expiry    uint64
	Role      [16]byte
	Signature Signature
}

// BindTLS signs a binding of a key.
func BindTLS(d Domain, s Signer, hotkey strata.Hotkey, key [32]byte, expiry time.Time, role string) (Binding, error) {
	b := Binding{Hotkey: hotkey, Expiry: uint64(expiry.Unix())}
	copy(b.Role[:], role)
	err := sign(&b.Signature, "TLS key", s, b.signedBytes(d, key))
	return b, err
}

func (b Binding) signedBytes(d Domain, key [32]byte) []byte {
	var w writer
	w.h32(key)
	w.u64(b.Expiry)
	w.raw(b.Role[:])
	return d.statement(TagTLS, w.b)
}

// Verify checks that the binding is by the expected hotkey, for this key and
// role, and not over. The error has code Unauthenticated.
func (b Binding) Verify(d Domain, hotkey strata.Hotkey, key [32]byte, now time.Time, role string) error {
	var want [16]byte
	copy(want[:], role)
	switch {
	case b.Hotkey != hotkey:
		return strata.E(strata.Unauthenticated, "the peer's certificate is of hotkey %s, not of %s", b.Hotkey, hotkey)
	case b.Role != want:
		return strata.E(strata.Unauthenticated, "the certificate of %s is not for the role %s", hotkey, role)
	case now.Unix() < 0 || uint64(now.Unix()) >= b.Expiry:
		return strata.E(strata.Unauthenticated, "the certificate of %s has expired: its owner restarts, or a clock is wrong", hotkey)
	}
	return check("TLS key", hotkey, b.signedBytes(d, key), b.Signature)
}

// Encode returns the BindingSize bytes of the layout.
func (b Binding) Encode() []byte {
	var w writer
	w.h32(b.Hotkey)
	w.u64(b.Expiry)
	w.raw(b.Role[:])
	w.sig(b.Signature)
	return w.b
}

// DecodeBinding reads a Binding. The error has code Invalid or TooLarge.
func DecodeBinding(raw []byte) (Binding, error) {
	r := newReader(raw, "TLS binding", BindingSize)
	b := Binding{Hotkey: r.h32(), Expiry: r.u64()}
	copy(b.Role[:], r.take(len(b.Role)))
	b.Signature = r.sig()
	return b, r.end()
}
