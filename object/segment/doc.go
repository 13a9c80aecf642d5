// Package segment encodes segments: the geometry of rows, chunks and shards, and
// what makes the shards' bytes. It knows keys, but neither miners nor records.
//
// # Layout
//
// This decides bytes on miners' disks. Sizes are in bytes.
//
//	object   a sequence of segments
//	segment  at most 64 MiB, and at most k × (MaxShard / 65,536) × 65,520, of
//	         plaintext, cut into rows; at least one byte
//	row      k × 65,520 of plaintext, cut into k equal data chunks; the last row
//	         of a segment has chunks of ceil(rest / k) or more, padded with zeros.
//	         Reed–Solomon ("rs8", package erasure) adds total − k parity chunks
//	shard i  chunk i of each row, in order of rows, each sealed under the shard's
//	         own key with the row's number (package envelope): 65,536 a chunk,
//	         that is exactly one 64 KiB group of the shard's BLAKE3 tree. The last
//	         chunk has ceil(rest / k) + 16, rounded up to 1 KiB in a shard of one
//	         chunk and to 4 KiB in others, and is marked as the last.
//	         A shard's root is the BLAKE3-256 of its bytes.
//
// MaxShard is a quarter of the profile's sector. The plaintext of row r begins
// at r × k × 65,520 of its segment and its sealed chunks at r × 65,536 of their
// shards, so any byte range is found without an index. A row whose data chunks
// arrive needs no decoding; otherwise any k chunks give it.
//
// Shard keys derive from the object's key, the segment's number and the shard's
// index. So nobody else can compute a shard from the others or from the file:
// each of `total` miners must hold what it is paid for. Who has the key gets the
// very bytes again (Rebuilder).
package segment
