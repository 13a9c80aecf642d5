package listing

import (
	"fmt"
	"io"
	"strings"

	"strata"
	"strata/chain/scale"
)

// The listing of a runtime: what it prints, and its JSON. Types are written as
// Rust writes them.
type (
	Runtime struct {
		Version    uint8    `json:"metadata_version"`
		Extrinsic  uint8    `json:"extrinsic_version"`
		Extensions []Typed  `json:"signed_extensions"`
		Pallets    []Pallet `json:"pallets"`
		APIs       []API    `json:"runtime_apis"`
	}
	Pallet struct {
		Name      string    `json:"name"`
		Index     uint8     `json:"index"`
		Calls     []Case    `json:"calls"`
		Storage   []Storage `json:"storage"`
		Constants []Typed   `json:"constants"`
		Events    []Case    `json:"events"`
		Errors    []Case    `json:"errors"`
	}
	Case struct {
		Index uint8   `json:"index"`
		Name  string  `json:"name"`
		Args  []Typed `json:"args,omitempty"`
	}
	Storage struct {
		Name     string  `json:"name"`
		Keys     []Typed `json:"keys,omitempty"` // named by hasher
		Value    string  `json:"value"`
		Optional bool    `json:"optional"`
	}
	API struct {
		Name    string   `json:"name"`
		Methods []Method `json:"methods"`
	}
	Method struct {
		Name   string  `json:"name"`
		Args   []Typed `json:"args"`
		Output string  `json:"output"`
	}
	Typed struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
)

// Type is a type of the registry: a struct's fields or an enum's cases.
type Type struct {
	Path   string  `json:"path"`
	Fields []Typed `json:"fields,omitempty"`
	Cases  []Case  `json:"cases,omitempty"`
}

// Types lists all types of a name; the error has code NotFound if there is none.
func Types(m *scale.Metadata, name string) ([]Type, error) {
	types := m.Registry.TypesNamed(name)
	if len(types) == 0 {
		return nil, strata.E(strata.NotFound, "the runtime has no type %q", name)
	}
	var out []Type
	for _, t := range types {
		l := Type{Path: strings.Join(t.Path, "::"), Fields: listFields(m, t.Fields)}
		for _, v := range t.Variants {
			l.Cases = append(l.Cases, Case{v.Index, v.Name, listFields(m, v.Fields)})
		}
		out = append(out, l)
	}
	return out, nil
}

// Print writes the type for people.
func (l Type) Print(b io.Writer) {
	fmt.Fprintf(b, "type %s\n", l.Path)
	for _, f := range l.Fields {
		fmt.Fprintf(b, "  %s\n", args([]Typed{f}))
	}
	for _, v := range l.Cases {
		fmt.Fprintf(b, "  %d %s(%s)\n", v.Index, v.Name, args(v.Args))
	}
}

func listFields(m *scale.Metadata, fields []scale.Field) []Typed {
	var out []Typed
	for _, f := range fields {
		out = append(out, Typed{f.Name, m.Registry.TypeName(f.Type)})
	}
	return out
}

// Of lists a runtime. The error is a defect of its metadata.
func Of(m *scale.Metadata) (*Runtime, error) {
	l := &Runtime{
		Version: m.Version, Extrinsic: m.Extrinsic.Version,
		Extensions: []Typed{}, Pallets: []Pallet{}, APIs: []API{},
	}
	for _, x := range m.Extrinsic.Extensions {
		l.Extensions = append(l.Extensions, Typed{x.Identifier, m.Registry.TypeName(x.Type) + " + " + m.Registry.TypeName(x.Additional)})
	}
	for i := range m.Pallets {
		p, err := listPallet(m, &m.Pallets[i])
		if err != nil {
			return nil, err
		}
		l.Pallets = append(l.Pallets, p)
	}
	for _, a := range m.APIs {
		api := API{Name: a.Name, Methods: []Method{}}
		for _, f := range a.Methods {
			method := Method{Name: f.Name, Args: []Typed{}, Output: m.Registry.TypeName(f.Output)}
			for _, in := range f.Inputs {
				method.Args = append(method.Args, Typed{in.Name, m.Registry.TypeName(in.Type)})
			}
			api.Methods = append(api.Methods, method)
		}
		l.APIs = append(l.APIs, api)
	}
	return l, nil
}

