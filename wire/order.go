package wire

import (
	"fmt"

	"strata"
)

// Order is a validator's signed request to store a shard, in binary form. It
// shows third parties that a shard in that validator's partition was asked
// for. What was signed is the btauth/1 text of
//
//	PUT /v1/shards/<root>?size=<length>&net=<genesis hash>.<netuid>
//
// with the root in the place of the body's digest, the nonce, the validator as
// sender and the miner as receiver; the query is there because root, length and
// network must be under the signature (ShardURI).
//
// Layout: root 32 ‖ length u64 ‖ nonce u64 ‖ signature 64.
type Order struct {
	Root      strata.Root // BLAKE3-256 of the body
	Length    uint64      // bytes
	Nonce     uint64      // unix nanoseconds
	Signature Signature
}

// ShardURI is the request URI under which a shard is stored; its exact text is
// what an Order signs.
func ShardURI(d Domain, root strata.Root, length uint64) string {
	return fmt.Sprintf("/v1/shards/%s?size=%d&net=%s.%d", root, length, d.Genesis, d.Netuid)
}

// Verify checks that the validator ordered this of this miner. The error has
// code Unauthenticated, or Invalid where the order is malformed.
func (o Order) Verify(d Domain, validator, miner strata.Hotkey) error {
	if err := o.Validate(); err != nil {
		return err
	}
	text := signedText(Scheme, "PUT", ShardURI(d, o.Root, o.Length), o.Root, o.Nonce, validator, miner)
	return check("storage order of shard "+o.Root.String(), validator, text, o.Signature)
}

// Validate bounds the length.
func (o Order) Validate() error {
	if o.Length == 0 || o.Length > MaxShard {
		return strata.E(strata.Invalid, "storage order: shard of %d bytes, 1 to %d are allowed", o.Length, MaxShard)
	}
	return nil
}

// Encode returns the OrderSize bytes of the layout.
func (o Order) Encode() []byte {
	w := writer{make([]byte, 0, OrderSize)}
	w.h32(o.Root)
	w.u64(o.Length)
	o.tail(&w)
	return w.b
}

// tail writes what a manifest repeats of an order: the shard's own entry
// already gives root and length.
func (o Order) tail(w *writer) {
	w.u64(o.Nonce)
	w.sig(o.Signature)
}

// DecodeOrder reads an Order. The error has code Invalid or TooLarge.
func DecodeOrder(b []byte) (Order, error) {
	r := newReader(b, "storage order", OrderSize)
	o := Order{Root: r.h32(), Length: r.u64(), Nonce: r.u64(), Signature: r.sig()}
	if err := r.end(); err != nil {
		return Order{}, err
	}
	return o, o.Validate()
}
