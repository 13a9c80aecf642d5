package catalog

import (
	"context"
	"time"

	"strata"
)

// Condition is what must hold of a key at the moment of a commit. The zero value
// asks nothing. It is checked in the commit's own transaction, so that of many
// writers with one condition one succeeds.
type Condition struct {
	Absent bool            // the key has no current object
	Match  strata.ObjectID // the current object is this one
}

// Slice is where a small object lies: in the plaintext of a pack, which is an
// object without a name that holds many. It is sealed there under its own key.
type Slice struct {
	Pack    strata.ObjectID
	Off     int64  // in the pack's plaintext
	Length  int64  // there, sealed
	Wrapped []byte // the object's key, wrapped
	KeyID   string // the gateway key that wraps it
}

// Packed is an object to commit with its slice.
type Packed struct {
	Object    Object // ID, Bucket, Key, Size, Digest, ContentType, Meta, Created and Modified are used
	Slice     Slice  // Pack is set by CommitPack
	Condition Condition
}

// Pack is what CommitPack is told.
type Pack struct {
	ID      strata.ObjectID
	Size    int64 // of its plaintext
	At      time.Time
	Shards  []ShardUpdate // of its segment: who has signed, and who did not
	Objects []Packed
}

// Packs is the metadata of small objects that share a segment.
type Packs interface {
	// BeginPack records a pending pack with its one segment, number 0, and all
	// shards that may come to exist. AbortPending deletes it as any object.
	BeginPack(ctx context.Context, id strata.ObjectID, at time.Time, s Segment) error
	// CommitPack records what became of a pending pack's shards and makes it and its
	// objects visible, in one transaction. Each object succeeds or fails alone, with
	// the codes of Begin and Commit in errs; when all fail, so that nothing lies in
	// the pack, it is deleted. err is that of the whole: then nothing has changed.
	CommitPack(ctx context.Context, p Pack) (errs []error, err error)
	// Slice returns where an object lies in a pack; Pack is zero if it has segments
	// of its own. A pack is deleted with the last object that can come back.
	Slice(ctx context.Context, id strata.ObjectID) (Slice, error)
}
