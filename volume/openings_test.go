package volume

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"lukechampine.com/blake3/guts"

	"strata"
	"strata/merkle"
	"strata/volume/hashes"
	"strata/volume/layout"
	"strata/volume/vfs/faultfs"
	"strata/wire"
)

// known is how many groups of a grand sector have bytes.
const known = 64

// grand opens a store that holds n sealed sectors of a profile too large to be
// filled in a test: only the first groups of each are there, over a tree that
// fits them and is random elsewhere.
func grand(t testing.TB, fs *faultfs.FS, p strata.Profile, n uint64) *Store {
	t.Helper()
	cfg := testConfig(t.TempDir())
	cfg.fs, cfg.Profile = fs, p
	cfg.Profile.Deadline = 0 // these wait for the machine, however busy it is
	s := mustOpen(t, cfg)
	plan(t, s, alice, n)
	part := s.ensurePartition(alice)
	data, _ := blob(1, known*merkle.GroupSize)
	tree := grandTree(t, data, uint64(p.SectorSize()))
	for i := range n {
		j := job{part, part.sector(i)}
		f, err := j.c.disk.Open(alice)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Data.Truncate(int64(n) * s.size()); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Data.WriteAt(data, s.offset(j.c)); err != nil {
			t.Fatal(err)
		}
		if err := s.writeRecord(j, tree); err != nil {
			t.Fatal(err)
		}
		j.c.crown.Drop(s.crowns)
		j.c.state, j.c.root = wire.Filler, tree.Root()
	}
	fs.TakeReads()
	return s
}

// grandTree is a tree over a file of that size that begins with data.
func grandTree(t testing.TB, data []byte, size uint64) merkle.Tree {
	t.Helper()
	begin := merkle.Build(data)
	r := rand.New(rand.NewPCG(size, binary.LittleEndian.Uint64(data)))
	groups := size / merkle.GroupSize
	row := make([]merkle.Hash, groups)
	for i := range row {
		if i < known {
			h, err := begin.ReadNode(0, uint64(i))
			if err != nil {
				t.Fatal(err)
			}
			row[i] = h
			continue
		}
		for k := 0; k < len(row[i]); k += 8 {
			binary.LittleEndian.PutUint64(row[i][k:], r.Uint64())
		}
	}
	var nodes []byte
	for ; len(row) > 2; row = above(row) {
		for _, h := range row {
			nodes = append(nodes, h[:]...)
		}
	}
	nodes = append(append(nodes, row[0][:]...), row[1][:]...)
	root := rootOver(row[0], row[1])
	tree, err := merkle.Load(size, append(nodes, root[:]...))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// rootOver is merkle.Parent where that is the root.
func rootOver(left, right merkle.Hash) (h merkle.Hash) {
	words := func(h merkle.Hash) (w [8]uint32) {
		for i := range w {
			w[i] = binary.LittleEndian.Uint32(h[4*i:])
		}
		return w
	}
	n := guts.ParentNode(words(left), words(right), &guts.IV, guts.FlagRoot)
	for i, w := range guts.ChainingValue(n) {
		binary.LittleEndian.PutUint32(h[4*i:], w)
	}
	return h
}

func above(row []merkle.Hash) []merkle.Hash {
	out := make([]merkle.Hash, len(row)/2)
	for i := range out {
		out[i] = merkle.Parent(row[2*i], row[2*i+1])
	}
	return out
}

// leavesIn asks for as many leaves as an audit may, one in each sector.
func leavesIn(n uint64) wire.AuditRequest {
	req := wire.AuditRequest{Partition: alice}
	for i := range uint64(wire.MaxLeaves) {
		leaf := uint32(i*199) % (known * merkle.GroupSize / merkle.LeafSize)
		req.Leaves = append(req.Leaves, wire.LeafRef{Sector: i % n, Leaf: leaf})
	}
	return req
}

func verifyAll(t testing.TB, s *Store, req wire.AuditRequest, res wire.AuditResponse) {
	t.Helper()
	for i, o := range res.Openings {
		ref := req.Leaves[i]
		root := s.ensurePartition(alice).sector(ref.Sector).root
		if o.Missing {
			t.Errorf("leaf %+v is missing", ref)
		} else if err := o.Verify(root, uint64(s.size()), uint64(ref.Leaf)); err != nil {
			t.Errorf("leaf %+v: %v", ref, err)
		}
		if n := strata.BlockSize + 32*len(o.Path); n > 1800 {
			t.Errorf("an opening has %d bytes", n)
		}
	}
}

// TestLeafReads: one leaf reads at most 64 KiB of data and 16 KiB of hashes, in
// three reads, and in two once the sector's crown is known.
func TestLeafReads(t *testing.T) {
	for _, p := range []strata.Profile{tiny, strata.LocalProfile, strata.TestProfile, strata.MainProfile} {
		fs := &faultfs.FS{}
		if p.SectorSize() < known*merkle.GroupSize {
			continue // all of it is opened by every other test
		}
		s := grand(t, fs, p, 2)
		for again, most := range []int{2, 1} {
			req := wire.AuditRequest{Partition: alice, Leaves: []wire.LeafRef{{Sector: 1, Leaf: uint32(777 + again)}}}
			res, err := s.OpenLeaves(context.Background(), req)
			if err != nil {
				t.Fatal(err)
			}
			verifyAll(t, s, req, res)
			reads := fs.TakeReads()
			data, hashes := reads[layout.DataName(alice)], reads[layout.HashesName(alice)]
			if data.Calls != 1 || data.Bytes > 64<<10 {
				t.Errorf("%s: %d bytes of data in %d reads", p.Name, data.Bytes, data.Calls)
			}
			if hashes.Calls > most || hashes.Bytes > 16<<10 {
				t.Errorf("%s, asked %d times: %d bytes of hashes in %d reads", p.Name, again+1, hashes.Bytes, hashes.Calls)
			}
		}
		if d, h := int64(2*p.SectorSize()), 2*s.size()/hashes.Ratio; h*1000 > d {
			t.Errorf("%s: %d bytes of hashes for %d of data", p.Name, h, d)
		}
	}
}

// TestAuditOfAHardDisk: sixteen leaves of sixteen sectors of 4 GiB come within
// 400 ms from a disk with one arm that takes 10 ms a read.
func TestAuditOfAHardDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := &faultfs.FS{}
		s := grand(t, fs, strata.MainProfile, wire.MaxLeaves)
		defer s.Close()
		if err := s.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		fs.Seek = 10 * time.Millisecond
		req := leavesIn(wire.MaxLeaves)
		began := time.Now()
		res, err := s.OpenLeaves(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 400*time.Millisecond || took < 160*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		fs.Seek = 0
		verifyAll(t, s, req, res)
	})
}

