package audit

import (
	"math"
	"time"

	"strata"
	"strata/score"
	"strata/wire"
)

// Detection is the probability that one validator's snap audits meet a missing
// part of a miner at least once, for the schedule that it follows.
type Detection struct {
	Missing float64 `json:"missing"` // the fraction of bytes that is not there
	Hour    float64 `json:"hour"`
	Day     float64 `json:"day"`
}

// missing are the fractions of the table.
var missing = []float64{0.5, 0.1, 0.05, 0.01, 0.001, 0.0001}

// detect computes the table of a miner with so many bytes. Audits come at
// exponential times, at a rate that follows from its bytes; each opens sixteen
// leaves, drawn from all bytes alike. So audits that meet the missing part are
// Poisson with the rate times 1 − (1 − ε)^16.
func detect(p strata.Profile, bytes strata.ByteSize) []Detection {
	rate := float64(score.AuditsPerHour(p, bytes))
	out := make([]Detection, len(missing))
	for i, e := range missing {
		meets := rate * (1 - math.Pow(1-e, wire.MaxLeaves))
		out[i] = Detection{e, 1 - math.Exp(-meets), 1 - math.Exp(-meets*(24*time.Hour).Hours())}
	}
	return out
}
