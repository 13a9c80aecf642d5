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
	// validator may make count, in ppm. A partition is moved when it is off by
	// more than a tenth of its ideal, which is its share but for less than a
	// sector: 11/10 (share + 1) sectors are at most 9/8 share + 1, and of fewer
	// than ten a tenth is none.
	slack = 1_125_000
	// rounds bounds how often the sum is taken again.
	rounds = 64
)

// Trusted returns the bytes that a miner lists and how many of them count, and
// for each part how many of its shards' bytes do.
//
// A validator's order makes any bytes count, those too that it and the miner can
// compute again, so it must be worth no more than the validator's stake: of its
// shards count at most as many bytes as a partition may have that follows its
// stake (slack), of all bytes that count. These are in turn
//
//	T = filler + Σ min(data, 9/8 share × T + sector)
//
// which is solved from above: where partitions follow stake, T is everything.
// Validators with a share s of the stake together, in league with a miner that
// has R bytes, make count at most (R + a sector for each) / (1 − 9/8 s).
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
