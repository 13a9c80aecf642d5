//go:build linux

package background

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// priority returns the niceness of the calling thread; the system call's answer
// is 20 minus that.
func priority(t *testing.T) int {
	t.Helper()
	p, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
	if err != nil {
		t.Fatal(err)
	}
	return 20 - p
}

func TestLowerIsOfOneThread(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := priority(t)
	if before >= niceness {
		t.Skipf("this process has niceness %d already", before)
	}
	low := make(chan int)
	go func() {
		Lower()
		low <- priority(t)
	}()
	if got := <-low; got != niceness {
		t.Errorf("niceness %d, want %d", got, niceness)
	}
	if got := priority(t); got != before {
		t.Errorf("another thread has niceness %d, had %d", got, before)
	}
}
