package hugepage

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"strata"
)

func TestAllocIsAlignedZeroAndExact(t *testing.T) {
	for _, size := range []strata.ByteSize{1, 4096, Align - 1, Align, 3*Align + 1} {
		m, err := Alloc(size)
		if err != nil {
			t.Fatal(err)
		}
		b := m.Bytes()
		if len(b) != int(size) || cap(b) != int(size) {
			t.Errorf("%s: %d bytes with room for %d", size, len(b), cap(b))
		}
		if offset(b) != 0 {
			t.Errorf("%s: not aligned", size)
		}
		if !bytes.Equal(b, make([]byte, size)) {
			t.Errorf("%s: not zero", size)
		}
		for i := range b { // all of it can be written
			b[i] = 0xff
		}
		m.Free()
		m.Free()
		if m.Bytes() != nil {
			t.Errorf("%s: freed memory is still there", size)
		}
	}
	(*Memory)(nil).Free()
}

func TestAllocRefuses(t *testing.T) {
	for size, want := range map[strata.ByteSize]strata.Code{
		0: strata.Invalid, 1 << 63: strata.Invalid, 1 << 60: strata.Unavailable,
	} {
		m, err := Alloc(size)
		if m != nil || strata.CodeOf(err) != want {
			t.Errorf("%d bytes: %v, want code %s", size, err, want)
		}
	}
	_, err := Alloc(1 << 60)
	if !strings.Contains(err.Error(), "1048576 TiB are needed") {
		t.Errorf("%q does not say how much is needed", err)
	}
}

func TestAvailableIsWithinTheContainer(t *testing.T) {
	const free = 8 * strata.GiB
	for _, c := range []struct {
		max, used string // of version 2
		v1max     string // of version 1, of which 1 GiB is used
		stat      string // of either
		want      strata.ByteSize
	}{
		{"", "", "", "", free},
		{"max\n", "1000\n", "", "", free},
		{"4294967296\n", "1073741824\n", "", "", 3 * strata.GiB},
		{"1073741824\n", "2147483648\n", "", "", 0},
		{"99999999999999\n", "0\n", "", "", free},
		{"", "", "2147483648\n", "", strata.GiB},
		{"", "", "9223372036854771712\n", "", free},
		{"nonsense", "7", "", "", free},
		{"4294967296\n", "4294967296\n", "", "anon 1\ninactive_file 1073741824\nactive_file 1073741824\n", 2 * strata.GiB},
		{"4294967296\n", "1000\n", "", "inactive_file 9999999999\n", 4 * strata.GiB},
		{"", "", "2147483648\n", "inactive_file x\ninactive_file\nactive_file 536870912\n", 3 * strata.GiB / 2},
	} {
		files := map[string]string{
			"/sys/fs/cgroup/memory.max": c.max, "/sys/fs/cgroup/memory.current": c.used,
			"/sys/fs/cgroup/memory.stat": c.stat, "/sys/fs/cgroup/memory/memory.stat": c.stat,
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": c.v1max,
			"/sys/fs/cgroup/memory/memory.usage_in_bytes": fmt.Sprint(uint64(strata.GiB)),
		}
		read := func(path string) ([]byte, error) {
			if s := files[path]; s != "" {
				return []byte(s), nil
			}
			return nil, fs.ErrNotExist
		}
		if got := within(free, read); got != c.want {
			t.Errorf("%+v: %s, want %s", c, got, c.want)
		}
	}
	if got, err := Available(); err != nil || got == 0 {
		t.Errorf("this machine has %s: %v", got, err)
	}
}
