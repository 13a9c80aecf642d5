package chain

import (
	"testing"

	"pgregory.net/rapid"

	"strata"
)

func TestScheduleComputed(t *testing.T) {
	s := Hyperparameters{Tempo: 19}.Epochs(7) // block + 8 divided by 20
	for _, c := range []struct{ block, epoch, first, left uint64 }{
		{0, 0, 0, 11}, {11, 0, 0, 0}, {12, 1, 12, 19}, {31, 1, 12, 0}, {32, 2, 32, 19},
	} {
		if e := s.Epoch(c.block); e != c.epoch || s.First(e) != c.first || s.Left(c.block) != c.left {
			t.Errorf("block %d: epoch %d from %d, %d left; want %+v", c.block, e, s.First(e), s.Left(c.block), c)
		}
	}
}

func TestScheduleCounted(t *testing.T) {
	s := Schedule{Tempo: 10, Counted: true, Index: 5, Last: 100}
	for _, c := range []struct {
		pending, block, epoch, first, left uint64
	}{
		{0, 100, 5, 100, 9}, {0, 109, 5, 100, 0}, {0, 110, 6, 110, 9}, {0, 125, 7, 120, 4},
		{104, 103, 5, 100, 0}, {104, 104, 6, 104, 9}, {104, 115, 7, 114, 8}, {200, 115, 6, 110, 4},
	} {
		s.Pending = c.pending
		if e := s.Epoch(c.block); e != c.epoch || s.First(e) != c.first || s.Left(c.block) != c.left {
			t.Errorf("pending %d, block %d: epoch %d from %d, %d left; want %+v", c.pending, c.block, e, s.First(e), s.Left(c.block), c)
		}
	}
}

// TestSchedulesAgreeWithThemselves: the first block of an epoch is in it, the
// one before is not.
func TestSchedulesAgreeWithThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Schedule{
			Netuid: strata.Netuid(rapid.Uint16Max(100).Draw(t, "netuid")), Tempo: rapid.Uint16Max(400).Draw(t, "tempo"),
			Counted: rapid.Bool().Draw(t, "counted"), Index: rapid.Uint64Max(50).Draw(t, "index"), Last: rapid.Uint64Max(1000).Draw(t, "last"),
		}
		epoch := s.Epoch(s.Last+rapid.Uint64Range(0, 5000).Draw(t, "block")) + 1
		first := s.First(epoch)
		if s.Epoch(first) != epoch || s.Epoch(first-1) != epoch-1 || s.Left(first-1) != 0 || s.Left(first) != s.Length()-1 {
			t.Fatalf("%+v: epoch %d from %d: %d, before it %d", s, epoch, first, s.Epoch(first), s.Epoch(first-1))
		}
	})
}
