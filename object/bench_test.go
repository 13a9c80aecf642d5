package object_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"strata"
	"strata/object"
	"strata/wire"
)

// sink takes shards and forgets them, so that a benchmark measures the encoder
// and not the memory of 30 miners.
type sink struct{ *fleet }

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
				w.fleet.set(refuses, i)
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
