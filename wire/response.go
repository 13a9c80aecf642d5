package wire

import (
	"strata"
)

// Answer is what a miner signs of its answer to one request.
//
// Signed: TagResponse, domain, the request's signature 64 (zero for an
// unsigned request) ‖ HTTP status u16 ‖ then, for an answer in a buffer, the
// body's SHA-256 32; for shard bytes, which prove themselves against the root,
// "root" ‖ shard root 32 ‖ offset u64 ‖ length u64.
type Answer struct {
	Request Signature
	Status  int
	Content []byte // BodyContent or RangeContent
}

// BodyContent is the Content of an answer with that SHA-256.
func BodyContent(sum [32]byte) []byte { return sum[:] }

// RangeContent is the Content of an answer with bytes [offset, offset+length)
// of a shard.
func RangeContent(root strata.Root, offset, length uint64) []byte {
	w := writer{[]byte("root")}
	w.h32(root)
	w.u64(offset)
	w.u64(length)
	return w.b
}

func (a Answer) signedBytes(d Domain) []byte {
	var w writer
	w.sig(a.Request)
	w.u16(uint16(a.Status))
	w.raw(a.Content)
	return d.statement(TagResponse, w.b)
}

// Sign returns the answer's signature.
func (a Answer) Sign(d Domain, s Signer) (Signature, error) {
	var out Signature
	err := sign(&out, "answer", s, a.signedBytes(d))
	return out, err
}

// Verify checks that the miner signed the answer. The error has code
// Unauthenticated.
func (a Answer) Verify(d Domain, miner strata.Hotkey, sig Signature) error {
	return check("answer", miner, a.signedBytes(d), sig)
}
