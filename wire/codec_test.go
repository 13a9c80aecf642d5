package wire

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/zeebo/blake3"
	"pgregory.net/rapid"

	"strata"
	"strata/merkle"
)

var update = flag.Bool("update", false, "write testdata/golden.txt")

// TestGolden holds the layouts still: a changed line is a changed protocol.
func TestGolden(t *testing.T) {
	var lines []string
	for name, c := range codecs {
		lines = append(lines, name+" "+hex.EncodeToString(c.sample)+"\n")
	}
	slices.Sort(lines)
	got := strings.Join(lines, "")
	const file = "testdata/golden.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("encodings differ from %s", file)
	}
}

func TestFixedSizes(t *testing.T) {
	for name, want := range map[string]int{"order": OrderSize, "head": HeadSize, "receipt": ReceiptSize, "binding": BindingSize, "delegate": DelegationSize, "commit": CommitmentSize} {
		if got := len(codecs[name].sample); got != want {
			t.Errorf("%s: %d bytes, want %d", name, got, want)
		}
	}
}

func TestSamplesDecodeToThemselves(t *testing.T) {
	for name, c := range codecs {
		got, err := c.again(c.sample)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !bytes.Equal(got, c.sample) {
			t.Errorf("%s: encoded again it differs", name)
		}
	}
}

func TestTruncatedAndTrailing(t *testing.T) {
	for name, c := range codecs {
		for n := range c.sample {
			if _, err := c.again(c.sample[:n]); strata.CodeOf(err) != strata.Invalid {
				t.Errorf("%s cut to %d bytes: %v", name, n, err)
				break
			}
		}
		_, err := c.again(append(slices.Clone(c.sample), 0))
		if code := strata.CodeOf(err); code != strata.Invalid && code != strata.TooLarge {
			t.Errorf("%s with a byte more: %v", name, err)
		}
	}
}

func TestOverLimit(t *testing.T) {
	for name, c := range codecs {
		_, err := c.again(make([]byte, MaxRetainResult+1))
		if strata.CodeOf(err) != strata.TooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLyingCounts gives each list a count that the message does not hold.
func TestLyingCounts(t *testing.T) {
	at := map[string]int{"page": HeadSize + 1, "audit": 32, "openings": 0, "retain": 8, "retained": 16, "super": 8}
	for name, i := range at {
		c := codecs[name]
		b := slices.Clone(c.sample)
		b[i], b[i+1] = 0xff, 0xff
		if _, err := c.again(b); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLyingShardCount(t *testing.T) {
	page := ManifestPage{Entries: sampleEntries()[1:2], Head: sampleHead()}
	b := page.Encode()
	b[pageHeadSize+entryHeadSize-4] = 0xff
	if _, err := DecodeManifestPage(b); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("decoded: %v", err)
	}
}

func TestNonCanonical(t *testing.T) {
	page := ManifestPage{Head: sampleHead(), Entries: sampleEntries()[1:2]}.Encode()
	flagsAt := pageHeadSize + entryHeadSize + shardEntrySize - 1
	tests := []struct {
		name   string
		decode func([]byte) ([]byte, error)
		b      []byte
		at     int
		to     byte
	}{
		{"more flag", codecs["page"].again, page, HeadSize, 2},
		{"shard flags", codecs["page"].again, page, flagsAt, page[flagsAt] | 4},
		{"opening kind", codecs["openings"].again, codecs["openings"].sample, 1, 2},
	}
	for _, tt := range tests {
		b := slices.Clone(tt.b)
		b[tt.at] = tt.to
		if _, err := tt.decode(b); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func draw32(t *rapid.T) (out [32]byte) {
	copy(out[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
	return out
}

func drawEntry(t *rapid.T, number uint64, head uint64) Entry {
	e := Entry{
		Number: number, Root: draw32(t), State: State(rapid.IntRange(1, 4).Draw(t, "state")),
		Changed: rapid.Uint64Max(head).Draw(t, "changed"),
	}
	if e.State == Filler || e.State == Gone {
		return e
	}
	at := uint64(0)
	for range rapid.IntRange(0, 4).Draw(t, "shards") {
		s := ShardEntry{
			Root: draw32(t), Offset: uint32(at) + rapid.Uint32Max(5).Draw(t, "gap"),
			Length: rapid.Uint32Range(1, 300_000).Draw(t, "length"), Deleted: rapid.Bool().Draw(t, "deleted"),
		}
		if rapid.Bool().Draw(t, "ordered") {
			s.Order = &Order{Root: s.Root, Length: uint64(s.Length), Nonce: rapid.Uint64().Draw(t, "nonce"), Signature: patternSig(1)}
		}
		at = uint64(s.Offset) + s.Leaves()
		e.Shards = append(e.Shards, s)
	}
	e.Tail = uint32(at+63) / 64 * 64
	return e
}

func TestPageRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := ManifestPage{Head: sampleHead()}
		p.Head.Sequence = rapid.Uint64().Draw(t, "sequence")
		size, number := pageHeadSize, uint64(0)
		for range rapid.IntRange(0, 6).Draw(t, "entries") {
			number += 1 + rapid.Uint64Max(1000).Draw(t, "step")
			e := drawEntry(t, number, p.Head.Sequence)
			size += e.Size()
			p.Entries = append(p.Entries, e)
		}
		b := p.Encode()
		if len(b) != size {
			t.Fatalf("page of %d bytes, sizes say %d", len(b), size)
		}
		got, err := DecodeManifestPage(b)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Encode(), b) {
			t.Fatal("encoded again it differs")
		}
	})
}

func TestOpeningRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a AuditResponse
		for range rapid.IntRange(1, MaxLeaves).Draw(t, "openings") {
			o := Opening{Missing: rapid.Bool().Draw(t, "missing")}
			if !o.Missing {
				o.Block = rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "block")
				o.Path = rapid.SliceOfN(rapid.Map(rapid.Byte(), func(b byte) merkle.Hash { return pattern(b) }), 0, MaxPath).Draw(t, "path")
			}
			a.Openings = append(a.Openings, o)
		}
		b := a.Encode()
		got, err := DecodeAuditResponse(b)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Encode(), b) {
			t.Fatal("encoded again it differs")
		}
	})
}