func listPallet(m *scale.Metadata, p *scale.Pallet) (Pallet, error) {
	l := Pallet{Name: p.Name, Index: p.Index, Storage: []Storage{}, Constants: []Typed{}}
	for _, part := range []struct {
		id  *scale.TypeID
		out *[]Case
	}{{p.Calls, &l.Calls}, {p.Event, &l.Events}, {p.Error, &l.Errors}} {
		cases, err := listCases(m, part.id)
		if err != nil {
			return l, err
		}
		*part.out = cases
	}
	for _, c := range p.Constants {
		l.Constants = append(l.Constants, Typed{c.Name, m.Registry.TypeName(c.Type)})
	}
	if p.Storage == nil {
		return l, nil
	}
	for i := range p.Storage.Entries {
		e := &p.Storage.Entries[i]
		keys, err := m.KeyTypes(e)
		if err != nil {
			return l, err
		}
		item := Storage{Name: e.Name, Value: m.Registry.TypeName(e.Value), Optional: e.Optional}
		for k, id := range keys {
			item.Keys = append(item.Keys, Typed{e.Hashers[k].String(), m.Registry.TypeName(id)})
		}
		l.Storage = append(l.Storage, item)
	}
	return l, nil
}

// listCases lists the cases of an enum, such as a pallet's calls.
func listCases(m *scale.Metadata, id *scale.TypeID) ([]Case, error) {
	out := []Case{}
	if id == nil {
		return out, nil
	}
	t, err := m.Registry.Type(*id)
	if err != nil {
		return nil, err
	}
	for _, v := range t.Variants {
		out = append(out, Case{v.Index, v.Name, listFields(m, v.Fields)})
	}
	return out, nil
}

// Only keeps the pallet or runtime API of one name.
func (l *Runtime) Only(name string) error {
	pallets, apis := l.Pallets, l.APIs
	l.Pallets, l.APIs = []Pallet{}, []API{}
	for _, p := range pallets {
		if strings.EqualFold(p.Name, name) {
			l.Pallets = append(l.Pallets, p)
		}
	}
	for _, a := range apis {
		if strings.EqualFold(a.Name, name) {
			l.APIs = append(l.APIs, a)
		}
	}
	if len(l.Pallets)+len(l.APIs) == 0 {
		return strata.E(strata.NotFound, "the runtime has no pallet or runtime API %q: leave out --pallet to list them", name)
	}
	return nil
}

// Print writes the listing for people.
func (l *Runtime) Print(b io.Writer) {
	fmt.Fprintf(b, "metadata V%d, extrinsic version %d, %d pallets, %d runtime APIs\n", l.Version, l.Extrinsic, len(l.Pallets), len(l.APIs))
	if l.Version < 15 {
		fmt.Fprintln(b, "V14 does not list runtime APIs")
	}
	fmt.Fprintln(b, "signed extensions")
	for _, x := range l.Extensions {
		fmt.Fprintf(b, "  %s: %s\n", x.Name, x.Type)
	}
	l.PrintParts(b)
}

// PrintParts writes it without what is the whole runtime's.
func (l *Runtime) PrintParts(b io.Writer) {
	for _, p := range l.Pallets {
		p.print(b)
	}
	for _, a := range l.APIs {
		fmt.Fprintf(b, "\nruntime API %s\n", a.Name)
		for _, m := range a.Methods {
			fmt.Fprintf(b, "  %s(%s) -> %s\n", m.Name, args(m.Args), m.Output)
		}
	}
}

func (p *Pallet) print(b io.Writer) {
	fmt.Fprintf(b, "\npallet %s (%d)\n", p.Name, p.Index)
	for _, c := range p.Calls {
		fmt.Fprintf(b, "  call %d %s(%s)\n", c.Index, c.Name, args(c.Args))
	}
	for _, e := range p.Storage {
		keys := make([]string, len(e.Keys))
		for i, k := range e.Keys {
			keys[i] = k.Type + " " + k.Name
		}
		value := e.Value
		if e.Optional {
			value += "?"
		}
		fmt.Fprintf(b, "  storage %s[%s] -> %s\n", e.Name, strings.Join(keys, ", "), value)
	}
	for _, c := range p.Constants {
		fmt.Fprintf(b, "  constant %s: %s\n", c.Name, c.Type)
	}
	for _, c := range p.Events {
		fmt.Fprintf(b, "  event %d %s(%s)\n", c.Index, c.Name, args(c.Args))
	}
	for _, c := range p.Errors {
		fmt.Fprintf(b, "  error %d %s\n", c.Index, c.Name)
	}
}

// args writes arguments as a signature does; those without a name by type alone.
func args(list []Typed) string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = a.Type
		if a.Name != "" {
			out[i] = a.Name + ": " + a.Type
		}
	}
	return strings.Join(out, ", ")
}
