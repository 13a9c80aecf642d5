package scale

import (
	"strata"
)

// metaMagic is "meta", little endian: the first four bytes of metadata.
const metaMagic = 0x6174656d

// Metadata is a runtime's description of itself, V14 or V15. After decoding
// it is not modified, so it is safe for concurrent use.
type Metadata struct {
	Version   uint8 // 14 or 15
	Registry  *Registry
	Pallets   []Pallet
	Extrinsic ExtrinsicFormat
	Runtime   TypeID // the type of the runtime itself

	// Only in V15.
	APIs   []RuntimeAPI
	Outer  OuterEnums
	Custom []CustomValue
}

// Pallet is one module of a runtime. A nil member means that it has none.
type Pallet struct {
	Name      string
	Storage   *PalletStorage
	Calls     *TypeID // a variant type
	Event     *TypeID // a variant type
	Constants []Constant
	Error     *TypeID // a variant type
	Index     uint8
	Docs      []string // only in V15
}

// PalletStorage is a pallet's storage; Prefix is what keys start with.
type PalletStorage struct {
	Prefix  string
	Entries []StorageEntry
}

// StorageEntry is one storage item: a single value, or a map if it has Hashers.
type StorageEntry struct {
	Name       string
	Optional   bool // absent reads as nothing; otherwise as Default
	Hashers    []Hasher
	Key, Value TypeID // Key, of a map only: one hasher, any type; several, a tuple of as many
	Default    []byte
	Docs       []string
}

// IsMap says whether the entry is a map.
func (s *StorageEntry) IsMap() bool { return len(s.Hashers) > 0 }

// Constant is a pallet's constant; Value is encoded as Type.
type Constant struct {
	Name  string
	Type  TypeID
	Value []byte
	Docs  []string
}

// ExtrinsicFormat describes the runtime's extrinsics.
type ExtrinsicFormat struct {
	Version    uint8
	Extensions []SignedExtension // in the order in which they are encoded

	Type TypeID // only in V14; V15 names its parts

	Address, Call, Signature, Extra TypeID // only in V15
}

// SignedExtension is one part of what is added to and signed with a call.
type SignedExtension struct {
	Identifier string
	Type       TypeID // what it adds to the extrinsic
	Additional TypeID // what it adds to the signed payload only
}

// RuntimeAPI is a group of functions that state_call runs as Name_Method.
type RuntimeAPI struct {
	Name    string
	Methods []APIMethod
	Docs    []string
}

// APIMethod is one function of a RuntimeAPI.
type APIMethod struct {
	Name   string
	Inputs []APIInput
	Output TypeID
	Docs   []string
}

// APIInput is an argument of an APIMethod.
type APIInput struct {
	Name string
	Type TypeID
}

// OuterEnums are the types that join all pallets' calls, events and errors.
type OuterEnums struct {
	Call, Event, Error TypeID
}

// CustomValue is a value that the runtime's author added; Value is encoded as Type.
type CustomValue struct {
	Name  string
	Type  TypeID
	Value []byte
}

// UnwrapMetadata takes metadata out of what Metadata_metadata_at_version
// returns: an Option<Vec<u8>>. The code is NotFound if it is None: the node
// does not have the version asked for.
func UnwrapMetadata(b []byte) ([]byte, error) {
	d := NewDecoder(b)
	if !d.Option() && d.Err() == nil {
		return nil, strata.E(strata.NotFound, "scale: the node does not have metadata of this version")
	}
	out := d.Blob()
	return out, d.Done()
}

// DecodeMetadata reads metadata V14 or V15, as state_getMetadata returns it.
func DecodeMetadata(b []byte) (*Metadata, error) {
	d := NewDecoder(b)
	if magic := d.U32(); d.err == nil && magic != metaMagic {
		d.fail("metadata starts with 0x%08x, not with \"meta\"", magic)
	}
	m := &Metadata{Version: d.U8()}
	if d.err == nil && m.Version != 14 && m.Version != 15 {
		d.fail("metadata version %d is not supported: only 14 and 15", m.Version)
	}
	v15 := m.Version == 15
	m.Registry = decodeRegistry(d)
	m.Pallets = Vec(d, func(d *Decoder) Pallet { return decodePallet(d, v15) })
	m.Extrinsic = decodeExtrinsicFormat(d, v15)
	m.Runtime = typeID(d)
	if v15 {
		m.APIs = Vec(d, decodeAPI)
		m.Outer = OuterEnums{Call: typeID(d), Event: typeID(d), Error: typeID(d)}
		m.Custom = Vec(d, func(d *Decoder) CustomValue {
			return CustomValue{Name: d.Str(), Type: typeID(d), Value: d.Blob()}
		})
	}
	if err := d.Done(); err != nil {
		return nil, err
	}
	return m, nil
}

// Encode writes the metadata in the format of its Version, which must be 14 or
// 15; of a V15 struct, V14 leaves out what it does not know (Type must be set).
func (m *Metadata) Encode() ([]byte, error) {
	if m.Version != 14 && m.Version != 15 {
		return nil, strata.E(strata.Invalid, "scale: metadata version %d is not supported: only 14 and 15", m.Version)
	}
	e, v15 := &Encoder{}, m.Version == 15
	e.U32(metaMagic)
	e.U8(m.Version)
	m.Registry.encode(e)
	PutVec(e, m.Pallets, func(e *Encoder, p Pallet) { p.encode(e, v15) })
	m.Extrinsic.encode(e, v15)
	putTypeID(e, m.Runtime)
	if v15 {
		PutVec(e, m.APIs, putAPI)
		putTypeID(e, m.Outer.Call)
		putTypeID(e, m.Outer.Event)
		putTypeID(e, m.Outer.Error)
		PutVec(e, m.Custom, func(e *Encoder, c CustomValue) {
			e.Str(c.Name)
			putTypeID(e, c.Type)
			e.Blob(c.Value)
		})
	}
	return e.Bytes(), nil
}
