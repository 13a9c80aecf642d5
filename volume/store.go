package volume

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"strata"
	"strata/merkle"
	"strata/seal"
	"strata/volume/disk"
	"strata/volume/hashes"
	"strata/volume/index"
	"strata/volume/layout"
	"strata/volume/vfs"
	"strata/volume/yield"
	"strata/wire"
)

// Progress is told how far a Seal or a Scrub is: the part of its time that has
// passed, as bytes of what this call has to do.
type Progress = func(done, total strata.ByteSize)

// Config says whose sectors lie where.
type Config struct {
	Paths  []string // db_path of each disk, at least one
	Wallet string   // wallet name
	Hotkey string   // hotkey name
	Miner  strata.Hotkey

	Genesis strata.GenesisHash
	Netuid  strata.Netuid
	Profile strata.Profile // strata.ProfileFor(Genesis), but for tests

	// SealRate bounds what Seal writes, in bytes a second on all disks; 0 is no
	// bound.
	SealRate strata.ByteSize

	Clock func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: nothing is logged

	fs       vfs.FS          // nil: the operating system's
	piece    int             // written at a time; 0: pipeline.Piece
	probe    time.Duration   // before a disk that failed is tried again, at first; 0: disk.ProbeFirst
	patience []time.Duration // by disk, with one that does not answer; nil: disk.AnswerWithin
}

// On returns the configuration with its files on another file system than the
// operating system's: package faultfs has one for tests of what is built on a Store.
func (c Config) On(fs vfs.FS) Config {
	c.fs = fs
	return c
}

// identity is what all sectors of this configuration are made of.
func (c Config) identity() layout.Identity {
	return layout.Identity{Miner: c.Miner, Genesis: c.Genesis, Netuid: c.Netuid, Blocks: c.Profile.Blocks, Passes: c.Profile.Passes}
}

// Found returns the Config of the sectors under paths, as partition.json says
// there, so that they can be looked after without a chain. Code NotFound if
// there are none; Open finds out if the paths disagree.
func Found(paths []string, wallet, hotkey string) (Config, error) {
	for _, path := range paths {
		list, err := layout.Read(layout.Dir(path, wallet, hotkey))
		if err != nil {
			return Config{}, err
		}
		for _, e := range list {
			if e.Path != layout.DataName(e.Validator) {
				continue
			}
			p := strata.ProfileFor(e.Genesis)
			p.Blocks, p.Passes = e.Blocks, e.Passes
			return Config{Paths: paths, Wallet: wallet, Hotkey: hotkey, Miner: e.Owner, Genesis: e.Genesis, Netuid: e.Netuid, Profile: p}, nil
		}
	}
	return Config{}, strata.E(strata.NotFound, "no sectors of wallet %s, hotkey %s are under %s: check --db_path and the names", wallet, hotkey, strings.Join(paths, ", "))
}

// Store is a miner's space on all its disks. All methods are safe for
// concurrent use: audits and puts go on while sectors are sealed.
type Store struct {
	cfg      Config
	domain   wire.Domain
	disks    []*disk.Disk
	sealRate *rate.Limiter
	crowns   *hashes.Crowns
	leaving  atomic.Bool // what the next heads say

	planning   sync.Mutex             // one SetTargets at a time
	claiming   []chan struct{}        // by disk: of one place, taken while a slot takes space on it
	looks      []atomic.Pointer[look] // by disk, the last; nil: none yet
	compacting sync.Mutex             // one Compact at a time
	mu         sync.Mutex             // guards parts
	parts      map[strata.Hotkey]*partition
}

// sector is one sector in memory: what sectors holds, and what is under way.
// The partition's mu guards all but disk, number and slot, which never change.
type sector struct {
	disk   *disk.Disk
	number uint64
	slot   int64

	state   wire.State // queued, or as in the manifest
	root    strata.Root
	tail    uint32 // first leaf of intact filler, durable before anything is written below it
	changed uint64
	hash    [32]byte
	hashed  bool // hash is that of the entry as it stands
	shards  uint32
	live    uint64 // bytes of the shards

	end   int64  // first byte that no put was given yet
	holes []span // below end, given back
	puts  int    // under way
	pins  int    // readers of shards
	busy  bool   // being sealed, compacted or released: no new put

	unsure bool // a commit was given up that may have been made: no new use until makeSure

	crown hashes.Crown // safe for concurrent use

	claimed bool // its slot takes space on the disk, though it is not sealed
}

// span is a range of bytes in a sector.
type span struct{ start, length int64 }

