package check

import "testing"

func TestCheckers(t *testing.T) {
	for share, want := range map[int]int{1: 1, 50: 1, 100: 1, 101: 2, 400: 4, 450: 5} {
		if got := checkers(share); got != want {
			t.Errorf("%d per cent of a core: %d checkers, want %d", share, got, want)
		}
	}
}
