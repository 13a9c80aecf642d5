package catalog

import (
	"context"
	"time"

	"strata"
)

// SegmentRef names a segment: the object that it was sealed for and its number
// there. The zero value comes before all others.
type SegmentRef struct {
	Origin strata.ObjectID
	Number uint64
}

// Ref returns a segment's name.
func (s Segment) Ref() SegmentRef { return SegmentRef{s.Origin, s.Number} }

// Repairs is what the repair of segments needs. There is no list of jobs: what
// is to be done follows from the segments and from what is known of the miners,
// so that nothing is forgotten by a crash.
type Repairs interface {
	// Unsettled returns up to limit segments of committed objects and of finished
	// parts that have a shard which is not Stored, or which lies at a miner that
	// is not in sound, in order of their names, after one. Shards come with them.
	Unsettled(ctx context.Context, after SegmentRef, sound []strata.Hotkey, limit int) ([]Segment, error)
	// Segment returns one segment of such an object. Code NotFound.
	Segment(ctx context.Context, ref SegmentRef) (Segment, error)
	// Reserve notes that a shard of a segment is about to be sent to a miner: a
	// deletion due at a time, which PlaceShard takes back. So a crash in between
	// leaves no shard that nobody knows of. Code Conflict if the segment is gone,
	// or that miner is still to delete that shard, or the place is on record as one
	// where it is or may be: the deletion would hit it there.
	Reserve(ctx context.Context, ref SegmentRef, miner strata.Hotkey, root strata.Root, due time.Time) error
	// PlaceShard records that a miner has signed for a shard of a segment, one
	// that had no record included; an old place goes to the deletion queue in the
	// same transaction. Code Conflict if the segment is gone, or its record has
	// another root: the new place then stays in the queue.
	PlaceShard(ctx context.Context, ref SegmentRef, h Shard) error
	// SettleShard records what a shard at a miner has turned out to be, if it is
	// still on record there, in the state that p says; it says whether it was.
	SettleShard(ctx context.Context, miner strata.Hotkey, p Placed, to ShardState) (bool, error)
	// LetGo records a shard as Lost and queues its place for deletion, in one
	// transaction. Code Conflict if the segment is gone.
	LetGo(ctx context.Context, ref SegmentRef, index int) error
}
