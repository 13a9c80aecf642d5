package metadata

import (
	"fmt"
	"strings"
	"testing"

	"strata/chain/scale"
	"strata/internal/recorded"
)

// recordedRuntime is the metadata of a real runtime.
func recordedRuntime(t *testing.T, file string) *scale.Metadata {
	t.Helper()
	raw, err := scale.UnwrapMetadata(recorded.Hex(t, file))
	if err != nil {
		t.Fatal(err)
	}
	m, err := scale.DecodeMetadata(raw)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// shapes compares the types of two registries: what ours has, theirs has alike,
// an enum's further cases excepted.
type shapes struct {
	ours, theirs *scale.Registry
	seen         map[[2]scale.TypeID]bool
}

// bare looks through types that only wrap another one, which leave no byte.
func bare(r *scale.Registry, id scale.TypeID) *scale.Type {
	t, err := r.Type(id)
	switch {
	case err != nil:
		return nil
	case t.Kind == scale.KindComposite && len(t.Fields) == 1 && t.Fields[0].Name == "":
		return bare(r, t.Fields[0].Type)
	}
	return t
}

func (s shapes) differ(a, b scale.TypeID, path string) string {
	if s.seen[[2]scale.TypeID{a, b}] {
		return ""
	}
	s.seen[[2]scale.TypeID{a, b}] = true
	x, y := bare(s.ours, a), bare(s.theirs, b)
	switch {
	case x == nil || y == nil:
		return path + ": a type is missing"
	case x.Kind != y.Kind || x.Primitive != y.Primitive || x.Len != y.Len || len(x.Tuple) != len(y.Tuple):
		return fmt.Sprintf("%s is a %s, on chain a %s", path, s.ours.TypeName(a), s.theirs.TypeName(b))
	}
	if d := s.fieldsDiffer(x.Fields, y.Fields, path); d != "" {
		return d
	}
	for i := range x.Tuple {
		if d := s.differ(x.Tuple[i], y.Tuple[i], fmt.Sprintf("%s.%d", path, i)); d != "" {
			return d
		}
	}
	switch x.Kind {
	case scale.KindSequence, scale.KindArray, scale.KindCompact:
		return s.differ(x.Elem, y.Elem, path+"[]")
	case scale.KindVariant:
		return s.casesDiffer(x.Variants, y.Variants, path)
	}
	return ""
}

func (s shapes) fieldsDiffer(a, b []scale.Field, path string) string {
	if len(a) != len(b) {
		return fmt.Sprintf("%s has %d fields, on chain %d", path, len(a), len(b))
	}
	for i := range a {
		if a[i].Name != b[i].Name {
			return fmt.Sprintf("%s.%s is called %s on chain", path, a[i].Name, b[i].Name)
		}
		if d := s.differ(a[i].Type, b[i].Type, path+"."+a[i].Name); d != "" {
			return d
		}
	}
	return ""
}

func (s shapes) casesDiffer(a, b []scale.VariantOf, path string) string {
	byName := map[string]scale.VariantOf{}
	for _, v := range b {
		byName[v.Name] = v
	}
	for _, v := range a {
		w, ok := byName[v.Name]
		if newer[v.Name] {
			continue
		}
		if !ok || w.Index != v.Index {
			return fmt.Sprintf("%s has no case %d %s on chain", path, v.Index, v.Name)
		}
		if d := s.fieldsDiffer(v.Fields, w.Fields, path+"."+v.Name); d != "" {
			return d
		}
	}
	return ""
}

// What the local runtime has of a real one is as one of the recorded ones has
// it, so that a client of the one decodes the other.
func TestRuntimeIsAsRecorded(t *testing.T) {
	chains := []*scale.Metadata{recordedRuntime(t, "spec300_metadata_v15.hex"), recordedRuntime(t, "finney_metadata_v15_at_version.hex")}
	rt, err := New(FirstSpec, 0)
	if err != nil {
		t.Fatal(err)
	}
	agrees := func(name string, with func(*scale.Metadata, shapes) string) {
		var why []string
		for _, m := range chains {
			d := with(m, shapes{rt.Meta.Registry, m.Registry, map[[2]scale.TypeID]bool{}})
			if d == "" {
				return
			}
			why = append(why, d)
		}
		if !newer[name] {
			t.Errorf("%s: %s", name, strings.Join(why, "; "))
		}
	}
	for _, a := range rt.Meta.APIs {
		for _, m := range a.Methods {
			agrees(a.Name+"_"+m.Name, func(meta *scale.Metadata, s shapes) string { return s.methodsDiffer(meta, a.Name, m) })
		}
	}
	for _, p := range rt.Meta.Pallets {
		agrees(p.Name, func(meta *scale.Metadata, s shapes) string { return s.palletsDiffer(meta, p) })
		if p.Storage == nil {
			continue
		}
		for _, e := range p.Storage.Entries {
			agrees(p.Name+"."+e.Name, func(meta *scale.Metadata, s shapes) string { return s.entriesDiffer(meta, p.Name, e) })
		}
	}
}

// newer is what is as runtimes after the recorded ones have it.
var newer = map[string]bool{
	"SubtensorModule.CollateralLockShare":   true,
	"SubtensorModule.SubnetEpochConsensus":  true,
	"MevShield":                             true,
	"MevShield.NextKey":                     true,
	"SwapRuntimeApi_sim_swap_tao_for_alpha": true,
	"SwapRuntimeApi_sim_swap_alpha_for_tao": true,
}

func (s shapes) methodsDiffer(m *scale.Metadata, api string, ours scale.APIMethod) string {
	theirs, err := m.API(api, ours.Name)
	if err != nil {
		return err.Error()
	}
	if len(ours.Inputs) != len(theirs.Inputs) {
		return "another number of arguments"
	}
	for i, in := range ours.Inputs {
		if d := s.differ(in.Type, theirs.Inputs[i].Type, in.Name); d != "" || in.Name != theirs.Inputs[i].Name {
			return in.Name + " is on chain " + theirs.Inputs[i].Name + " " + d
		}
	}
	return s.differ(ours.Output, theirs.Output, "result")
}

// palletsDiffer compares what has indices: the pallet, its calls and events.
func (s shapes) palletsDiffer(m *scale.Metadata, ours scale.Pallet) string {
	theirs, err := m.Pallet(ours.Name)
	if err != nil {
		return err.Error()
	}
	if ours.Index != theirs.Index {
		return fmt.Sprintf("index %d, on chain %d", ours.Index, theirs.Index)
	}
	for _, part := range []struct{ ours, theirs *scale.TypeID }{{ours.Calls, theirs.Calls}, {ours.Event, theirs.Event}, {ours.Error, theirs.Error}} {
		if part.ours == nil {
			continue
		}
		if part.theirs == nil {
			return "calls, events or errors that it does not have on chain"
		}
		if d := s.differ(*part.ours, *part.theirs, ours.Name); d != "" {
			return d
		}
	}
	return ""
}

func (s shapes) entriesDiffer(m *scale.Metadata, pallet string, ours scale.StorageEntry) string {
	theirs, _, err := m.Storage(pallet, ours.Name)
	if err != nil {
		return err.Error()
	}
	if fmt.Sprint(ours.Hashers) != fmt.Sprint(theirs.Hashers) || ours.Optional != theirs.Optional {
		return fmt.Sprintf("hashers %v, on chain %v", ours.Hashers, theirs.Hashers)
	}
	return s.differ(ours.Value, theirs.Value, "value")
}

// Clients find an address's account and a record's event by these parameters.
func TestGenericParameters(t *testing.T) {
	rt, err := New(FirstSpec, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"MultiAddress": "AccountId32", "EventRecord": "RuntimeEvent", "UncheckedExtrinsic": "MultiAddress", "Result": "()"} {
		types := rt.Meta.Registry.TypesNamed(name)
		if len(types) != 1 || len(types[0].Params) == 0 || rt.Meta.Registry.TypeName(*types[0].Params[0].Type) != want {
			t.Errorf("%s: the first parameter is not %s", name, want)
		}
	}
}
