// Package seal computes sectors: the filler that proves space.
//
// A sector is N blocks of 1024 bytes, a power of two, that anyone can recompute
// from its identity and nobody can recompute in part: after P passes every
// block hangs on nearly the whole fill. docs/proof-of-space.md says why.
//
// Seal v1 (algorithm id 1, frozen: it decides bytes on disk):
//
//	sector id = BLAKE3-derive-key("strata 2026-11 seal v1 sector", identity)
//	IV        = BLAKE3-derive-key("strata 2026-11 seal v1 first block", sector id), 1024 bytes
//	for p = 1…P, for j = 0…N−1, in place over blocks that start as zero:
//	    prev = B[j−1], or for j = 0 the IV in pass 1 and B[N−1] later
//	    R    = prev ⊕ B[j] ⊕ gather(p, j); R.word[0] ⊕= p; R.word[1] ⊕= j
//	    B[j] = Perm(R) ⊕ R
//
// A block is 16 lines of 64 bytes, or 128 little-endian words. Line k of gather
// is line (k+5) mod 16 of block Parents(p, j)[k] as it stands at that moment;
// gather(1, 0) is zero. Perm is the permutation of Argon2's compression
// function (RFC 9106 §3.5 and §3.6).
//
// There is plain Go, which runs everywhere, and assembly for AVX2 and AVX-512,
// written by tools/sealasm; Fill uses the fastest that the processor has. The
// assembly computes parents some blocks ahead and prefetches their lines, so it
// wants buffers of huge pages (internal/hugepage).
//
// The package is pure: the same bytes on every architecture, without a
// goroutine, a clock or I/O. A fill is sequential by design, so whoever wants
// several cores busy fills several sectors.
package seal
