package fetch

import (
	"bytes"
	"context"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/catalog"
	"strata/envelope"
	"strata/erasure"
	"strata/object/roster"
	"strata/object/segment"
	"strata/wire"
)

// sluggish is a transport whose miners answer after a time of their own.
type sluggish struct {
	shards map[strata.Hotkey][]byte
	after  map[strata.Hotkey]time.Duration
	gets   atomic.Int32
}

func (s *sluggish) GetShard(ctx context.Context, from wire.Endpoint, _ strata.Root, _, off, n uint64) (io.ReadCloser, error) {
	s.gets.Add(1)
	select {
	case <-time.After(s.after[from.Hotkey]):
		return io.NopCloser(bytes.NewReader(s.shards[from.Hotkey][off : off+n])), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type oneKey envelope.Key

func (k oneKey) Open(string, []byte, strata.ObjectID) (envelope.Key, error) {
	return envelope.Key(k), nil
}

// TestSparesGetTheirTime: spares that were asked because a row is late are given
// as long as the first, though chunks of the row come meanwhile.
func TestSparesGetTheirTime(t *testing.T) {
	const k, total = 4, 16
	codec, err := erasure.New(erasure.RS8, k, total)
	if err != nil {
		t.Fatal(err)
	}
	plain := make([]byte, 4000)
	for i := range plain {
		plain[i] = byte(i * i)
	}
	key := envelope.Key{1}
	synctest.Test(t, func(t *testing.T) {
		peers := &sluggish{shards: map[strata.Hotkey][]byte{}, after: map[strata.Hotkey]time.Duration{}}
		s := New(Options{
			Miners: roster.New(roster.Fixed(nil), time.Now), Transport: peers, Keys: oneKey(key), Hedge: 500 * time.Millisecond,
		})
		bodies := make([][]byte, total)
		e, err := segment.NewEncoder(codec, key, 0, bodies)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Add(bytes.Clone(plain), true); err != nil {
			t.Fatal(err)
		}
		at := map[strata.Hotkey]wire.Endpoint{}
		shards := e.Records()
		for i := range shards {
			h := strata.Hotkey{byte(i + 1)}
			shards[i].Miner, shards[i].State = h, catalog.Stored
			at[h] = wire.Endpoint{Hotkey: h}
			peers.shards[h] = bodies[i]
			peers.after[h] = 400 * time.Millisecond // the spares
			if i < k {
				peers.after[h] = time.Duration(i+1) * 300 * time.Millisecond
			}
		}
		seg := catalog.Segment{Codec: codec.Name(), K: k, Total: total, Size: e.Size(), Shards: shards}
		r, err := s.open(seg, at)
		if err != nil {
			t.Fatal(err)
		}
		f := newFetch(t.Context(), r, newSpan(seg, 0, e.Size()))
		defer func() { f.close(); time.Sleep(2 * drainLimit) }() // what is under way may end
		f.enter(0)
		began := time.Now()
		var got []byte
		for i := range k {
			c, err := f.chunk(0, i)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, c...)
		}
		if !bytes.Equal(got[:len(plain)], plain) {
			t.Error("other bytes came back")
		}
		// Late at 500 ms: three spares, which answer at 900.
		if took := time.Since(began); took != 900*time.Millisecond || peers.gets.Load() != k+3 {
			t.Errorf("%d shards read, in %s", peers.gets.Load(), took)
		}
	})
}
