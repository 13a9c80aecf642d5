// Package wire is Strata's protocol as bytes: messages, their limits, their
// validation and their signatures. It opens no connection and reads no clock
// of its own; package peer carries it over HTTPS and docs/protocol.md restates
// it for those who write another implementation.
//
// # Encoding
//
// Messages are little-endian with fixed-width integers and explicit counts, in
// the order of the fields given at each type. There is one encoding for each
// value: a decoder refuses unknown flags, wrong order, trailing bytes and any
// count that the rest of the message cannot hold, before it allocates for it.
// Status and error bodies are JSON, since people read them.
//
// Encode writes a valid message (see each Validate); DecodeX validates what it
// read. Messages are values: safe for concurrent use while nobody writes them.
//
// # Signatures
//
// Every statement that is kept or shown to others is signed by sr25519 in
// context "substrate" over
//
//	tag ‖ genesis hash (32) ‖ LE16 netuid ‖ payload
//
// with a tag of its own (TagHead…), so that no statement can be taken for
// another, nor for one of another network. Requests are signed as btauth/1
// (Auth), the format of Bittensor's Python SDK v11.
package wire
