package miner_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/chain"
	"strata/merkle"
	"strata/miner"
	"strata/volume/layout"
	"strata/wallet"
	"strata/wire"
)

// everything is all that a validator may want.
var everything = []wire.Action{
	wire.ActionManifest, wire.ActionAudit, wire.ActionPut, wire.ActionGet,
	wire.ActionDelete, wire.ActionRestore, wire.ActionRetain, wire.ActionPutSuperblock, wire.ActionGetSuperblock,
}

// wantAllowed checks that a caller may do exactly these things in a partition,
// in the two steps in which an audit is authorized too.
func (n *node) wantAllowed(when string, caller, partition strata.Hotkey, allowed ...wire.Action) {
	n.t.Helper()
	for _, a := range everything {
		err := n.Authorize(n.t.Context(), caller, a, partition)
		if a == wire.ActionAudit {
			if err = n.Authorize(n.t.Context(), caller, a, strata.Hotkey{}); err == nil {
				_, err = n.Audit(n.t.Context(), caller, leavesOf(partition, wire.LeafRef{}))
			}
		}
		want := strata.Forbidden
		if slices.Contains(allowed, a) {
			want = ""
		}
		if got := strata.CodeOf(err); got != want {
			n.t.Errorf("%s: to %s gives %v, want code %q", when, a, err, want)
		}
	}
}

func leavesOf(partition strata.Hotkey, leaves ...wire.LeafRef) wire.AuditRequest {
	return wire.AuditRequest{Partition: partition, Leaves: leaves}
}

// shard returns bytes that depend on the seed.
func shard(seed byte, size int) ([]byte, strata.Root) {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b, merkle.Build(b).Root()
}

// order is a validator's real order of a shard.
func (n *node) order(v *wallet.Key, data []byte) wire.Order {
	n.t.Helper()
	o := wire.Order{Root: merkle.Build(data).Root(), Length: uint64(len(data)), Nonce: 5}
	uri := wire.ShardURI(domain, o.Root, o.Length)
	a, err := wire.SignRequest(http.Header{}, v, http.MethodPut, uri, o.Root, o.Nonce, v.Hotkey(), n.key.Hotkey())
	if err != nil {
		n.t.Fatal(err)
	}
	o.Signature = a.Signature
	return o
}

// put stores a shard and checks the receipt.
func (n *node) put(v *wallet.Key, data []byte) wire.Receipt {
	n.t.Helper()
	o := n.order(v, data)
	r, err := n.PutShard(n.t.Context(), v.Hotkey(), o.Root, int64(len(data)), bytes.NewReader(data), o)
	if err != nil {
		n.t.Fatal(err)
	}
	if err := r.Verify(domain, n.key.Hotkey()); err != nil {
		n.t.Error(err)
	}
	if r.Validator != v.Hotkey() || r.Root != o.Root || r.Length != o.Length || r.UnixNano > uint64(n.clock().UnixNano()) {
		n.t.Errorf("receipt %+v is not of shard %s", r, o.Root)
	}
	return r
}

// unsigned leaves out the signature, of which there are many for one message.
func unsigned(r wire.Receipt) wire.Receipt {
	r.Signature = wire.Signature{}
	return r
}

// get reads a shard whole and checks it.
func (n *node) get(v *wallet.Key, root strata.Root) error {
	src, err := n.ShardRange(n.t.Context(), v.Hotkey(), root)
	if err != nil {
		return err
	}
	defer src.Close()
	b, err := io.ReadAll(io.NewSectionReader(src.Data, 0, int64(src.Size)))
	if err == nil && merkle.Build(b).Root() != root {
		err = strata.E(strata.Corrupt, "shard %s reads as other bytes", root)
	}
	return err
}

