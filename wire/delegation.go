package wire

import (
	"encoding/hex"
	"time"

	"strata"
)

// HeaderDelegation carries a Delegation in lower-case hex.
const HeaderDelegation = "X-Strata-Delegation"

// DelegationSize is the length of an encoded Delegation.
const DelegationSize = 32 + 32 + 8 + signatureSize

// Delegation lets another key read one shard of a validator's partition until a
// time, and nothing else: an object's owner needs no gateway for it. The request
// is signed by the delegate as any other.
//
// Layout, in the header: validator 32 ‖ delegate 32 ‖ expiry u64 (unix seconds) ‖
// signature 64. Signed: TagDelegation, domain, validator ‖ delegate ‖ expiry ‖ the
// shard's root 32. The root is the path's.
type Delegation struct {
	Validator strata.Hotkey
	Delegate  strata.Hotkey
	Expiry    uint64
	Signature Signature
}

func (g Delegation) payload() []byte {
	w := writer{make([]byte, 0, DelegationSize)}
	w.h32(g.Validator)
	w.h32(g.Delegate)
	w.u64(g.Expiry)
	return w.b
}

func (g Delegation) signedBytes(d Domain, root strata.Root) []byte {
	return d.statement(TagDelegation, append(g.payload(), root[:]...))
}

// Sign sets Signature for a shard.
func (g *Delegation) Sign(d Domain, s Signer, root strata.Root) error {
	return sign(&g.Signature, "delegation", s, g.signedBytes(d, root))
}

// Verify checks that the validator lets this delegate read this shard now. The
// error has code Unauthenticated.
func (g Delegation) Verify(d Domain, delegate strata.Hotkey, root strata.Root, now time.Time) error {
	switch {
	case g.Delegate != delegate:
		return strata.E(strata.Unauthenticated, "delegation is for %s, the request is signed by %s", g.Delegate, delegate)
	case now.Unix() < 0 || uint64(now.Unix()) >= g.Expiry:
		return strata.E(strata.Unauthenticated, "delegation of %s has expired: have a new one made", g.Validator)
	}
	return check("delegation", g.Validator, g.signedBytes(d, root), g.Signature)
}

// Encode returns the DelegationSize bytes of the layout.
func (g Delegation) Encode() []byte {
	w := writer{g.payload()}
	w.sig(g.Signature)
	return w.b
}

// DecodeDelegation reads a Delegation. The error has code Invalid or TooLarge.
func DecodeDelegation(b []byte) (Delegation, error) {
	r := newReader(b, "delegation", DelegationSize)
	g := Delegation{Validator: r.h32(), Delegate: r.h32(), Expiry: r.u64(), Signature: r.sig()}
	return g, r.end()
}

// ParseDelegation reads the value of HeaderDelegation. The error has code
// Unauthenticated.
func ParseDelegation(text string) (Delegation, error) {
	raw := make([]byte, DelegationSize)
	if !lowerHex(raw, text) {
		return Delegation{}, strata.E(strata.Unauthenticated, "header %s is not %d lower-case hex digits", HeaderDelegation, 2*DelegationSize)
	}
	return DecodeDelegation(raw)
}

// FormatDelegation returns what ParseDelegation reads.
func FormatDelegation(g Delegation) string { return hex.EncodeToString(g.Encode()) }
