package gateway

import (
	"context"
	"io"
	"time"

	"strata"
)

// Objects stores files. Implementations are safe for concurrent use. Errors
// carry the strata code that the user is to see.
type Objects interface {
	// Put stores what Body yields until EOF. On any error, one from Body
	// included, nothing is stored.
	Put(ctx context.Context, r PutRequest) (Object, error)
	// Stat returns one object with its segments (code NotFound if unknown).
	Stat(ctx context.Context, id strata.ObjectID) (Object, error)
	// List returns a page of objects without their segments, and with their
	// health only when asked for.
	List(ctx context.Context, r ListRequest) (ObjectList, error)
	// Open returns an object and its content (code NotFound if unknown); the
	// caller closes it.
	Open(ctx context.Context, id strata.ObjectID) (Object, Content, error)
	// OpenKey does the same with the object that a key names (code NotFound if none).
	OpenKey(ctx context.Context, key string) (Object, Content, error)
	// Delete removes an object (code NotFound if unknown).
	Delete(ctx context.Context, id strata.ObjectID) error
	// DeleteKey removes what a key names and returns its id (code NotFound if it
	// names none). Unless match is zero it must be that object, else code Conflict.
	DeleteKey(ctx context.Context, key string, match strata.ObjectID) (strata.ObjectID, error)
	// Undelete brings a deleted object back, for a while after its deletion
	// (code NotFound if it is unknown or gone, Conflict if it is not deleted).
	Undelete(ctx context.Context, id strata.ObjectID) (Object, error)
}

// Content is the content of one object.
type Content interface {
	// Range reads n bytes from off, which the object has; the caller closes it.
	// It may fetch nothing outside. When the whole was asked for and does not
	// match what was stored, the last read fails instead of io.EOF.
	Range(ctx context.Context, off, n int64) (io.ReadCloser, error)
	io.Closer
}

// Network says how the subnet looks from here.
type Network interface {
	// Status returns the latest view; code Unavailable if there is none yet.
	Status(ctx context.Context) (NetworkStatus, error)
}

// PutRequest is one file to store.
type PutRequest struct {
	Name        string // checked: valid UTF-8, no path, 1 to MaxName bytes
	ContentType string // checked: a media type
	Size        int64  // bytes, -1 if unknown
	Body        io.Reader
	// Keyed says that Name is a key, of MaxKey bytes at most: the file takes the
	// place of the one that the key named, in the moment that it is stored.
	Keyed     bool
	Condition Condition // of a keyed file; else code Conflict
}

// Condition is what must hold of a key when its new file is stored. The zero
// value always holds.
type Condition struct {
	Absent bool            // it names no file
	Match  strata.ObjectID // it names this one
}

// ListRequest selects objects, in a fixed order that is nearly that of their
// names.
type ListRequest struct {
	Prefix string // only names that begin with this
	After  string // the Next of the page before, "" for the first
	Limit  int    // 1 to MaxPage
	Health bool   // count each object's shards too, which costs a look-up of all
}

// ObjectList is a page of objects.
type ObjectList struct {
	Objects []Object `json:"objects"`
	Next    string   `json:"next,omitempty"` // After of the next page, "" on the last
}

// Object is a stored file.
type Object struct {
	ID          strata.ObjectID `json:"hash"`
	Name        string          `json:"name"`
	ContentType string          `json:"content_type"`
	Size        int64           `json:"size"` // bytes
	Created     time.Time       `json:"created"`
	Keyed       bool            `json:"keyed,omitempty"`    // the name is a key: no other file has it so
	Health      *Health         `json:"health,omitempty"`   // of the worst segment
	Segments    []Segment       `json:"segments,omitempty"` // only from Stat
	// BackedUp says whether the file's record is in the backup of the metadata
	// that miners keep; nil where it was not looked up.
	BackedUp *bool `json:"backed_up,omitempty"`
}

// Segment is a part of an object that is erasure-coded by itself.
type Segment struct {
	Size   int64  `json:"size"` // bytes of the file in it
	Health Health `json:"health"`
	Spread Spread `json:"spread"`
}

// Spread says how far a segment's miners are from independent. Zeros are best: no
// two have anything in common.
type Spread struct {
	SharedColdkey int `json:"shared_coldkey"` // miners beyond the first on a coldkey
	SharedPrefix  int `json:"shared_prefix"`  // in an IPv4 /24 or IPv6 /48
}

// Health counts the shards of a segment.
type Health struct {
	State  HealthState `json:"state"`
	Needed int         `json:"needed"` // shards that suffice to read it
	Live   int         `json:"live"`   // shards believed good
	Total  int         `json:"total"`  // shards it should have
}

