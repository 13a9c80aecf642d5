// Package refusal notes what miners do to the shards that they are sent: which
// they take, and which they refuse without a good reason. It judges nobody: a
// refusal counts once a manifest shows that there was room (package shards).
//
//	refusal.go  a miner's puts; the line over which they go
//	tally.go    all miners'; the transport that is watched
//	witness.go  the same for a gateway in another process
package refusal

import (
	"errors"
	"slices"
	"sync"
	"time"

	"strata"
	"strata/catalog"
	"strata/object/send"
)

const (
	// fairBytes and fairShards are what a miner takes of one validator within a
	// minute at least before it may say that shards come too fast. What miners
	// publish is 500 times that.
	fairBytes  = 60 << 20
	fairShards = 600
	// fairReads is how many reads of one sender it serves at once, at least, before
	// it may say that these are too many. What miners publish is twice that.
	fairReads = 64
	// Most bounds what one look at a miner costs it: a window's audits, so that
	// more would change nothing.
	Most = catalog.MaxRefusals
)

// puts is what a miner did to the shards that were sent to it.
type puts struct {
	began         time.Time // when the running minute did
	taken, before taken     // in it, and in the one before
	refused       int       // since that was last asked
	away          []int64   // steps in which it could not be reached, until they are settled
}

// taken is what a miner took of one sender within a minute.
type taken struct{ bytes, shards uint64 }

// fair says whether it is so much that more may be too much: a miner that takes
// less and says that it comes too fast refuses the rest.
func (t taken) fair() bool { return t.bytes >= fairBytes || t.shards >= fairShards }

// sent notes the outcome of a put of so many bytes.
func (p *puts) sent(now time.Time, size int, err error) {
	if passed := now.Sub(p.began); passed >= time.Minute {
		if p.before = p.taken; passed >= 2*time.Minute {
			p.before = taken{}
		}
		p.began, p.taken = now, taken{}
	}
	switch {
	case err == nil:
		p.taken.bytes += uint64(size)
		p.taken.shards++
	case strata.CodeOf(err) == strata.Unavailable && !errors.Is(err, send.ErrSlow):
		if len(p.away) < Most {
			p.away = append(p.away, stepOf(now))
		}
	case strata.CodeOf(err) != strata.Throttled, !p.taken.fair() && !p.before.fair():
		p.refused++
	}
}

// settle judges the puts that did not reach the miner: where others took shards at
// that time it was the miner, else it may have been this side's line.
func (p *puts) settle(now time.Time, l *line) {
	p.away = slices.DeleteFunc(p.away, func(at int64) bool {
		over := at+1 < stepOf(now) // nothing more can come of the step after it
		if over && l.worked(at) {
			p.refused++
		}
		return over
	})
}

// line remembers when shards reached any miner. Its zero value is ready; it is
// safe for concurrent use.
type line struct {
	mu    sync.Mutex
	steps [64]int64 // the last step with that remainder
}

// step is how finely time is divided for that: steps are Unix time in these.
const step = 10 * time.Second

func stepOf(now time.Time) int64 { return now.Unix() / int64(step/time.Second) }

// note says that a shard reached a miner.
func (l *line) note(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := stepOf(now)
	l.steps[uint64(at)%uint64(len(l.steps))] = at
}

// worked says whether one did in a step or beside it.
func (l *line) worked(at int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for x := at - 1; x <= at+1; x++ {
		if l.steps[uint64(x)%uint64(len(l.steps))] == x {
			return true
		}
	}
	return false
}
