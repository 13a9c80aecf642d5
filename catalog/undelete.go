package catalog

import (
	"context"
	"time"

	"strata"
)

// Undeletes is what brings deleted objects back. An object that was committed
// keeps its rows after its deletion, even when every miner has confirmed, until
// ForgetDeleted.
type Undeletes interface {
	// Undelete makes an object that was deleted at or after a moment committed
	// again, and the current one of its key. Its shards leave the deletion queue;
	// they are recorded as Sending, since a miner may have been told already. Code
	// NotFound if there is no such object any more, Conflict if its key has another
	// object by now, in a bucket that is not versioned, or if it is not deleted.
	Undelete(ctx context.Context, id strata.ObjectID, since time.Time) error
	// ForgetDeleted removes the rows of objects deleted before a moment whose
	// shards have all been deleted, at most limit of them, and says how many.
	ForgetDeleted(ctx context.Context, before time.Time, limit int) (int, error)
}