// manifest reads a validator's manifest and checks all that it claims: the
// signature, the entries under it, and the orders of shards.
func (n *node) manifest(v *wallet.Key) (wire.Head, []wire.Entry) {
	n.t.Helper()
	p, err := n.Manifest(n.t.Context(), wire.ManifestQuery{Validator: v.Hotkey()})
	if err != nil {
		n.t.Fatal(err)
	}
	if err := errors.Join(p.Validate(), p.Head.Verify(domain, n.key.Hotkey())); err != nil || p.More {
		n.t.Errorf("manifest of %s: %v, more: %v", v, err, p.More)
	}
	sum := wire.EntriesRoot(func(yield func([32]byte) bool) {
		for _, e := range p.Entries {
			if e.Listed() && !yield(e.Hash()) {
				return
			}
		}
	})
	if sum != p.Head.EntriesRoot || p.Head.Validator != v.Hotkey() {
		n.t.Error("the head does not cover the entries")
	}
	for _, e := range p.Entries {
		for _, s := range e.Shards {
			if s.Order == nil {
				n.t.Errorf("shard %s has no order", s.Root)
			} else if err := s.Order.Verify(domain, v.Hotkey(), n.key.Hotkey()); err != nil {
				n.t.Error(err)
			}
		}
	}
	return p.Head, p.Entries
}

// audit opens leaves and verifies them against the manifest. It returns how
// many there were of filler and of shards.
func (n *node) audit(caller, v *wallet.Key, entries []wire.Entry) (filler, shards int) {
	n.t.Helper()
	verify := func(ref wire.LeafRef, root strata.Root, size uint64) {
		n.t.Helper()
		a, err := n.Audit(n.t.Context(), caller.Hotkey(), leavesOf(v.Hotkey(), ref))
		if err == nil {
			err = a.Openings[0].Verify(root, size, uint64(ref.Leaf))
		}
		if err != nil {
			n.t.Errorf("leaf %+v: %v", ref, err)
		}
	}
	for _, e := range entries {
		for leaf := e.Tail; leaf < small.Blocks && e.State != wire.Gone; leaf += 50 {
			verify(wire.LeafRef{Sector: e.Number, Leaf: leaf}, e.Root, uint64(small.SectorSize()))
			filler++
		}
		for _, s := range e.Shards {
			for leaf := range (s.Length + strata.BlockSize - 1) / strata.BlockSize {
				verify(wire.LeafRef{Sector: e.Number, Shard: s.Root, Leaf: leaf}, s.Root, uint64(s.Length))
				shards++
			}
		}
	}
	return filler, shards
}

// serving is a network whose miner has sealed what the stake of 20 gives.
func serving(t *testing.T) *node {
	n := network(t, 1, 1)
	n.run()
	n.chain.mine(21)
	n.wantSectors("at first", map[*wallet.Key]uint64{key(t, "Alice"): 4, key(t, "Bob"): 4})
	return n
}

func TestBeforeStartNobodyIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t, 1, 1)
		n.open()
		n.wantAllowed("before Start", key(t, "Alice").Hotkey(), key(t, "Alice").Hotkey())
	})
}

func TestWhoMayDoWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serving(t)
		alice, bob := key(t, "Alice").Hotkey(), key(t, "Bob").Hotkey()
		n.wantAllowed("own partition", alice, alice, everything...)
		n.wantAllowed("another's partition", alice, bob, wire.ActionManifest, wire.ActionAudit)
		for who, h := range map[string]strata.Hotkey{"stranger": key(t, "Eve").Hotkey(), "the miner itself": n.key.Hotkey(), "nobody": {}} {
			n.wantAllowed(who+", own partition", h, h)
			n.wantAllowed(who+", another's partition", h, bob)
		}
	})
}

// TestShare: a validator's requests may take what its stake is of all that is
// permitted, and a stranger's none beyond the floor.
func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serving(t)
		alice, bob := key(t, "Alice").Hotkey(), key(t, "Bob").Hotkey()
		check := func(what string, want map[strata.Hotkey]float64) {
			t.Helper()
			for who, share := range want {
				if got := n.Share(who); got != share {
					t.Errorf("%s: %s has a share of %v, want %v", what, who, got, share)
				}
			}
		}
		check("equal stakes", map[strata.Hotkey]float64{alice: 0.5, bob: 0.5, key(t, "Eve").Hotkey(): 0, n.key.Hotkey(): 0})
		n.chain.edit(bob, func(r *chain.Neuron) { r.Permit = false })
		n.chain.mine(26)
		check("one lost its permit", map[strata.Hotkey]float64{alice: 1, bob: 0})
	})
}

