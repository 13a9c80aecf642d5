package devnet

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"strata"
	"strata/chain"
	"strata/merkle"
	"strata/miner"
	"strata/volume"
	"strata/wire"
)

// liar seals nothing that it shows: each sector is one byte repeated, whose
// root it signs and whose leaves it opens without a fault. So audits find
// nothing, and only refilled sectors give it away.
type liar struct {
	*volume.Store

	mu       sync.Mutex // guards what follows
	sequence uint64     // of the last head shown
	previous [32]byte   // hash of the head before that one
	last     [32]byte   // hash of that one
	domain   wire.Domain
}

// invented returns the false content of a sector.
func invented(number uint64) []byte {
	return bytes.Repeat([]byte{byte(number + 1)}, int(strata.LocalProfile.SectorSize()))
}

// forge gives entries false roots.
func forge(entries []wire.Entry) []wire.Entry {
	for i := range entries {
		entries[i].Root = merkle.Build(invented(entries[i].Number)).Root()
	}
	return entries
}

// Manifest shows the true manifest with false roots, under a head that agrees
// with them in everything.
func (l *liar) Manifest(ctx context.Context, q wire.ManifestQuery, limit int, sign func(*wire.Head) error) (wire.ManifestPage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		page, err := l.Store.Manifest(ctx, q, limit, sign)
		if err != nil {
			return page, err
		}
		all, err := l.Store.Manifest(ctx, wire.ManifestQuery{Validator: q.Validator}, 0, sign)
		if err != nil {
			return page, err
		}
		if all.Head.Sequence != page.Head.Sequence {
			continue // something was sealed in between
		}
		page.Entries = forge(page.Entries)
		page.Head = l.follow(page.Head, forge(all.Entries))
		return page, sign(&page.Head)
	}
}

// follow makes the head of the forged entries, one after the last one shown.
func (l *liar) follow(h wire.Head, entries []wire.Entry) wire.Head {
	var hashes [][32]byte
	for _, e := range entries {
		if e.Listed() {
			hashes = append(hashes, e.Hash())
		}
	}
	if h.Sequence > l.sequence {
		l.sequence, l.previous = h.Sequence, l.last
	}
	h.Previous, h.EntriesRoot = l.previous, wire.EntriesRoot(slices.Values(hashes))
	l.last = h.Hash(l.domain)
	return h
}

// OpenLeaves opens the invented content, which matches the roots.
func (l *liar) OpenLeaves(_ context.Context, r wire.AuditRequest) (wire.AuditResponse, error) {
	var a wire.AuditResponse
	for _, ref := range r.Leaves {
		content := invented(ref.Sector)
		group := uint64(ref.Leaf) * merkle.LeafSize / merkle.GroupSize * merkle.GroupSize
		o, err := merkle.Open(uint64(len(content)), uint64(ref.Leaf), content[group:group+merkle.GroupSize], merkle.Build(content))
		if err != nil {
			return a, err
		}
		a.Openings = append(a.Openings, wire.Opening{Opening: o})
	}
	return a, nil
}

// TestLiarGetsNothing runs a miner with false roots beside an honest one made in
// the same way: whenever that one has weight, so would the liar, had it not lied.
func TestLiarGetsNothing(t *testing.T) {
	t.Parallel()
	n := start(t, 2)
	ctx := within(t)
	c := dial(ctx, t, n.ChainURL())
	genesis, err := c.Genesis(ctx)
	if err != nil {
		t.Fatal(err)
	}
	lies := joinAs(ctx, t, n, c, "liar", func(s *volume.Store) miner.Space {
		return &liar{Store: s, domain: wire.Domain{Genesis: genesis, Netuid: n.netuid()}}
	})
	twin := joinAs(ctx, t, n, c, "twin", func(s *volume.Store) miner.Space { return s })

	paid := 0 // votes that pay all honest miners, the twin included
	eachVote(ctx, t, c, n, func(v vote) bool {
		t.Logf("block %d: weights %v", v.block, v.weights)
		if w := v.weights[lies.uid]; w != 0 {
			t.Errorf("block %d: the liar has weight %d", v.block, w)
		}
		if v.weights[twin.uid] > 0 {
			wantHonestPaid(ctx, t, c, n, v)
			paid++
		}
		return paid > 3 // the first one, and three tempos more
	})
	wantCaught(ctx, t, n, lies.hotkey)
}

