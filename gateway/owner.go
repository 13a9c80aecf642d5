package gateway

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"strata"
)

// Owner is what an object's owner asks for beside its bytes. Implementations are
// safe for concurrent use. An unknown object has code NotFound.
type Owner interface {
	// Verify asks the object's miners, for all their bytes when deep.
	Verify(ctx context.Context, id strata.ObjectID, deep bool) (Verification, error)
	// Export returns what is needed to read the object without this gateway, until
	// a time. It discloses the object's keys.
	Export(ctx context.Context, id strata.ObjectID, until time.Time) (Manifest, error)
}

// maxExportDays bounds how long the delegations of an export last.
const maxExportDays = 3650

// Verification is an object's health as its miners have just shown it.
type Verification struct {
	ID       strata.ObjectID   `json:"hash"`
	Name     string            `json:"name"`
	Size     int64             `json:"size"` // bytes
	Deep     bool              `json:"deep"`
	State    HealthState       `json:"state"` // of the worst segment
	Segments []VerifiedSegment `json:"segments"`
}

// VerifiedSegment is one segment of a Verification.
type VerifiedSegment struct {
	Size          int64           `json:"size"`
	Needed        int             `json:"needed"` // shards that suffice to read it
	Repair        int             `json:"repair"` // below so many it is repaired
	Good          int             `json:"good"`   // shards that were shown
	Total         int             `json:"total"`
	SharedColdkey int             `json:"shared_coldkey"` // good shards beyond the first on a coldkey
	SharedPrefix  int             `json:"shared_prefix"`  // in a /24 or /48
	Shards        []VerifiedShard `json:"shards"`
}

// VerifiedShard is one shard of a Verification.
type VerifiedShard struct {
	Index   int           `json:"index"`
	Miner   strata.Hotkey `json:"miner"`
	Finding string        `json:"finding"` // good, missing, damaged or unreachable
	Audited bool          `json:"audited"` // its miner has passed audits
	Error   string        `json:"error,omitempty"`
}

// Manifest is what reads one object without a gateway: who has it can read the
// object, from miners until Expires, and decrypt it for ever. Keys, roots and
// grants are in lower-case hex.
type Manifest struct {
	Format       string             `json:"format"` // ManifestFormat
	Warning      string             `json:"warning"`
	Genesis      strata.GenesisHash `json:"genesis"`
	Netuid       strata.Netuid      `json:"netuid"`
	Validator    strata.Hotkey      `json:"validator"`     // whose partitions the shards are in
	DelegateSeed string             `json:"delegate_seed"` // of the key that may read them
	Expires      time.Time          `json:"expires"`
	ID           strata.ObjectID    `json:"hash"`
	Name         string             `json:"name"`
	ContentType  string             `json:"content_type"`
	Size         int64              `json:"size"`
	Digest       string             `json:"digest"` // BLAKE3 of the content; zeros for one of parts
	Segments     []ManifestSegment  `json:"segments"`
	Slice        *ManifestSlice     `json:"slice,omitempty"` // where a small object lies in them
}

// ManifestFormat names the layout of a Manifest; another one takes a new number.
const ManifestFormat = "strata manifest 1"

// ManifestSegment is a segment of a Manifest; package object says what it means.
type ManifestSegment struct {
	Origin  strata.ObjectID `json:"origin"`
	Number  uint64          `json:"number"`
	Codec   string          `json:"codec"`
	Needed  int             `json:"needed"`
	Total   int             `json:"total"`
	Success int             `json:"success"`
	Size    int64           `json:"size"`
	Key     string          `json:"key"`
	Shards  []ManifestShard `json:"shards"`
}

// ManifestShard is a shard of a ManifestSegment.
type ManifestShard struct {
	Index   int           `json:"index"`
	Miner   strata.Hotkey `json:"miner"`
	Address string        `json:"address"` // where the miner served at the export, "" if nowhere
	Root    strata.Root   `json:"root"`
	Length  int64         `json:"length"`
	Grant   string        `json:"grant"` // wire.Delegation
}

// ManifestSlice is a small object's place in a segment that it shares.
type ManifestSlice struct {
	Off    int64  `json:"offset"`
	Length int64  `json:"length"`
	Key    string `json:"key"`
}

// owned returns the owner's interface and the object that a request names.
func (s *Server) owned(r *http.Request) (Owner, strata.ObjectID, error) {
	if s.cfg.Owner == nil {
		return nil, strata.ObjectID{}, strata.E(strata.Unavailable, "this gateway does not verify or export objects")
	}
	id, err := strata.ParseObjectID(r.PathValue("id"))
	return s.cfg.Owner, id, err
}

// verify answers POST /api/objects/{hash}/verify?deep=1.
func (s *Server) verify(w http.ResponseWriter, r *http.Request) {
	owner, id, err := s.owned(r)
	if err == nil {
		err = enter(s.downloads, "downloads")
	}
	if err != nil {
		fail(w, err)
		return
	}
	defer func() { <-s.downloads }()
	v, err := owner.Verify(r.Context(), id, r.URL.Query().Get("deep") == "1")
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, http.StatusOK, v)
}

// export answers POST /api/objects/{hash}/export?days=.
func (s *Server) export(w http.ResponseWriter, r *http.Request) {
	owner, id, err := s.owned(r)
	if err != nil {
		fail(w, err)
		return
	}
	days, err := strconv.Atoi(r.URL.Query().Get("days"))
	if err != nil || days < 1 || days > maxExportDays {
		fail(w, strata.E(strata.Invalid, "days is a number from 1 to %d", maxExportDays))
		return
	}
	m, err := owner.Export(r.Context(), id, s.cfg.Now().AddDate(0, 0, days))
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, http.StatusOK, m)
}
