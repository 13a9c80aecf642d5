package fetch_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/catalog"
	"strata/envelope"
	"strata/internal/leaks"
	"strata/object/fetch"
	"strata/object/keyring"
	"strata/object/objecttest"
	"strata/object/roster"
	"strata/object/segment"
	"strata/wire"
)

const k, total = 3, 7

func TestMain(m *testing.M) { leaks.Main(m) }

// shelf is a fleet that holds segments, and the records of them.
type shelf struct {
	fleet    *objecttest.Fleet
	from     *fetch.Source
	plain    []byte
	segments []catalog.Segment

	mu   sync.Mutex
	lost map[uint64][]int // by segment; guarded by mu
}

func (s *shelf) Shards(_ context.Context, ref catalog.SegmentRef) ([]catalog.Shard, error) {
	return s.segments[ref.Number].Shards, nil
}

func (s *shelf) UpdateShards(_ context.Context, _ strata.ObjectID, number uint64, news []catalog.ShardUpdate) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range news {
		if u.State == catalog.Lost {
			s.lost[number] = append(s.lost[number], u.Index)
		}
	}
	return nil
}

// newShelf stores segments of those sizes, shard i with miner i.
func newShelf(t *testing.T, sizes ...int) *shelf {
	t.Helper()
	s := &shelf{fleet: objecttest.New(total), lost: map[uint64][]int{}}
	s.from = fetch.New(fetch.Options{
		Miners: roster.New(s.fleet, time.Now), Transport: s.fleet, Keys: keyring.Bare{}, Records: s, Hedge: 100 * time.Millisecond,
	})
	for number, size := range sizes {
		plain := make([]byte, size)
		rand.NewChaCha8([32]byte{byte(number)}).Read(plain)
		seg, err := s.fleet.Shelve(envelope.Key{1}, uint64(number), k, total, plain)
		if err != nil {
			t.Fatal(err)
		}
		s.plain, s.segments = append(s.plain, plain...), append(s.segments, seg)
	}
	return s
}

func (s *shelf) read(t *testing.T, off, n int) ([]byte, error) {
	t.Helper()
	r, err := s.from.Range(t.Context(), s.segments, int64(off), int64(n))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return io.ReadAll(r)
}

const row = k * envelope.ChunkPlain

// TestRanges: any range is what was stored, whoever fails, as long as k do not.
func TestRanges(t *testing.T) {
	for name, moods := range map[string]map[int]objecttest.Mood{
		"all answer":      nil,
		"data is missing": {0: objecttest.Refuses, 1: objecttest.Corrupt},
		"only k answer":   {0: objecttest.Breaks, 2: objecttest.Refuses, 4: objecttest.Corrupt, 6: objecttest.Refuses},
		"some hang":       {1: objecttest.Hangs, 3: objecttest.Stalls},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 2*row, 6*row+100, 17)
			for i, m := range moods {
				s.fleet.Set(m, i)
			}
			size := len(s.plain)
			for _, c := range [][2]int{{0, size}, {0, 1}, {size - 1, 1}, {size, 0}, {2*row - 5, 10}, {3*row + 7, 2 * row}, {row + 1, size - row - 1}} {
				got, err := s.read(t, c[0], c[1])
				if err != nil || !bytes.Equal(got, s.plain[c[0]:c[0]+c[1]]) {
					t.Fatalf("%d bytes from %d: got %d that differ, or %v", c[1], c[0], len(got), err)
				}
			}
		})
	}
}

// sluggish is a transport whose miners answer after a time of their own.
type sluggish struct {
	*objecttest.Fleet
	after map[strata.Hotkey]time.Duration
	asked atomic.Int32
}

func (s *sluggish) GetShard(ctx context.Context, from wire.Endpoint, root strata.Root, size, off, n uint64) (io.ReadCloser, error) {
	s.asked.Add(1)
	select {
	case <-time.After(s.after[from.Hotkey]):
		return s.Fleet.GetShard(ctx, from, root, size, off, n)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestSparesGetTheirTime: spares that were asked because a row is late are given
// as long as the first, though chunks of the row come meanwhile.
func TestSparesGetTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const k, total = 4, 16
		peers := &sluggish{Fleet: objecttest.New(total), after: map[strata.Hotkey]time.Duration{}}
		for i, m := range peers.Miners {
			peers.after[m.Hotkey] = 400 * time.Millisecond // the spares
			if i < k {
				peers.after[m.Hotkey] = time.Duration(i+1) * 300 * time.Millisecond
			}
		}
		plain := make([]byte, 4000)
		rand.NewChaCha8([32]byte{}).Read(plain)
		seg, err := peers.Shelve(envelope.Key{1}, 0, k, total, bytes.Clone(plain))
		if err != nil {
			t.Fatal(err)
		}
		from := fetch.New(fetch.Options{
			Miners: roster.New(peers, time.Now), Transport: peers, Keys: keyring.Bare{}, Hedge: 500 * time.Millisecond,
		})
		r, err := from.Range(t.Context(), []catalog.Segment{seg}, 0, seg.Size)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { r.Close(); time.Sleep(time.Second) }() // what is under way may end
		began := time.Now()
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes that differ, or %v", len(got), err)
		}
		// Late at 500 ms: three spares, which answer at 900.
		if took := time.Since(began); took != 900*time.Millisecond || peers.asked.Load() != k+3 {
			t.Errorf("%d shards asked for, in %s", peers.asked.Load(), took)
		}
	})
}

