package strata

import "time"

// BlockSize is the size in bytes of a sector's block, which is also a leaf of
// its BLAKE3 tree.
const BlockSize = 1024

// Profile is a chain's set of protocol constants. Miners and validators choose
// none of it: ProfileFor derives it from the genesis hash.
type Profile struct {
	Name   string
	Blocks uint32 // N: blocks of 1 KiB in a sector, a power of two
	Passes uint32 // P: passes of the fill

	Deadline time.Duration // time a snap audit may take beyond the round trip
	RTTCap   time.Duration // most round-trip time that is credited

	StakeGrid      uint64        // stake is read at blocks divisible by this
	StakeSmoothing time.Duration // the smaller of now's stake and that of this long ago; 0 = none
	HysteresisPct  uint32        // a partition moves only when off by more than this many per cent
	DailyMovePct   uint32        // most per cent of a partition moved in a day; 0 = no limit

	PenaltyTempos uint64        // no credit after fraud, in tempos; 0: see Penalty
	Penalty       time.Duration // no credit after fraud; 0: see PenaltyTempos
	LeafTempos    uint64        // leaves of the last so many tempos count; 0: see LeafWindow
	LeafWindow    time.Duration // leaves of the last so long count; 0: see LeafTempos
	Undelete      time.Duration // a deleted shard counts as live this long
}

// SectorSize returns the size of one sector in bytes.
func (p Profile) SectorSize() ByteSize { return ByteSize(p.Blocks) * BlockSize }

// MaxShard returns the largest shard in bytes: a quarter of a sector.
func (p Profile) MaxShard() ByteSize { return p.SectorSize() / 4 }

// The profiles (docs/protocol.md).
var (
	LocalProfile = Profile{
		Name: "local", Blocks: 4096, Passes: 4,
		Deadline: 5 * time.Second, RTTCap: time.Second,
		StakeGrid: 20, HysteresisPct: 10,
		PenaltyTempos: 3, LeafTempos: 3, Undelete: time.Minute,
	}
	TestProfile = Profile{
		Name: "test", Blocks: 1 << 20, Passes: 6,
		Deadline: 150 * time.Millisecond, RTTCap: 100 * time.Millisecond,
		StakeGrid: 7200, StakeSmoothing: 7 * 24 * time.Hour, HysteresisPct: 10, DailyMovePct: 1,
		Penalty: 24 * time.Hour, LeafWindow: 24 * time.Hour, Undelete: 24 * time.Hour,
	}
	MainProfile = Profile{
		Name: "main", Blocks: 1 << 22, Passes: 6,
		Deadline: 500 * time.Millisecond, RTTCap: 150 * time.Millisecond,
		StakeGrid: 7200, StakeSmoothing: 7 * 24 * time.Hour, HysteresisPct: 10, DailyMovePct: 1,
		Penalty: 7 * 24 * time.Hour, LeafWindow: 24 * time.Hour, Undelete: 7 * 24 * time.Hour,
	}
)

// Genesis hashes of Bittensor's public networks.
const (
	finneyGenesis = "2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03"
	testGenesis   = "8f9cf856bf558a14440e75569c9e58594757048d7b3a84b5d25f6bd978263105"
)

// ProfileFor returns the profile of the chain with that genesis hash; an
// unknown chain is local.
func ProfileFor(g GenesisHash) Profile {
	switch g.String() {
	case finneyGenesis:
		return MainProfile
	case testGenesis:
		return TestProfile
	default:
		return LocalProfile
	}
}
