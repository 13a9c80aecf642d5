package objects

import "testing"

// TestNoiseIsCheap: drawing a small object's bytes allocates nothing but the
// source, as what the bench itself costs is counted with what it measures.
func TestNoiseIsCheap(t *testing.T) {
	p := make([]byte, smallSize)
	base()
	if n := testing.AllocsPerRun(10, func() { _, _ = newNoise(1).Read(p) }); n > 1 {
		t.Errorf("%v allocations for %d bytes", n, len(p))
	}
}
