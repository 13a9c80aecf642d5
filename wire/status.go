package wire

import (
	"encoding/json"
	"net/netip"

	"strata"
)

// Endpoint is a peer: where it serves and the hotkey it must prove there.
type Endpoint struct {
	Hotkey strata.Hotkey
	Addr   netip.AddrPort
}

// Action is what a caller wants, for the miner's policy.
type Action string

// The actions. A validator that lost its permit keeps all but ActionPut and
// ActionPutSuperblock for a while, so they are told apart.
const (
	ActionManifest      Action = "read the manifest"
	ActionAudit         Action = "audit"
	ActionPut           Action = "store a shard"
	ActionGet           Action = "read a shard"
	ActionDelete        Action = "delete a shard"
	ActionRestore       Action = "bring a shard back"
	ActionRetain        Action = "reconcile shards"
	ActionPutSuperblock Action = "store a superblock"
	ActionGetSuperblock Action = "read a superblock"
)

// Limits is what a miner grants each caller at least. Below these rates a 429
// counts as a failure of the miner, above them it does not.
type Limits struct {
	MaxShard       uint64 `json:"max_shard"`        // bytes
	LeavesPerSec   uint64 `json:"leaves_per_sec"`   // leaves opened in audits
	LeavesBurst    uint64 `json:"leaves_burst"`     // leaves that may be opened at once after a pause
	BytesPerSec    uint64 `json:"bytes_per_sec"`    // bytes of shards, both ways, and of manifests
	BytesBurst     uint64 `json:"bytes_burst"`      // such bytes that may move at once after a pause
	RequestsAtOnce uint64 `json:"requests_at_once"` // requests in work at the same time
}

// Status is what anyone may know of a miner. It is JSON; unknown fields are
// ignored, so that later versions may say more.
type Status struct {
	Version string             `json:"version"`
	Hotkey  strata.Hotkey      `json:"hotkey"`
	Genesis strata.GenesisHash `json:"genesis"`
	Netuid  strata.Netuid      `json:"netuid"`
	Profile string             `json:"profile"`
	Limits  Limits             `json:"limits"`
	// Partitions is what the miner plans and has sealed for each validator, so
	// that a validator can show how far it is. It proves nothing.
	Partitions []Partition `json:"partitions"`
}

// Partition is a miner's plan for one validator, in sectors.
type Partition struct {
	Validator strata.Hotkey `json:"validator"`
	Sealed    uint64        `json:"sealed"`
	Target    uint64        `json:"target"`
}

// MaxPartitions is how many partitions a Status may list.
const MaxPartitions = 100

// Validate bounds texts and partitions. The error has code Invalid.
func (s Status) Validate() error {
	if len(s.Version) > 100 || len(s.Profile) > 100 {
		return strata.E(strata.Invalid, "status: version or profile is over 100 bytes")
	}
	if len(s.Partitions) > MaxPartitions {
		return strata.E(strata.Invalid, "status: %d partitions, at most %d are allowed", len(s.Partitions), MaxPartitions)
	}
	return nil
}

// Encode returns the JSON document.
func (s Status) Encode() []byte {
	b, err := json.Marshal(s)
	if err != nil { // no field of Status can fail to marshal
		return nil
	}
	return b
}

// DecodeStatus reads a Status. The error has code Invalid or TooLarge.
func DecodeStatus(b []byte) (Status, error) {
	var s Status
	if len(b) > MaxStatus {
		return s, strata.E(strata.TooLarge, "status of %d bytes, at most %d are allowed", len(b), MaxStatus)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return Status{}, strata.E(strata.Invalid, "status is not valid JSON: %w", err)
	}
	return s, s.Validate()
}
