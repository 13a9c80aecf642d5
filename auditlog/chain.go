package auditlog

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/zeebo/blake3"

	"strata"
	"strata/wire"
)

// format names the layout; it begins every segment.
const format = "strata-auditlog/1"

// Public is the subdirectory of segments that anyone may read.
const Public = "public"

// suffix ends a segment's name.
const suffix = ".log"

// maxLine bounds a line: number, hash, entry.
const maxLine = MaxEntry + 128

// Header is a segment's first line: whose log it is and where the segment
// begins.
type Header struct {
	Domain    wire.Domain
	Validator strata.Hotkey
	First     uint64      // number of its first entry, from 1 on
	Previous  strata.Root // hash of the entry before
}

// origin is what stands for the hash before entry 1.
func origin(d wire.Domain, validator strata.Hotkey) strata.Root {
	b := append([]byte(format), d.Genesis[:]...)
	b = binary.LittleEndian.AppendUint16(b, uint16(d.Netuid))
	return blake3.Sum256(append(b, validator[:]...))
}

// link is the hash of an entry: BLAKE3-256 of the hash before ‖ LE64 number ‖
// the entry's bytes.
func link(previous strata.Root, number uint64, entry []byte) strata.Root {
	h := blake3.New()
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], number)
	_, _ = h.Write(previous[:]) // a hash never fails to write
	_, _ = h.Write(n[:])
	_, _ = h.Write(entry)
	var out strata.Root
	h.Sum(out[:0])
	return out
}

func (h Header) line() string {
	return fmt.Sprintf("%s %s %d %s %d %s\n", format, h.Domain.Genesis, h.Domain.Netuid, h.Validator, h.First, h.Previous)
}

func parseHeader(line string) (Header, error) {
	bad := strata.E(strata.Corrupt, "this is no segment of an audit log: its first line should begin with %s", format)
	f := strings.Split(line, " ")
	if len(f) != 6 || f[0] != format {
		return Header{}, bad
	}
	var h Header
	netuid, err := strconv.ParseUint(f[2], 10, 16)
	if err != nil {
		return Header{}, bad
	}
	h.Domain.Netuid = strata.Netuid(netuid)
	if h.First, err = strconv.ParseUint(f[4], 10, 64); err != nil || h.First == 0 || h.First > 1<<62 {
		return Header{}, bad
	}
	if h.Domain.Genesis.UnmarshalText([]byte(f[1])) != nil || h.Validator.UnmarshalText([]byte(f[3])) != nil || h.Previous.UnmarshalText([]byte(f[5])) != nil {
		return Header{}, bad
	}
	if h.line() != line+"\n" { // one way to write it
		return Header{}, bad
	}
	return h, nil
}

// Line is an entry with its place in the chain.
type Line struct {
	Number uint64
	Hash   strata.Root
	Entry  []byte
}

func (l Line) append(b []byte) []byte {
	b = strconv.AppendUint(b, l.Number, 10)
	b = append(b, ' ')
	b = hex.AppendEncode(b, l.Hash[:])
	b = append(b, ' ')
	b = append(b, l.Entry...)
	return append(b, '\n')
}

// parseLine reads a line, without its end.
func parseLine(b []byte) (Line, bool) {
	number, rest, ok := bytes.Cut(b, []byte{' '})
	hash, entry, ok2 := bytes.Cut(rest, []byte{' '})
	n, err := strconv.ParseUint(string(number), 10, 63)
	if !ok || !ok2 || err != nil || len(hash) != 64 {
		return Line{}, false
	}
	l := Line{Number: n, Entry: entry}
	if _, err := hex.Decode(l.Hash[:], hash); err != nil {
		return Line{}, false
	}
	// One way to write a line: what differs only in form was altered too.
	return l, bytes.Equal(l.append(nil), append(bytes.Clone(b), '\n'))
}

// errTorn is wrapped by the error for a segment whose last line is incomplete.
var errTorn = errors.New("its last line is incomplete")

// reader reads one segment and checks its chain.
type reader struct {
	r      *bufio.Reader
	name   string
	header Header
	last   Line  // the last good one; before the first: number First−1, hash Previous
	end    int64 // bytes up to the end of it
}