func TestLargestOpeningIsSmall(t *testing.T) {
	o := Opening{Opening: merkle.Opening{Block: make([]byte, 1024), Path: make([]merkle.Hash, 22)}}
	if n := len(AuditResponse{Openings: []Opening{o}}.Encode()); n > 1800 {
		t.Errorf("an opening of a 4 GiB sector takes %d bytes", n)
	}
}

func TestEntryValidate(t *testing.T) {
	data := func(change func(*Entry)) Entry {
		e := sampleEntries()[1]
		e.Shards = slices.Clone(e.Shards)
		change(&e)
		return e
	}
	tests := []struct {
		name string
		e    Entry
	}{
		{"no state", Entry{}},
		{"unknown state", Entry{State: 5}},
		{"filler with tail", Entry{State: Filler, Tail: 64}},
		{"gone with tail", Entry{State: Gone, Tail: 64}},
		{"filler with shards", Entry{State: Filler, Shards: sampleEntries()[1].Shards}},
		{"tail within a group", data(func(e *Entry) { e.Tail = 129 })},
		{"shard beyond tail", data(func(e *Entry) { e.Tail = 64 })},
		{"overlap", data(func(e *Entry) { e.Shards[1].Offset = 4 })},
		{"empty shard", data(func(e *Entry) { e.Shards[1].Length = 0 })},
		{"huge shard", data(func(e *Entry) { e.Shards[2].Length = MaxShard + 1 })},
		{"other shard's order", data(func(e *Entry) { e.Shards[0].Root = pattern(99) })},
		{"other length's order", data(func(e *Entry) { e.Shards[0].Length = 4999 })},
		{"too many shards", data(func(e *Entry) { e.Shards = make([]ShardEntry, MaxShards+1) })},
	}
	for _, tt := range tests {
		if err := tt.e.Validate(); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for _, e := range sampleEntries() {
		if err := e.Validate(); err != nil {
			t.Errorf("sector %d: %v", e.Number, err)
		}
	}
}

// fullEntry has as many shards as may be, all with orders.
func fullEntry(number uint64) Entry {
	e := Entry{Number: number, Root: pattern(1), State: Data, Tail: MaxShards, Changed: 1}
	for i := range uint32(MaxShards) {
		o := &Order{Root: pattern(byte(i)), Length: 9}
		e.Shards = append(e.Shards, ShardEntry{Root: o.Root, Offset: i, Length: 9, Order: o})
	}
	return e
}

func TestFullEntryFitsAPage(t *testing.T) {
	p := ManifestPage{Head: sampleHead(), Entries: []Entry{fullEntry(0)}}
	if got, err := DecodeManifestPage(p.Encode()); err != nil || len(got.Entries[0].Shards) != MaxShards {
		t.Fatalf("a full sector does not pass: %v", err)
	}
	p.Entries = append(p.Entries, fullEntry(1), fullEntry(2))
	if err := p.Validate(); strata.CodeOf(err) != strata.TooLarge {
		t.Errorf("a page of %d bytes: %v", len(p.Encode()), err)
	}
}

func TestPageValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*ManifestPage)
	}{
		{"entries out of order", func(p *ManifestPage) { p.Entries[1].Number = 0 }},
		{"changed after the head", func(p *ManifestPage) { p.Entries[1].Changed = 10 }},
		{"more without entries", func(p *ManifestPage) { p.Entries = nil }},
		{"more after the last number", func(p *ManifestPage) { p.Entries[3].Number = 1<<64 - 1 }},
		{"invalid entry", func(p *ManifestPage) { p.Entries[2].State = 0 }},
	}
	for _, tt := range tests {
		p := samplePage()
		tt.change(&p)
		if err := p.Validate(); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", tt.name, err)
		}
		if _, err := DecodeManifestPage(p.Encode()); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s decoded: %v", tt.name, err)
		}
	}
}

