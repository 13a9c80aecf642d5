//go:build unix

package devnet

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"strata/volume/vfs/faultfs"
)

// trouble is a fault that lasts: it ends once so many operations are done.
type trouble struct {
	name string
	ends int
	node *node // that it takes out, nil for none
	mend func() error
}

// maxOut is how many nodes are out at once, but for a fault that takes out all:
// with two of eight missing a put still finds its six receipts.
const maxOut = 2

// faultEach is how many operations there are from one fault to the next.
const faultEach = 15

// fault is a way to do harm, and how often of a hundred times.
type fault struct {
	name  string
	often int
	do    func(s *soak, rng *rand.Rand, now int) error
}

func faults() []fault {
	return []fault{
		{"a node loses power", 18, (*soak).cutOne},
		{"a node loses its disk", 4, (*soak).wipeOne},
		{"all nodes lose power", 6, (*soak).cutAll},
		{"a node hangs", 14, (*soak).hangOne},
		{"a node crawls", 12, (*soak).slowOne},
		{"a node's disk is full", 12, (*soak).fillOne},
		{"a node's disk flips bits", 12, (*soak).flipOne},
		{"nodes are cut off together", 6, (*soak).partition},
		{"the validator and its gateway are killed", 16, (*soak).killValidator},
	}
}

// harm does one fault after the other, by the operations done, until ctx ends.
func (s *soak) harm(ctx context.Context) {
	rng := rand.New(rand.NewPCG(s.seed, 1<<32))
	for next := faultEach; ; {
		select {
		case <-ctx.Done():
			return
		case <-s.moved:
		}
		now := s.done()
		if err := s.mendDue(now); err != nil {
			s.fail(err)
			return
		}
		if now < next {
			continue
		}
		next = now + faultEach
		if err := s.harmOnce(rng, now); err != nil {
			s.fail(err)
			return
		}
	}
}

func (s *soak) done() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ops
}

func (s *soak) harmOnce(rng *rand.Rand, now int) error {
	at := rng.IntN(100)
	for _, f := range faults() {
		if at -= f.often; at < 0 {
			s.note("after %d operations: %s", now, f.name)
			return f.do(s, rng, now)
		}
	}
	panic("the shares of the faults are less than a hundred")
}

// mendDue ends the troubles whose time has come.
func (s *soak) mendDue(now int) error {
	due := func(t trouble) bool { return t.ends <= now }
	var errs []error
	for _, t := range s.trouble {
		if due(t) {
			s.note("over: %s", t.name)
			errs = append(errs, t.mend())
		}
	}
	s.trouble = slices.DeleteFunc(s.trouble, due)
	return errors.Join(errs...)
}

// heal ends everything that is wrong.
func (s *soak) heal() error { return s.mendDue(1 << 62) }

// victim draws a node that is in order, nil when enough are out.
func (s *soak) victim(rng *rand.Rand) *node {
	var well []*node
	for _, d := range s.nodes {
		if !slices.ContainsFunc(s.trouble, func(t trouble) bool { return t.node == d }) {
			well = append(well, d)
		}
	}
	if len(s.nodes)-len(well) >= maxOut {
		return nil
	}
	return well[rng.IntN(len(well))]
}

// lasting remembers a trouble that ends after 5 to 40 operations.
func (s *soak) lasting(rng *rand.Rand, now int, name string, d *node, mend func() error) {
	s.trouble = append(s.trouble, trouble{name, now + 5 + rng.IntN(36), d, mend})
}

func (s *soak) cutOne(rng *rand.Rand, now int) error {
	loss := faultfs.Loss(rng.IntN(int(faultfs.Losses)))
	d := s.victim(rng)
	if d == nil {
		return nil
	}
	s.lasting(rng, now, "no power at "+d.name, d, func() error { return d.on(s.ctx) })
	return d.off(loss)
}

func (s *soak) cutAll(rng *rand.Rand, _ int) error {
	if err := s.powerCut(faultfs.Loss(rng.IntN(int(faultfs.Losses)))); err != nil {
		return err
	}
	return s.heal()
}

// powerCut takes every node out that is on; heal brings them back.
func (s *soak) powerCut(loss faultfs.Loss) error {
	if err := s.heal(); err != nil {
		return err
	}
	var errs []error
	for _, d := range s.nodes {
		errs = append(errs, d.off(loss))
		s.trouble = append(s.trouble, trouble{"no power at " + d.name, 0, d, func() error { return d.on(s.ctx) }})
	}
	return errors.Join(errs...)
}

func (s *soak) hangOne(rng *rand.Rand, now int) error {
	if d := s.victim(rng); d != nil {
		d.line.hang()
		s.lasting(rng, now, d.name+" hangs", d, func() error { d.line.heal(); return nil })
	}
	return nil
}

func (s *soak) slowOne(rng *rand.Rand, now int) error {
	if d := s.victim(rng); d != nil {
		d.line.slow(time.Duration(1+rng.IntN(50)) * time.Millisecond)
		s.lasting(rng, now, d.name+" crawls", d, func() error { d.line.heal(); return nil })
	}
	return nil
}

func (s *soak) fillOne(rng *rand.Rand, now int) error {
	if d := s.victim(rng); d != nil {
		disks := d.disks
		disks.Fill(true)
		s.lasting(rng, now, d.name+" is full", d, func() error { disks.Fill(false); return nil })
	}
	return nil
}

// flipOne turns five bits of a node's data, for good.
func (s *soak) flipOne(rng *rand.Rand, _ int) error {
	places := make([]uint64, 5)
	for i := range places {
		places[i] = rng.Uint64() >> 1
	}
	d := s.nodes[rng.IntN(len(s.nodes))]
	return d.flip(places)
}

// wipeOne takes a node's disk away for good, and gives it an empty one. Nothing
// is taken before what the last one held has been made anew elsewhere.
func (s *soak) wipeOne(rng *rand.Rand, _ int) error {
	d := s.victim(rng)
	if d == nil || !s.repaired() {
		return nil
	}
	if err := errors.Join(d.off(faultfs.LoseAll), os.RemoveAll(d.db)); err != nil {
		return err
	}
	s.wiped = time.Now()
	return d.on(s.ctx)
}

// repaired says whether every segment has been found whole since a disk was
// last taken.
func (s *soak) repaired() bool {
	st, err := s.n.Status(s.ctx)
	r := st.Repair
	return err == nil && r != nil && r.Endangered+r.Urgent+r.Unreadable == 0 && r.Surveyed.After(s.wiped)
}

func (s *soak) partition(rng *rand.Rand, now int) error {
	if len(s.trouble) > 0 {
		return nil
	}
	for _, i := range rng.Perm(len(s.nodes))[:4] {
		d := s.nodes[i]
		d.line.hang()
		s.lasting(rng, now, d.name+" is cut off", d, func() error { d.line.heal(); return nil })
	}
	return nil
}

// killValidator kills the process of validator and gateway a moment later, at
// whatever it is writing then, and starts it again.
func (s *soak) killValidator(rng *rand.Rand, _ int) error {
	<-time.After(time.Duration(rng.IntN(100)) * time.Millisecond) // the moment is drawn, not waited for
	if err := s.n.Kill("validator-1"); err != nil {
		return err
	}
	return s.n.Restart(s.ctx, "validator-1")
}
