package main

import (
	"os"
	"runtime/debug"

	"strata"
)

// serveMemory is what a gateway may use beside the sector that a validator
// fills for its checks: the collector works harder near it, so that the whole
// process stays below 256 MiB while files of any size stream.
const serveMemory = 176 * strata.MiB

// limitMemory sets the collector's soft limit, unless GOMEMLIMIT does.
func limitMemory(extra strata.ByteSize) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(serveMemory + extra))
	}
}
