package link

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// TestDialError: what a person reads of a node that is not there names it once.
func TestDialError(t *testing.T) {
	var wg sync.WaitGroup
	for url, want := range map[string]string{
		"ws://127.0.0.1:1":                   "connection refused",
		"ws://no-such-host.invalid:notaport": "invalid port",
	} {
		_, err := dial(t.Context(), url, Options{Timeout: 5 * time.Second}, &wg)
		if err == nil || !strings.HasPrefix(err.Error(), url+": ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "handshake") {
			t.Errorf("%s: %v", url, err)
		}
	}
	wg.Wait()
}
