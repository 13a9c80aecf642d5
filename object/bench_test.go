package object_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"strata"
	"strata/catalog"
	"strata/object"
	"strata/object/objecttest"
	"strata/wire"
)

// sink takes shards and forgets them, so that a benchmark measures the encoder
// and not the memory of 30 miners.
type sink struct{ *objecttest.Fleet }

func (sink) PutShard(_ context.Context, _ wire.Endpoint, root strata.Root, body []byte) (wire.Receipt, error) {
	return wire.Receipt{Root: root, Length: uint64(len(body))}, nil
}

// BenchmarkPut encodes, encrypts and hashes 320 MiB for 10 of 30 miners.
func BenchmarkPut(b *testing.B) {
	w := newWorld(b, 30)
	s := benchStore(b, w, sink{w.fleet})
	data := noise(1, 320<<20)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.Put(b.Context(), object.PutRequest{Bucket: "b", Name: fmt.Sprint(i), Size: int64(len(data)), Body: bytes.NewReader(data)}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGet reads 64 MiB, from data shards and with a third of the miners gone.
func BenchmarkGet(b *testing.B) {
	for _, dead := range []int{0, 10} {
		b.Run(fmt.Sprintf("dead=%d", dead), func(b *testing.B) {
			w := newWorld(b, 30)
			s := benchStore(b, w, w.fleet)
			data := noise(1, 64<<20)
			info, err := s.Put(b.Context(), object.PutRequest{Bucket: "b", Name: "f", Size: int64(len(data)), Body: bytes.NewReader(data)})
			if err != nil {
				b.Fatal(err)
			}
			for i := range dead {
				w.fleet.Set(refuses, i)
			}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := s.Open(b.Context(), info.ID)
				if err != nil {
					b.Fatal(err)
				}
				if n, err := r.WriteTo(io.Discard); err != nil || n != info.Size {
					b.Fatal(n, err)
				}
				r.Close()
			}
		})
	}
}

func benchStore(b *testing.B, w *world, t object.Transport) *object.Store {
	s, err := object.New(b.Context(), object.Options{Catalog: w.db, Transport: t, Network: w.fleet, Secret: secret("alice"), Profile: strata.LocalProfile})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	return s
}

// BenchmarkRebuild renews four shards of a segment of 4 of 12. read/segment is
// what a repair reads for each byte of the segment.
func BenchmarkRebuild(b *testing.B) {
	w := newWorld(b, 12)
	id := w.put("f", noise(1, segment)).ID
	seg := w.segmentsOf(id)[0]
	w.fleet.Grow(4)
	w.fleet.Set(refuses, 0, 1, 2, 3)
	b.SetBytes(seg.Size)
	var read int64
	for b.Loop() {
		out, err := w.store.Rebuild(b.Context(), w.renewal(seg, 0, 1, 2, 3))
		if err != nil {
			b.Fatal(err)
		}
		read += out.Read
		b.StopTimer()
		w.putBack(seg)
		b.StartTimer()
	}
	b.ReportMetric(float64(read)/float64(seg.Size)/float64(b.N), "read/segment")
}

// putBack records a segment's shards where they were.
func (w *world) putBack(seg catalog.Segment) {
	w.t.Helper()
	for _, h := range seg.Shards {
		u := []catalog.ShardUpdate{{Index: h.Index, State: h.State, Miner: h.Miner}}
		if err := w.db.UpdateShards(w.t.Context(), seg.Origin, seg.Number, u); err != nil {
			w.t.Fatal(err)
		}
	}
	due, err := w.db.DueDeletions(w.t.Context(), time.Now().Add(2*time.Hour), 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range due {
		if err := w.db.Deleted(w.t.Context(), d); err != nil {
			w.t.Fatal(err)
		}
	}
}
