// Package hugepage hands out the large buffers that sectors are filled in.
// A fill reads sixteen lines from anywhere in its sector for each block, so
// with ordinary pages it waits for page tables: huge pages make it twice as
// fast where the system has them.
package hugepage

import (
	"os"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v4/mem"

	"strata"
)

// Align is the alignment in bytes of every buffer: the size of a huge page on
// the systems that have them, and enough for direct I/O everywhere.
const Align = 2 << 20

// Memory is one buffer, outside the Go heap where the system allows it: the
// collector neither scans it nor counts it against its limit. Its owner is one
// goroutine at a time.
type Memory struct {
	bytes []byte // the aligned part that is handed out
	whole []byte // what the system gave
}

// Alloc returns a buffer of exactly size bytes, which are zero. Bytes of it
// become real memory as they are first written, so a buffer that is used again
// costs no page faults: it holds what was left in it. A size of zero has code
// Invalid; more than Available() has code Unavailable and says both numbers.
func Alloc(size strata.ByteSize) (*Memory, error) {
	if size == 0 || size > 1<<62 || uint64(int(size)) != uint64(size) {
		return nil, strata.E(strata.Invalid, "a buffer of %s cannot be had on this machine", size)
	}
	if free, err := Available(); err == nil && size > free {
		return nil, tooLittle(size, free)
	}
	whole, err := reserve(int(size) + Align)
	if err != nil {
		return nil, strata.E(strata.Unavailable, "the system refuses %s of memory: %w", size, err)
	}
	skip := offset(whole)
	b := whole[skip : skip+int(size) : skip+int(size)]
	advise(b)
	return &Memory{bytes: b, whole: whole}, nil
}

func tooLittle(size, free strata.ByteSize) error {
	return strata.E(strata.Unavailable, "too little memory: %s are needed at once and %s are free: stop other programs or use a machine with more", size, free)
}

// Bytes returns the buffer, which must not be used after Free.
func (m *Memory) Bytes() []byte { return m.bytes }

// Free gives the memory back to the system. Using a slice of it afterwards
// crashes the process, so its users must have ended. A second call, and one on
// nil, does nothing.
func (m *Memory) Free() {
	if m == nil || m.whole == nil {
		return
	}
	release(m.whole)
	m.bytes, m.whole = nil, nil
}

// Available returns how much memory a program can take now without others
// being pushed out: what the system calls available, within the limit of the
// container that this process runs in, if it has one.
func Available() (strata.ByteSize, error) {
	m, err := mem.VirtualMemory()
	if err != nil {
		return 0, strata.E(strata.Internal, "ask for free memory: %w", err)
	}
	return within(strata.ByteSize(m.Available), os.ReadFile), nil
}

// container names the files that hold a container's limit and use of memory, as
// the container itself sees them.
type container struct{ limit, used, stat string }

// containers are control groups version 2 and 1.
var containers = []container{
	{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"},
	{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes", "/sys/fs/cgroup/memory/memory.stat"},
}

// within lowers free to what a container's limit leaves. The container's use
// includes the files that it has read and written; the system drops those from
// memory when it needs room.
func within(free strata.ByteSize, read func(string) ([]byte, error)) strata.ByteSize {
	for _, c := range containers {
		limit, okLimit := number(read, c.limit)
		used, okUsed := number(read, c.used)
		if okLimit && okUsed {
			used -= min(used, files(read, c.stat))
			free = min(free, limit-min(used, limit))
		}
	}
	return free
}

// number reads a file that holds one number; "max" is none.
func number(read func(string) ([]byte, error), path string) (strata.ByteSize, bool) {
	raw, err := read(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(raw)), 10, 64)
	return strata.ByteSize(n), err == nil
}

// files returns how much of a container's memory holds contents of files.
func files(read func(string) ([]byte, error), path string) (sum strata.ByteSize) {
	raw, _ := read(path) // without it, all memory in use counts as such
	for line := range strings.Lines(string(raw)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseUint(value, 10, 64); err == nil && (name == "inactive_file" || name == "active_file") {
			sum += strata.ByteSize(n)
		}
	}
	return sum
}
