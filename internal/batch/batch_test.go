package batch

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
)

// TestDo: whoever arrives while a batch runs joins the next one, and each gets
// its own error.
func TestDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		var mu sync.Mutex
		var batches [][]int
		gate := make(chan struct{})
		odd := errors.New("odd")
		run := func(items []int) []error {
			<-gate
			mu.Lock()
			defer mu.Unlock()
			batches = append(batches, items)
			errs := make([]error, len(items))
			for i, n := range items {
				if n%2 == 1 {
					errs[i] = odd
				}
			}
			return errs
		}
		var wg sync.WaitGroup
		ask := func(n int) {
			wg.Go(func() {
				if err := g.Do(n, run); errors.Is(err, odd) != (n%2 == 1) {
					t.Errorf("%d: %v", n, err)
				}
			})
			synctest.Wait()
		}
		for n := range 5 {
			ask(n)
		}
		close(gate)
		wg.Wait()
		if len(batches) != 2 || len(batches[0]) != 1 || len(batches[1]) != 4 {
			t.Errorf("batches %v, want one of the first and one of the others", batches)
		}
		if err := g.Do(2, run); err != nil || len(batches) != 3 {
			t.Errorf("afterwards: %v, %d batches", err, len(batches))
		}
	})
}
