// Package disk is one disk of a miner: the hotkey's directory on it, which is
// locked, its index, the files of its partitions as they are opened, and whether
// it works.
//
// # Working, hanging, away
//
//	works    as far as is known: nothing has failed since it was tried last
//	away     a try failed, or it hangs; it is tried again until it works
//	silent   it hangs: it did not answer within patience. Whoever asks it is
//	         told so at once, until a try comes back
//	lost     away for LostAfter: the store tells validators no more of its sectors
//
// A disk that comes back is another one to the system: what was open of it is
// broken for good. So a try that succeeds has files opened anew, and the index too
// where the directory was unmounted, if it holds what it held (Config.Same).
//
// A commit that was given up while the disk hung may have been made: until the
// store has looked (Disk.Sure), the disk is in doubt.
//
// What is asked of a disk that may hang goes through Ask, Reread, Commit, the files
// of Patient, or Space. What they give up may still happen: Settled says when not.
package disk

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"strata"
	"strata/internal/batch"
	"strata/internal/durable"
	"strata/volume/hashes"
	"strata/volume/index"
	"strata/volume/layout"
	"strata/volume/vfs"
	"strata/volume/yield"
)

// Config says which disk it is.
type Config struct {
	Dir      string // the hotkey's directory on it
	At       int    // its place among the store's disks
	Identity layout.Identity
	FS       vfs.FS
	Log      *slog.Logger

	Probe    time.Duration // before one that failed is tried again, at first; 0: ProbeFirst
	Patience time.Duration // with one that does not answer; 0: AnswerWithin

	// Same refuses an index that does not hold what the disk held.
	Same func(context.Context, *index.Index) error
	// Attend is called from time to time while the disk hangs, to Try it and to
	// see to what depends on it.
	Attend func()
}

// Disk is an open disk. It is safe for concurrent use.
type Disk struct {
	cfg  Config
	held atomic.Pointer[held] // another one when the disk was away and is back
	gate yield.Gate

	tries  batch.Group[struct{}]
	hush   *hush
	lost   atomic.Bool
	survey survey
	closed chan struct{}
	close  sync.Once // of closed

	opening sync.Mutex // held while files are opened or forgotten, before mu: a disk that hangs then holds up nobody but its own users
	mu      sync.Mutex // guards what follows; never held while the disk is asked
	files   map[strata.Hotkey]*Files
	away    time.Time // since when the disk does not work; zero: it does
}

// held is what is held open of a directory beside sector files.
type held struct {
	index *index.Index
	lock  *durable.Lock
	home  os.FileInfo // of the lock's file, by which the directory is known
}

func (x *held) close() error { return errors.Join(x.index.Close(), x.lock.Release()) }

// Files are the two files of one partition on one disk: those of Open hang with
// the disk, and are for use within an Ask; those of Patient are for all else.
type Files struct {
	Data   vfs.File
	Hashes hashes.File
	syncs  batch.Group[struct{}] // fsyncs of Data

	patient *Files // the same, patiently
}

// SyncData makes the data file's writes permanent, together with others who
// ask at the same moment.
func (f *Files) SyncData() error {
	return f.syncs.Do(struct{}{}, func(all []struct{}) []error {
		errs := make([]error, len(all))
		err := f.Data.Sync()
		for i := range errs {
			errs[i] = err
		}
		return errs
	})
}

// Open creates a directory if it is missing, locks it and opens its index. Code
// Locked if another process holds it, Conflict if it is of another identity,
// Corrupt if what it keeps is damaged; nothing is changed then.
func Open(ctx context.Context, cfg Config) (*Disk, error) {
	if cfg.Probe == 0 {
		cfg.Probe = ProbeFirst
	}
	if cfg.Patience == 0 {
		cfg.Patience = AnswerWithin
	}
	if err := durable.MkdirAll(cfg.Dir); err != nil {
		return nil, err
	}
	x, err := attach(ctx, cfg)
	if err != nil {
		return nil, err
	}
	d := &Disk{cfg: cfg, hush: newHush(cfg.Patience), closed: make(chan struct{}), files: map[strata.Hotkey]*Files{}}
	d.held.Store(x)
	return d, nil
}

