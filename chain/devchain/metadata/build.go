package metadata

import (
	"fmt"
	"strings"
	"time"

	"strata"
	"strata/chain/scale"
)

// What the runtime calls itself. The first spec version is that of the
// subtensor whose types and rules it follows; an upgrade gives a later one.
const (
	specName  = "node-subtensor"
	FirstSpec = 300 // spec version of a new chain
	TxVersion = 1   // transaction version, whatever the spec
)

// Runtime is what the tables describe, built once for each node: metadata in
// both versions and the numbers of events and errors by name. It is not
// modified, so it is safe for concurrent use.
type Runtime struct {
	Spec        uint32
	Meta        *scale.Metadata // V15
	V14, V15    []byte          // encoded
	EventRecord scale.TypeID    // Vec<EventRecord>
	Version     Version
	errors      map[string]ModuleError
	slot        uint64 // time between blocks, ms
}

// New builds the runtime of a spec version, whose slots are blockTime long, the
// default time where that is negative: the tables as they are for the first
// version, every index of a pallet, call, event and error and every type's number
// moved by one for each later version, so that a client with another version's
// metadata cannot get by. An error is a defect of the tables.
func New(spec uint32, blockTime time.Duration) (*Runtime, error) {
	t := newTypist(spec)
	t.declareTypes()
	meta := &scale.Metadata{Version: 15}
	for _, p := range palletTable {
		meta.Pallets = append(meta.Pallets, t.pallet(p))
	}
	meta.Outer = t.outer(meta.Pallets)
	meta.Extrinsic = t.extrinsic(meta.Outer.Call)
	t.composite("EventRecord", "frame_system::EventRecord", "phase Phase, event RuntimeEvent, topics Vec<H256>")
	for i, p := range palletTable {
		meta.Pallets[i].Storage = t.storage(p)
	}
	meta.APIs = t.apis()
	meta.Runtime = t.b.Composite("node_subtensor_runtime::Runtime")
	if t.err != nil {
		return nil, t.err
	}
	reg, err := t.b.Registry()
	if err != nil {
		return nil, err
	}
	meta.Registry = reg
	r := &Runtime{Spec: spec, Meta: meta, EventRecord: t.id("Vec<EventRecord>"), Version: newVersion(spec), errors: map[string]ModuleError{}, slot: slotOf(blockTime)}
	return r, r.finish()
}

// slotOf is the time between blocks in milliseconds, the default's where blocks
// are made by hand.
func slotOf(blockTime time.Duration) uint64 {
	if blockTime < time.Millisecond {
		blockTime = DefaultBlockTime
	}
	return uint64(blockTime.Milliseconds())
}

// finish fills in what needs the registry: defaults, constants and encodings.
func (r *Runtime) finish() error {
	for i, p := range palletTable {
		if err := r.fill(&r.Meta.Pallets[i], p); err != nil {
			return fmt.Errorf("devchain: pallet %s: %w", p.name, err)
		}
	}
	var err error
	if r.V15, err = r.Meta.Encode(); err != nil {
		return err
	}
	old := *r.Meta
	old.Version = 14
	r.V14, err = old.Encode()
	return err
}

func (r *Runtime) fill(m *scale.Pallet, p *pallet) error {
	if m.Storage != nil {
		for i := range m.Storage.Entries {
			e := &m.Storage.Entries[i]
			e.Default = []byte{0}
			if !e.Optional {
				e.Default = r.zero(e.Value)
			}
		}
	}
	for i, c := range p.consts {
		value := c.value
		if of, ok := value.(func(uint64) scale.Value); ok {
			value = of(r.slot)
		}
		v, err := r.Meta.Registry.Encode(m.Constants[i].Type, value)
		if err != nil {
			return err
		}
		m.Constants[i].Value = v
	}
	if m.Error == nil {
		return nil
	}
	t, err := r.Meta.Registry.Type(*m.Error)
	if err != nil {
		return err
	}
	for _, v := range t.Variants {
		r.errors[p.name+"."+v.Name] = ModuleError{m.Index, v.Index, v.Name}
	}
	return nil
}

// zero returns the encoding of a type's zero value, a storage item's default.
func (r *Runtime) zero(id scale.TypeID) []byte {
	t, err := r.Meta.Registry.Type(id)
	if err != nil {
		return nil
	}
	var out []byte
	switch t.Kind {
	case scale.KindComposite:
		for _, f := range t.Fields {
			out = append(out, r.zero(f.Type)...)
		}
	case scale.KindTuple:
		for _, f := range t.Tuple {
			out = append(out, r.zero(f)...)
		}
	case scale.KindArray:
		for range t.Len {
			out = append(out, r.zero(t.Elem)...)
		}
	case scale.KindPrimitive:
		return make([]byte, primitiveSize[t.Primitive])
	default:
		return []byte{0}
	}
	return out
}

