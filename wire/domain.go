package wire

import (
	"encoding/binary"

	"strata"
	"strata/internal/sr25519"
)

// Signature is an sr25519 signature: R ‖ s with the schnorrkel mark in the top bit.
type Signature [64]byte

// Signer signs as one hotkey: sr25519, context "substrate". Implementations
// are safe for concurrent use.
type Signer interface {
	Sign(msg []byte) ([64]byte, error)
}

// The tags of signed statements. A tag is never given another meaning; a new
// layout takes a new number.
const (
	TagHead       = "strata/head/1"
	TagReceipt    = "strata/receipt/1"
	TagResponse   = "strata/response/1"
	TagTLS        = "strata/tls/1"
	TagSuperblock = "strata/superblock/1"
	TagDelegation = "strata/delegation/1"
)

// Domain is the network in which a statement holds.
type Domain struct {
	Genesis strata.GenesisHash
	Netuid  strata.Netuid
}

// statement returns tag ‖ genesis ‖ LE16 netuid ‖ payload.
func (d Domain) statement(tag string, payload []byte) []byte {
	b := make([]byte, 0, len(tag)+len(d.Genesis)+2+len(payload))
	b = append(append(b, tag...), d.Genesis[:]...)
	b = binary.LittleEndian.AppendUint16(b, uint16(d.Netuid))
	return append(b, payload...)
}

// Verify says whether sig is the key's sr25519 signature of msg in context
// "substrate". Any input is safe.
func Verify(key strata.Hotkey, msg []byte, sig Signature) bool {
	return sr25519.Verify(key, msg, sig)
}

// check turns a failed Verify into an error that names what was signed.
func check(what string, key strata.Hotkey, msg []byte, sig Signature) error {
	if !Verify(key, msg, sig) {
		return strata.E(strata.Unauthenticated, "%s is not signed by %s: discard it", what, key)
	}
	return nil
}

// sign fills dst with s's signature of msg.
func sign(dst *Signature, what string, s Signer, msg []byte) error {
	sig, err := s.Sign(msg)
	if err != nil {
		return strata.E(strata.Internal, "sign %s: %w", what, err)
	}
	*dst = sig
	return nil
}
