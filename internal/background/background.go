// Package background keeps long computations out of the way of whoever serves:
// they get the processor when nobody else wants it.
package background

import (
	"runtime"
	"sync"
)

// niceness is how far below others a background thread is; the system's scale
// ends at 19. At 10 a thread that competes with one of normal priority gets a
// tenth of a core.
const niceness = 10

// Lower binds the calling goroutine to a thread of the lowest useful priority,
// where the system has such (Linux), for the rest of its life: the thread ends
// with it. Elsewhere it does nothing.
func Lower() {
	runtime.LockOSThread() // and never unlocked, so that the thread is not used again
	lower()
}

// Room lets the Go scheduler run n goroutines more at once, as many as there are
// in the background, until the function that it returns is called. Otherwise each
// would take a place from those that serve, for up to 10 ms at a time; so the
// system decides, by priority.
func Room(n int) (back func()) {
	more(n)
	return sync.OnceFunc(func() { more(-n) })
}

var mu sync.Mutex // one changes the number at a time

func more(n int) {
	mu.Lock()
	defer mu.Unlock()
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
}
