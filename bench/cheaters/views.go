package cheaters

import (
	"context"
	"io"

	"strata"
	"strata/wire"
)

// starver is a miner that answers every validator but one.
type starver struct {
	*disk
	starved strata.Hotkey
}

// Authorize turns one validator away.
func (s *starver) Authorize(ctx context.Context, caller strata.Hotkey, what wire.Action, partition strata.Hotkey) error {
	if caller == s.starved {
		return strata.E(strata.Unavailable, "busy")
	}
	return s.disk.Authorize(ctx, caller, what, partition)
}

// joinStarver starves the validator with the least stake.
func joinStarver(w *world, sectors int, cheat bool) error {
	d, err := newDisk(w, "Cheater0")
	if err != nil {
		return err
	}
	s := &starver{disk: d}
	if cheat {
		s.starved = w.validators[len(w.validators)-1].hotkey
	}
	w.member(d.hotkey(), s)
	return d.seal(0, sectors)
}

// twoFaced is a miner that shows each validator its own partition as it is, and
// those of the others twice as large as they are.
type twoFaced struct {
	*disk
	lie    *disk // what it shows of others' partitions; nil: it is honest
	caller strata.Hotkey
}

// Authorize notes who asks: a server knows that when it answers.
func (t *twoFaced) Authorize(ctx context.Context, caller strata.Hotkey, what wire.Action, partition strata.Hotkey) error {
	t.caller = caller
	return t.disk.Authorize(ctx, caller, what, partition)
}

// face is what it shows the caller of a partition.
func (t *twoFaced) face(partition strata.Hotkey) *disk {
	if t.lie == nil || t.caller == partition {
		return t.disk
	}
	return t.lie
}

// Manifest shows one face.
func (t *twoFaced) Manifest(ctx context.Context, q wire.ManifestQuery) (wire.ManifestPage, error) {
	return t.face(q.Validator).Manifest(ctx, q)
}

// Audit answers as the manifest that was shown.
func (t *twoFaced) Audit(ctx context.Context, caller strata.Hotkey, r wire.AuditRequest) (wire.AuditResponse, error) {
	return t.face(r.Partition).Audit(ctx, caller, r)
}

func joinTwoFaced(w *world, sectors int, cheat bool) error {
	d, err := newDisk(w, "Cheater0")
	if err != nil {
		return err
	}
	t := &twoFaced{disk: d}
	w.member(d.hotkey(), t)
	if err := d.seal(0, sectors); err != nil || !cheat {
		return err
	}
	f := &faker{disk: &disk{w: w, key: d.key, parts: map[strata.Hotkey]*part{}}, next: sectors}
	t.lie = f.disk
	if err := f.seal(0, sectors); err != nil {
		return err
	}
	return f.invent(sectors)
}

// selective is a miner that tells one validator that it leaves, under a head of
// that one's partition that it shows nobody else.
type selective struct {
	*disk
	told   *disk // what it shows of the partition to the one it is of; nil: it is honest
	one    strata.Hotkey
	caller strata.Hotkey
}

// Authorize notes who asks.
func (s *selective) Authorize(ctx context.Context, caller strata.Hotkey, what wire.Action, partition strata.Hotkey) error {
	s.caller = caller
	return s.disk.Authorize(ctx, caller, what, partition)
}

// Manifest shows the one another head.
func (s *selective) Manifest(ctx context.Context, q wire.ManifestQuery) (wire.ManifestPage, error) {
	if s.told != nil && s.caller == s.one && q.Validator == s.one {
		return s.told.Manifest(ctx, q)
	}
	return s.disk.Manifest(ctx, q)
}

// PutShard takes nothing from the one.
func (s *selective) PutShard(ctx context.Context, v strata.Hotkey, root strata.Root, size int64, body io.Reader, o wire.Order) (wire.Receipt, error) {
	if s.told != nil && v == s.one {
		return wire.Receipt{}, strata.E(strata.Locked, "this miner is leaving")
	}
	return s.disk.PutShard(ctx, v, root, size, body, o)
}