// TestFormerValidator keeps its partition, but to store there, as long as it
// has live shards, for 30 days.
func TestFormerValidator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := key(t, "Alice"), key(t, "Bob")
		n := serving(t)
		data, root := shard(1, 5000)
		n.put(alice, data)
		n.chain.edit(alice.Hotkey(), func(r *chain.Neuron) { r.Permit = false })
		n.chain.mine(26)
		keeps := []wire.Action{
			wire.ActionManifest, wire.ActionAudit, wire.ActionGet, wire.ActionDelete,
			wire.ActionRestore, wire.ActionRetain, wire.ActionGetSuperblock,
		}
		check := func(when string, allowed ...wire.Action) {
			t.Helper()
			n.wantAllowed(when+", own partition", alice.Hotkey(), alice.Hotkey(), allowed...)
			n.wantAllowed(when+", another's partition", alice.Hotkey(), bob.Hotkey())
			if err := n.get(alice, root); err != nil {
				t.Errorf("%s: the data is gone: %v", when, err)
			}
		}
		check("at once", keeps...)
		n.chain.mine(41) // its filler goes, its data stays
		n.wantSectors("the next plan", map[*wallet.Key]uint64{alice: 1, bob: 7})
		n.ahead.Add(int64(30*24*time.Hour - time.Second))
		n.chain.mine(46)
		check("nearly 30 days later", keeps...)
		n.ahead.Add(int64(time.Second))
		check("30 days later")

		n.chain.edit(alice.Hotkey(), func(r *chain.Neuron) { r.Permit = true })
		n.chain.mine(51)
		n.wantAllowed("permitted again", alice.Hotkey(), alice.Hotkey(), everything...)
		n.chain.edit(alice.Hotkey(), func(r *chain.Neuron) { r.Permit = false })
		n.chain.mine(56)
		check("lost once more: the time begins anew", keeps...)
	})
}

// TestFormerValidatorAfterRestart: the time is counted, from the restart on.
func TestFormerValidatorAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := key(t, "Alice")
		n := serving(t)
		data, root := shard(1, 100)
		n.put(alice, data)
		n.chain.edit(alice.Hotkey(), func(r *chain.Neuron) { r.Permit = false })
		n.chain.mine(26)
		n.stop()
		n.run()
		may := func() error { return n.Authorize(t.Context(), alice.Hotkey(), wire.ActionGet, alice.Hotkey()) }
		if err := errors.Join(may(), n.get(alice, root)); err != nil {
			t.Error(err)
		}
		n.ahead.Add(int64(30 * 24 * time.Hour))
		wantCode(t, "30 days after the restart", may(), strata.Forbidden)
	})
}

// TestFormerValidatorWithoutShards is a stranger, as soon as the undelete window
// of its last shard is over.
func TestFormerValidatorWithoutShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := key(t, "Alice"), key(t, "Bob")
		n := serving(t)
		data, root := shard(1, 100)
		n.put(alice, data)
		n.chain.edit(alice.Hotkey(), func(r *chain.Neuron) { r.Permit = false })
		n.chain.edit(bob.Hotkey(), func(r *chain.Neuron) { r.Permit = false })
		carol := key(t, "Carol")
		n.chain.set(append(n.chain.next, neuron(carol, 1, true))...)
		n.chain.mine(26)
		n.wantAllowed("never had any", bob.Hotkey(), bob.Hotkey())
		if err := n.DeleteShard(t.Context(), alice.Hotkey(), root); err != nil {
			t.Fatal(err)
		}
		may := func() error { return n.Authorize(t.Context(), alice.Hotkey(), wire.ActionGet, alice.Hotkey()) }
		if err := errors.Join(may(), n.get(alice, root)); err != nil {
			t.Errorf("in the undelete window: %v", err)
		}
		time.Sleep(small.Undelete + time.Minute) // compaction comes by
		synctest.Wait()
		wantCode(t, "after the undelete window", may(), strata.Forbidden)
	})
}

