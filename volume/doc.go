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
//	    hashes-<validator ss58>  record i: number, checksum, tree (package hashes)
//	    partition.json           what is here, for people and for refusing mix-ups
//	    strata.db                the index (package index): the authority
//	    strata.lock, .lock.pid   held by the running process
//	    scrub.json               how far a scrub came, if it was stopped
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
// A sector whose shards are all gone is filled again, to its old root, and so is
// one that was withdrawn. Scrub finds what is damaged before an audit does.
//
// # Sealing
//
// Package pipeline fills sectors in memory while earlier ones are written past
// the system's cache, synced, read back from the disk and compared with the root
// of what was in memory: only then are record and index written. Requests on a
// disk go first (package yield).
//
// # Crashes
//
// Data is always written before the index promises it, and the index always
// withdraws a promise before data under it is overwritten:
//
//	crash after                        leaves                       next
//	slot committed                     a queued sector              Seal fills it
//	part of a sector                   a queued sector              filled again, same bytes
//	sector synced, not compared        a queued sector              the same
//	part of a record                   a queued sector              the same
//	data and record synced             a queued sector              the same
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
//	damage found, before withdrawal    a damaged sector             found again
//	withdrawal committed               a withdrawn sector           sealed again
//	part of a record written again     a damaged record             found by its checksum
//	part of a scrub                    an old scrub.json            what came after it is
//	                                                                read again
//	release committed                  a free slot with old bytes   reused or cut off
//	head on some disks only            the highest sequence counts
//	disk gone, another works           heads without it after two   the disk's index has an
//	                                   minutes                      old head: the highest counts
//	plan committed, list not written   an old partition.json        written by Open
//	part of a twin's end (adopt)       a number on two disks        found by Open again
//
// A crash while sealing loses the sectors in memory: those that are filled, wait
// for their disk, or are being written to it: at most one for each worker and one
// for each disk.
//
// # Disks that fail
//
// A disk that fails is set aside and tried again until it works (package disk);
// the others go on. Its files are opened anew then, and its index too where it
// was unmounted, provided that the same sectors are there. What fails to be read
// on a disk that does not work is not damaged, and withdraws nothing.
//
// One that was left out of a run, so that its numbers were given out again on
// another, keeps its shards when it comes back (twins.go).
//
// One that hangs counts as away after half a minute, and everything that waits
// for it ends then: no lock that users of other disks need is held for longer. But
// what was given up may still happen. So until it has come back,
//
//	a region that was being written    goes to no other put
//	its sector, or one being sealed    is neither sealed again nor released
//	memory that it is written from     is lent to nobody
//	a slot of that disk                goes to no other sector: no plan is applied
//	                                   there while a cut or a hole may be made late
//	a sector whose commit was given    takes no put until compaction has seen what
//	up                                 its index has (Store.makeSure)
//
// and nothing that is acknowledged later is overwritten by it.
//
// # Concurrency
//
// Everything may run at once: audits and puts while sectors are sealed, plans
// applied and compaction runs. Concurrent puts share fsyncs and index
// transactions (internal/batch).
//
// # Rooms
//
//	layout    what lies where in a directory, whose it is; partition.json
//	index     the index of one disk: all SQL
//	hashes    the records of sectors' trees, for miners and verifiers
//	disk      one disk: its directory, index and files; working, hanging, away
//	pipeline  sectors from memory to the disks
//	yield     requests go before background work
//	vfs       the files under all that; faultfs, where they fail
//
// Here is what joins them: the sectors in memory, and what is done with them.
package volume
