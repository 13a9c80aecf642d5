package scale

import (
	"bytes"
	"math/big"
	"testing"
)

// FuzzDecodeMetadata: whatever is accepted encodes to the same bytes, and its
// defaults can be looked at without harm.
func FuzzDecodeMetadata(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := DecodeMetadata(raw)
		if err != nil {
			return
		}
		again, err := m.Encode()
		if err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("encodes again to other bytes, %v", err)
		}
		for _, p := range m.Pallets {
			if p.Storage == nil {
				continue
			}
			for _, s := range p.Storage.Entries {
				if v, err := m.Registry.Decode(s.Value, s.Default); err == nil {
					mustMatch(t, m.Registry, s.Value, v, s.Default)
				}
			}
		}
	})
}

// FuzzValue: whatever a type of the small chain's decodes from encodes to the
// same bytes.
func FuzzValue(f *testing.F) {
	m := smallMetadata(f, 15)
	f.Fuzz(func(t *testing.T, id uint32, raw []byte) {
		if v, err := m.Registry.Decode(TypeID(id), raw); err == nil {
			mustMatch(t, m.Registry, TypeID(id), v, raw)
		}
		_, _ = m.DecodeExtrinsic(raw) // must not panic
		_, _, _, _ = m.DecodeCall(raw)
	})
}

func mustMatch(t *testing.T, reg *Registry, id TypeID, v Value, raw []byte) {
	t.Helper()
	again, err := reg.Encode(id, v)
	if err != nil || !bytes.Equal(again, raw) {
		t.Fatalf("type %d: %x is %v, which encodes to %x, %v", id, raw, v, again, err)
	}
}

// FuzzCompact: the two readers agree, and what they accept is canonical.
func FuzzCompact(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw []byte) {
		large, small := NewDecoder(raw), NewDecoder(raw)
		n, u := large.CompactBig(), small.Compact()
		if large.Err() == nil && n.IsUint64() != (small.Err() == nil) {
			t.Fatalf("%s: %v", n, small.Err())
		}
		if large.Err() != nil {
			return
		}
		if n.IsUint64() && new(big.Int).SetUint64(u).Cmp(n) != 0 {
			t.Fatalf("%s and %d", n, u)
		}
		var e Encoder
		if err := e.CompactBig(n); err != nil || !bytes.Equal(e.Bytes(), raw[:large.Offset()]) {
			t.Fatalf("%s encodes to %x, %v", n, e.Bytes(), err)
		}
	})
}