func TestShardFromPutToFiller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := key(t, "Alice"), key(t, "Bob")
		n := serving(t)
		first, _ := n.manifest(alice)
		data, root := shard(1, 60_001)
		receipt := n.put(alice, data)
		if again := n.put(alice, data); unsigned(again) != unsigned(receipt) {
			t.Errorf("the same shard again has receipt %+v, want %+v", again, receipt)
		}
		head, entries := n.manifest(alice)
		if head.Shards != 1 || head.Sequence <= first.Sequence || receipt.Sequence > head.Sequence {
			t.Errorf("head %+v after head %d does not cover receipt %d", head, first.Sequence, receipt.Sequence)
		}
		e := entries[receipt.Sector]
		if e.State != wire.Data || len(e.Shards) != 1 || e.Shards[0].Root != root || e.Shards[0].Offset != receipt.Offset {
			t.Errorf("entry %+v does not show the shard", e)
		}
		// Alice's filler, tail and shard, opened for another validator too.
		for _, caller := range []*wallet.Key{alice, bob} {
			if filler, shards := n.audit(caller, alice, entries); filler < 20 || shards != 59 {
				t.Errorf("audited %d leaves of filler and %d of shards", filler, shards)
			}
		}
		if err := n.get(alice, root); err != nil {
			t.Error(err)
		}
		wantCode(t, "another's shard", n.get(bob, root), strata.NotFound)
		wantCode(t, "another's delete", n.DeleteShard(t.Context(), bob.Hotkey(), root), strata.NotFound)

		if err := n.DeleteShard(t.Context(), alice.Hotkey(), root); err != nil {
			t.Fatal(err)
		}
		time.Sleep(small.Undelete + time.Minute)
		synctest.Wait()
		wantCode(t, "a shard after its undelete window", n.get(alice, root), strata.NotFound)
		_, entries = n.manifest(alice)
		if e := entries[receipt.Sector]; e.State != wire.Filler || e.Tail != 0 {
			t.Errorf("entry %+v is not filler again", e)
		}
		n.audit(bob, alice, entries)
	})
}

func TestShardsThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, carol := key(t, "Alice"), key(t, "Carol")
		n := serving(t)
		data, root := shard(1, 5000)
		other, _ := shard(2, 5000)
		large, _ := shard(3, int(small.MaxShard())+1)
		for _, c := range []struct {
			name string
			v    *wallet.Key
			root strata.Root
			size int
			body []byte
			code strata.Code
		}{
			{"no partition", carol, root, 5000, data, strata.NotFound},
			{"other bytes", alice, root, 5000, other, strata.Invalid},
			{"too short", alice, root, 5000, data[:4000], strata.Invalid},
			{"over a quarter of a sector", alice, merkle.Build(large).Root(), len(large), large, strata.TooLarge},
		} {
			r, err := n.PutShard(t.Context(), c.v.Hotkey(), c.root, int64(c.size), bytes.NewReader(c.body), n.order(c.v, c.body))
			wantCode(t, c.name, err, c.code)
			if r != (wire.Receipt{}) {
				t.Errorf("%s: a receipt came with the error", c.name)
			}
		}
		if head, _ := n.manifest(alice); head.Shards != 0 {
			t.Errorf("%d shards are kept of refused ones", head.Shards)
		}
		for i := range 100 { // four sectors hold sixteen of these
			data, root := shard(byte(10+i), int(small.MaxShard()))
			_, err := n.PutShard(t.Context(), alice.Hotkey(), root, int64(len(data)), bytes.NewReader(data), n.order(alice, data))
			if err == nil {
				continue
			}
			wantCode(t, "a full partition", err, strata.NoSpace)
			if i != 16 {
				t.Errorf("%d shards were stored, want 16", i)
			}
			return
		}
		t.Error("the partition never got full")
	})
}

// brokenKey is a hotkey that cannot sign at the moment.
type brokenKey struct {
	*wallet.Key
	broken bool
}

