// Package catalog is the contract for the metadata of stored objects: buckets,
// objects, where their shards lie and what is still to be deleted. It holds
// types and interfaces only. Implementations (catalog/sqlite) pass the suite in
// catalog/catalogtest.
//
// # Life of an object
//
//	Begin        pending    invisible; its shards are recorded before they are sent
//	Commit       committed  listed and readable; an older version is superseded
//	Delete       deleted    invisible; its shards are in the deletion queue
//	Undelete     committed  again, within a while
//	last Deleted (gone)     every miner has confirmed and it can come back no
//	                        more; the rows are removed
//
// Each arrow is one transaction, durable when the call returns. An object that
// is pending when its writer has died is deleted by AbortPending; so that at no
// moment does a crash leave a shard on a miner that no row names, nor an
// acknowledged object without its rows.
//
// # Segments and shards
//
// An object is a sequence of segments in order of Seq. A segment carries the id
// and number that it was sealed under (Origin, Number), which never change; so
// that a multipart upload can hand its parts' segments to the final object
// without a byte being moved. A shard is named by (Origin, Number, Index).
package catalog

import (
	"context"
	"time"

	"strata"
)

// Limits of one object's metadata. Values beyond them give code Invalid.
const (
	MaxKey      = 1024     // bytes in an object's key, as in S3
	MaxMeta     = 64 << 10 // bytes of user metadata, as JSON
	MaxListPage = 1000     // objects in one page
	MaxParts    = 10000    // parts in one upload, as in S3
)

// Bucket is a namespace of keys.
type Bucket struct {
	Name    string
	Created time.Time
	// Versioned buckets keep superseded objects until they are deleted by id.
	Versioned bool
	// Meta is for the owner's use, e.g. access lists; at most MaxMeta as JSON.
	Meta map[string]string
}

// State is where an object is in its life.
type State string

// The states, as stored.
const (
	Pending   State = "pending"
	Committed State = "committed"
	Deleted   State = "deleted"
	Part      State = "part" // a finished part of an upload, owned by it
)

// Object is one version of a key.
type Object struct {
	ID          strata.ObjectID
	Bucket      string
	Key         string   // any bytes, at most MaxKey; listed in byte order
	Size        int64    // of the plaintext
	Digest      [32]byte // BLAKE3 of the plaintext; zero for a multipart object
	ContentType string
	Meta        map[string]string // at most MaxMeta as JSON
	State       State
	Created     time.Time // when Begin was called
	Modified    time.Time // when it was committed
}

// Segment is a run of an object's plaintext that was encoded as one.
type Segment struct {
	Origin  strata.ObjectID // the object that it was sealed for
	Number  uint64          // its number there
	Codec   string          // erasure codec
	K       int             // shards that give the segment
	Total   int             // shards that it has
	Success int             // shards that had to be stored before it counted
	Size    int64           // plaintext bytes
	Wrapped []byte          // the origin's object key, wrapped
	KeyID   string          // the gateway key that wraps it
	Shards  []Shard         // in order of Index
}

// ShardState says what is known of a shard.
type ShardState string

// The shard states, as stored.
const (
	Sending ShardState = "sending" // may or may not have reached its miner
	Stored  ShardState = "stored"  // the miner has signed for it
	Lost    ShardState = "lost"    // known to be missing or damaged
)

// Shard is one erasure-coded, encrypted piece of a segment.
type Shard struct {
	Index  int
	Miner  strata.Hotkey
	Root   strata.Root
	Length int64 // bytes on the miner
	State  ShardState
}

// ShardUpdate changes what is recorded of one shard.
type ShardUpdate struct {
	Index int
	State ShardState
	// Miner, when it differs from the recorded one, is the shard's new place:
	// the old place goes to the deletion queue in the same transaction. The zero
	// hotkey leaves it.
	Miner strata.Hotkey
}

// Deletion is a shard that a miner still has to delete.
type Deletion struct {
	Miner    strata.Hotkey
	Root     strata.Root
	Attempts int
	Next     time.Time // not to be tried before
}

// List asks for a page of the current objects of a bucket, in byte order of keys.
type List struct {
	Bucket string
	Prefix string
	After  string // keys after this one
	Limit  int    // 1 to MaxListPage; 0 means MaxListPage
}

// Upload is a multipart upload under way.
type Upload struct {
	ID          strata.ObjectID // also the id of the object that it will be
	Bucket      string
	Key         string
	ContentType string
	Meta        map[string]string
	Created     time.Time
}

// UploadPart is a finished part of an upload.
type UploadPart struct {
	Number   int // 1 to MaxParts
	Object   strata.ObjectID
	Size     int64
	Digest   [32]byte
	Meta     map[string]string
	Modified time.Time
}

// GatewayKey is a wrapping key in use. The key itself is derived from a secret
// that the catalog never sees; Check recognises the right one.
type GatewayKey struct {
	ID      string
	Created time.Time
	Check   []byte
}

// Buckets is the metadata of buckets. A missing bucket gives code NotFound.
type Buckets interface {
	// CreateBucket adds a bucket. Code Conflict if the name is taken.
	CreateBucket(ctx context.Context, b Bucket) error
	// Bucket returns a bucket.
	Bucket(ctx context.Context, name string) (Bucket, error)
	// Buckets returns all of them, by name.
	Buckets(ctx context.Context) ([]Bucket, error)
	// UpdateBucket sets Versioned and Meta.
	UpdateBucket(ctx context.Context, b Bucket) error
	// DeleteBucket removes an empty bucket. Code Conflict if it is not empty.
	DeleteBucket(ctx context.Context, name string) error
}

