package cheaters

import (
	"context"

	"strata"
	"strata/peer"
	"strata/wire"
)

// faker is a miner that invents some of its sectors: bytes that it can compute
// from a number at once, and opens without a fault. Their roots are false.
type faker struct {
	*disk
	grow   int    // sectors that it invents later
	growAt uint64 // at that block
	// renews is how often, in blocks, it withdraws what it invented and invents
	// the same amount under new numbers; 0: never.
	renews uint64
	fakes  []fake
	next   int // the next sector number
}

type fake struct {
	validator strata.Hotkey
	number    uint64
}

// invent lists n invented sectors.
func (f *faker) invent(n int) error {
	err := f.each(f.next, n, func(v strata.Hotkey, number uint64) error {
		f.claim(v, number, f.w.lib.invented(invention{number, int(f.w.profile.SectorSize())}))
		f.fakes = append(f.fakes, fake{v, number})
		return nil
	})
	f.next += n
	return err
}

// tick grows and renews.
func (f *faker) tick(block uint64) error {
	if f.grow > 0 && block == f.growAt {
		return f.invent(f.grow)
	}
	if f.renews == 0 || block%f.renews != 0 {
		return nil
	}
	n := len(f.fakes)
	for _, x := range f.fakes {
		p := f.part(x.validator)
		s := p.find(x.number)
		s.entry.State = wire.Withdrawn
		p.touch(s)
	}
	f.fakes = nil
	return f.invent(n)
}

// joinFaker makes a miner that invents so many per cent of its claims, anew every
// epoch if it renews them. It has disk for the others.
func joinFaker(percent int, renews bool) func(*world, int, bool) error {
	return func(w *world, sectors int, cheat bool) error {
		d, err := newDisk(w, "Cheater0")
		if err != nil {
			return err
		}
		f := &faker{disk: d, next: sectors}
		if renews {
			f.renews = uint64(w.rules.Tempo) + 1
		}
		w.member(d.hotkey(), f)
		if err := d.seal(0, sectors); err != nil || !cheat {
			return err
		}
		return f.invent(sectors * percent / (100 - percent))
	}
}

// joinGrower makes a miner that is honest for six epochs and then says to have
// grown to twice its size.
func joinGrower(w *world, sectors int, cheat bool) error {
	d, err := newDisk(w, "Cheater0")
	if err != nil {
		return err
	}
	f := &faker{disk: d, next: sectors}
	if cheat {
		f.grow, f.growAt = sectors, 6*uint64(w.rules.Tempo+1)
	}
	w.member(d.hotkey(), f)
	return d.seal(0, sectors)
}

// borrower is a miner that lists sectors of another as its own and opens them
// there.
type borrower struct {
	*disk
	from     peer.Miner // who really has them
	lender   strata.Hotkey
	borrowed map[uint64]uint64 // sector numbers: here → there
}

// Audit forwards what it is asked of the borrowed sectors.
func (b *borrower) Audit(ctx context.Context, caller strata.Hotkey, r wire.AuditRequest) (wire.AuditResponse, error) {
	a, err := b.disk.Audit(ctx, caller, r)
	if err != nil {
		return a, err
	}
	forward := wire.AuditRequest{Partition: r.Partition}
	var places []int
	for i, ref := range r.Leaves {
		if there, ok := b.borrowed[ref.Sector]; ok {
			forward.Leaves = append(forward.Leaves, wire.LeafRef{Sector: there, Shard: ref.Shard, Leaf: ref.Leaf})
			places = append(places, i)
		}
	}
	if len(places) == 0 {
		return a, nil
	}
	spend(ctx, roundTrip)
	got, err := b.from.Audit(ctx, caller, forward)
	for i, place := range places {
		if err == nil && i < len(got.Openings) {
			a.Openings[place] = got.Openings[i]
		}
	}
	return a, nil
}

// borrow lists the lender's first n sectors of each partition as its own.
func (b *borrower) borrow(lender *disk, next uint64) {
	b.from, b.lender, b.borrowed = lender, lender.hotkey(), map[uint64]uint64{}
	for _, v := range b.w.validators {
		for _, s := range lender.part(v.hotkey).sectors {
			b.claim(v.hotkey, next, s.filler)
			b.part(v.hotkey).find(next).filler = nil // it has not got it
			b.borrowed[next] = s.entry.Number
			next++
		}
	}
}

// joinForwarder makes a miner that adds the sectors of a friend, honest and paid
// for itself, to its own.
func joinForwarder(w *world, sectors int, cheat bool) error {
	friend, err := newDisk(w, "Friend")
	if err != nil {
		return err
	}
	w.join(friend.hotkey(), friend)
	if err := friend.seal(0, sectors); err != nil {
		return err
	}
	d, err := newDisk(w, "Cheater0")
	if err != nil {
		return err
	}
	b := &borrower{disk: d}
	w.member(d.hotkey(), b)
	if err := d.seal(0, sectors); err != nil || !cheat {
		return err
	}
	b.borrow(friend, uint64(sectors))
	return nil
}

// hotkeys is how many share a disk.
const hotkeys = 3

// joinSharers makes several hotkeys on one disk. Each seals its part of it and,
// as a cheater, lists the others' parts too.
func joinSharers(w *world, sectors int, cheat bool) error {
	var all []*borrower
	for i := range hotkeys {
		d, err := newDisk(w, "Cheater"+string(rune('0'+i)))
		if err != nil {
			return err
		}
		b := &borrower{disk: d}
		w.member(d.hotkey(), b)
		if err := d.seal(0, sectors/hotkeys); err != nil {
			return err
		}
		all = append(all, b)
	}
	if !cheat {
		return nil
	}
	// All list what the next one has, before that one lists more.
	var lists [hotkeys]map[strata.Hotkey][]*sector
	for i, b := range all {
		lists[i] = map[strata.Hotkey][]*sector{}
		for v, p := range b.parts {
			lists[i][v] = append([]*sector(nil), p.sectors...)
		}
	}
	for i, b := range all {
		next := uint64(sectors)
		for j := range all {
			if j == i {
				continue
			}
			for _, v := range w.validators {
				for _, s := range lists[j][v.hotkey] {
					b.claim(v.hotkey, next, s.filler) // the same disk: it opens what the other opens
					next++
				}
			}
		}
	}
	return nil
}
