// Package merkle proves parts of a file against its plain BLAKE3-256 hash.
//
// BLAKE3 is a binary tree over leaves of 1 KiB, so b3sum's output is the root
// of a Merkle tree already. This package keeps the tree from the level of
// 64 KiB groups up (0.1 % of the data) and recomputes what lies below from the
// group's bytes. It serves sectors (a leaf is a block) and shards of any length.
//
//	Tree, Builder   the kept nodes, from bytes at hand or from a stream
//	Opening         one leaf with its path: what a snap audit asks for
//	WriteRange      a byte range with the nodes that prove it, as a stream
//
// # Kept nodes
//
// Level 0 holds the chaining value of every group. Each further level holds a
// node for every pair of the level below; an odd last node moves up unchanged.
// The last level is one node, the root hash, made with BLAKE3's ROOT flag. The
// levels lie one after the other, level 0 first, 32 bytes a node. A power of two
// of G groups has 2G−1 nodes.
//
// # Range encoding
//
// RangeEncoding(off, n) of a file whose length and root the receiver knows:
// empty if n = 0, else sub(whole tree), where for a subtree that shares no byte
// with [off, off+n)
//
//	sub = nothing
//
// for a subtree that is one group
//
//	sub = the group's bytes, 64 KiB or what the last one has
//
// and for any other, a parent,
//
//	sub = left chaining value ‖ right chaining value ‖ sub(left) ‖ sub(right)
//
// The left subtree of a parent over more than one group holds the largest power
// of two of groups that is less than all. Both values of a parent are sent,
// although one could be computed from what follows, so that a receiver checks
// every group when it arrives and holds one at a time.
//
// On amd64 whole groups are hashed by assembly, sixteen leaves at once with
// AVX-512 or eight with AVX2, whichever the processor has (tools/merkleasm
// generates it); everything else, and all where there is neither, by a library
// that the assembly is tested against.
//
// The package is pure: no goroutine, clock or I/O of its own.
package merkle