func TestFits(t *testing.T) {
	p := strata.LocalProfile
	e := Entry{State: Data, Tail: p.Blocks, Shards: []ShardEntry{{Length: uint32(p.MaxShard())}}}
	if err := e.Fits(p); err != nil {
		t.Error(err)
	}
	e.Shards[0].Length++
	if err := e.Fits(p); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("large shard: %v", err)
	}
	e = Entry{State: Data, Tail: p.Blocks + 64}
	if err := e.Fits(p); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("tail beyond the sector: %v", err)
	}
}

// TestEntriesRoot recomputes the root from the documented layout.
func TestEntriesRoot(t *testing.T) {
	bare := sampleEntries()[1]
	bare.Changed = 0
	var flat []byte
	bare.Shards = slices.Clone(bare.Shards)
	bare.Shards[0].Order = nil
	page := ManifestPage{Entries: []Entry{bare}}.Encode()
	first := blake3.Sum256(page[pageHeadSize:])
	if got := sampleEntries()[1].Hash(); got != first {
		t.Fatal("an entry's hash is not that of its layout without orders and change")
	}
	second := sampleEntries()[2].Hash()
	flat = append(append(flat, first[:]...), second[:]...)
	if EntriesRoot(slices.Values([][32]byte{first, second})) != blake3.Sum256(flat) {
		t.Error("the root is not the hash of the entries' hashes")
	}
}

func TestEntryHashSeesEveryField(t *testing.T) {
	base := sampleEntries()[1].Hash()
	for name, change := range map[string]func(*Entry){
		"number": func(e *Entry) { e.Number++ }, "root": func(e *Entry) { e.Root[0]++ },
		"state": func(e *Entry) { e.State = Withdrawn }, "tail": func(e *Entry) { e.Tail += 64 },
		"shard root": func(e *Entry) { e.Shards[1].Root[0]++ }, "offset": func(e *Entry) { e.Shards[1].Offset++ },
		"length": func(e *Entry) { e.Shards[1].Length++ }, "deleted": func(e *Entry) { e.Shards[1].Deleted = false },
		"fewer": func(e *Entry) { e.Shards = e.Shards[:2] },
	} {
		e := sampleEntries()[1]
		if change(&e); e.Hash() == base {
			t.Errorf("the hash does not depend on %s", name)
		}
	}
}

func TestRetainOrder(t *testing.T) {
	for name, roots := range map[string][]strata.Root{"twice": {pattern(1), pattern(1)}, "falling": {pattern(2), pattern(1)}} {
		if _, err := DecodeRetain(Retain{Roots: roots}.Encode()); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := DecodeRetainResult(RetainResult{Missing: roots}.Encode()); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("result %s: %v", name, err)
		}
	}
	if err := (Retain{Roots: make([]strata.Root, MaxRetainRoots+1)}).Validate(); strata.CodeOf(err) != strata.TooLarge {
		t.Errorf("too long: %v", err)
	}
}

