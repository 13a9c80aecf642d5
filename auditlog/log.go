package auditlog

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/zeebo/blake3"

	"strata"
	"strata/internal/durable"
	"strata/wire"
)

// Log is a log that is being written. It is safe for concurrent use; one process
// has it open (the ledger's lock sees to that).
type Log struct {
	dir       string
	domain    wire.Domain
	validator strata.Hotkey

	mu     sync.Mutex
	file   *os.File // the open segment; nil between two
	number uint64   // of the last entry
	hash   strata.Root
	broken error // a write failed: nothing more is written until the log is opened anew
}

// Open opens or begins a validator's log. A line that a crash has left
// incomplete at the end is cut off: it was not acknowledged. Code Corrupt if the
// last segment is damaged otherwise; Conflict if the log is another validator's.
func Open(dir string, d wire.Domain, validator strata.Hotkey, log *slog.Logger) (*Log, error) {
	for _, sub := range []string{Public, Frauds, Inbox} {
		if err := durable.MkdirAll(filepath.Join(dir, sub)); err != nil {
			return nil, err
		}
	}
	l := &Log{dir: dir, domain: d, validator: validator, hash: origin(d, validator)}
	list, err := segments(dir)
	if err != nil {
		return nil, err
	}
	shown, err := segments(filepath.Join(dir, Public))
	if err != nil {
		return nil, err
	}
	switch {
	case len(list) > 0:
		err = l.resume(list[len(list)-1], log)
	case len(shown) > 0:
		err = l.resume(shown[len(shown)-1], log)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// resume reads the last segment and makes it the open one, if it is not ended.
func (l *Log) resume(s segment, log *slog.Logger) error {
	f, err := os.OpenFile(s.path, os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the audit log: %w", err)
	}
	keep := false
	defer func() {
		if !keep {
			f.Close()
		}
	}()
	r, err := newReader(f, filepath.Base(s.path))
	if errors.Is(err, errTorn) || errors.Is(err, io.EOF) {
		// A crash while the segment was begun: nothing is in it.
		log.Warn("a segment of the audit log was begun and is empty: begun anew", "file", s.path)
		return l.unbegin(s, log)
	}
	if err == nil {
		err = r.follows(nil, s)
	}
	if err != nil {
		return err
	}
	if r.header.Domain != l.domain || r.header.Validator != l.validator {
		return strata.E(strata.Conflict, "the audit log in %s is of validator %s on another network or key: move it aside", l.dir, r.header.Validator)
	}
	ended := false
	for {
		line, err := r.next()
		if err == nil {
			ended = endsSegment(line.Entry)
			continue
		}
		if errors.Is(err, errTorn) {
			log.Warn("the audit log ended with half a line, which a crash left: cut off", "file", s.path, "entry", r.last.Number)
			err = truncate(f, r.end)
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
		if err != nil {
			return err
		}
		break
	}
	l.number, l.hash = r.last.Number, r.last.Hash
	if !ended {
		if _, err := f.Seek(0, io.SeekEnd); err != nil {
			return fmt.Errorf("find the end of the audit log: %w", err)
		}
		l.file, keep = f, true
	}
	return nil
}

// unbegin removes an empty segment and goes on with the one before.
func (l *Log) unbegin(s segment, log *slog.Logger) error {
	if err := os.Remove(s.path); err != nil {
		return fmt.Errorf("remove an empty segment of the audit log: %w", err)
	}
	for _, dir := range []string{l.dir, filepath.Join(l.dir, Public)} {
		list, err := segments(dir)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			return l.resume(list[len(list)-1], log)
		}
	}
	return nil
}

func truncate(f *os.File, size int64) error {
	if err := errors.Join(f.Truncate(size), f.Sync()); err != nil {
		return fmt.Errorf("cut off the end of the audit log: %w", err)
	}
	return nil
}

// Head returns the number of the last entry and its hash, 0 before the first.
func (l *Log) Head() (uint64, strata.Root) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.number, l.hash
}

// Skip makes the next entry's number at least after+1, for a log whose beginning
// was lost. The gap shows: a segment begins there.
func (l *Log) Skip(after uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if after <= l.number {
		return nil
	}
	l.number = after
	return l.endSegment()
}

// Append writes entries, of which the first has number first; those that are
// there already are left out, so that a caller may repeat what it does not know
// to be done. When it returns they are on the disk. A crash before that leaves
// some of them, and at most one torn, which Open cuts off. Code Invalid if
// entries are missing before the first.
func (l *Log) Append(first uint64, entries [][]byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	if first > l.number+1 {
		return strata.E(strata.Invalid, "audit log: entry %d cannot come after %d", first, l.number)
	}
	if have := l.number + 1 - first; have < uint64(len(entries)) {
		entries = entries[have:]
	} else {
		return nil
	}
	if err := l.write(entries); err != nil {
		l.broken = err
		return err
	}
	return nil
}

func (l *Log) write(entries [][]byte) error {
	var buf []byte
	for _, e := range entries {
		if l.file == nil {
			if err := l.begin(); err != nil {
				return err
			}
		}
		line := Line{Number: l.number + 1, Hash: link(l.hash, l.number+1, e), Entry: e}
		buf = line.append(buf)
		l.number, l.hash = line.Number, line.Hash
		if len(buf) < maxLine && !endsSegment(e) {
			continue
		}
		if err := l.put(&buf); err != nil {
			return err
		}
		if endsSegment(e) {
			if err := l.endSegment(); err != nil {
				return err
			}
		}
	}
	if err := l.put(&buf); err != nil || l.file == nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("sync the audit log: %w", err)
	}
	return nil
}