// Objects is the metadata of objects. A missing object gives code NotFound.
type Objects interface {
	// Begin records a pending object; ID, Bucket, Key, ContentType, Meta and
	// Created are used. Code NotFound if there is no such bucket.
	Begin(ctx context.Context, o Object) error
	// AddSegment records a segment of a pending object, with the shards that are
	// about to be sent, before the first of them is. Seq orders it. Code Conflict
	// if the object is not pending or the number is used.
	AddSegment(ctx context.Context, id strata.ObjectID, seq uint64, s Segment) error
	// UpdateShards changes what is recorded of a segment's shards, in one
	// transaction. Code Conflict if the segment is gone: what was sent meanwhile
	// to a new place is then queued for deletion.
	UpdateShards(ctx context.Context, origin strata.ObjectID, number uint64, u []ShardUpdate) error
	// Commit makes a pending object visible. ID, Size, Digest, ContentType, Meta
	// and Modified are used. In a bucket that is not versioned the object
	// superseded is deleted in the same transaction. Code Conflict if the object
	// is not pending or the condition does not hold; it is pending then as before.
	Commit(ctx context.Context, o Object, c Condition) error
	// Delete makes an object of any state invisible and queues all its shards. A
	// version that it had superseded becomes current. Deleting a deleted object
	// gives code NotFound.
	Delete(ctx context.Context, id strata.ObjectID, at time.Time) error
	// AbortPending deletes the pending objects begun before a time and says how many.
	AbortPending(ctx context.Context, before, at time.Time) (int, error)
	// Object returns an object of any state but Deleted.
	Object(ctx context.Context, id strata.ObjectID) (Object, error)
	// Lookup returns the current object of a key.
	Lookup(ctx context.Context, bucket, key string) (Object, error)
	// ListObjects returns a page.
	ListObjects(ctx context.Context, l List) ([]Object, error)
	// Versions returns all committed objects of a key, newest first.
	Versions(ctx context.Context, bucket, key string) ([]Object, error)
	// Segments returns an object's segments in order, with their shards.
	Segments(ctx context.Context, id strata.ObjectID) ([]Segment, error)
	// SegmentHeads returns them without their shards, for who reads them one
	// after the other; Shards those of one of them, whatever the object's state.
	SegmentHeads(ctx context.Context, id strata.ObjectID) ([]Segment, error)
	Shards(ctx context.Context, ref SegmentRef) ([]Shard, error)
}

// Uploads is the metadata of multipart uploads. A missing upload gives code NotFound.
type Uploads interface {
	// CreateUpload records an upload. Code NotFound if there is no such bucket.
	CreateUpload(ctx context.Context, u Upload) error
	// Upload returns an upload under way.
	Upload(ctx context.Context, id strata.ObjectID) (Upload, error)
	// Uploads returns those of a bucket under way, by key and age.
	Uploads(ctx context.Context, bucket string) ([]Upload, error)
	// CommitPart makes the pending object o the part of that number, as Commit
	// does; a part of that number that was there is deleted.
	CommitPart(ctx context.Context, upload strata.ObjectID, number int, o Object) error
	// Parts returns an upload's parts, by number.
	Parts(ctx context.Context, upload strata.ObjectID) ([]UploadPart, error)
	// CompleteUpload makes the upload a committed object of the parts named, in
	// that order, and deletes the other parts. Meta and Modified of o are used.
	// Code Invalid if a part is missing or the order is not ascending, Conflict if
	// the condition does not hold; the upload is under way then as before.
	CompleteUpload(ctx context.Context, upload strata.ObjectID, parts []int, o Object, c Condition) error
	// AbortUpload deletes an upload and its parts.
	AbortUpload(ctx context.Context, upload strata.ObjectID, at time.Time) error
}

// Deletions is the durable queue of shards to delete.
type Deletions interface {
	// DueDeletions returns up to limit of those due at a time, oldest first.
	DueDeletions(ctx context.Context, at time.Time, limit int) ([]Deletion, error)
	// Deleted removes a confirmed deletion, and after the last the rows of an
	// object that was never committed.
	Deleted(ctx context.Context, d Deletion) error
	// Retry puts a deletion off to d.Next and records d.Attempts.
	Retry(ctx context.Context, d Deletion) error
}

// Keys is the record of gateway keys.
type Keys interface {
	// GatewayKeys returns them, oldest first.
	GatewayKeys(ctx context.Context) ([]GatewayKey, error)
	// AddGatewayKey records one. Code Conflict if the id is taken.
	AddGatewayKey(ctx context.Context, k GatewayKey) error
	// WrappedKeys returns up to limit wrapped keys of objects, of any state, that
	// another gateway key than the one named wraps.
	WrappedKeys(ctx context.Context, notBy string, limit int) ([]WrappedKey, error)
	// Rewrap replaces wrapped keys in one transaction: of each, what was wrapped
	// by From. One that changed or went meanwhile is left.
	Rewrap(ctx context.Context, keys []Rewrapped) error
}

// WrappedKey is an object's key as the catalog has it: in each segment sealed for
// the object or, with Slice, in its slice.
type WrappedKey struct {
	Object  strata.ObjectID // that the key is bound to
	Slice   bool
	Wrapped []byte
	KeyID   string
}

// Rewrapped is a wrapped key with what it was wrapped by before.
type Rewrapped struct {
	WrappedKey
	From string
}

// Catalog is the whole contract. Implementations are safe for concurrent use;
// what a call has done is durable when it returns.
type Catalog interface {
	Buckets
	Objects
	Packs
	Uploads
	Deletions
	Keys
	Repairs
	Undeletes
	Backups
	Close() error
}