func TestValidateBounds(t *testing.T) {
	tests := []struct {
		name string
		err  error
		code strata.Code
	}{
		{"audit of nothing", AuditRequest{}.Validate(), strata.Invalid},
		{"audit of 17", AuditRequest{Leaves: make([]LeafRef, 17)}.Validate(), strata.Invalid},
		{"answer of nothing", AuditResponse{}.Validate(), strata.Invalid},
		{"answer of 17", AuditResponse{Openings: make([]Opening, 17)}.Validate(), strata.Invalid},
		{"empty leaf", AuditResponse{Openings: make([]Opening, 1)}.Validate(), strata.Invalid},
		{"missing with contents", AuditResponse{Openings: []Opening{{Missing: true, Opening: merkle.Opening{Block: []byte{1}}}}}.Validate(), strata.Invalid},
		{"long leaf", AuditResponse{Openings: []Opening{{Opening: merkle.Opening{Block: make([]byte, 1025)}}}}.Validate(), strata.Invalid},
		{"long path", AuditResponse{Openings: []Opening{{Opening: merkle.Opening{Block: []byte{1}, Path: make([]merkle.Hash, MaxPath+1)}}}}.Validate(), strata.Invalid},
		{"empty order", Order{}.Validate(), strata.Invalid},
		{"huge order", Order{Length: MaxShard + 1}.Validate(), strata.Invalid},
		{"empty receipt", Receipt{}.Validate(), strata.Invalid},
		{"large superblock", Superblock{Payload: make([]byte, MaxSuperblock+1)}.Validate(), strata.TooLarge},
		{"many partitions", Status{Partitions: make([]Partition, MaxPartitions+1)}.Validate(), strata.Invalid},
		{"long version", Status{Version: strings.Repeat("x", 101)}.Validate(), strata.Invalid},
	}
	for _, tt := range tests {
		if strata.CodeOf(tt.err) != tt.code {
			t.Errorf("%s: %v", tt.name, tt.err)
		}
	}
}

func TestOpeningVerify(t *testing.T) {
	data := bytes.Repeat([]byte("strata"), 500)
	tree := merkle.Build(data)
	open, err := merkle.Open(uint64(len(data)), 1, data, tree)
	if err != nil {
		t.Fatal(err)
	}
	size, o := uint64(len(data)), Opening{Opening: open}
	if err := o.Verify(tree.Root(), size, 1); err != nil {
		t.Error(err)
	}
	if err := o.Verify(tree.Root(), size, 0); strata.CodeOf(err) != strata.Corrupt {
		t.Errorf("another leaf: %v", err)
	}
	if err := (Opening{Missing: true}).Verify(tree.Root(), size, 1); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("missing: %v", err)
	}
}

func TestLargestStatusDecodes(t *testing.T) {
	s := Status{Version: strings.Repeat("<", 100), Profile: strings.Repeat("<", 100)}
	for range MaxPartitions {
		s.Partitions = append(s.Partitions, Partition{Validator: pattern(255), Sealed: 1<<64 - 1, Target: 1<<64 - 1})
	}
	if _, err := DecodeStatus(s.Encode()); err != nil {
		t.Error(err)
	}
}

func TestStatus(t *testing.T) {
	s := Status{
		Version: "1.0.0", Hotkey: pattern(1), Genesis: pattern(2), Netuid: 3, Profile: "local",
		Limits:     Limits{MaxShard: 1, LeavesPerSec: 2, LeavesBurst: 3, BytesPerSec: 4, BytesBurst: 5, RequestsAtOnce: 6},
		Partitions: []Partition{{Validator: pattern(3), Sealed: 1, Target: 2}},
	}
	if got, err := DecodeStatus(s.Encode()); err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := DecodeStatus([]byte("{")); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("half a document: %v", err)
	}
	if _, err := DecodeStatus(make([]byte, MaxStatus+1)); strata.CodeOf(err) != strata.TooLarge {
		t.Errorf("large document: %v", err)
	}
}
