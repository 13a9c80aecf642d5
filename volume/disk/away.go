package disk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"strata"
	"strata/volume/layout"
	"strata/volume/vfs"
)

// A disk that failed is tried again after a while, each time after twice as long.
const (
	ProbeFirst = 10 * time.Second
	ProbeMost  = 10 * time.Minute
)

// LostAfter is how long a disk may be away before its sectors leave the
// manifests, which costs their standing with validators.
const LostAfter = 2 * time.Minute

// Works says whether the disk does, as far as is known.
func (d *Disk) Works() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.away.IsZero()
}

// Note keeps whether the disk worked when it was tried.
func (d *Disk) Note(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		d.away = time.Time{}
		d.hush.silent.Store(false)
	case d.away.IsZero():
		d.away = time.Now()
	}
}

// Lost says whether the disk's sectors are out of the manifests.
func (d *Disk) Lost() bool { return d.lost.Load() }

// Lose sets Lost. The store lets no manifest be made meanwhile.
func (d *Disk) Lose(lost bool) { d.lost.Store(lost) }

// Overdue says whether the disk has been away for LostAfter.
func (d *Disk) Overdue() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.away.IsZero() && time.Since(d.away) >= LostAfter
}

// tryOnce writes to a disk, syncs, and forgets the files that were open, which
// may be broken for good even if the disk is not: the next user opens them anew.
// Whoever still uses one keeps it. Those who ask at once get one answer.
func (d *Disk) tryOnce() (err error) {
	defer func() { d.Note(err) }()
	if err := d.present(); err != nil {
		return d.reattach(err)
	}
	path := filepath.Join(d.cfg.Dir, layout.ProbeFile)
	f, err := d.cfg.FS.Open(path)
	if err != nil {
		return vfs.Classify(err, "trying", d.cfg.Dir)
	}
	_, err = f.WriteAt(make([]byte, vfs.Align), 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close(), os.Remove(path)); err != nil {
		return vfs.Classify(err, "trying", d.cfg.Dir)
	}
	d.forget()
	return nil
}

// present refuses a directory that is not the one that was opened: when a disk
// is pulled out, its path leads to an empty place on another.
func (d *Disk) present() error {
	now, err := os.Stat(filepath.Join(d.cfg.Dir, layout.LockFile))
	if err != nil {
		return strata.E(strata.Unavailable, "the disk of %s is gone: attach it again: %w", d.cfg.Dir, err)
	}
	if !os.SameFile(now, d.held.Load().home) {
		return strata.E(strata.Unavailable, "%s is not the directory that was opened: attach its disk again, or restart to use what is there", d.cfg.Dir)
	}
	return nil
}

// reattach takes up a disk that was unmounted and mounted again: all that was
// open of it is broken for good. why is what happened to the directory that was
// open.
func (d *Disk) reattach(why error) error {
	if _, err := os.Stat(filepath.Join(d.cfg.Dir, layout.IndexFile)); err != nil {
		return why // nothing of ours is there: neither a lock nor an index may be made
	}
	x, err := d.reopen()
	if err != nil {
		return strata.E(strata.Unavailable, "%w: %v", why, err)
	}
	old := d.held.Swap(x)
	d.forget()
	_ = old.close() // of a disk that is no more
	return nil
}

// reopen opens the directory anew and makes sure that it holds what it held.
func (d *Disk) reopen() (*held, error) {
	ctx := context.Background()
	x, err := attach(ctx, d.cfg)
	if err != nil {
		return nil, err
	}
	if err := d.cfg.Same(ctx, x.index); err != nil {
		_ = x.close() // nothing was written
		return nil, err
	}
	return x, nil
}
