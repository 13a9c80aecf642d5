package scale

import (
	"strata"
)

// Pallet returns a pallet by name. The error has code NotFound.
func (m *Metadata) Pallet(name string) (*Pallet, error) {
	for i := range m.Pallets {
		if m.Pallets[i].Name == name {
			return &m.Pallets[i], nil
		}
	}
	return nil, strata.E(strata.NotFound, "the chain has no pallet %q", name)
}

// palletAt returns a pallet by index.
func (m *Metadata) palletAt(index uint8) (*Pallet, error) {
	for i := range m.Pallets {
		if m.Pallets[i].Index == index {
			return &m.Pallets[i], nil
		}
	}
	return nil, strata.E(strata.NotFound, "the chain has no pallet with index %d", index)
}

// Storage returns a storage item and the prefix of its pallet. The error has
// code NotFound.
func (m *Metadata) Storage(pallet, item string) (entry *StorageEntry, prefix string, err error) {
	p, err := m.Pallet(pallet)
	if err != nil {
		return nil, "", err
	}
	if p.Storage != nil {
		for i := range p.Storage.Entries {
			if e := &p.Storage.Entries[i]; e.Name == item {
				return e, p.Storage.Prefix, nil
			}
		}
	}
	return nil, "", strata.E(strata.NotFound, "the chain has no storage item %s.%s", pallet, item)
}

// StorageKey returns the key of a storage item: twox128(prefix) ‖
// twox128(item) ‖ each key hashed as metadata says. With fewer keys than the
// map has, it is the prefix of all entries under those. Errors: NotFound for
// an unknown item, Invalid for keys that do not fit.
func (m *Metadata) StorageKey(pallet, item string, keys ...Value) ([]byte, error) {
	entry, prefix, err := m.Storage(pallet, item)
	if err != nil {
		return nil, err
	}
	if len(keys) > len(entry.Hashers) {
		return nil, strata.E(strata.Invalid, "%s.%s has %d keys, %d were given", pallet, item, len(entry.Hashers), len(keys))
	}
	types, err := m.keyTypes(entry)
	if err != nil {
		return nil, err
	}
	out := append(twox([]byte(prefix), 2), twox([]byte(item), 2)...)
	for i, k := range keys {
		b, err := m.Registry.Encode(types[i], k)
		if err != nil {
			return nil, within(pallet+"."+item+" key", err)
		}
		out = append(out, entry.Hashers[i].Hash(b)...)
	}
	return out, nil
}

// keyTypes returns the type of each key of a map, none for a plain item.
func (m *Metadata) keyTypes(e *StorageEntry) ([]TypeID, error) {
	if len(e.Hashers) <= 1 {
		return []TypeID{e.Key}[:len(e.Hashers)], nil
	}
	t, err := m.Registry.Type(e.Key)
	if err != nil {
		return nil, err
	}
	if t.Kind != KindTuple || len(t.Tuple) != len(e.Hashers) {
		return nil, strata.E(strata.Invalid, "scale: storage map %s has %d hashers but its key is no tuple of as many", e.Name, len(e.Hashers))
	}
	return t.Tuple, nil
}

// DecodeStorage reads a storage item's value. Nil raw means absent: the
// item's default, or a nil Value where the item is optional.
func (m *Metadata) DecodeStorage(pallet, item string, raw []byte) (Value, error) {
	entry, _, err := m.Storage(pallet, item)
	if err != nil {
		return nil, err
	}
	if raw == nil {
		if entry.Optional {
			return nil, nil
		}
		raw = entry.Default
	}
	v, err := m.Registry.Decode(entry.Value, raw)
	if err != nil {
		return nil, within(pallet+"."+item, err)
	}
	return v, nil
}

// EncodeStorage writes a storage item's value.
func (m *Metadata) EncodeStorage(pallet, item string, v Value) ([]byte, error) {
	entry, _, err := m.Storage(pallet, item)
	if err != nil {
		return nil, err
	}
	b, err := m.Registry.Encode(entry.Value, v)
	if err != nil {
		return nil, within(pallet+"."+item, err)
	}
	return b, nil
}

// API returns a method of a runtime API. The error has code NotFound, always
// with V14, which lists none.
func (m *Metadata) API(name, method string) (*APIMethod, error) {
	for i := range m.APIs {
		if m.APIs[i].Name != name {
			continue
		}
		for j := range m.APIs[i].Methods {
			if mt := &m.APIs[i].Methods[j]; mt.Name == method {
				return mt, nil
			}
		}
	}
	return nil, strata.E(strata.NotFound, "the chain has no runtime API %s_%s", name, method)
}

// ModuleError names an error that a call ended with: the pallet with that
// index, and the error whose number is the first byte of the dispatch error's
// four. The error has code NotFound.
func (m *Metadata) ModuleError(index, number uint8) (pallet string, is *VariantOf, err error) {
	p, err := m.palletAt(index)
	if err != nil {
		return "", nil, err
	}
	if p.Error != nil {
		t, err := m.Registry.Type(*p.Error)
		if err != nil {
			return "", nil, err
		}
		if is = t.variantAt(number); is != nil {
			return p.Name, is, nil
		}
	}
	return "", nil, strata.E(strata.NotFound, "pallet %s has no error %d", p.Name, number)
}
