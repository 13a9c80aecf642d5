// Package leaks is for tests that leave no goroutine behind. Package goleak gives
// those that are about to end less than half a second to do so, which a busy
// machine can take to let them run at all; here they have a minute, of which a
// test without a leak uses what it needs.
package leaks

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long goroutines may take to end.
const patience = time.Minute

// Main runs a package's tests, and fails when goroutines are left after them.
func Main(m *testing.M) {
	code := m.Run()
	if err := find(patience); err != nil && code == 0 {
		_, _ = os.Stderr.WriteString(err.Error() + "\n") // there is nowhere else to say it
		code = 1
	}
	os.Exit(code)
}

// None fails the test when goroutines are left that options do not name.
func None(t testing.TB, options ...goleak.Option) {
	t.Helper()
	if err := find(patience, options...); err != nil {
		t.Error(err)
	}
}

// find returns what is still left after a while, nil as soon as nothing is.
func find(within time.Duration, options ...goleak.Option) error {
	end := time.Now().Add(within)
	for {
		err := goleak.Find(options...)
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}
