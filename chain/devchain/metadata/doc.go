// Package metadata describes the local chain's runtime to clients: its types,
// pallets, calls, events, errors, constants, signed extensions and runtime APIs,
// with subtensor's names and indices. Tables hold the descriptions, in Rust's
// notation; New turns them to the metadata of a spec version, V14 and V15.
//
// It says what there is, not what it does: calls and blocks are in package
// pallets, runtime APIs in package runtimeapi.
package metadata
