package object_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"strata"
	"strata/object"
	"strata/object/roster"
	"strata/placement"
)

// TestInspect: what the miners have counts, whatever the catalog believes.
func TestInspect(t *testing.T) {
	w := newWorld(t, 6)
	id := w.put("f", noise(1, segment+row)).ID
	w.segmentsOf(id)
	w.fleet.Miners[5].Coldkey = w.fleet.Miners[4].Coldkey
	w.fleet.Set(refuses, 0)
	w.fleet.Set(corrupt, 1)
	clear(w.fleet.Miners[2].Shards)
	for _, deep := range []bool{false, true} {
		in, err := w.store.Inspect(t.Context(), id, deep)
		if err != nil {
			t.Fatal(err)
		}
		if len(in.Segments) != 2 {
			t.Fatalf("%d segments, want 2", len(in.Segments))
		}
		for _, g := range in.Segments {
			found := map[object.Finding]int{}
			for _, h := range g.Shards {
				found[h.Finding]++
			}
			// The fleet corrupts what it gives without noticing: deep reads see that.
			if found[object.Unreachable] != 1 || found[object.Missing] != 1 || g.Good+found[object.Damaged] != 4 {
				t.Errorf("deep %v: %v", deep, found)
			}
			if g.K != 2 || g.Repair != 3 || g.Total != 6 || g.Spread.SharedColdkey != 1 {
				t.Errorf("%+v", g)
			}
		}
	}
	h, err := w.store.Stat(t.Context(), id)
	if err != nil || h.Segments[0].Spread != (placement.Spread{SharedColdkey: 1}) {
		t.Errorf("stat: %+v, %v", h.Segments, err)
	}
	if _, err := w.store.Inspect(t.Context(), strata.ObjectID{1}, false); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("of nothing: %v", err)
	}
}

// TestManifest: an object is read with its manifest alone, from the miners that
// are left, and the manifest of a small one opens no other in its pack.
func TestManifest(t *testing.T) {
	w := newWorld(t, 6)
	w.fleet.Gate = make(chan struct{})
	big := noise(1, segment+3*row+5)
	small := make(chan object.Info, 2)
	for _, name := range []string{"one", "two"} {
		go func() { small <- w.put(name, []byte(name+" small")) }()
	}
	close(w.fleet.Gate) // nobody waits any more
	infos := []object.Info{<-small, <-small, w.put("big", big)}
	w.fleet.Set(refuses, 3)
	w.fleet.Set(corrupt, 4)
	for _, info := range infos {
		want := big
		if info.Name != "big" {
			want = []byte(info.Name + " small")
		}
		m, err := w.store.Export(t.Context(), info.ID)
		if err != nil {
			t.Fatal(err)
		}
		r, err := object.OpenManifest(t.Context(), m, w.fleet, w.fleet, patient)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", info.Name, len(got), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	first, err := w.store.Export(t.Context(), infos[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.store.Export(t.Context(), infos[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	second.Slice.Key, second.Segments = first.Slice.Key, append(second.Segments[:0:0], second.Segments...)
	r, err := object.OpenManifest(t.Context(), second, w.fleet, w.fleet, patient)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); strata.CodeOf(err) != strata.Corrupt {
		t.Errorf("another's slice opened with the wrong key: %v", err)
	}
}

// TestManifestMisuse: a manifest that contradicts itself is refused, and one
// whose miners are gone is unavailable.
func TestManifestMisuse(t *testing.T) {
	w := newWorld(t, 6)
	m, err := w.store.Export(t.Context(), w.put("f", noise(1, 100_000)).ID)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*object.Manifest){
		"no segments":   func(m *object.Manifest) { m.Segments = nil },
		"unknown codec": func(m *object.Manifest) { m.Segments[0].Codec = "x" },
		"no k":          func(m *object.Manifest) { m.Segments[0].K = 0 },
		"other size":    func(m *object.Manifest) { m.Info.Size++ },
		"huge segment":  func(m *object.Manifest) { m.Segments[0].Size, m.Info.Size = 1<<40, 1<<40 },
		"slice outside": func(m *object.Manifest) { m.Slice = &object.ManifestSlice{Off: 1 << 40, Length: 20} },
	} {
		bad := m
		bad.Segments = append([]object.ManifestSegment(nil), m.Segments...)
		change(&bad)
		_, err := object.OpenManifest(t.Context(), bad, w.fleet, w.fleet, patient)
		if c := strata.CodeOf(err); c != strata.Invalid && c != strata.Corrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := object.OpenManifest(t.Context(), m, w.fleet, nobody{}, patient)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); strata.CodeOf(err) != strata.Unavailable {
		t.Errorf("without miners: %v", err)
	}
}

// nobody is a network without miners.
type nobody struct{}

func (nobody) Candidates(context.Context) ([]roster.Candidate, error) { return nil, nil }
