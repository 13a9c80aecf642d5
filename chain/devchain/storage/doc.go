// Package storage says where the runtime keeps what: the storage items of every
// pallet with the names, hashers and types of subtensor's metadata, the records
// in them as Go types, and what is read from several of them together, such as a
// coldkey's part of a stake.
//
// The metadata that clients get and the keys that the node reads and writes
// both come from the items here.
package storage
