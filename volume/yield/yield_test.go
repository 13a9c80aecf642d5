package yield

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// The gate opens with the last request, and for those who give up.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		if err := g.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		first, second := g.Serve(), g.Serve()
		began := time.Now()
		passed := make(chan time.Duration, 2)
		for range 2 {
			go func() {
				_ = g.Wait(t.Context())
				passed <- time.Since(began)
			}()
		}
		time.Sleep(10 * time.Millisecond)
		first()
		time.Sleep(10 * time.Millisecond)
		if len(passed) > 0 {
			t.Error("somebody passed while a request was under way")
		}
		second()
		for range 2 {
			if got := <-passed; got != 20*time.Millisecond {
				t.Errorf("passed after %s", got)
			}
		}
		defer g.Serve()()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.Wait(ctx); err != context.Canceled {
			t.Error(err)
		}
	})
}