// Crowns take no more memory than they may; a sector without one is opened as well.
func TestCrownsAreBounded(t *testing.T) {
	fs := &faultfs.FS{}
	s := grand(t, fs, strata.TestProfile, 3)
	one := hashes.CrownSize(s.size())
	s.crowns = hashes.NewCrowns(2*one + one/2)
	for range 2 {
		if err := s.Warm(context.Background()); err != nil {
			t.Fatal(err)
		}
		if left := s.crowns.Left(); left != one/2 {
			t.Fatalf("%d bytes are left", left)
		}
	}
	req := leavesIn(3)
	res, err := s.OpenLeaves(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	verifyAll(t, s, req, res)
	plan(t, s, alice, 0)
	if left := s.crowns.Left(); left != 2*one+one/2 {
		t.Errorf("%d bytes are left when all sectors are gone", left)
	}
}

// BenchmarkLeaf opens one leaf of a sector of 1 and of 4 GiB whose place is in
// the system's cache; BenchmarkVerify checks one as the validator does.
func BenchmarkLeaf(b *testing.B) {
	for _, p := range []strata.Profile{strata.TestProfile, strata.MainProfile} {
		b.Run(fmt.Sprint(p.SectorSize()), func(b *testing.B) {
			s := grand(b, &faultfs.FS{}, p, 1)
			req := wire.AuditRequest{Partition: alice, Leaves: []wire.LeafRef{{Leaf: 99}}}
			for b.Loop() {
				if res, err := s.OpenLeaves(context.Background(), req); err != nil || res.Openings[0].Missing {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	s := grand(b, &faultfs.FS{}, strata.MainProfile, 1)
	o, root := audit(b, s, alice, wire.LeafRef{Leaf: 99}), s.ensurePartition(alice).sector(0).root
	for b.Loop() {
		if err := o.Verify(root, uint64(s.size()), 99); err != nil {
			b.Fatal(err)
		}
	}
}
