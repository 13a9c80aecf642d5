package devchain

import (
	"fmt"
	"strings"
	"time"

	"strata"
	"strata/chain/scale"
)

// What the runtime calls itself. The first spec version is that of the
// subtensor whose types and rules it follows; an upgrade (see upgrade.go) gives
// a later one.
const (
	specName  = "node-subtensor"
	firstSpec = 300
	txVersion = 1
)

// runtimeAPIs are the runtime APIs with the versions that Core_version and
// state_getRuntimeVersion report: BLAKE2b-64 of the name, version.
var runtimeAPIs = []struct {
	name    string
	version uint32
	methods []apiSpec
}{
	{"Core", 5, []apiSpec{{"version", "", "RuntimeVersion"}}},
	{"Metadata", 2, []apiSpec{{"metadata", "", "OpaqueMetadata"}, {"metadata_at_version", "version u32", "Option<OpaqueMetadata>"}, {"metadata_versions", "", "Vec<u32>"}}},
	{"AccountNonceApi", 1, []apiSpec{{"account_nonce", "account AccountId32", "u32"}}},
	{"TransactionPaymentApi", 4, []apiSpec{{"query_info", "uxt UncheckedExtrinsic, len u32", "RuntimeDispatchInfo"}}},
	{"SubnetInfoRuntimeApi", 1, []apiSpec{
		{"get_metagraph", "netuid u16", "Option<Metagraph>"},
		{"get_selective_metagraph", "netuid u16, metagraph_indexes Vec<u16>", "Option<SelectiveMetagraph>"},
		{"get_subnet_state", "netuid u16", "Option<SubnetState>"},
		{"get_all_metagraphs", "", "Vec<Option<Metagraph>>"},
	}},
	{"NeuronInfoRuntimeApi", 1, []apiSpec{
		{"get_neurons", "netuid u16", "Vec<NeuronInfo>"}, {"get_neuron", "netuid u16, uid u16", "Option<NeuronInfo>"},
		{"get_neurons_lite", "netuid u16", "Vec<NeuronInfoLite>"}, {"get_neuron_lite", "netuid u16, uid u16", "Option<NeuronInfoLite>"},
	}},
	{"StakeInfoRuntimeApi", 1, []apiSpec{
		{"get_stake_info_for_coldkey", "coldkey_account AccountId32", "Vec<StakeInfo>"},
		{"get_stake_info_for_coldkeys", "coldkey_accounts Vec<AccountId32>", "Vec<(AccountId32,Vec<StakeInfo>)>"},
		{"get_stake_info_for_hotkey_coldkey_netuid", "hotkey_account AccountId32, coldkey_account AccountId32, netuid u16", "Option<StakeInfo>"},
	}},
	{"SubnetRegistrationRuntimeApi", 1, []apiSpec{{"get_network_registration_cost", "", "u64"}}},
	{"SwapRuntimeApi", 1, []apiSpec{
		{"current_alpha_price", "netuid u16", "u64"},
		{"sim_swap_tao_for_alpha", "netuid u16, tao u64", "SimSwapResult"}, {"sim_swap_alpha_for_tao", "netuid u16, alpha u64", "SimSwapResult"},
	}},
}

type apiSpec struct{ name, inputs, output string }

// runtime is what the tables describe, built once for each node: metadata in
// both versions and the numbers of events and errors by name. It is not
// modified, so it is safe for concurrent use.
type runtime struct {
	spec        uint32
	meta        *scale.Metadata // V15
	v14, v15    []byte
	eventRecord scale.TypeID // Vec<EventRecord>
	version     runtimeVersion
	errors      map[string]moduleError
	slot        uint64 // time between blocks, ms
}

// newRuntime builds the runtime of a spec version: the tables as they are for
// the first, every index of a pallet, call, event and error and every type's
// number moved by one for each later version, so that a client with another
// version's metadata cannot get by. An error is a defect of the tables.
func newRuntime(spec uint32, blockTime time.Duration) (*runtime, error) {
	t := newTypist(spec)
	t.declareTypes()
	meta := &scale.Metadata{Version: 15}
	for _, p := range pallets {
		meta.Pallets = append(meta.Pallets, t.pallet(p))
	}
	meta.Outer = t.outer(meta.Pallets)
	meta.Extrinsic = t.extrinsic(meta.Outer.Call)
	t.composite("EventRecord", "frame_system::EventRecord", "phase Phase, event RuntimeEvent, topics Vec<H256>")
	for i, p := range pallets {
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
	r := &runtime{spec: spec, meta: meta, eventRecord: t.id("Vec<EventRecord>"), version: newVersion(spec), errors: map[string]moduleError{}, slot: slotOf(blockTime)}
	return r, r.finish()
}

// slotOf is the time between blocks in milliseconds, the default's where blocks
// are made by hand.
func slotOf(blockTime time.Duration) uint64 {
	if blockTime < time.Millisecond {
		blockTime = defaultBlockTime
	}
	return uint64(blockTime.Milliseconds())
}

// finish fills in what needs the registry: defaults, constants and encodings.
func (r *runtime) finish() error {
	for i, p := range pallets {
		if err := r.fill(&r.meta.Pallets[i], p); err != nil {
			return fmt.Errorf("devchain: pallet %s: %w", p.name, err)
		}
	}
	var err error
	if r.v15, err = r.meta.Encode(); err != nil {
		return err
	}
	old := *r.meta
	old.Version = 14
	r.v14, err = old.Encode()
	return err
}

func (r *runtime) fill(m *scale.Pallet, p *pallet) error {
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
		v, err := r.meta.Registry.Encode(m.Constants[i].Type, value)
		if err != nil {
			return err
		}
		m.Constants[i].Value = v
	}
	if m.Error == nil {
		return nil
	}
	t, err := r.meta.Registry.Type(*m.Error)
	if err != nil {
		return err
	}
	for _, v := range t.Variants {
		r.errors[p.name+"."+v.Name] = moduleError{m.Index, v.Index, v.Name}
	}
	return nil
}

// zero returns the encoding of a type's zero value, a storage item's default.
func (r *runtime) zero(id scale.TypeID) []byte {
	t, err := r.meta.Registry.Type(id)
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
		s := scale.StorageEntry{Name: e.name, Optional: e.optional, Value: t.id(e.value)}
		for _, h := range e.hashers {
			s.Hashers = append(s.Hashers, hasherLetters[h])
		}
		switch len(s.Hashers) {
		case 0:
		case 1:
			s.Key = t.id(e.keys)
		default:
			s.Key = t.id("(" + e.keys + ")")
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

// moduleError is a pallet's error as a dispatch gives it.
type moduleError struct {
	pallet, index uint8
	name          string
}

func (e moduleError) Error() string { return "dispatch error " + e.name }

// fail returns an error of SubtensorModule by name, which must be in its table.
func (r *runtime) fail(pallet, name string) error {
	if e, ok := r.errors[pallet+"."+name]; ok {
		return e
	}
	return strata.E(strata.Internal, "devchain: pallet %s has no error %s", pallet, name)
}
