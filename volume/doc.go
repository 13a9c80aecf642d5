// Package volume keeps a miner's sectors on its disks: it gives them slots,
// seals them, opens their leaves, stores users' shards over their filler and
// tells validators what is there. It survives a crash at any point.
//
// # Layout
//
// Under each db_path, one for each disk:
//
//	<wallet>/<hotkey>/
//	    data-<validator ss58>    slot i at byte offset i × sector size
//	    hashes-<validator ss58>  record i: number, checksum, tree (hashes.go)
//	    partition.json           what is here, for people and for refusing mix-ups
//	    strata.db                the index (schema.sql): the authority
//	    strata.lock, .lock.pid   held by the running process
//
// Sector numbers are unique over all disks. Each disk's index holds that disk's
// sectors and shards only, so a lost disk loses only its own; manifest heads
// and superblocks are kept on every disk. Opening reads the indexes' sectors,
// never their shards and never a directory.
//
// # A sector's life
//
//	queued    has number and slot; Seal fills it
//	filler    sealed; every leaf can be opened against the root
//	data      shards below the tail bound, filler from there on, opened
//	          against the same root through the stored nodes
//	withdrawn an audit found it damaged; shards in it may still be read
//	gone      released by a plan; the number may come back with the same root
//
// A sector whose shards are all gone is filled again, to its old root.
//
// # Crashes
//
// Data is always written before the index promises it, and the index always
// withdraws a promise before data under it is overwritten:
//
//	crash after                        leaves                       next
//	slot committed                     a queued sector              Seal fills it
//	part of a sector or record         a queued sector              filled again, same bytes
//	data and record synced             a queued sector              filled again, same bytes
//	sector committed                   filler
//	tail bound committed               unclaimed bytes in a data    compaction seals it again
//	                                   sector
//	part of a shard                    the same                     the same
//	shard synced                       the same                     the same
//	shard committed                    a stored shard; a repeated
//	                                   put gets the same receipt
//	move of a shard, before commit     the shard where it was       moved again
//	part of a sector sealed again      a data sector without        sealed again
//	                                   shards, its tail intact
//	release committed                  a free slot with old bytes   reused or cut off
//	head on some disks only            the highest sequence counts
//	plan committed, list not written   an old partition.json        written by Open
//
// # Concurrency
//
// Everything may run at once: audits and puts while sectors are sealed, plans
// applied and compaction runs. Concurrent puts share fsyncs and index
// transactions (internal/batch).
package volume