// joinSelective tells the validator with the least stake.
func joinSelective(w *world, sectors int, cheat bool) error {
	d, err := newDisk(w, "Cheater0")
	if err != nil {
		return err
	}
	s := &selective{disk: d, one: w.validators[len(w.validators)-1].hotkey}
	w.member(d.hotkey(), s)
	if err := d.seal(0, sectors); err != nil || !cheat {
		return err
	}
	s.told = &disk{w: w, key: d.key, parts: map[strata.Hotkey]*part{}, leaving: true}
	return s.told.seal(0, sectors)
}

// joinShunner divides the disk among all validators but the last.
func joinShunner(w *world, sectors int, cheat bool) error {
	d, err := newDisk(w, "Cheater0")
	if err != nil {
		return err
	}
	w.member(d.hotkey(), d)
	if cheat {
		all := w.validators
		w.validators = all[:len(all)-1]
		defer func() { w.validators = all }()
	}
	return d.seal(0, sectors)
}

// replayer is a miner that keeps half of its sectors and every answer that it
// gave while it still had all. Of a missing leaf it shows what it once showed of
// it, or of another leaf of the sector.
type replayer struct {
	*disk
	dropAt uint64 // block at which it drops half; 0: never
	seen   map[leafOf]wire.Opening
	any    map[leafOf]wire.Opening // by sector: leaf 0
	poor   bool
}

type leafOf struct {
	validator strata.Hotkey
	sector    uint64
	leaf      uint32
}

// tick drops every second sector.
func (r *replayer) tick(block uint64) error {
	if r.dropAt == 0 || block != r.dropAt {
		return nil
	}
	r.poor = true
	for _, p := range r.parts {
		for _, s := range p.sectors {
			if s.entry.Number%2 == 1 {
				s.filler = nil
			}
		}
	}
	return nil
}

// Audit opens what is there and remembers it, or replays.
func (r *replayer) Audit(ctx context.Context, caller strata.Hotkey, q wire.AuditRequest) (wire.AuditResponse, error) {
	a, err := r.disk.Audit(ctx, caller, q)
	if err != nil {
		return a, err
	}
	for i, ref := range q.Leaves {
		key, first := leafOf{q.Partition, ref.Sector, ref.Leaf}, leafOf{q.Partition, ref.Sector, 0}
		switch {
		case !a.Openings[i].Missing:
			if !r.poor {
				r.seen[key], r.any[first] = a.Openings[i], a.Openings[i]
			}
		default:
			old, ok := r.seen[key]
			if !ok {
				old, ok = r.any[first]
			}
			if ok {
				a.Openings[i] = old
			}
		}
	}
	return a, nil
}

// joinReplayer makes one that is honest with twice its bytes for two epochs, and
// then keeps half of them.
func joinReplayer(w *world, sectors int, cheat bool) error {
	d, err := newDisk(w, "Cheater0")
	if err != nil {
		return err
	}
	r := &replayer{disk: d, seen: map[leafOf]wire.Opening{}, any: map[leafOf]wire.Opening{}}
	if cheat {
		r.dropAt = 2 * uint64(w.rules.Tempo+1)
		sectors *= 2
	}
	w.member(d.hotkey(), r)
	return d.seal(0, sectors)
}

// joinLeague makes a miner in league with a validator, which orders shards of
// bytes that both can compute: all that the miner says to have lies in that
// validator's partition, and its disk is empty but for a tenth.
func joinLeague(w *world, sectors int, cheat bool) error {
	d, err := newDisk(w, "Cheater0")
	if err != nil {
		return err
	}
	w.member(d.hotkey(), d)
	if err := d.seal(0, sectors); err != nil || !cheat {
		return err
	}
	friend := w.validators[len(w.validators)-1]
	return fillWithOrdered(w, d, sectors, 2*sectors, friend, friend)
}
