package catalog

import (
	"context"
	"time"

	"strata"
	"strata/score"
	"strata/wire"
)

// Partition names what a miner holds for one validator.
type Partition struct {
	Miner     strata.Hotkey
	Validator strata.Hotkey
}

// MinerRecord is what a validator has learned of a miner.
type MinerRecord struct {
	Hotkey     strata.Hotkey
	Score      score.Miner
	NextCohort uint64 // the id of the next cohort; 0 means 1
	Passed     uint64 // audited leaves, ever
	Failed     uint64
	LastSeen   time.Time // zero: never
	// Journal is what the write of this record adds to the Journal, in order. It
	// is empty in a record that was read.
	Journal [][]byte
}

// Sector is one sector as a miner's manifest last showed it.
type Sector struct {
	Entry   wire.Entry
	Cohort  uint64 // the score.Cohort that it counts in; 0: none yet
	Checked bool   // it was refilled and compared once
	Void    bool   // it was found wrong: it counts nowhere
}

// Listed says whether the sector counts: it is filler or data, and not void.
func (s Sector) Listed() bool {
	return (s.Entry.State == wire.Filler || s.Entry.State == wire.Data) && !s.Void
}

// Mark is what a validator notes of a sector beside its entry.
type Mark struct {
	Validator strata.Hotkey // whose partition it is in
	Number    uint64
	Cohort    uint64
	Checked   bool
	Void      bool
}

// WeightRecord is one entry of a weight vector that was set, with its reason.
type WeightRecord struct {
	Hotkey strata.Hotkey
	UID    strata.UID
	Credit uint64 // bytes
	Value  uint16
}

// Placed is a shard that the catalog believes to be on a miner.
type Placed struct {
	Origin strata.ObjectID
	Number uint64
	Index  int
	Root   strata.Root
	State  ShardState // Stored or Sending
}

// Ledger is a validator's memory. What a call has saved is durable when it
// returns. Implementations are safe for concurrent use.
type Ledger interface {
	// Miners returns every record.
	Miners(ctx context.Context) ([]MinerRecord, error)
	// SaveMiners writes records in one transaction.
	SaveMiners(ctx context.Context, m []MinerRecord) error
	// Heads returns the last head of each partition.
	Heads(ctx context.Context) (map[Partition]wire.Head, error)
	// SavePull writes a partition's new head, the sectors that changed with it
	// and the record of its miner, m, in one transaction: the ledger always
	// agrees with some head, and the score with the sectors. Code Invalid if m
	// is not the partition's miner.
	SavePull(ctx context.Context, m MinerRecord, p Partition, h wire.Head, changed []Sector) error
	// SaveMarks writes the marks of known sectors of a miner and its record in
	// one transaction. A mark of an unknown sector gives code NotFound, and
	// nothing is written.
	SaveMarks(ctx context.Context, m MinerRecord, marks []Mark) error
	// Sector returns one sector (code NotFound).
	Sector(ctx context.Context, p Partition, number uint64) (Sector, error)
	// Sectors calls fn for every sector of a partition in order of number. fn
	// must not use the ledger.
	Sectors(ctx context.Context, p Partition, fn func(Sector) error) error
	// SaveWeights records a vector that was set at a block, in place of earlier ones.
	SaveWeights(ctx context.Context, block uint64, w []WeightRecord) error
	// LastWeights returns the last vector recorded and its block; none is no error.
	LastWeights(ctx context.Context) (block uint64, w []WeightRecord, err error)
	// SaveCommit keeps a record of weights that are about to be committed, under
	// the hash of the commit, in place of one that is there.
	SaveCommit(ctx context.Context, hash [32]byte, record []byte) error
	// Commits returns the records that were not deleted, by hash.
	Commits(ctx context.Context) (map[[32]byte][]byte, error)
	// DeleteCommit forgets one; that there is none is no error.
	DeleteCommit(ctx context.Context, hash [32]byte) error
	// PlacedOn returns the shards of living objects that are Stored on a miner, or
	// Sending to it.
	PlacedOn(ctx context.Context, miner strata.Hotkey) ([]Placed, error)
	// Totals counts committed objects and their bytes.
	Totals(ctx context.Context) (objects, bytes uint64, err error)
}

// JournalEntry is an entry of the Journal and its place, from 1 on.
type JournalEntry struct {
	Seq   uint64
	Entry []byte
}

// Journal hands a validator's audit log what the ledger has taken in, in the
// same transaction (MinerRecord.Journal), so that after any crash each entry is
// logged once. Implementations are safe for concurrent use.
type Journal interface {
	// Enter adds entries in one transaction.
	Enter(ctx context.Context, entries [][]byte) error
	// Entries returns up to limit entries after one, in order.
	Entries(ctx context.Context, after uint64, limit int) ([]JournalEntry, error)
	// Forget drops what is up to an entry, which the log has taken over durably.
	Forget(ctx context.Context, seq uint64) error
	// Last returns the place of the last entry ever made, 0 if none.
	Last(ctx context.Context) (uint64, error)
	// Skip makes the next entry come after seq at least.
	Skip(ctx context.Context, seq uint64) error
}

// MaxRefusals bounds the refused shards of a miner that wait to be judged.
const MaxRefusals = 300

// Refusals passes shards that miners have refused from a gateway to the validator
// that shares its metadata in another process. Implementations are safe for
// concurrent use.
type Refusals interface {
	// AddRefusals adds refused shards by miner, at a moment; of each miner at most
	// MaxRefusals are kept.
	AddRefusals(ctx context.Context, at time.Time, shards map[strata.Hotkey]int) error
	// TakeRefusals returns a miner's and forgets them, and when the last of them
	// were added.
	TakeRefusals(ctx context.Context, miner strata.Hotkey) (shards int, at time.Time, err error)
}

// Fraud is a proof of fraud that a validator has acted on.
type Fraud struct {
	Partition
	Number uint64 // of the sector
	Kind   wire.FraudKind
	Block  uint64 // when
	Proof  []byte // wire.FraudProof
}

// Frauds is the record of proofs that were acted on. Implementations are safe
// for concurrent use.
type Frauds interface {
	// SaveFraud writes a proof, the marks and the record of its miner that
	// follow from it in one transaction. Code Conflict, and nothing is written,
	// if there is a proof of that kind for that sector.
	SaveFraud(ctx context.Context, m MinerRecord, f Fraud, marks []Mark) error
	// HasFraud says whether there is a proof of that kind for a sector.
	HasFraud(ctx context.Context, p Partition, number uint64, kind wire.FraudKind) (bool, error)
	// Frauds returns the proofs against a miner, oldest first.
	Frauds(ctx context.Context, miner strata.Hotkey) ([]Fraud, error)
}
