package volume

import (
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/volume/pipeline"
	"strata/volume/yield"
)

// sealTime seals eight sectors and returns how long that took on the clock of
// the bubble, which stands still while anybody works.
func sealTime(t *testing.T, change func(*Config), busy func(*Store) (done func())) time.Duration {
	var took time.Duration
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(t.TempDir())
		change(&cfg)
		s, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		plan(t, s, alice, 12)
		done := busy(s)
		began := time.Now()
		if err := s.Seal(t.Context(), 2, nil); err != nil {
			t.Fatal(err)
		}
		took = time.Since(began)
		done()
		check(t, s, alice)
	})
	return took
}

func idle(*Store) func() { return func() {} }

// Sealing stays below its rate; what fits into a pipeline.Piece goes at once.
func TestSealRate(t *testing.T) {
	const bytes = 12 * tinySector
	got := sealTime(t, func(c *Config) { c.SealRate = strata.MiB }, idle)
	want := time.Duration(bytes-pipeline.Piece) * time.Second / (1 << 20)
	if got < want || got > want+100*time.Millisecond {
		t.Errorf("%d bytes took %s at 1 MiB a second, want %s", bytes, got, want)
	}
	if got := sealTime(t, func(*Config) {}, idle); got > time.Second {
		t.Errorf("without a bound it took %s", got)
	}
}

// While the disk answers requests, each piece that is written or read back
// waits, but not for ever.
func TestSealYields(t *testing.T) {
	busy := func(s *Store) func() { return s.disks[0].Gate().Serve() }
	got := sealTime(t, func(*Config) {}, busy)
	if want := 12 * 2 * 4 * yield.Most; got < want || got > want+time.Second {
		t.Errorf("96 pieces took %s beside requests without end, want %s", got, want)
	}
}