// attach locks a directory, which must be there, and opens its index.
func attach(ctx context.Context, cfg Config) (*held, error) {
	lock, err := durable.AcquireLock(filepath.Join(cfg.Dir, layout.LockFile))
	if err != nil {
		return nil, err
	}
	x := &held{lock: lock}
	list, err := layout.Read(cfg.Dir)
	if err == nil {
		x.home, err = os.Stat(filepath.Join(cfg.Dir, layout.LockFile))
	}
	if err == nil {
		err = checkList(cfg.Dir, cfg.Identity, list)
	}
	if err == nil {
		x.index, err = index.Open(ctx, cfg.FS, cfg.Dir, cfg.Identity, slices.ContainsFunc(list, func(e layout.Entry) bool { return e.NChunks > 0 }))
	}
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return x, nil
}

func checkList(dir string, id layout.Identity, list []layout.Entry) error {
	for _, e := range list {
		if what := id.Differs(e.Identity()); what != "" {
			return strata.E(strata.Conflict, "%s belongs to something else (%s): nothing was touched; use another --db_path", dir, what)
		}
	}
	return nil
}

// Dir is the hotkey's directory.
func (d *Disk) Dir() string { return d.cfg.Dir }

// At is the disk's place among the store's.
func (d *Disk) At() int { return d.cfg.At }

// Index is the index as it is open now.
func (d *Disk) Index() *index.Index { return d.held.Load().index }

// Gate is where requests go before background work.
func (d *Disk) Gate() *yield.Gate { return &d.gate }

// Open returns the two files of a partition, opening them at first use.
func (d *Disk) Open(v strata.Hotkey) (*Files, error) {
	if f := d.opened(v); f != nil {
		return f, nil
	}
	d.opening.Lock()
	defer d.opening.Unlock()
	if f := d.opened(v); f != nil {
		return f, nil
	}
	if err := d.present(); err != nil {
		return nil, err
	}
	data, err := d.cfg.FS.Open(filepath.Join(d.cfg.Dir, layout.DataName(v)))
	if err != nil {
		return nil, vfs.Classify(err, "opening", d.cfg.Dir)
	}
	records, err := d.cfg.FS.Open(filepath.Join(d.cfg.Dir, layout.HashesName(v)))
	if err != nil {
		return nil, errors.Join(vfs.Classify(err, "opening", d.cfg.Dir), data.Close())
	}
	f := d.filesOf(data, records)
	f.patient = d.filesOf(patient{d, data}, patient{d, records})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files[v] = f
	return f, nil
}

func (d *Disk) filesOf(data, records vfs.File) *Files {
	return &Files{Data: data, Hashes: hashes.File{File: records, Dir: d.cfg.Dir, Sector: d.cfg.Identity.SectorSize()}}
}

// Patient is Open with each operation on the files, and the opening, an Ask: it
// ends when patience does. The disk may then still read or write the memory and
// the place it was given, until Settled.
func (d *Disk) Patient(v strata.Hotkey) (*Files, error) {
	if f := d.opened(v); f != nil {
		return f.patient, nil
	}
	f, err := Ask(context.Background(), d, func() (*Files, error) { return d.Open(v) })
	if err != nil {
		return nil, err
	}
	return f.patient, nil
}

// opened returns the files of a partition if they are open, or nil.
func (d *Disk) opened(v strata.Hotkey) *Files {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.files[v]
}

// forget has the next users open files anew; whoever still uses one keeps it.
func (d *Disk) forget() {
	d.opening.Lock()
	defer d.opening.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.files)
}

// Close gives up the directory. Nothing may be under way. A disk that hangs is
// left as it is: the process ends, and the next start finds what a crash leaves.
func (d *Disk) Close() error {
	d.close.Do(func() { close(d.closed) })
	got := make(chan error, 1)
	go func() { got <- d.closeAll() }()
	within := d.hush.within
	if d.Silent() {
		within = 0
	}
	patience := time.NewTimer(within)
	defer patience.Stop()
	select {
	case err := <-got:
		return err
	case <-patience.C:
		return d.silence()
	}
}

func (d *Disk) closeAll() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, f := range d.files {
		errs = append(errs, f.Data.Close(), f.Hashes.Close())
	}
	return errors.Join(append(errs, d.held.Load().close())...)
}
