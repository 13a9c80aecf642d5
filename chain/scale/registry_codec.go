package scale

// decodeRegistry reads scale-info's PortableRegistry.
func decodeRegistry(d *Decoder) *Registry {
	types := Vec(d, decodeType)
	if d.err != nil {
		return nil
	}
	r, err := newRegistry(types)
	if err != nil {
		d.fail("%w", err)
	}
	return r
}

func decodeType(d *Decoder) Type {
	t := Type{ID: typeID(d), Path: Vec(d, (*Decoder).Str), Params: Vec(d, decodeParam)}
	t.decodeDef(d)
	t.Docs = Vec(d, (*Decoder).Str)
	return t
}

// decodeDef reads the type's kind and what belongs to it.
func (t *Type) decodeDef(d *Decoder) {
	t.Kind = Kind(d.U8())
	switch t.Kind {
	case KindComposite:
		t.Fields = Vec(d, decodeField)
	case KindVariant:
		t.Variants = Vec(d, decodeVariantOf)
	case KindSequence, KindCompact:
		t.Elem = typeID(d)
	case KindArray:
		t.Len = d.U32()
		t.Elem = typeID(d)
	case KindTuple:
		t.Tuple = Vec(d, typeID)
	case KindPrimitive:
		if t.Primitive = Primitive(d.U8()); t.Primitive > I256 {
			d.fail("unknown primitive %d", t.Primitive)
		}
	case KindBits:
		t.Elem = typeID(d)
		t.Order = typeID(d)
	default:
		d.fail("unknown kind of type %d", t.Kind)
	}
}

// typeID reads a type id, which is a compact u32 everywhere.
func typeID(d *Decoder) TypeID {
	v := d.Compact()
	if v > 1<<32-1 {
		d.fail("type id %d is above 32 bits", v)
	}
	return TypeID(v)
}

func decodeParam(d *Decoder) TypeParam {
	p := TypeParam{Name: d.Str()}
	if d.Option() {
		id := typeID(d)
		p.Type = &id
	}
	return p
}

func decodeField(d *Decoder) Field {
	return Field{Name: optionalStr(d), Type: typeID(d), TypeName: optionalStr(d), Docs: Vec(d, (*Decoder).Str)}
}

func decodeVariantOf(d *Decoder) VariantOf {
	return VariantOf{Name: d.Str(), Fields: Vec(d, decodeField), Index: d.U8(), Docs: Vec(d, (*Decoder).Str)}
}

// optionalStr reads an Option<String>, None as "". No name is empty, so
// Some("") is an error.
func optionalStr(d *Decoder) string {
	if !d.Option() {
		return ""
	}
	s := d.Str()
	if s == "" {
		d.fail("a name is empty")
	}
	return s
}

func (r *Registry) encode(e *Encoder) {
	e.Compact(uint64(len(r.types)))
	for i := range r.types {
		putTypeID(e, r.types[i].ID)
		r.types[i].encode(e)
	}
}

// encode writes the type without its id.
func (t *Type) encode(e *Encoder) {
	PutVec(e, t.Path, (*Encoder).Str)
	PutVec(e, t.Params, func(e *Encoder, p TypeParam) {
		e.Str(p.Name)
		putOptionalID(e, p.Type)
	})
	t.encodeDef(e)
	PutVec(e, t.Docs, (*Encoder).Str)
}

func (t *Type) encodeDef(e *Encoder) {
	e.U8(uint8(t.Kind))
	switch t.Kind {
	case KindComposite:
		PutVec(e, t.Fields, putField)
	case KindVariant:
		PutVec(e, t.Variants, putVariantOf)
	case KindSequence, KindCompact:
		putTypeID(e, t.Elem)
	case KindArray:
		e.U32(t.Len)
		putTypeID(e, t.Elem)
	case KindTuple:
		PutVec(e, t.Tuple, putTypeID)
	case KindPrimitive:
		e.U8(uint8(t.Primitive))
	case KindBits:
		putTypeID(e, t.Elem)
		putTypeID(e, t.Order)
	}
}

func putTypeID(e *Encoder, id TypeID) { e.Compact(uint64(id)) }

func putOptionalID(e *Encoder, id *TypeID) {
	e.Option(id != nil)
	if id != nil {
		putTypeID(e, *id)
	}
}

func putField(e *Encoder, f Field) {
	putOptionalStr(e, f.Name)
	putTypeID(e, f.Type)
	putOptionalStr(e, f.TypeName)
	PutVec(e, f.Docs, (*Encoder).Str)
}

func putVariantOf(e *Encoder, v VariantOf) {
	e.Str(v.Name)
	PutVec(e, v.Fields, putField)
	e.U8(v.Index)
	PutVec(e, v.Docs, (*Encoder).Str)
}

func putOptionalStr(e *Encoder, s string) {
	e.Option(s != "")
	if s != "" {
		e.Str(s)
	}
}