func (k *brokenKey) Sign(msg []byte) ([64]byte, error) {
	if k.broken {
		return [64]byte{}, errors.New("the key is locked")
	}
	return k.Key.Sign(msg)
}

func TestNothingUnsignedIsGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := key(t, "Alice")
		k := &brokenKey{Key: key(t, "Miner")}
		n := network(t, 1, 1)
		n.config = func(c *miner.Config) { c.Key = k }
		n.run()
		n.chain.mine(21)
		k.broken = true
		data, root := shard(1, 100)
		r, err := n.PutShard(t.Context(), alice.Hotkey(), root, 100, bytes.NewReader(data), n.order(alice, data))
		if err == nil || r != (wire.Receipt{}) {
			t.Errorf("receipt %+v, %v", r, err)
		}
		if _, err := n.Manifest(t.Context(), wire.ManifestQuery{Validator: alice.Hotkey()}); err == nil {
			t.Error("a manifest without a signature")
		}
		k.broken = false
		n.put(alice, data) // it was stored; now there is a receipt
		n.manifest(alice)
	})
}

func TestRetain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := key(t, "Alice"), key(t, "Bob")
		n := serving(t)
		keep, kept := shard(1, 1000)
		drop, dropped := shard(2, 1000)
		n.put(alice, keep)
		n.put(alice, drop)
		n.put(bob, drop)
		head, _ := n.manifest(alice)
		_, never := shard(3, 10)
		roots := []strata.Root{kept, never}
		slices.SortFunc(roots, func(a, b strata.Root) int { return bytes.Compare(a[:], b[:]) })
		res, err := n.Retain(t.Context(), alice.Hotkey(), wire.Retain{Sequence: head.Sequence, Roots: roots})
		if err != nil || res.Removed != 1 || res.Kept != 1 || len(res.Missing) != 1 || res.Missing[0] != never {
			t.Errorf("%+v, %v", res, err)
		}
		time.Sleep(small.Undelete + time.Minute)
		synctest.Wait()
		if err := errors.Join(n.get(alice, kept), n.get(bob, dropped)); err != nil {
			t.Error(err)
		}
		wantCode(t, "what the list leaves out", n.get(alice, dropped), strata.NotFound)
	})
}

func TestSuperblock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := key(t, "Alice")
		n := serving(t)
		_, err := n.GetSuperblock(t.Context(), alice.Hotkey())
		wantCode(t, "none yet", err, strata.NotFound)
		put := func(version uint64, payload string) error {
			s := wire.Superblock{Version: version, Payload: []byte(payload)}
			if err := s.Sign(domain, alice); err != nil {
				t.Fatal(err)
			}
			return n.PutSuperblock(t.Context(), alice.Hotkey(), s)
		}
		if err := errors.Join(put(1, "first"), put(2, "second")); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "an old version", put(1, "first"), strata.Conflict)
		n.stop()
		n.run()
		s, err := n.GetSuperblock(t.Context(), alice.Hotkey())
		if err != nil || string(s.Payload) != "second" || s.Verify(domain, alice.Hotkey()) != nil {
			t.Errorf("after a restart: %+v, %v", s, err)
		}
	})
}

func TestRestartKeepsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := key(t, "Alice"), key(t, "Bob")
		n := network(t, 1, 1)
		n.dirs = append(n.dirs, t.TempDir())
		n.run()
		n.chain.mine(21)
		data, root := shard(1, 40_000)
		receipt := n.put(alice, data)
		head, entries := n.manifest(alice)
		for range 2 {
			n.stop()
			n.run()
			n.wantSectors("after a restart", map[*wallet.Key]uint64{alice: 4, bob: 4})
			n.chain.mine(uint64(len(n.chain.blocks)))
			again, same := n.manifest(alice)
			if again != head || len(same) != len(entries) {
				t.Errorf("head %+v after a restart, want %+v", again, head)
			}
			if err := n.get(alice, root); err != nil {
				t.Error(err)
			}
			if r := n.put(alice, data); unsigned(r) != unsigned(receipt) {
				t.Errorf("receipt %+v after a restart, want %+v", r, receipt)
			}
			n.audit(bob, alice, same)
			n.wantSectors("after a plan", map[*wallet.Key]uint64{alice: 4, bob: 4})
		}
		if n.logs.count("allocation changed") != 1 {
			t.Error("a plan after a restart moved something")
		}
	})
}

