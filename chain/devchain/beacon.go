package devchain

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"strata"
	"strata/chain/timelock"
	"strata/internal/durable"
)

const beaconFile = "beacon.key"

// loadBeacon reads the beacon's secret from a chain's directory, or makes it. A
// crash while it is made leaves none, and the next start makes another: the
// chain takes that one's public key. Without a directory it lives in memory.
func loadBeacon(dir string) (*timelock.Beacon, error) {
	secret := make([]byte, 32)
	if dir == "" {
		if _, err := rand.Read(secret); err != nil {
			return nil, err
		}
		return timelock.NewBeacon(secret)
	}
	path := filepath.Join(dir, beaconFile)
	kept, err := os.ReadFile(path)
	switch {
	case err == nil && len(kept) == len(secret):
		return timelock.NewBeacon(kept)
	case err == nil:
		return nil, strata.E(strata.Corrupt, "the beacon's key in %s is damaged: remove the file to make another", path)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, strata.E(strata.Unavailable, "the beacon's key cannot be read: %w", err)
	}
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(path, secret, 0o600); err != nil {
		return nil, err
	}
	return timelock.NewBeacon(secret)
}
