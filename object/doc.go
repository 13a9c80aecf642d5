// Package object stores files on miners and reads them back: it splits,
// erasure-codes, encrypts, places and transfers them, and keeps their metadata.
// It is the service that composes what has a room of its own:
//
//	segment   what the bytes of shards are: rows, chunks, encoding
//	keyring   the gateway's keys, which wrap the objects'
//	roster    the miners: where they serve, how they answer, who gets shards
//	memory    what encoded segments on their way may take
//	send      a segment's shards to its miners
//	fetch     ranges and whole segments from miners
//	renew     lost shards made again, those of a miner that leaves copied
//	packer    which small objects travel together
//
// Here are the objects: put.go, body.go and upload.go take them in, pack.go those
// that share a segment; read.go, list.go and inspect.go give and show them;
// delete.go and undelete.go take them away and back; export.go and retrieve.go do
// without the catalog.
//
// # Layout
//
// A file is a sequence of segments of at most 64 MiB; package segment says how one
// becomes the shards that miners hold, byte by byte.
//
// The object key is 32 random bytes; each segment's record holds it wrapped under
// the gateway's key (package keyring), bound to the id of the object that it was
// sealed for. Shard keys derive from it.
//
// A miner sees of an object its shards: random bytes, of a length that gives a
// segment's size to within k KiB (small objects: that of all that share it), and
// the times at which they come and are read. It sees neither names, nor types, nor
// which shards belong together, but for those that come and go at one time.
//
// # Writing
//
// The body is read row by row into a segment's shards. Memory for a segment is
// reserved from Options.Memory before it is encoded, and given back when its
// last send ends, a shard's at the end of its own, so memory grows with neither
// objects nor their number (package memory). A segment's shards are recorded as
// Sending, then sent to `total` miners at once. A miner that fails, refuses or is
// slow is replaced while another candidate is left. With `success` signed receipts
// the segment counts; the object is committed and acknowledged when all segments do.
// The other sends go on for a bounded time, while nobody needs their memory (package
// send). Where too few miners can be reached, everything that was or may have been
// stored is queued for deletion.
//
// # Small objects
//
// An object of at most 65,520 bytes shares a segment with others: thirty shards
// of a few hundred bytes each would cost more in signatures and syncs than its
// bytes. It is sealed under its own key first (envelope.SliceKey), so that who is
// given the key of the shared segment, to read one object in it, cannot read the
// others. A pack is the segment of those who came while the pack before it was
// on its way; an object that finds one other under way, or none, leaves at once,
// alone. What a pack costs hardly depends on how many share it, so cost and rate
// follow the load: after a pack that several shared, the next waits a part of that
// one's time for those who have just been answered, as most come back with
// another (package packer). Each is acknowledged as any other, when the pack's
// shards have `success` receipts and the catalog names it, in one transaction; the
// outcome is its own. Deleting one leaves the others. The pack's shards are deleted
// with the last object in it that can come back; until then the dead bytes stay, at
// most total / k times what small objects had.
//
// # Reading
//
// A file is fetched from the k miners of each segment that are the fastest, row by
// row, and another is asked where one fails or is slow (package fetch). A full read
// is checked against the digest taken when the object was written. A small object is
// fetched whole, with the rows of the pack that it lies in.
//
// # Renewing
//
// A repair (package repair) has lost shards made again, or those of a miner that
// leaves copied, each for a miner that has none of the segment (package renew).
//
// # Crashes
//
// Nothing is in memory only. A crash before Commit leaves a pending object, all
// of whose possible shards are recorded: Run deletes it at the next start. A
// crash after Commit leaves a readable object; shards still on their way stay
// Sending, and reads try them last. Deletions wait in a durable queue.
package object
