package object_test

import (
	"testing"
	"time"

	"strata"
	"strata/catalog"
)

func TestUndelete(t *testing.T) {
	w := newWorld(t, 6)
	defer w.run()()
	data := noise(1, segment+row)
	id := w.put("f", data).ID
	w.segmentsOf(id)
	if _, err := w.store.Undelete(t.Context(), id); strata.CodeOf(err) != strata.Conflict {
		t.Errorf("undelete of what is not deleted: %v", err)
	}
	if err := w.store.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.eventually("every miner has deleted its shards", func() bool { return w.fleet.Stored() == 0 })
	if _, err := w.read(id); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("a deleted file reads: %v", err)
	}
	h, err := w.store.Undelete(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range h.Segments {
		if s.Stored != 6 {
			t.Errorf("segment %+v, want all 6 shards back", s)
		}
	}
	w.mustRead(id, data)
	if n := w.fleet.Stored(); n != 12 {
		t.Errorf("%d shards are stored, want 12", n)
	}
	if _, err := w.store.Undelete(t.Context(), strata.ObjectID{1}); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("undelete of what never was: %v", err)
	}
}

// TestUndeleteWithMinersAway: what cannot be restored now is known to be so.
func TestUndeleteWithMinersAway(t *testing.T) {
	w := newWorld(t, 6)
	stop := w.run()
	data := noise(2, row)
	id := w.put("f", data).ID
	w.segmentsOf(id)
	w.fleet.Set(refuses, 0) // it is never told of the deletion
	if err := w.store.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.eventually("the others have deleted", func() bool { return w.fleet.Stored() == 1 })
	stop()
	w.fleet.Set(refuses, 1)
	w.fleet.Miners[2].Trash = nil // it has forgotten
	h, err := w.store.Undelete(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if got := h.Segments[0]; got.Stored != 3 || got.Sending != 2 || got.Lost != 1 {
		t.Errorf("segment %+v, want 3 stored, 2 not known and 1 lost", got)
	}
	w.mustRead(id, data)
	if due, err := w.db.DueDeletions(t.Context(), time.Now(), 100); err != nil || len(due) != 0 {
		t.Errorf("%d deletions wait (%v), which would hit the file that came back", len(due), err)
	}
	defer w.run()()
	w.mustRead(id, data)
}

// TestCrashInUndelete: the record is back and the process dies before any miner
// is asked.
func TestCrashInUndelete(t *testing.T) {
	w := newWorld(t, 6)
	stop := w.run()
	data := noise(3, row)
	id := w.put("f", data).ID
	w.segmentsOf(id)
	if err := w.store.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.eventually("deleted everywhere", func() bool { return w.fleet.Stored() == 0 })
	stop()
	if err := w.db.Undelete(t.Context(), id, time.Now().Add(-strata.LocalProfile.Undelete*2)); err != nil {
		t.Fatal(err)
	}
	w.restart()
	defer w.run()()
	for _, h := range mustSegments(w, id)[0].Shards {
		if h.State != catalog.Sending {
			t.Errorf("shard %d is %s, want sending", h.Index, h.State)
		}
	}
	if w.fleet.Stored() != 0 {
		t.Error("shards are live that nobody restored")
	}
}
