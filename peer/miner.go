package peer

import (
	"context"
	"io"

	"strata"
	"strata/wire"
)

// Miner is what a Server serves; the miner role implements it. Its methods are
// called concurrently. Errors become answers through their code; the text of an
// error without one stays in the log. A method returns soon after ctx is done.
type Miner interface {
	// Status says who and what the miner is; the Server fills in Limits.
	Status(ctx context.Context) wire.Status
	// Authorize returns nil if the caller, whose signature was verified, may
	// do this in that partition, else an error with code Forbidden. The
	// partition is zero for ActionAudit, as the body is not read yet: any
	// permitted validator may audit any partition.
	Authorize(ctx context.Context, caller strata.Hotkey, what wire.Action, partition strata.Hotkey) error
	// Manifest returns a valid page with a signed head; NotFound without such
	// a partition.
	Manifest(ctx context.Context, q wire.ManifestQuery) (wire.ManifestPage, error)
	// Audit returns one opening for each leaf asked; what cannot be read is
	// Missing. NotFound without such a partition.
	Audit(ctx context.Context, caller strata.Hotkey, req wire.AuditRequest) (wire.AuditResponse, error)
	// PutShard stores size bytes of body and returns a signed receipt after data
	// and index are synced. It checks the bytes against root, which the caller
	// has signed; it may read none of them where it has the shard already.
	PutShard(ctx context.Context, validator strata.Hotkey, root strata.Root, size int64, body io.Reader, order wire.Order) (wire.Receipt, error)
	// ShardRange opens a shard for reading; the Server closes it.
	ShardRange(ctx context.Context, validator strata.Hotkey, root strata.Root) (wire.ShardSource, error)
	// DeleteShard marks a shard deleted; NotFound if it is not there.
	DeleteShard(ctx context.Context, validator strata.Hotkey, root strata.Root) error
	// RestoreShard takes a deletion back; NotFound if the shard is not there any
	// more. One that is not deleted stays as it is.
	RestoreShard(ctx context.Context, validator strata.Hotkey, root strata.Root) error
	// Retain reconciles the partition's shards with the validator's list.
	Retain(ctx context.Context, validator strata.Hotkey, list wire.Retain) (wire.RetainResult, error)
	// PutSuperblock keeps the superblock, whose signature was verified, if its
	// version is the highest; Conflict if it has a higher one.
	PutSuperblock(ctx context.Context, validator strata.Hotkey, s wire.Superblock) error
	// GetSuperblock returns what was put; NotFound if nothing.
	GetSuperblock(ctx context.Context, validator strata.Hotkey) (wire.Superblock, error)
}
