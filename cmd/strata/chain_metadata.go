package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"strata"
	"strata/chain/scale"
)

type chainMetadataCmd struct {
	chainFlags
	logFlags
	File   string `help:"Read metadata from this file, in hex or raw, V14 or V15, instead of from a node."`
	Pallet string `help:"Show only this pallet or runtime API."`
	Type   string `help:"Show the fields of this type only."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// The listing of a runtime: what it prints, and its JSON.
type (
	runtimeListing struct {
		Version    uint8           `json:"metadata_version"`
		Extrinsic  uint8           `json:"extrinsic_version"`
		Extensions []typedName     `json:"signed_extensions"`
		Pallets    []palletListing `json:"pallets"`
		APIs       []apiListing    `json:"runtime_apis"`
	}
	palletListing struct {
		Name      string           `json:"name"`
		Index     uint8            `json:"index"`
		Calls     []caseListing    `json:"calls"`
		Storage   []storageListing `json:"storage"`
		Constants []typedName      `json:"constants"`
		Events    []caseListing    `json:"events"`
		Errors    []caseListing    `json:"errors"`
	}
	caseListing struct {
		Index uint8       `json:"index"`
		Name  string      `json:"name"`
		Args  []typedName `json:"args,omitempty"`
	}
	storageListing struct {
		Name     string      `json:"name"`
		Keys     []typedName `json:"keys,omitempty"` // named by hasher
		Value    string      `json:"value"`
		Optional bool        `json:"optional"`
	}
	apiListing struct {
		Name    string          `json:"name"`
		Methods []methodListing `json:"methods"`
	}
	methodListing struct {
		Name   string      `json:"name"`
		Args   []typedName `json:"args"`
		Output string      `json:"output"`
	}
	typedName struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
)

// Run lists the runtime of a node or of a file.
func (c *chainMetadataCmd) Run(ctx context.Context, s streams) error {
	meta, err := c.metadata(ctx, s)
	if err != nil {
		return err
	}
	if c.Type != "" {
		return c.showType(s, meta)
	}
	l, err := listRuntime(meta)
	if err != nil {
		return err
	}
	show := (*runtimeListing).print
	if c.Pallet != "" {
		if err := l.only(c.Pallet); err != nil {
			return err
		}
		show = (*runtimeListing).printParts
	}
	if c.JSON {
		return printJSON(s.out, l)
	}
	var b bytes.Buffer
	show(l, &b)
	_, err = s.out.Write(bytes.TrimLeft(b.Bytes(), "\n"))
	return err
}

// typeListing is a type of the registry: a struct's fields or an enum's cases.
type typeListing struct {
	Path   string        `json:"path"`
	Fields []typedName   `json:"fields,omitempty"`
	Cases  []caseListing `json:"cases,omitempty"`
}

func (c *chainMetadataCmd) showType(s streams, m *scale.Metadata) error {
	types := m.Registry.TypesNamed(c.Type)
	if len(types) == 0 {
		return strata.E(strata.NotFound, "the runtime has no type %q", c.Type)
	}
	var out []typeListing
	for _, t := range types {
		l := typeListing{Path: strings.Join(t.Path, "::"), Fields: listFields(m, t.Fields)}
		for _, v := range t.Variants {
			l.Cases = append(l.Cases, caseListing{v.Index, v.Name, listFields(m, v.Fields)})
		}
		out = append(out, l)
	}
	if c.JSON {
		return printJSON(s.out, out)
	}
	var b bytes.Buffer
	for _, l := range out {
		fmt.Fprintf(&b, "type %s\n", l.Path)
		for _, f := range l.Fields {
			fmt.Fprintf(&b, "  %s\n", args([]typedName{f}))
		}
		for _, v := range l.Cases {
			fmt.Fprintf(&b, "  %d %s(%s)\n", v.Index, v.Name, args(v.Args))
		}
	}
	_, err := s.out.Write(b.Bytes())
	return err
}

func listFields(m *scale.Metadata, fields []scale.Field) []typedName {
	var out []typedName
	for _, f := range fields {
		out = append(out, typedName{f.Name, m.Registry.TypeName(f.Type)})
	}
	return out
}

func (c *chainMetadataCmd) metadata(ctx context.Context, s streams) (*scale.Metadata, error) {
	if c.File != "" {
		return readMetadata(c.File)
	}
	log, err := c.logger(s.err)
	if err != nil {
		return nil, err
	}
	client, err := c.dial(ctx, log)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.RuntimeMetadata(ctx)
}

// maxMetadata bounds a file: public chains' have 300 KiB, twice that in hex.
const maxMetadata = 32 << 20

// metadataStart is how metadata begins; what Metadata_metadata_at_version
// returns is wrapped and does not.
var metadataStart = []byte("meta")

func readMetadata(file string) (*scale.Metadata, error) {
	f, err := os.Open(expand(file))
	if err != nil {
		return nil, strata.E(strata.Invalid, "read metadata: %w", err)
	}
	defer f.Close() // read only: nothing to lose
	raw, err := io.ReadAll(io.LimitReader(f, maxMetadata+1))
	if err != nil || len(raw) > maxMetadata {
		return nil, strata.E(strata.Invalid, "read metadata from %s: it must be a readable file of at most %d bytes", file, maxMetadata)
	}
	if text := strings.TrimPrefix(strings.TrimSpace(string(raw)), "0x"); !bytes.HasPrefix(raw, metadataStart) {
		if b, err := hex.DecodeString(text); err == nil {
			raw = b
		}
	}
	if !bytes.HasPrefix(raw, metadataStart) {
		if inner, err := scale.UnwrapMetadata(raw); err == nil {
			raw = inner
		}
	}
	meta, err := scale.DecodeMetadata(raw)
	if err != nil {
		return nil, strata.E(strata.CodeOf(err), "%s is not runtime metadata: %w", file, err)
	}
	return meta, nil
}

func listRuntime(m *scale.Metadata) (*runtimeListing, error) {
	l := &runtimeListing{
		Version: m.Version, Extrinsic: m.Extrinsic.Version,
		Extensions: []typedName{}, Pallets: []palletListing{}, APIs: []apiListing{},
	}
	for _, x := range m.Extrinsic.Extensions {
		l.Extensions = append(l.Extensions, typedName{x.Identifier, m.Registry.TypeName(x.Type) + " + " + m.Registry.TypeName(x.Additional)})
	}
	for i := range m.Pallets {
		p, err := listPallet(m, &m.Pallets[i])
		if err != nil {
			return nil, err
		}
		l.Pallets = append(l.Pallets, p)
	}
	for _, a := range m.APIs {
		api := apiListing{Name: a.Name, Methods: []methodListing{}}
		for _, f := range a.Methods {
			method := methodListing{Name: f.Name, Args: []typedName{}, Output: m.Registry.TypeName(f.Output)}
			for _, in := range f.Inputs {
				method.Args = append(method.Args, typedName{in.Name, m.Registry.TypeName(in.Type)})
			}
			api.Methods = append(api.Methods, method)
		}
		l.APIs = append(l.APIs, api)
	}
	return l, nil
}

func listPallet(m *scale.Metadata, p *scale.Pallet) (palletListing, error) {
	l := palletListing{Name: p.Name, Index: p.Index, Storage: []storageListing{}, Constants: []typedName{}}
	for _, part := range []struct {
		id  *scale.TypeID
		out *[]caseListing
	}{{p.Calls, &l.Calls}, {p.Event, &l.Events}, {p.Error, &l.Errors}} {
		cases, err := listCases(m, part.id)
		if err != nil {
			return l, err
		}
		*part.out = cases
	}
	for _, c := range p.Constants {
		l.Constants = append(l.Constants, typedName{c.Name, m.Registry.TypeName(c.Type)})
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
		item := storageListing{Name: e.Name, Value: m.Registry.TypeName(e.Value), Optional: e.Optional}
		for k, id := range keys {
			item.Keys = append(item.Keys, typedName{e.Hashers[k].String(), m.Registry.TypeName(id)})
		}
		l.Storage = append(l.Storage, item)
	}
	return l, nil
}

// listCases lists the cases of an enum, such as a pallet's calls.
func listCases(m *scale.Metadata, id *scale.TypeID) ([]caseListing, error) {
	out := []caseListing{}
	if id == nil {
		return out, nil
	}
	t, err := m.Registry.Type(*id)
	if err != nil {
		return nil, err
	}
	for _, v := range t.Variants {
		out = append(out, caseListing{v.Index, v.Name, listFields(m, v.Fields)})
	}
	return out, nil
}

// only keeps the pallet or runtime API of one name.
func (l *runtimeListing) only(name string) error {
	pallets, apis := l.Pallets, l.APIs
	l.Pallets, l.APIs = []palletListing{}, []apiListing{}
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

func (l *runtimeListing) print(b *bytes.Buffer) {
	fmt.Fprintf(b, "metadata V%d, extrinsic version %d, %d pallets, %d runtime APIs\n", l.Version, l.Extrinsic, len(l.Pallets), len(l.APIs))
	if l.Version < 15 {
		fmt.Fprintln(b, "V14 does not list runtime APIs")
	}
	fmt.Fprintln(b, "signed extensions")
	for _, x := range l.Extensions {
		fmt.Fprintf(b, "  %s: %s\n", x.Name, x.Type)
	}
	l.printParts(b)
}

func (l *runtimeListing) printParts(b *bytes.Buffer) {
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

func (p *palletListing) print(b *bytes.Buffer) {
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
func args(list []typedName) string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = a.Type
		if a.Name != "" {
			out[i] = a.Name + ": " + a.Type
		}
	}
	return strings.Join(out, ", ")
}
