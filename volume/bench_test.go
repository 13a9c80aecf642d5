package volume

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"strata"
	"strata/volume/index"
	"strata/wire"
)

// BenchmarkOpenMillionShards is the start of a miner that holds 1,000,000
// shards (target: 2 s).
func BenchmarkOpenMillionShards(b *testing.B) {
	const sectors, each = 1000, 1000
	s := mustOpen(b, testConfig(b.TempDir()))
	plan(b, s, alice, sectors)
	d := s.disks[0]
	for n := range uint64(sectors) {
		if err := d.Commit(func(tx index.Tx) error { return fakeShards(tx, n, each) }); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		s = reopen(b, s)
	}
	if st := stats(s, alice); st.Shards != sectors*each {
		b.Fatalf("%+v", st)
	}
}

func fakeShards(tx index.Tx, number, each uint64) error {
	nodes := make([]byte, 992) // of a shard of 1 MiB
	for i := range each {
		var root [32]byte
		binary.BigEndian.PutUint64(root[:], (number*each+i)*0x9E3779B97F4A7C15)
		row := &index.Shard{Root: root, Number: number, Start: int64(i) * 1024, Length: 1024}
		if err := tx.InsertShard(alice, row, nodes, nil); err != nil {
			return err
		}
	}
	return errors.Join(tx.Sealed(alice, number, strata.Root{}), tx.SetTail(alice, number, 1024))
}

// BenchmarkAudit opens sixteen leaves of filler.
func BenchmarkAudit(b *testing.B) {
	s := sealed(b, 16)
	req := wire.AuditRequest{Partition: alice}
	for i := range uint64(wire.MaxLeaves) {
		req.Leaves = append(req.Leaves, wire.LeafRef{Sector: i, Leaf: uint32(i * 63)})
	}
	for b.Loop() {
		if res, err := s.OpenLeaves(context.Background(), req); err != nil || res.Openings[0].Missing {
			b.Fatal(err)
		}
	}
}

// BenchmarkPut stores shards eight at a time: as large as a sector takes them,
// and as small as those of a small file.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{tinySector / 4, 5 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) { benchmarkPut(b, size) })
	}
}

func benchmarkPut(b *testing.B, size int) {
	cfg := testConfig(b.TempDir())
	cfg.fs = nil
	s := mustOpen(b, cfg)
	plan(b, s, alice, 256)
	fill(b, s)
	b.SetBytes(int64(size))
	b.SetParallelism(4)
	seeds := make(chan uint64, 256*(tinySector/size)) // what there is room for
	for i := range uint64(cap(seeds)) {
		seeds <- i
	}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			select {
			case seed := <-seeds:
				data, root := blob(seed, size)
				if _, err := s.PutShard(context.Background(), alice, root, int64(size), bytes.NewReader(data), nil); err != nil {
					b.Error(err)
				}
			default:
				return
			}
		}
	})
}
