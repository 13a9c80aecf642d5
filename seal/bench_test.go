package seal

import (
	"context"
	"fmt"
	"testing"

	"strata"
)

func BenchmarkPerm(b *testing.B) {
	z := block{1, 2, 3}
	b.SetBytes(strata.BlockSize)
	for b.Loop() {
		z.perm()
	}
}

func BenchmarkParents(b *testing.B) {
	var out [lines]uint32
	j := uint32(0)
	for b.Loop() {
		j = (j + 1) & (1<<20 - 1)
		parents(&out, 42, 1<<20, 2, j)
	}
}

// BenchmarkFill reports sealed bytes in a second (all passes) and the time of
// one block in one pass.
func BenchmarkFill(b *testing.B) {
	for _, p := range []strata.Profile{
		{Name: "local", Blocks: 4096, Passes: 4},
		{Name: "64MiB-p6", Blocks: 1 << 16, Passes: 6},
	} {
		s := Sector{Blocks: p.Blocks, Passes: p.Passes}
		b.Run(fmt.Sprintf("%s-n%d-p%d", p.Name, p.Blocks, p.Passes), func(b *testing.B) {
			buf := make([]byte, s.Size())
			b.SetBytes(s.Size())
			for b.Loop() {
				if err := s.Fill(context.Background(), buf); err != nil {
					b.Fatal(err)
				}
			}
			steps := float64(b.N) * float64(p.Blocks) * float64(p.Passes)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/steps, "ns/block-pass")
		})
	}
}
