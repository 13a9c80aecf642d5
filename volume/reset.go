package volume

import (
	"strata/volume/disk"
	"strata/volume/layout"
)

// Reset deletes all that a hotkey stores under cfg's paths, users' shards
// included, so that the next Open starts over. Directories of another hotkey,
// chain or profile are refused with code Conflict and left alone, as are those
// in use (Locked). A crash in between leaves some files; Reset again.
func Reset(cfg Config) error {
	cfg, err := cfg.complete()
	if err != nil {
		return err
	}
	for _, path := range cfg.Paths {
		if err := disk.Clear(layout.Dir(path, cfg.Wallet, cfg.Hotkey), cfg.identity()); err != nil {
			return err
		}
	}
	return nil
}
