//go:build !unix

package audit

import "time"

// processorTime is not known here.
func processorTime() time.Duration { return 0 }

// resident is not known here.
func resident() int64 { return 0 }
