package auditlog

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"strata"
)

// FuzzRead reads any bytes as a segment. What it accepts it would write the same.
func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	write(f, open(f, dir), 4)
	whole, err := os.ReadFile(segmentFiles(f, dir)[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(bytes.Replace(whole, []byte(`"block":2`), []byte(`"block":3`), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := newReader(bytes.NewReader(b), "fuzzed")
		if err != nil {
			return
		}
		out := []byte(r.header.line())
		for {
			l, err := r.next()
			if err != nil {
				if err != io.EOF && strata.CodeOf(err) != strata.Corrupt {
					t.Fatalf("error %v", err)
				}
				break
			}
			out = l.append(out)
			_, _ = Decode(l.Entry)
		}
		if int64(len(out)) != r.end || !bytes.Equal(out, b[:len(out)]) {
			t.Fatalf("what was read is not what was there")
		}
	})
}

// FuzzReplay plays any two entries in a valid chain: a replay never panics.
func FuzzReplay(f *testing.F) {
	seeds := []Kind{Started, Weighed}
	for _, k := range seeds {
		f.Add(entry(f, 1, k), entry(f, 2, Weighed))
	}
	key := strata.Hotkey{4}
	arrived, err := Entry{Kind: Grouped, Block: 1, Miner: &key, Events: []Event{{Kind: "arrived", Block: 1, Cohort: 1, Bytes: 8}}}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(arrived, entry(f, 2, Weighed))
	f.Add([]byte(`{"kind":"state","miner":"5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM","state":{"score":{"Cohorts":[{"ID":1,"Bytes":5}]}}}`), []byte(`{"kind":"audit"}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if bytes.ContainsRune(a, '\n') || bytes.ContainsRune(b, '\n') || len(a)+len(b) > 10_000 {
			return
		}
		dir := t.TempDir()
		h := Header{Domain: testDomain, Validator: testKey, First: 1, Previous: origin(testDomain, testKey)}
		out := []byte(h.line())
		one := Line{Number: 1, Hash: link(h.Previous, 1, a), Entry: a}
		out = Line{Number: 2, Hash: link(one.Hash, 2, b), Entry: b}.append(one.append(out))
		path := filepath.Join(dir, segmentName(1))
		if err := os.WriteFile(path, out, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Replay(Read(path), nil)
		if err != nil || r.Entries != 2 {
			t.Fatalf("%d entries, %v", r.Entries, err)
		}
	})
}
