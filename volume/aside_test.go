package volume

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"strata"
	"strata/volume/disk"
	"strata/volume/layout"
	"strata/volume/vfs/faultfs"
)

// journal is a log that a test reads.
type journal struct {
	mu   sync.Mutex
	b    bytes.Buffer
	more sync.Cond // of mu, told of every line
}

func newJournal() *journal {
	j := &journal{}
	j.more.L = &j.mu
	return j
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.more.Broadcast()
	return j.b.Write(p)
}

// logger writes to it.
func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// wait returns when a line has text in it.
func (j *journal) wait(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for !strings.Contains(j.b.String(), text) {
		j.more.Wait()
	}
}

// count returns how many lines have text in them.
func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.b.String(), text)
}

// twoDisks opens a store with sectors for alice to be sealed on both of two
// disks, in which faults can be set.
func twoDisks(t *testing.T, sectors uint64) (*Store, *faultfs.FS, *journal) {
	t.Helper()
	fs, log := &faultfs.FS{}, newJournal()
	cfg := testConfig(t.TempDir(), t.TempDir())
	cfg.fs, cfg.Log = fs, log.logger()
	s := mustOpen(t, cfg)
	plan(t, s, alice, sectors, sectors)
	return s, fs, log
}

// sealedOn counts the sealed sectors of a disk.
func sealedOn(s *Store, d *disk.Disk) (n int) {
	s.eachSector(func(_ *partition, c *sector) {
		if c.disk == d && listed(c.state) {
			n++
		}
	})
	return n
}

// onceOn calls do when the disk has a sealed sector for the first time.
func onceOn(s *Store, d *disk.Disk, do func()) func() {
	once := sync.OnceFunc(do)
	return func() {
		if sealedOn(s, d) > 0 {
			once()
		}
	}
}

// A disk that fails while it is sealed keeps nobody up, and is taken up again
// when it is back, without a restart.
func TestDiskFailsAndComesBack(t *testing.T) {
	s, fs, log := twoDisks(t, 6)
	good, bad := s.disks[0], s.disks[1]
	release := fs.Hang(filepath.Join(good.Dir(), layout.DataName(alice))) // it has sectors left when the other is back
	fail := onceOn(s, bad, func() { fs.Fail(bad.Dir()) })
	mend := sync.OnceFunc(func() {
		fs.Mend(bad.Dir())
		log.wait("disk works again")
		release()
	})
	err := s.Seal(context.Background(), 2, func(_, _ strata.ByteSize) {
		fail()
		if log.count("disk set aside") > 0 {
			mend()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	// Whoever found the disk away just before it was back sets it aside once more.
	aside := log.count("disk set aside")
	if aside < 1 || aside > 2 || log.count("disk works again") != aside || log.count("dir="+bad.Dir()) != 2*aside {
		t.Errorf("the log says\n%s", log.b.String())
	}
	if n := len(check(t, s, alice)); n != 12 {
		t.Errorf("%d entries of 12", n)
	}
	check(t, reopen(t, s), alice)
}

// A disk that stays away leaves its sectors to the next call; the others are
// sealed before the error is returned.
func TestDiskStaysAway(t *testing.T) {
	s, fs, log := twoDisks(t, 4)
	bad := s.disks[1]
	fail := onceOn(s, bad, func() { fs.Fail(bad.Dir()) })
	err := s.Seal(context.Background(), 2, func(_, _ strata.ByteSize) { fail() })
	if err == nil || !strings.Contains(err.Error(), bad.Dir()) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("%v does not say which disk in one line", err)
	}
	if sealedOn(s, s.disks[0]) != 4 || log.count("disk set aside") != 1 {
		t.Errorf("%d sectors on the disk that works", sealedOn(s, s.disks[0]))
	}
	if err := s.Seal(context.Background(), 2, nil); err == nil {
		t.Error("a disk that is away is no error")
	}
	fs.Mend(bad.Dir())
	if err := s.tryDisk(bad); err != nil {
		t.Fatal(err)
	}
	fill(t, s)
	if n := len(check(t, s, alice)); n != 8 {
		t.Errorf("%d entries of 8", n)
	}
}

// Where a disk was, an empty directory of another is left alone.
func TestDiskVanishes(t *testing.T) {
	s, _, log := twoDisks(t, 3)
	bad := s.disks[1]
	away := bad.Dir() + ".away"
	vanish := func() {
		t.Helper()
		if err := os.Rename(bad.Dir(), away); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(bad.Dir(), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	vanish()
	err := s.Seal(context.Background(), 2, nil)
	if err == nil || sealedOn(s, s.disks[0]) != 3 || log.count("disk set aside") != 1 {
		t.Fatalf("%v, %d sectors on the disk that is there", err, sealedOn(s, s.disks[0]))
	}
	if left, err := os.ReadDir(bad.Dir()); err != nil || len(left) > 0 {
		t.Errorf("%v was written to the place where the disk was, %v", left, err)
	}
	if err := os.Remove(bad.Dir()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, bad.Dir()); err != nil {
		t.Fatal(err)
	}
	fill(t, s)
	if n := len(check(t, s, alice)); n != 6 {
		t.Errorf("%d entries of 6", n)
	}
}

// A disk that fills is sealed on when there is room again.
func TestDiskFullWhileOthersGoOn(t *testing.T) {
	s, fs, log := twoDisks(t, 4)
	full := onceOn(s, s.disks[1], func() { fs.Fill(true) })
	room := sync.OnceFunc(func() { fs.Fill(false) })
	err := s.Seal(context.Background(), 1, func(_, _ strata.ByteSize) {
		full()
		if log.count("disk set aside") > 0 {
			room()
		}
	})
	if err != nil && strata.CodeOf(err) != strata.NoSpace {
		t.Fatal(err)
	}
	fill(t, s)
	check(t, s, alice)
	if log.count("disk full") == 0 {
		t.Error("the log does not say why")
	}
}