// wantCaught checks that the liar is unpaid because its roots were refuted, not
// because nobody saw it.
func wantCaught(ctx context.Context, t *testing.T, n *Network, liar strata.Hotkey) {
	t.Helper()
	st, err := n.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range st.Miners {
		if m.Hotkey == liar && (m.AuditsFailed > 0 || m.ProvenBytes > 0) {
			t.Errorf("the liar failed %d leaves and has proven %d bytes; its answers fit its roots and its roots nothing", m.AuditsFailed, m.ProvenBytes)
		}
	}
	log, err := os.ReadFile(filepath.Join(n.Dir(), "logs", "validator-1.log"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(log) {
		if bytes.Contains(line, []byte("a sector's root is false")) && bytes.Contains(line, []byte(liar.String())) {
			return
		}
	}
	t.Error("the validator has not refuted a root of the liar")
}

// dropper destroys half of its sectors and goes on as if it had them.
type dropper struct {
	*volume.Store

	mu   sync.Mutex // guards gone
	gone map[uint64]bool
}

// drop overwrites the data of every second slot of a partition with zeros.
func (d *dropper) drop(t *testing.T, dir string, validator strata.Hotkey) {
	t.Helper()
	numbers := sectorsBySlot(t, filepath.Join(dir, "hashes-"+validator.String()))
	data, err := os.OpenFile(filepath.Join(dir, "data-"+validator.String()), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	size := int64(strata.LocalProfile.SectorSize())
	for slot := 0; slot < len(numbers); slot += 2 {
		d.gone[numbers[slot]] = true
		if _, err := data.WriteAt(make([]byte, size), int64(slot)*size); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.gone) != 8 {
		t.Fatalf("%d of %d sectors were dropped, want 8 of 16", len(d.gone), len(numbers))
	}
}

// sectorsBySlot reads a hashes file: record i describes slot i, is a 1024th of
// a sector and begins with its sector's number plus one.
func sectorsBySlot(t *testing.T, file string) []uint64 {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []uint64
	record := int(strata.LocalProfile.SectorSize() / 1024)
	for ; len(b) >= record; b = b[record:] {
		out = append(out, binary.LittleEndian.Uint64(b)-1)
	}
	return out
}

// OpenLeaves says Missing for what is gone and opens the rest. It withdraws
// nothing, as an honest miner would on finding the damage.
func (d *dropper) OpenLeaves(ctx context.Context, r wire.AuditRequest) (wire.AuditResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var a wire.AuditResponse
	for _, ref := range r.Leaves {
		if d.gone[ref.Sector] {
			a.Openings = append(a.Openings, wire.Opening{Missing: true})
			continue
		}
		one, err := d.Store.OpenLeaves(ctx, wire.AuditRequest{Partition: r.Partition, Leaves: []wire.LeafRef{ref}})
		if err != nil {
			return a, err
		}
		a.Openings = append(a.Openings, one.Openings...)
	}
	return a, nil
}

// TestDropperLosesItsWeight lets a miner earn weight honestly and then lose half
// of its data. Half of its leaves then fail, where a quarter is enough to lose
// all credit; leaves count for three tempos, so from then on it has none.
func TestDropperLosesItsWeight(t *testing.T) {
	t.Parallel()
	n := start(t, 2)
	ctx := within(t)
	c := dial(ctx, t, n.ChainURL())
	var cheat *dropper
	drops := joinAs(ctx, t, n, c, "dropper", func(s *volume.Store) miner.Space {
		cheat = &dropper{Store: s, gone: map[uint64]bool{}}
		return cheat
	})
	validator := hotkeyOf(t, n, "validator-1")
	until(ctx, t, "the miner has sealed its sectors", func() bool {
		parts := drops.space.Sealed()
		return len(parts) == 1 && parts[0].Sealed == 16
	})
	eachVote(ctx, t, c, n, func(v vote) bool { return v.weights[drops.uid] > 0 })
	cheat.drop(t, drops.dir, validator)
	head, err := c.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}

	// Leaves are counted in buckets of a tempo; the one in which the data was
	// dropped counts in two more.
	tempo := uint64(n.plan.Tempo) + 1
	clean := (head.Number/tempo + 3) * tempo
	after := 0
	eachVote(ctx, t, c, n, func(v vote) bool {
		t.Logf("dropped at block %d; block %d: weights %v", head.Number, v.block, v.weights)
		wantHonestPaid(ctx, t, c, n, v)
		if v.block < clean {
			return false
		}
		if w := v.weights[drops.uid]; w != 0 {
			t.Errorf("block %d: the miner without half of its data has weight %d", v.block, w)
		}
		after++
		return after == 3
	})
	wantGone(ctx, t, cheat, validator)
}

// wantGone checks that the test did what it says: the data is not on the disk.
func wantGone(ctx context.Context, t *testing.T, d *dropper, validator strata.Hotkey) {
	t.Helper()
	for number := range d.gone {
		a, err := d.Store.OpenLeaves(ctx, wire.AuditRequest{Partition: validator, Leaves: []wire.LeafRef{{Sector: number}}})
		if err != nil || !a.Openings[0].Missing {
			t.Errorf("sector %d can still be opened (%v)", number, err)
		}
	}
}

// wantHonestPaid checks that a vote gives weight to the network's own miners.
func wantHonestPaid(ctx context.Context, t *testing.T, c chain.Reader, n *Network, v vote) {
	t.Helper()
	g, err := c.Metagraph(ctx, n.netuid(), strata.BlockHash{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n.plan.Miners {
		row, ok := g.Neuron(hotkeyOf(t, n, name("miner", i)))
		if !ok || v.weights[row.UID] == 0 {
			t.Errorf("block %d: the honest miner %d has no weight: %v", v.block, i+1, v.weights)
		}
	}
}
