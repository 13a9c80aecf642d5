package score

// Part is what a miner lists in one validator's partition, in bytes.
type Part struct {
	Listed  uint64
	Covered uint64 // by filler and ordered shards
	Data    uint64 // of that, by shards: bytes that the validator alone vouches for
	Share   uint64 // of all stake, in ppm, that the validator has
}

const (
	// slack is how many times its share of the bytes that count the orders of one
	// validator may make count, in ppm: partitions follow stake slowly.
	slack = 1_500_000
	// rounds bounds how often the sum is taken again.
	rounds = 64
)

// Trusted returns the bytes that a miner lists and how many of them count, and
// for each part how many of its shards' bytes do.
//
// A validator's order makes any bytes count, those too that it and the miner can
// compute again, so it must be worth no more than the validator's stake: of its
// shards at most one and a half times its share of all bytes that count, and a
// sector for partitions that are small. All bytes that count are in turn
//
//	T = filler + Σ min(data, 3/2 share × T + sector)
//
// which is solved from above: where partitions follow stake, T is everything.
func Trusted(r Rules, parts []Part) (covered, listed uint64, data []uint64) {
	var filler uint64
	data = make([]uint64, len(parts))
	for i, p := range parts {
		listed += p.Listed
		data[i] = min(p.Data, p.Covered)
		filler += p.Covered - data[i]
		covered += p.Covered
	}
	for range rounds {
		sum := filler
		for i, p := range parts {
			most := scale(covered, min(PPM, min(p.Share, PPM)*slack/PPM))
			data[i] = min(p.Data, p.Covered, most+r.Sector)
			sum += data[i]
		}
		if sum >= covered {
			break
		}
		covered = sum
	}
	return covered, listed, data
}
