package volume

import (
	"context"
	"maps"
	"slices"

	"strata"
	"strata/volume/disk"
	"strata/volume/index"
	"strata/wire"
)

// SignHead signs a manifest head as the miner (wire.Head.Sign).
type SignHead = func(*wire.Head) error

// Head returns the signed head of a validator's manifest as it stands, making
// a new one only if something changed since the last. It is on disk before it
// is returned: two heads of one sequence never get out.
func (s *Store) Head(ctx context.Context, validator strata.Hotkey, sign SignHead) (wire.Head, error) {
	p, err := s.partition(validator)
	if err != nil {
		return wire.Head{}, err
	}
	p.publish.Lock()
	defer p.publish.Unlock()
	err = s.makeHead(ctx, p, sign)
	return p.head, err
}

// Manifest returns one page of a validator's manifest: entries changed after
// q.Since, from number q.After on, at most limit of them (0: as many as fit)
// and at most wire.MaxPage bytes. Head and entries are of one moment. Between
// two pages the head may move on: the puller then pulls what changed since the
// first page's head.
func (s *Store) Manifest(ctx context.Context, q wire.ManifestQuery, limit int, sign SignHead) (wire.ManifestPage, error) {
	p, err := s.partition(q.Validator)
	if err != nil {
		return wire.ManifestPage{}, err
	}
	p.publish.Lock()
	defer p.publish.Unlock()
	if err := s.makeHead(ctx, p, sign); err != nil {
		return wire.ManifestPage{}, err
	}
	page := wire.ManifestPage{Head: p.head}
	size := len(page.Encode())
	for _, number := range p.numbers() {
		c := p.sector(number)
		if number < q.After || c.changed <= q.Since || c.disk.Lost() || (c.state == index.Queued && c.root == (strata.Root{})) {
			continue
		}
		e, err := s.entry(ctx, p, c)
		if err != nil {
			return wire.ManifestPage{}, err
		}
		if size += e.Size(); size > wire.MaxPage || (limit > 0 && len(page.Entries) == limit) {
			page.More = true
			break
		}
		page.Entries = append(page.Entries, e)
	}
	return page, nil
}

// Leave makes all heads from here on say whether the miner leaves. A store that
// was opened says that it does not.
func (s *Store) Leave(leaving bool) {
	s.leaving.Store(leaving)
	s.mu.Lock()
	parts := slices.Collect(maps.Values(s.parts))
	s.mu.Unlock()
	for _, p := range parts {
		p.publish.Lock()
		p.dirty = p.dirty || p.head.Leaving != leaving
		p.publish.Unlock()
	}
}

// numbers returns all sector numbers in order.
func (p *partition) numbers() []uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.sectors))
}

// entry makes the manifest entry of a sector. The caller holds publish.
func (s *Store) entry(ctx context.Context, p *partition, c *sector) (wire.Entry, error) {
	p.mu.Lock()
	e := wire.Entry{Number: c.number, Root: c.root, State: c.state, Tail: c.tail, Changed: c.changed}
	d := c.disk
	p.mu.Unlock()
	switch e.State {
	case index.Queued:
		e.State = wire.Gone // released before, not here again yet
	case wire.Data, wire.Withdrawn:
		shards, err := entries(ctx, d, p.validator, e.Number)
		if err != nil {
			return e, err
		}
		e.Shards = shards
	}
	return e, nil
}

// makeHead brings p.head up to date; the caller holds publish. A crash before
// the last commit leaves the old head on some disks; the same sequence is then
// signed again, and nobody has seen the first.
func (s *Store) makeHead(ctx context.Context, p *partition, sign SignHead) error {
	if !p.dirty {
		return nil
	}
	fresh, moved, err := s.rehash(ctx, p)
	if err != nil {
		return err
	}
	h := wire.Head{Validator: p.validator, Sequence: p.nextSequence(), EntriesRoot: p.entriesRoot(), Leaving: s.leaving.Load()}
	if p.head.Sequence > 0 {
		h.Previous = p.head.Hash(s.domain)
		moved = moved || h.EntriesRoot != p.head.EntriesRoot || h.Leaving != p.head.Leaving
	} else {
		moved = true
	}
	if !moved {
		p.dirty = false
		return s.storeHashes(p, fresh, wire.Head{})
	}
	for _, c := range p.sectors {
		if c.disk.Lost() {
			continue
		}
		if c.state == wire.Filler || c.state == wire.Data {
			h.Sectors++
		}
		h.Shards += c.shards
	}
	if err := sign(&h); err != nil {
		return err
	}
	if err := s.storeHashes(p, fresh, h); err != nil {
		return err
	}
	p.head, p.dirty = h, false
	return nil
}

