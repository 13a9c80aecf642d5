package scale

// Numbers that frame-metadata gives to the forms of a storage entry.
const (
	modifierOptional = 0
	modifierDefault  = 1
	entryPlain       = 0
	entryMap         = 1
)

func decodePallet(d *Decoder, v15 bool) Pallet {
	p := Pallet{Name: d.Str()}
	if d.Option() {
		p.Storage = &PalletStorage{Prefix: d.Str(), Entries: Vec(d, decodeStorageEntry)}
	}
	p.Calls = optionalID(d)
	p.Event = optionalID(d)
	p.Constants = Vec(d, func(d *Decoder) Constant {
		return Constant{Name: d.Str(), Type: typeID(d), Value: d.Blob(), Docs: Vec(d, (*Decoder).Str)}
	})
	p.Error = optionalID(d)
	p.Index = d.U8()
	if v15 {
		p.Docs = Vec(d, (*Decoder).Str)
	}
	return p
}

func optionalID(d *Decoder) *TypeID {
	if !d.Option() {
		return nil
	}
	id := typeID(d)
	return &id
}

func decodeStorageEntry(d *Decoder) StorageEntry {
	s := StorageEntry{Name: d.Str()}
	switch modifier := d.U8(); modifier {
	case modifierOptional:
		s.Optional = true
	case modifierDefault:
	default:
		d.fail("unknown storage modifier %d", modifier)
	}
	switch form := d.U8(); form {
	case entryPlain:
		s.Value = typeID(d)
	case entryMap:
		s.Hashers = Vec(d, decodeHasher)
		if len(s.Hashers) == 0 {
			d.fail("a storage map without a hasher")
		}
		s.Key, s.Value = typeID(d), typeID(d)
	default:
		d.fail("unknown form of storage entry %d", form)
	}
	s.Default = d.Blob()
	s.Docs = Vec(d, (*Decoder).Str)
	return s
}

func decodeHasher(d *Decoder) Hasher {
	h := Hasher(d.U8())
	if h > Identity {
		d.fail("unknown storage hasher %d", h)
	}
	return h
}

func (p *Pallet) encode(e *Encoder, v15 bool) {
	e.Str(p.Name)
	e.Option(p.Storage != nil)
	if p.Storage != nil {
		e.Str(p.Storage.Prefix)
		PutVec(e, p.Storage.Entries, putStorageEntry)
	}
	putOptionalID(e, p.Calls)
	putOptionalID(e, p.Event)
	PutVec(e, p.Constants, func(e *Encoder, c Constant) {
		e.Str(c.Name)
		putTypeID(e, c.Type)
		e.Blob(c.Value)
		PutVec(e, c.Docs, (*Encoder).Str)
	})
	putOptionalID(e, p.Error)
	e.U8(p.Index)
	if v15 {
		PutVec(e, p.Docs, (*Encoder).Str)
	}
}

func putStorageEntry(e *Encoder, s StorageEntry) {
	e.Str(s.Name)
	if s.Optional {
		e.U8(modifierOptional)
	} else {
		e.U8(modifierDefault)
	}
	if s.IsMap() {
		e.U8(entryMap)
		PutVec(e, s.Hashers, func(e *Encoder, h Hasher) { e.U8(uint8(h)) })
		putTypeID(e, s.Key)
	} else {
		e.U8(entryPlain)
	}
	putTypeID(e, s.Value)
	e.Blob(s.Default)
	PutVec(e, s.Docs, (*Encoder).Str)
}

func decodeExtrinsicFormat(d *Decoder, v15 bool) ExtrinsicFormat {
	var x ExtrinsicFormat
	if v15 {
		x.Version = d.U8()
		x.Address, x.Call, x.Signature, x.Extra = typeID(d), typeID(d), typeID(d), typeID(d)
	} else {
		x.Type = typeID(d)
		x.Version = d.U8()
	}
	x.Extensions = Vec(d, func(d *Decoder) SignedExtension {
		return SignedExtension{Identifier: d.Str(), Type: typeID(d), Additional: typeID(d)}
	})
	return x
}

func (x *ExtrinsicFormat) encode(e *Encoder, v15 bool) {
	if v15 {
		e.U8(x.Version)
		for _, id := range []TypeID{x.Address, x.Call, x.Signature, x.Extra} {
			putTypeID(e, id)
		}
	} else {
		putTypeID(e, x.Type)
		e.U8(x.Version)
	}
	PutVec(e, x.Extensions, func(e *Encoder, s SignedExtension) {
		e.Str(s.Identifier)
		putTypeID(e, s.Type)
		putTypeID(e, s.Additional)
	})
}

func decodeAPI(d *Decoder) RuntimeAPI {
	return RuntimeAPI{Name: d.Str(), Methods: Vec(d, decodeMethod), Docs: Vec(d, (*Decoder).Str)}
}

func decodeMethod(d *Decoder) APIMethod {
	m := APIMethod{Name: d.Str()}
	m.Inputs = Vec(d, func(d *Decoder) APIInput { return APIInput{Name: d.Str(), Type: typeID(d)} })
	m.Output = typeID(d)
	m.Docs = Vec(d, (*Decoder).Str)
	return m
}

func putAPI(e *Encoder, a RuntimeAPI) {
	e.Str(a.Name)
	PutVec(e, a.Methods, func(e *Encoder, m APIMethod) {
		e.Str(m.Name)
		PutVec(e, m.Inputs, func(e *Encoder, in APIInput) {
			e.Str(in.Name)
			putTypeID(e, in.Type)
		})
		putTypeID(e, m.Output)
		PutVec(e, m.Docs, (*Encoder).Str)
	})
	PutVec(e, a.Docs, (*Encoder).Str)
}