// TestRangeSaysWhyItEnds: too few miners, and other bytes than are expected, are
// errors, not ends.
func TestRangeSaysWhyItEnds(t *testing.T) {
	s := newShelf(t, row+1)
	r, err := s.from.Range(t.Context(), s.segments, 0, row+1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Expect([32]byte{1})
	if got, err := io.ReadAll(r); strata.CodeOf(err) != strata.Corrupt || len(got) != row+1 {
		t.Errorf("another digest: %d bytes, %v", len(got), err)
	}
	s.fleet.Set(objecttest.Refuses, 0, 1, 3, 4, 5)
	if got, err := s.read(t, 0, row+1); strata.CodeOf(err) != strata.Unavailable || len(got) > 0 {
		t.Errorf("two of the three miners needed: %d bytes, %v", len(got), err)
	}
}

// TestWhole: a segment is read from k miners alone, its rows are what was stored, and
// what is missing or damaged is recorded.
func TestWhole(t *testing.T) {
	s := newShelf(t, 3*row+5)
	s.fleet.Set(objecttest.Corrupt, 0)
	clear(s.fleet.Miners[1].Shards)
	s.fleet.Set(objecttest.Refuses, 2)
	g, err := s.from.Whole(t.Context(), s.segments[0])
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	var got []byte
	for r := range g.Layout().Rows() {
		chunks, err := g.Row(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		var data []byte
		for _, c := range chunks[:k] {
			data = append(data, c...)
		}
		got = append(got, data[:g.Layout().RowLen(r)]...)
		g.Recycle(chunks)
	}
	if !bytes.Equal(got, s.plain) {
		t.Error("other bytes than were stored")
	}
	if want := k * g.Layout().ShardLen(); g.BytesRead() != want {
		t.Errorf("read %d bytes of shards, want %d", g.BytesRead(), want)
	}
	g.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if lost := s.lost[0]; len(lost) != 2 || lost[0]+lost[1] != 1 {
		t.Errorf("shards %v are recorded as lost, want 0 and 1", lost)
	}
}

// TestCopy writes what a record alone leads to, and refuses what no layout has.
func TestCopy(t *testing.T) {
	s := newShelf(t, 2*row+5)
	s.fleet.Set(objecttest.Refuses, 0, 4)
	var got bytes.Buffer
	if err := s.from.Copy(t.Context(), &got, s.segments[0]); err != nil || !bytes.Equal(got.Bytes(), s.plain) {
		t.Errorf("%d bytes that differ, or %v", got.Len(), err)
	}
	bad := s.segments[0]
	bad.Size = segment.MaxSize + 1
	if err := s.from.Copy(t.Context(), &got, bad); strata.CodeOf(err) != strata.Corrupt {
		t.Errorf("a record that no layout has: %v", err)
	}
	s.fleet.Set(objecttest.Refuses, 1, 2, 3)
	if err := s.from.Copy(t.Context(), &got, s.segments[0]); strata.CodeOf(err) != strata.Unavailable {
		t.Errorf("two miners of three: %v", err)
	}
}

// TestShard: one shard is read sealed as it is; other bytes are seen.
func TestShard(t *testing.T) {
	s := newShelf(t, 100)
	h, m := s.segments[0].Shards[5], s.fleet.Miners[5]
	buf := make([]byte, h.Length)
	if n, err := s.from.Shard(t.Context(), m.Endpoint, h, buf); err != nil || n != h.Length || !bytes.Equal(buf, m.Shards[h.Root]) {
		t.Errorf("%d bytes that differ, or %v", n, err)
	}
	if err := s.from.Probe(t.Context(), m.Endpoint, h, 3, 4); err != nil {
		t.Error(err)
	}
	s.fleet.Set(objecttest.Corrupt, 5)
	if _, err := s.from.Shard(t.Context(), m.Endpoint, h, buf); strata.CodeOf(err) != strata.Corrupt {
		t.Errorf("a flipped bit: %v", err)
	}
	clear(m.Shards)
	if err := s.from.Probe(t.Context(), m.Endpoint, h, 3, 4); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("a shard that is not there: %v", err)
	}
}
