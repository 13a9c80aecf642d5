package devchaintest

import (
	"slices"
	"testing"

	"strata/chain/scale"
)

// Events are those of one block, in order.
type Events struct {
	names  []string // Pallet.Event
	bodies []scale.View
	meta   *scale.Metadata
}

// EventsOf decodes what a block has left in System.Events.
func EventsOf(t testing.TB, meta *scale.Metadata, raw []byte) Events {
	t.Helper()
	v, err := meta.DecodeStorage("System", "Events", raw)
	if err != nil {
		t.Fatal(err)
	}
	out := Events{meta: meta}
	for _, r := range scale.Look(v, "events").Items() {
		pallet, inner := r.Field("event").Case()
		name, body := inner.Case()
		out.names, out.bodies = append(out.names, pallet+"."+name), append(out.bodies, body)
	}
	return out
}

// Has says whether an event is there.
func (e Events) Has(name string) bool { return slices.Contains(e.names, name) }

// Outcome returns the error of the last extrinsic, "" if it succeeded.
func (e Events) Outcome(t testing.TB) string {
	t.Helper()
	for i, name := range slices.Backward(e.names) {
		switch name {
		case "System.ExtrinsicSuccess":
			return ""
		case "System.ExtrinsicFailed":
			return e.errorName(t, e.bodies[i].Field("dispatch_error"))
		}
	}
	t.Fatal("the block has no extrinsic")
	return ""
}

// SudoOutcome returns the error of the call that Sudo.sudo ran, "" if it succeeded.
func (e Events) SudoOutcome(t testing.TB) string {
	t.Helper()
	for i, name := range e.names {
		if name == "Sudo.Sudid" {
			if is, err := e.bodies[i].Field("sudo_result").Case(); is == "Err" {
				return e.errorName(t, err)
			}
			return ""
		}
	}
	t.Fatal("no Sudid event")
	return ""
}

func (e Events) errorName(t testing.TB, w scale.View) string {
	t.Helper()
	kind, inner := w.Case()
	switch kind {
	case "Module":
		_, v, err := e.meta.ModuleError(inner.Field("index").U8(), inner.Field("error").Bytes()[0])
		if err != nil {
			t.Fatal(err)
		}
		return v.Name
	case "Token":
		name, _ := inner.Case()
		return name
	}
	return kind
}
