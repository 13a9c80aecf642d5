package background

import "golang.org/x/sys/unix"

// lower sets the priority of this thread alone, which Linux takes for a process
// of its own (setpriority(2), notes). It cannot fail for one's own thread, and
// if it did, the work would only be less polite.
func lower() { _ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), niceness) }