// TestWriteWhileEverythingMoves: puts and audits go on during plans and seals.
func TestWriteWhileEverythingMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := key(t, "Alice"), key(t, "Bob")
		n := network(t, 1, 1)
		n.config = func(c *miner.Config) { c.LookEach = 1 }
		n.run()
		n.chain.mine(21)
		done := make(chan []wire.Receipt)
		go func() {
			var got []wire.Receipt
			for i := range 30 {
				data, root := shard(byte(i), 3000)
				if r, err := n.PutShard(t.Context(), alice.Hotkey(), root, 3000, bytes.NewReader(data), n.order(alice, data)); err == nil {
					got = append(got, r)
				} else if strata.CodeOf(err) != strata.NoSpace {
					t.Error(err)
				}
			}
			done <- got
		}()
		for block := uint64(40); block <= 200; block += 20 {
			n.chain.edit(bob.Hotkey(), func(r *chain.Neuron) { r.Stake = strata.Rao(block%40+1) * strata.RaoPerTao })
			n.chain.tell(block)
		}
		receipts := <-done
		synctest.Wait()
		for _, r := range receipts {
			if err := errors.Join(r.Verify(domain, n.key.Hotkey()), n.get(alice, r.Root)); err != nil {
				t.Error(err)
			}
		}
		if len(receipts) == 0 {
			t.Error("nothing was stored")
		}
		_, entries := n.manifest(alice)
		n.audit(bob, alice, entries)
	})
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serving(t)
		st := n.Status(t.Context())
		if st.Version != "test" || st.Hotkey != n.key.Hotkey() || st.Genesis != domain.Genesis || st.Netuid != domain.Netuid || st.Profile != small.Name {
			t.Errorf("%+v", st)
		}
		n.stop()
		// A hundred validators came and went.
		n.config = func(c *miner.Config) { c.Space = crowded{c.Space} }
		n.open()
		st = n.Status(t.Context())
		if err := st.Validate(); err != nil || len(st.Partitions) != 2 {
			t.Errorf("%d partitions, %v; want the 2 that are not empty", len(st.Partitions), err)
		}
	})
}

// crowded is a Space with many partitions that are empty, and those there are.
type crowded struct{ miner.Space }

func (c crowded) Sealed() []wire.Partition {
	return append(make([]wire.Partition, wire.MaxPartitions), c.Space.Sealed()...)
}

func TestProgressIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := serving(t)
		if n.logs.count("msg=sealing done=\"2 MiB\" of=\"2 MiB\"") != 1 {
			t.Error("the end of sealing was not logged once")
		}
	})
}

// TestMendsByItself: a bit that flips where no audit looks is found, withdrawn
// and mended while the miner serves.
func TestMendsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := key(t, "Alice"), key(t, "Bob")
		n := serving(t)
		before, entries := n.manifest(alice)
		path := filepath.Join(layout.Dir(n.dirs[0], "w", "h"), "data-"+alice.Hotkey().String())
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		at := int64(small.SectorSize()) - 1
		b := make([]byte, 1)
		if _, err := f.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		was := b[0]
		b[0] ^= 1
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		if _, err := f.ReadAt(b, at); err != nil || b[0] != was {
			t.Errorf("the byte is %d, was %d, %v", b[0], was, err)
		}
		after, now := n.manifest(alice)
		if after.Sequence <= before.Sequence || len(now) != len(entries) {
			t.Errorf("it was not withdrawn: head %+v follows %+v", after, before)
		}
		n.audit(bob, alice, now)
		for _, e := range now {
			if e.State != wire.Filler || e.Root != entries[e.Number].Root {
				t.Errorf("sector %d: %+v", e.Number, e)
			}
		}
	})
}
