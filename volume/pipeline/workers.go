package pipeline

import (
	"fmt"
	"runtime"

	"strata"
	"strata/internal/hugepage"
	"strata/seal"
)

// EffectiveWorkers lowers a wished number of sealing workers to what the processor
// has room for, if it is more than its cores, and to three quarters of the memory that is free now: each worker holds
// one sector in memory while it fills it, and beside them one is being written.
// A single worker gets along without that one. reason says why the number is
// lower, for the plan that a person reads; it is empty when it is not. The
// number is 0 when memory does not suffice for one sector.
func EffectiveWorkers(wish int, sector strata.ByteSize) (n int, reason string, err error) {
	free, err := hugepage.Available()
	if err != nil {
		return 0, "", err
	}
	n, reason = limitWorkers(wish, capacityOf(runtime.NumCPU(), seal.ISAs()[0]), free, sector)
	return n, reason, nil
}

// capacity is a number of workers that a processor has room for, and why.
type capacity struct {
	cores int
	n     int // for who wants more than cores
	why   string
}

// capacityOf returns how many sectors are filled at once while others are hashed,
// written, read back and hashed again. With AVX-512 a fill is so fast that this is
// half a core's work for each that fills: a worker on the last core as well adds
// a tenth or two to what gets sealed, for a sector's memory and the time of all
// else on the machine. Slower fills leave time for one.
func capacityOf(cores int, isa seal.ISA) capacity {
	if isa == seal.AVX512 && cores > 1 {
		return capacity{cores, cores - 1, fmt.Sprintf("one of %d cores hashes and writes", cores)}
	}
	return capacity{cores, cores, fmt.Sprintf("cores: %d", cores)}
}

func limitWorkers(wish int, most capacity, free, sector strata.ByteSize) (int, string) {
	n, reason := wish, ""
	if n > most.cores {
		n, reason = most.n, fmt.Sprintf("workers: %d instead of %d: %s", most.n, wish, most.why)
	}
	fit := sectorsIn(free, sector)
	if fit > 1 {
		fit-- // for the sector that is being written
	}
	if n > fit {
		n, reason = fit, fmt.Sprintf("workers: %d instead of %d: each needs %s of memory, one sector more is being written, and %s are free", fit, wish, sector, free)
	}
	return n, reason
}

// HashWorkers is EffectiveWorkers for who hashes sectors in memory and writes none.
func HashWorkers(wish int, sector strata.ByteSize) (n int, err error) {
	free, err := hugepage.Available()
	return min(wish, runtime.NumCPU(), sectorsIn(free, sector)), err
}

// sectorsIn returns how many sectors sealing may hold in memory at once.
func sectorsIn(free, sector strata.ByteSize) int { return int(min(free/4*3/sector, 1<<20)) }

// Buffers returns how many sectors of a size a run should hold in memory: one for
// each worker and, as far as there is memory, one for each lane.
func Buffers(workers, lanes int, sector strata.ByteSize) int {
	free, err := hugepage.Available()
	if err != nil {
		return workers
	}
	return max(min(sectorsIn(free, sector), workers+lanes), 1)
}