// rehash computes the hashes of the entries that changed and says whether any
// did since the last head.
func (s *Store) rehash(ctx context.Context, p *partition) (fresh []*sector, moved bool, err error) {
	for _, c := range p.sectors {
		moved = moved || c.changed > p.head.Sequence
		if c.hashed || !c.listed() {
			continue
		}
		e, err := s.entry(ctx, p, c)
		if err != nil {
			return nil, false, err
		}
		p.mu.Lock()
		c.hash, c.hashed = e.Hash(), true
		p.mu.Unlock()
		fresh = append(fresh, c)
	}
	return fresh, moved, nil
}

// storeHashes commits new entry hashes and, on every disk, the head, if there is one.
func (s *Store) storeHashes(p *partition, fresh []*sector, head wire.Head) error {
	return s.everywhere(func(d *disk.Disk) error {
		return d.Commit(func(tx index.Tx) error {
			for _, c := range fresh {
				if c.disk != d {
					continue
				}
				if err := tx.SetHash(p.validator, c.number, c.hash); err != nil {
					return err
				}
			}
			if head.Sequence == 0 {
				return nil
			}
			return tx.SetHead(p.validator, head)
		})
	})
}

// entriesRoot is wire.EntriesRoot over the hashes of the listed entries.
func (p *partition) entriesRoot() [32]byte {
	numbers := p.numbers()
	return wire.EntriesRoot(func(yield func([32]byte) bool) {
		for _, n := range numbers {
			if c := p.sectors[n]; c.listed() && !yield(c.hash) {
				return
			}
		}
	})
}

// StoreSuperblock keeps a validator's superblock, on every disk, if its version
// is higher than the one here. The same one again changes nothing; an older or
// another of the same version gives code Conflict. The caller has verified the
// signature.
func (s *Store) StoreSuperblock(ctx context.Context, validator strata.Hotkey, b wire.Superblock) error {
	p, err := s.partition(validator)
	if err != nil {
		return err
	}
	p.publish.Lock() // one at a time
	defer p.publish.Unlock()
	old, err := s.superblock(ctx, validator)
	switch {
	case err == nil && old.Version == b.Version && string(old.Encode()) == string(b.Encode()):
	case err == nil && old.Version >= b.Version:
		return strata.E(strata.Conflict, "superblock version %d is not above the stored %d: read it first", b.Version, old.Version)
	case err != nil && strata.CodeOf(err) != strata.NotFound:
		return err
	}
	return s.everywhere(func(d *disk.Disk) error {
		return d.Commit(func(tx index.Tx) error {
			return tx.SetSuperblock(validator, b)
		})
	})
}

// LoadSuperblock returns a validator's superblock, or code NotFound.
func (s *Store) LoadSuperblock(ctx context.Context, validator strata.Hotkey) (wire.Superblock, error) {
	if _, err := s.partition(validator); err != nil {
		return wire.Superblock{}, err
	}
	return s.superblock(ctx, validator)
}

// superblock returns the highest version on any disk.
func (s *Store) superblock(ctx context.Context, validator strata.Hotkey) (wire.Superblock, error) {
	var best *wire.Superblock
	for _, d := range s.working() {
		one, err := disk.Ask(ctx, d, func() (*wire.Superblock, error) {
			b, found, err := d.Index().Superblock(ctx, validator)
			if !found {
				return nil, err
			}
			return &b, nil
		})
		switch {
		case d.Silent(), err == nil && one == nil:
		case err != nil:
			return wire.Superblock{}, err
		case best == nil || one.Version > best.Version:
			best = one
		}
	}
	if best == nil {
		return wire.Superblock{}, strata.E(strata.NotFound, "no superblock of %s is here", validator.Short())
	}
	return *best, nil
}
