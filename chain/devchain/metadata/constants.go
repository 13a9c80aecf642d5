package metadata

import "time"

// What the runtime's constants tell, and its rules go by.
const (
	ExistentialDeposit  = 500 // rao; an account below it ceases to exist
	DefaultTempo        = 20  // blocks between epochs, less one
	MaxCommitmentFields = 3   // as on chain
	BlockHashCount      = 256 // block hashes that the state itself holds

	DefaultBlockTime = 250 * time.Millisecond
)