// HealthState sums a Health up in a word.
type HealthState string

// The states, best first.
const (
	Healthy HealthState = "healthy" // every shard is there
	Reduced HealthState = "reduced" // some shards are missing
	AtRisk  HealthState = "at_risk" // no more than a quarter of the spare shards is left
	Lost    HealthState = "lost"    // too few shards to read it now
)

// NewHealth counts shards and derives the state.
func NewHealth(needed, live, total int) Health {
	h := Health{State: Reduced, Needed: needed, Live: live, Total: total}
	switch {
	case live < needed:
		h.State = Lost
	case live >= total:
		h.State = Healthy
	case 4*(live-needed) <= total-needed:
		h.State = AtRisk
	}
	return h
}

// NetworkStatus is the subnet at a block.
type NetworkStatus struct {
	Profile     string        `json:"profile"`
	Netuid      strata.Netuid `json:"netuid"`
	Block       uint64        `json:"block"`
	BlockTime   time.Time     `json:"block_time"`
	SectorSize  uint64        `json:"sector_size"` // bytes
	Objects     uint64        `json:"objects"`
	ObjectBytes uint64        `json:"object_bytes"`
	Miners      []Miner       `json:"miners"` // in UID order
	Repair      *RepairStatus `json:"repair,omitempty"`
	Backup      *BackupStatus `json:"backup,omitempty"`
}

// BackupStatus is how the backup of the metadata on the miners is.
type BackupStatus struct {
	Version uint64    `json:"version"`          // of the last one, 0: none
	Saved   time.Time `json:"saved"`            // when it was on the miners; zero: not since the start
	Behind  string    `json:"behind,omitempty"` // why nothing is backed up: this catalog is an old copy
}

// RepairStatus is how far the repair of segments is. Segments are counted when
// they are surveyed, so the numbers lag a little.
type RepairStatus struct {
	Surveyed   time.Time `json:"surveyed"`    // zero: not yet
	Endangered uint64    `json:"endangered"`  // segments with fewer shards than they should have at least
	Urgent     uint64    `json:"urgent"`      // of these, those with so few that nothing is waited for
	Unreadable uint64    `json:"unreadable"`  // of these, those that cannot be read now
	Moving     uint64    `json:"moving"`      // segments with shards at miners that are leaving
	Blocked    uint64    `json:"blocked"`     // segments that no miner takes a shard of, for now
	BytesToGo  uint64    `json:"bytes_to_go"` // of shards, to be read and written
	Repaired   uint64    `json:"repaired"`    // segments, since the gateway's start
	Bytes      uint64    `json:"bytes"`       // of shards, read and written for these
}

// Miner is one miner as this validator sees it.
type Miner struct {
	Hotkey       strata.Hotkey `json:"hotkey"`
	UID          strata.UID    `json:"uid"`
	Address      string        `json:"address"`       // host:port, "" if it serves nowhere
	Sealed       uint64        `json:"sealed"`        // sectors it shows
	Target       uint64        `json:"target"`        // sectors it plans for this validator
	ProvenBytes  uint64        `json:"proven_bytes"`  // bytes credited
	AuditsPassed uint64        `json:"audits_passed"` // leaves answered right and in time
	AuditsFailed uint64        `json:"audits_failed"`
	Weight       uint16        `json:"weight"`    // last set, of 65535
	LastSeen     time.Time     `json:"last_seen"` // zero: never
	LastError    string        `json:"last_error,omitempty"`
	Leaving      bool          `json:"leaving,omitempty"` // it takes no shards, and is paid for none of its filler
}

// Stored answers POST /store/.
type Stored struct {
	Status bool            `json:"status"` // true
	Hash   strata.ObjectID `json:"hash"`
}

// Failure answers every request that failed.
type Failure struct {
	Status bool        `json:"status"` // false
	Code   strata.Code `json:"code"`
	Error  string      `json:"error"` // one line for a person
}

// TicketRequest asks for a download ticket.
type TicketRequest struct {
	Hash strata.ObjectID `json:"hash"`
}

// Ticket lets whoever holds it download one object once.
type Ticket struct {
	Ticket  string    `json:"ticket"`
	Expires time.Time `json:"expires"`
}

// AliveStatus answers GET /api/health.
type AliveStatus struct {
	OK      bool   `json:"ok"`
	Version string `json:"version"`
}

// Limits of the interface.
const (
	MaxName     = 1024 // bytes in a file's name
	MaxKey      = 1000 // bytes in a key
	MaxPage     = 1000 // objects in a page of the list
	DefaultPage = 100  // objects in a page when the request does not say
)