var primitiveSize = map[scale.Primitive]int{
	scale.Bool: 1, scale.Str: 1, scale.U8: 1, scale.U16: 2, scale.U32: 4, scale.U64: 8, scale.U128: 16, scale.I128: 16,
}

// pallet declares a pallet's enums; storage follows when events are declared.
func (t *typist) pallet(p *pallet) scale.Pallet {
	out := scale.Pallet{Name: p.name, Index: p.index + t.shift}
	enum := func(kind string, cases []string) *scale.TypeID {
		if len(cases) == 0 {
			return nil
		}
		id := t.shifted(p.name+kind, p.crate+"::pallet::"+kind, cases)
		return &id
	}
	out.Calls, out.Event, out.Error = enum("Call", p.calls), enum("Event", p.events), enum("Error", p.errors)
	for _, c := range p.consts {
		out.Constants = append(out.Constants, scale.Constant{Name: c.name, Type: t.id(c.typ)})
	}
	return out
}

func (t *typist) storage(p *pallet) *scale.PalletStorage {
	if len(p.storage) == 0 {
		return nil
	}
	out := &scale.PalletStorage{Prefix: p.name}
	for _, e := range p.storage {
		s := scale.StorageEntry{Name: e.Name, Optional: e.Optional, Value: t.id(e.Type), Hashers: e.Hashers()}
		switch len(s.Hashers) {
		case 0:
		case 1:
			s.Key = t.id(e.KeyTypes)
		default:
			s.Key = t.id("(" + e.KeyTypes + ")")
		}
		out.Entries = append(out.Entries, s)
	}
	return out
}

// outer declares the enums that join the pallets.
func (t *typist) outer(ps []scale.Pallet) scale.OuterEnums {
	enum := func(kind string, of func(scale.Pallet) *scale.TypeID) scale.TypeID {
		var cases []scale.VariantOf
		for _, p := range ps {
			if id := of(p); id != nil {
				cases = append(cases, scale.Case(p.Name, p.Index, scale.Unnamed(*id)))
			}
		}
		path := []string{"node_subtensor_runtime", "Runtime" + kind}
		t.b.Define(t.named["Runtime"+kind], scale.Type{Kind: scale.KindVariant, Path: path, Variants: cases})
		return t.named["Runtime"+kind]
	}
	return scale.OuterEnums{
		Call:  enum("Call", func(p scale.Pallet) *scale.TypeID { return p.Calls }),
		Event: enum("Event", func(p scale.Pallet) *scale.TypeID { return p.Event }),
		Error: enum("Error", func(p scale.Pallet) *scale.TypeID { return p.Error }),
	}
}

// extrinsic declares the extrinsic's format and type; V14 finds the address
// and the signature among the type's parameters.
func (t *typist) extrinsic(call scale.TypeID) scale.ExtrinsicFormat {
	x := scale.ExtrinsicFormat{Version: 4, Address: t.id("MultiAddress"), Signature: t.id("MultiSignature"), Call: call}
	var extra []scale.TypeID
	for _, e := range extensionTable {
		id := t.composite(e[0], e[1], e[2])
		extra = append(extra, id)
		x.Extensions = append(x.Extensions, scale.SignedExtension{Identifier: e[0], Type: id, Additional: t.id(e[3])})
	}
	x.Extra = t.b.Tuple(extra...)
	x.Type = t.b.Add(scale.Type{
		Kind: scale.KindComposite, Path: strings.Split("sp_runtime::generic::unchecked_extrinsic::UncheckedExtrinsic", "::"),
		Params: []scale.TypeParam{{Name: "Address", Type: &x.Address}, {Name: "Call", Type: &x.Call}, {Name: "Signature", Type: &x.Signature}, {Name: "Extra", Type: &x.Extra}},
		Fields: []scale.Field{scale.Unnamed(t.id("Vec<u8>"))},
	})
	t.named["UncheckedExtrinsic"] = x.Type
	return x
}

func (t *typist) apis() []scale.RuntimeAPI {
	var out []scale.RuntimeAPI
	for _, a := range runtimeAPIs {
		api := scale.RuntimeAPI{Name: a.name}
		for _, m := range a.methods {
			method := scale.APIMethod{Name: m.name, Output: t.id(m.output)}
			for _, f := range t.fields(m.inputs) {
				method.Inputs = append(method.Inputs, scale.APIInput{Name: f.Name, Type: f.Type})
			}
			api.Methods = append(api.Methods, method)
		}
		out = append(out, api)
	}
	return out
}

// ModuleError is a pallet's error as a dispatch gives it.
type ModuleError struct {
	Pallet, Index uint8
	Name          string
}

// Error implements error.
func (e ModuleError) Error() string { return "dispatch error " + e.Name }

// Fail returns a pallet's error by name, which must be in its table.
func (r *Runtime) Fail(pallet, name string) error {
	if e, ok := r.errors[pallet+"."+name]; ok {
		return e
	}
	return strata.E(strata.Internal, "devchain: pallet %s has no error %s", pallet, name)
}
