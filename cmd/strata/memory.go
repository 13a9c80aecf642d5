package main

import (
	"os"
	"runtime/debug"

	"strata"
)

// serveMemory is what a gateway may use: the collector works harder near it, so
// that the whole process stays below 256 MiB while files of any size stream. The
// sectors that a validator fills for its checks are not the collector's.
const serveMemory = 176 * strata.MiB

// limitMemory sets the collector's soft limit, unless GOMEMLIMIT does.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(serveMemory))
	}
}

// collectSeldom lets a small heap grow fourfold before it is collected, unless
// GOGC says otherwise. A miner holds some MiB, which buffers of its requests
// would fill many times a second.
func collectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300)
	}
}