func newReader(r io.Reader, name string) (*reader, error) {
	s := &reader{r: bufio.NewReaderSize(r, 64<<10), name: name}
	line, err := s.line(512)
	if err != nil {
		return nil, err
	}
	if s.header, err = parseHeader(string(line)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s.last = Line{Number: s.header.First - 1, Hash: s.header.Previous}
	s.end = int64(len(line)) + 1
	return s, nil
}

// line returns the next line without its end; io.EOF after the last. A line that
// has no end gives code Corrupt and errTorn.
func (s *reader) line(limit int) ([]byte, error) {
	var out []byte
	for {
		part, err := s.r.ReadSlice('\n')
		if out = append(out, part...); len(out) > limit+1 {
			return nil, strata.E(strata.Corrupt, "%s: after entry %d a line is over %d bytes", s.name, s.last.Number, limit)
		}
		switch {
		case err == nil:
			return out[:len(out)-1], nil
		case errors.Is(err, io.EOF) && len(out) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, strata.E(strata.Corrupt, "%s: %w, after entry %d", s.name, errTorn, s.last.Number)
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("read %s: %w", s.name, err)
		}
	}
}

// next returns the next entry; io.EOF after the last. Code Corrupt if it does not
// follow from the one before: it or what is before it was altered.
func (s *reader) next() (Line, error) {
	b, err := s.line(maxLine)
	if err != nil {
		return Line{}, err
	}
	l, ok := parseLine(b)
	want := s.last.Number + 1
	switch {
	case !ok:
		return Line{}, strata.E(strata.Corrupt, "%s: entry %d is not well-formed: the log was altered there", s.name, want)
	case l.Number != want:
		return Line{}, strata.E(strata.Corrupt, "%s: entry %d stands where %d should: entries were taken out, put in or moved", s.name, l.Number, want)
	case l.Hash != link(s.last.Hash, l.Number, l.Entry):
		return Line{}, strata.E(strata.Corrupt, "%s: the hash of entry %d does not follow: it was altered, or its hash or the one before", s.name, l.Number)
	}
	s.last, s.end = l, s.end+int64(len(b))+1
	return l, nil
}

// segment is a file of a log.
type segment struct {
	path  string
	first uint64
}

func segmentName(first uint64) string { return fmt.Sprintf("%020d%s", first, suffix) }

// segments returns those of a directory, in order of their first entries.
func segments(dir string) ([]segment, error) {
	files, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the audit log: %w", err)
	}
	var out []segment
	for _, f := range files {
		first, err := strconv.ParseUint(strings.TrimSuffix(f.Name(), suffix), 10, 63)
		if err == nil && f.Name() == segmentName(first) && f.Type().IsRegular() {
			out = append(out, segment{filepath.Join(dir, f.Name()), first})
		}
	}
	slices.SortFunc(out, func(a, b segment) int { return strings.Compare(filepath.Base(a.path), filepath.Base(b.path)) })
	return out, nil
}

// files returns the segments of a log: a directory, its public part included,
// or one file.
func files(path string) ([]segment, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, strata.E(strata.NotFound, "no audit log at %s: name its directory or a segment: %w", path, err)
	}
	if !st.IsDir() {
		return []segment{{path: path}}, nil
	}
	shown, err := segments(filepath.Join(path, Public))
	if err != nil {
		return nil, err
	}
	own, err := segments(path)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(shown, own)
	if len(all) == 0 {
		return nil, strata.E(strata.NotFound, "no segment of an audit log in %s", path)
	}
	slices.SortFunc(all, func(a, b segment) int { return strings.Compare(filepath.Base(a.path), filepath.Base(b.path)) })
	return all, nil
}

// Read yields the entries of a log in order, each checked against the chain, and
// its header first, of which Line is zero. It ends with the first error: code
// Corrupt says which entry was altered, taken out or put in. A torn last line is
// an error too, after everything before it.
func Read(path string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		list, err := files(path)
		if err != nil {
			yield(Item{}, err)
			return
		}
		var before *reader
		for _, s := range list {
			var ok bool
			if before, ok = readSegment(s, before, yield); !ok {
				return
			}
		}
	}
}

// Item is what Read yields.
type Item struct {
	Header Header
	Line
}

// readSegment yields one segment that must continue the one before, if any.
func readSegment(s segment, before *reader, yield func(Item, error) bool) (*reader, bool) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, yield(Item{}, fmt.Errorf("open a segment of the audit log: %w", err))
	}
	defer f.Close()
	r, err := newReader(f, filepath.Base(s.path))
	if err == nil {
		err = r.follows(before, s)
	}
	if err != nil {
		yield(Item{}, err)
		return nil, false
	}
	if before == nil && !yield(Item{Header: r.header}, nil) {
		return nil, false
	}
	for {
		l, err := r.next()
		switch {
		case errors.Is(err, io.EOF):
			return r, true
		case err != nil:
			yield(Item{}, err)
			return nil, false
		case !yield(Item{r.header, l}, nil):
			return nil, false
		}
	}
}

// follows checks a header against the file's name and the segment before.
func (s *reader) follows(before *reader, file segment) error {
	h := s.header
	switch {
	case file.first != 0 && file.first != h.First:
		return strata.E(strata.Corrupt, "%s begins with entry %d, not with that of its name", s.name, h.First)
	case h.First == 1 && h.Previous != origin(h.Domain, h.Validator):
		return strata.E(strata.Corrupt, "%s: the log's beginning is another network's or validator's", s.name)
	case before == nil:
		return nil
	case before.header.Domain != h.Domain || before.header.Validator != h.Validator:
		return strata.E(strata.Corrupt, "%s is another validator's or network's than %s", s.name, before.name)
	case h.First != before.last.Number+1:
		return strata.E(strata.Corrupt, "between %s, which ends with entry %d, and %s entries are missing", before.name, before.last.Number, s.name)
	case h.Previous != before.last.Hash:
		return strata.E(strata.Corrupt, "%s does not follow %s: entry %d was altered, or the header", s.name, before.name, before.last.Number)
	}
	return nil
}