func (l *Log) put(buf *[]byte) error {
	if len(*buf) == 0 {
		return nil
	}
	_, err := l.file.Write(*buf)
	*buf = (*buf)[:0]
	if durable.IsFull(err) {
		return strata.E(strata.NoSpace, "no space left for the audit log in %s: free some and restart: %w", l.dir, err)
	}
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// begin makes the next segment. A crash leaves none, or one without an entry,
// which Open begins anew.
func (l *Log) begin() error {
	h := Header{Domain: l.domain, Validator: l.validator, First: l.number + 1, Previous: l.hash}
	path := filepath.Join(l.dir, segmentName(h.First))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("begin a segment of the audit log: %w", err)
	}
	if _, err = f.WriteString(h.line()); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = durable.SyncDir(l.dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("begin a segment of the audit log: %w", err), f.Close())
	}
	l.file = f
	return nil
}

// endSegment syncs and closes the open segment.
func (l *Log) endSegment() error {
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.file.Sync(), l.file.Close())
	l.file = nil
	if err != nil {
		return fmt.Errorf("end a segment of the audit log: %w", err)
	}
	return nil
}

// Publish makes the ended segments public whose last entry's number is at most
// upTo. A crash leaves some of them where they were: the next call moves them.
func (l *Log) Publish(upTo uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	list, err := segments(l.dir)
	if err != nil {
		return err
	}
	moved := false
	for i, s := range list {
		last := l.number
		if i+1 < len(list) {
			last = list[i+1].first - 1
		} else if l.file != nil {
			break // it is being written
		}
		if last > upTo {
			break
		}
		if err := os.Rename(s.path, filepath.Join(l.dir, Public, filepath.Base(s.path))); err != nil {
			return fmt.Errorf("publish a segment of the audit log: %w", err)
		}
		moved = true
	}
	if !moved {
		return nil
	}
	return errors.Join(durable.SyncDir(filepath.Join(l.dir, Public)), durable.SyncDir(l.dir))
}

// Prune removes the public segments that ended before a block, and says how many.
// The newest stays: the next segment follows from it. The oldest goes first, so
// that a crash leaves a log that begins later and has no gap.
func (l *Log) Prune(before uint64) (removed int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	dir := filepath.Join(l.dir, Public)
	list, err := segments(dir)
	if err != nil {
		return 0, err
	}
	for i := 0; i+1 < len(list); i++ {
		// The next one begins with what is known as this one ends.
		block, err := firstBlock(list[i+1])
		if err != nil {
			return removed, errors.Join(err, durable.SyncDir(dir))
		}
		if block >= before {
			break
		}
		if err := os.Remove(list[i].path); err != nil {
			return removed, fmt.Errorf("remove an old segment of the audit log: %w", err)
		}
		removed++
	}
	if removed == 0 {
		return 0, nil
	}
	return removed, durable.SyncDir(dir)
}

// firstBlock returns the block of a segment's first entry.
func firstBlock(s segment) (uint64, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return 0, fmt.Errorf("open a segment of the audit log: %w", err)
	}
	defer f.Close()
	r, err := newReader(f, filepath.Base(s.path))
	if err != nil {
		return 0, err
	}
	line, err := r.next()
	if err != nil {
		return 0, err
	}
	e, err := Decode(line.Entry)
	return e.Block, err
}

// Keep makes a proof of fraud public at once, by the name of its contents. It is
// on the disk when Keep returns.
func (l *Log) Keep(proof []byte) error {
	name := strata.Root(blake3.Sum256(proof)).String() + FraudSuffix
	return durable.WriteFile(filepath.Join(l.dir, Frauds, name), proof, 0o644)
}

// Close closes the log. What Append has returned for is on the disk already.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = strata.E(strata.Unavailable, "the audit log is closed")
	return l.endSegment()
}
