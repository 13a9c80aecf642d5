package leaks

import (
	"testing"

	"go.uber.org/goleak"
)

// TestFind: a goroutine that stays is found, and one that has ended is not.
func TestFind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	stay, ended := make(chan struct{}), make(chan struct{})
	go func() { <-stay; close(ended) }()
	if find(0, before) == nil {
		t.Error("a goroutine that stays is not found")
	}
	close(stay)
	<-ended
	None(t, before)
}