// partition is what one miner holds for one validator on all disks.
type partition struct {
	validator strata.Hotkey

	// publish is held shared by whoever changes an entry, from choosing its
	// sequence to applying it, and exclusively to make a head: so no change
	// falls between two heads. It is taken before mu.
	publish sync.RWMutex
	head    wire.Head // last one signed; guarded by publish
	begun   uint64    // Unix seconds at which this process met it; the first sequence follows from it

	mu       sync.Mutex
	sectors  map[uint64]*sector
	data     uint64   // sectors in state Data
	spare    []spare  // per disk: where puts find room
	targets  []uint32 // per disk
	dirty    bool     // something changed since head
	left     uint64   // how often shards have left a sector
	incoming map[strata.Root]chan struct{}
}

// Open locks and opens a miner's directories and checks that they belong to
// this hotkey, chain and profile. It reads each index and never walks a
// directory. A directory held by another process gives code Locked, one of
// another network Conflict, damaged records Corrupt; nothing is deleted or
// changed then.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, domain: wire.Domain{Genesis: cfg.Genesis, Netuid: cfg.Netuid}, sealRate: yield.Limiter(cfg.SealRate), crowns: hashes.NewCrowns(hashes.CrownMemory), parts: map[strata.Hotkey]*partition{},
		claiming: make([]chan struct{}, len(cfg.Paths)), looks: make([]atomic.Pointer[look], len(cfg.Paths))}
	for i, path := range cfg.Paths {
		var d *disk.Disk
		var patience time.Duration
		if cfg.patience != nil {
			patience = cfg.patience[i]
		}
		d, err = disk.Open(ctx, disk.Config{
			Dir: layout.Dir(path, cfg.Wallet, cfg.Hotkey), At: i, Identity: cfg.identity(), FS: cfg.fs, Log: cfg.Log, Probe: cfg.probe, Patience: patience,
			Same:   func(ctx context.Context, x *index.Index) error { return s.sameSectors(ctx, d, x) },
			Attend: func() { s.attendTo(d) },
		})
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.disks = append(s.disks, d)
		s.claiming[i] = make(chan struct{}, 1)
	}
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (cfg Config) complete() (Config, error) {
	if len(cfg.Paths) == 0 || cfg.Wallet == "" || cfg.Hotkey == "" {
		return cfg, strata.E(strata.Invalid, "no --db_path, wallet name or hotkey name: give all three")
	}
	probe := seal.Sector{Blocks: cfg.Profile.Blocks, Passes: cfg.Profile.Passes}
	if err := probe.Validate(); err != nil {
		return cfg, err
	}
	if uint64(cfg.Profile.SectorSize()) < merkle.GroupSize {
		return cfg, strata.E(strata.Invalid, "sectors of %s are smaller than one group of %d bytes", cfg.Profile.SectorSize(), merkle.GroupSize)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.fs == nil {
		cfg.fs = vfs.OS{}
	}
	if cfg.probe == 0 {
		cfg.probe = disk.ProbeFirst
	}
	return cfg, nil
}

// load reads every index, then repairs what a crash may have left behind the
// index: partition.json and the length of data files.
func (s *Store) load(ctx context.Context) error {
	var twins []job
	for _, d := range s.disks {
		if err := s.read(ctx, d, &twins); err != nil {
			return err
		}
	}
	if err := s.part(twins); err != nil {
		return err
	}
	for _, p := range s.parts {
		p.settle()
		for _, d := range s.disks {
			if err := errors.Join(s.trim(p, d), s.findClaimed(p, d)); err != nil {
				return err
			}
		}
	}
	for _, d := range s.disks {
		if err := layout.Write(d.Dir(), s.partitionList(d)); err != nil {
			return err
		}
	}
	return nil
}

// read fills parts from one disk's index: partitions and sectors, never shards. It
// adds to twins what adopt gives up.
func (s *Store) read(ctx context.Context, d *disk.Disk, twins *[]job) error {
	parts, err := d.Index().Partitions(ctx)
	if err != nil {
		return err
	}
	for _, row := range parts {
		p := s.ensurePartition(row.Validator)
		p.targets[d.At()] = row.Target
		// Several disks keep the head; after a crash between them the highest counts.
		if row.Head.Sequence > p.head.Sequence {
			p.head = row.Head
		}
	}
	return d.Index().EachSector(ctx, func(r index.Sector) error {
		p := s.ensurePartition(r.Validator)
		twin, err := p.adopt(&sector{disk: d, number: r.Number, slot: r.Slot, state: r.State, root: r.Root, tail: r.Tail,
			changed: r.Changed, hash: r.Hash, hashed: r.Hashed, shards: r.Shards, live: r.Live, end: r.Used})
		if twin != nil {
			*twins = append(*twins, job{p, twin})
		}
		return err
	})
}

// settle counts data sectors, and marks the partition dirty when the last head does not describe what
// is there: changed entries, a lost disk, or a miner that was leaving then.
func (p *partition) settle() {
	all := true
	for _, c := range p.sectors {
		if c.state == wire.Data {
			p.data++
		}
		all = all && (c.hashed || !c.listed()) && c.changed <= p.head.Sequence
	}
	p.dirty = !all || p.head.Sequence == 0 || p.head.Leaving || p.entriesRoot() != p.head.EntriesRoot
}

// listed says whether a sector in that state counts in a manifest.
func listed(st wire.State) bool { return st != index.Queued && st != wire.Gone }

// listed says whether the sector counts in a manifest now.
func (c *sector) listed() bool { return listed(c.state) && !c.disk.Lost() }

func (s *Store) ensurePartition(v strata.Hotkey) *partition {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.parts[v]
	if !ok {
		p = &partition{validator: v, begun: uint64(max(0, s.cfg.Clock().Unix())), sectors: map[uint64]*sector{}, targets: make([]uint32, len(s.cfg.Paths)),
			spare: make([]spare, len(s.cfg.Paths)), dirty: true, incoming: map[strata.Root]chan struct{}{}}
		s.parts[v] = p
	}
	return p
}

// partition returns a validator's partition, or code NotFound.
func (s *Store) partition(v strata.Hotkey) (*partition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.parts[v]; ok {
		return p, nil
	}
	return nil, strata.E(strata.NotFound, "this miner has no partition for validator %s: it gets one at the next allocation if it has stake", v)
}

// Validators returns whose partitions there are, in order of address.
func (s *Store) Validators() []strata.Hotkey {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Collect(maps.Keys(s.parts))
	slices.SortFunc(list, func(a, b strata.Hotkey) int { return strings.Compare(string(a[:]), string(b[:])) })
	return list
}

// partitionList is what partition.json says of one disk.
func (s *Store) partitionList(d *disk.Disk) []layout.Entry {
	var list []layout.Entry
	for _, v := range s.Validators() {
		p := s.ensurePartition(v)
		p.mu.Lock()
		n := max(p.targets[d.At()], p.slotsOn(d))
		p.mu.Unlock()
		if n > 0 {
			list = append(list, layout.OfData(s.cfg.identity(), v, n))
		}
	}
	return list
}

// slotsOn counts the sectors that have a slot on d. The caller holds mu.
func (p *partition) slotsOn(d *disk.Disk) uint32 {
	n := uint32(0)
	for _, c := range p.sectors {
		if c.disk == d && c.slot >= 0 {
			n++
		}
	}
	return n
}

func (s *Store) size() int64 { return int64(s.cfg.Profile.SectorSize()) }

// offset returns where a sector begins in its data file.
func (s *Store) offset(c *sector) int64 { return c.slot * s.size() }

func (s *Store) identity(v strata.Hotkey, number uint64) seal.Sector {
	return s.cfg.identity().Sector(v, number)
}

// alter commits a change of a sector and of its manifest entry: fn in the
// index, then apply in memory, under mu. fn returns false to leave everything
// as it is (something else was faster). A crash before the commit leaves the
// old entry, after it the new one with the next head's sequence.
func (s *Store) alter(p *partition, c *sector, fn func(tx index.Tx, sequence uint64) (bool, error), apply func(sequence uint64)) error {
	p.publish.RLock()
	defer p.publish.RUnlock()
	next, done := p.nextSequence(), false
	err := c.disk.Commit(func(tx index.Tx) (err error) {
		if done, err = fn(tx, next); err != nil || !done {
			return err
		}
		return tx.Change(p.validator, c.number, next)
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil && c.disk.InDoubt() {
		c.unsure = true
	}
	if err != nil || !done {
		return err
	}
	c.changed, c.hashed, p.dirty = next, false, true
	apply(next)
	return nil
}

// nextSequence is the sequence of the next head. The first one of an index is
// the time, so that a miner that starts over with new disks is above all that it
// has signed before; validators refuse a sequence that goes back. The caller
// holds publish.
func (p *partition) nextSequence() uint64 {
	if p.head.Sequence == 0 {
		return p.begun + 1
	}
	return p.head.Sequence + 1
}

// Close releases the directories. Nothing may be under way.
func (s *Store) Close() error {
	errs := make([]error, len(s.disks))
	var wg sync.WaitGroup
	for i, d := range s.disks {
		wg.Go(func() { errs[i] = d.Close() })
	}
	wg.Wait()
	return errors.Join(errs...)
}
