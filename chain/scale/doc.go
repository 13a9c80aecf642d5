// Package scale reads and writes SCALE, the encoding of Substrate chains, and
// the metadata with which a chain describes its own types.
//
// Three layers, each usable alone:
//
//	Decoder, Encoder     integers, compacts, strings, vectors over []byte
//	Metadata, Registry   metadata V14 and V15, decoded and encoded
//	Decode, Encode       any value of any type of a Registry (see Value)
//
// On top of them Metadata builds storage keys, calls and extrinsics, so that
// no index, hasher or signed extension of a chain is written in code. A
// Builder makes a Registry by hand, for a chain of one's own.
//
// Only canonical encodings are accepted, so decoding and encoding again gives
// the same bytes. Every input may be hostile: what is allocated is bounded by
// its length, and nothing panics. Errors have code Invalid when bytes or
// values do not fit a type, NotFound when metadata lacks a name.
//
// Formats: https://docs.substrate.io/reference/scale-codec/,
// https://github.com/paritytech/frame-metadata (v14.rs, v15.rs) and
// https://github.com/paritytech/scale-info (portable registry).
package scale
