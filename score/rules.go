package score

import (
	"time"

	"strata"
)

const (
	// SuspensionChecks is how many more checks a mismatch brings at once.
	SuspensionChecks = 100
	// ProbationChecks must pass after a penalty before there is any credit.
	ProbationChecks = 300
	// LeavesPerAudit is the most leaves in one audit request: a hard disk must
	// be able to answer in time.
	LeavesPerAudit = 16

	// arrivalChecks of a new cohort leave 4 % for a bad tenth to be missed.
	arrivalChecks = 30
	// blockTime is Bittensor's, for profiles that count in time.
	blockTime = 12 * time.Second
	// leafBuckets is how many buckets a window in time is kept in.
	leafBuckets = 24
)

// Rules are a profile's constants in blocks, which is the only clock of this
// package: every validator sees the same one, and a replay needs no other.
type Rules struct {
	Penalty    uint64 // blocks without credit after fraud
	LeafBucket uint64 // blocks whose leaves are counted together, at least 1
	LeafKeep   uint64 // buckets that count, the running one included
	Sector     uint64 // bytes of a sector
	Epoch      uint64 // blocks from one weight vector to the next
}

// RulesFor returns the rules of a profile on a subnet where an epoch runs every
// tempo+1 blocks.
func RulesFor(p strata.Profile, tempo uint16) Rules {
	epoch := uint64(tempo) + 1
	r := Rules{Penalty: p.PenaltyTempos * epoch, LeafBucket: epoch, LeafKeep: p.LeafTempos, Sector: uint64(p.SectorSize()), Epoch: epoch}
	if p.PenaltyTempos == 0 {
		r.Penalty = blocks(p.Penalty)
	}
	if p.LeafTempos == 0 {
		r.LeafBucket, r.LeafKeep = max(1, blocks(p.LeafWindow)/leafBuckets), leafBuckets
	}
	return r
}

func blocks(d time.Duration) uint64 { return uint64(d / blockTime) }

// ArrivalChecks returns how many distinct sectors of a new cohort are checked
// when it arrives: 30, or all of them if there are fewer. Checks are drawn
// without replacement, so a small cohort is checked whole.
func ArrivalChecks(sectors uint64) uint64 { return min(arrivalChecks, sectors) }

// rate is a profile's intensity of checking.
type rate struct {
	checksPerDay uint64 // the trickle of commitment checks of a miner

	per         strata.ByteSize // one audit request an hour for each of these,
	least, most uint64          // within these bounds
}

// A check costs the validator a whole fill, so the trickle does not grow with
// size: twelve a day find a bad hundredth within a month (97 %) and a bad tenth
// within three days (98 %). An audit costs a miner up to 16 reads. Local sectors
// are small and tempos short, so everything is faster there.
var (
	localRate  = rate{checksPerDay: 43200, per: strata.MiB, least: 3600, most: 7200}
	publicRate = rate{checksPerDay: 12, per: strata.TiB, least: 12, most: 360}
)

func rateOf(p strata.Profile) rate {
	if p.Name == strata.LocalProfile.Name {
		return localRate
	}
	return publicRate
}

// TrickleChecks returns how many commitment checks a miner gets within a day
// after its arrival checks, drawn from all its sectors; 0 for one without any.
func TrickleChecks(p strata.Profile, sectors uint64) uint64 {
	if sectors == 0 {
		return 0
	}
	return rateOf(p).checksPerDay
}

// AuditsPerHour returns how many audit requests a miner with so many bytes gets
// from one validator within an hour: a constant intensity for each byte, at
// least enough for a small miner's record to mean something, at most what
// leaves its disks free for other work; 0 for a miner without bytes.
func AuditsPerHour(p strata.Profile, bytes strata.ByteSize) uint64 {
	if bytes == 0 {
		return 0
	}
	r := rateOf(p)
	return min(max(uint64(bytes/r.per), r.least), r.most)
}
