package scale

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"strata"
)

// smallMetadata is a made-up chain with one of everything that metadata can say.
func smallMetadata(t testing.TB, version uint8) *Metadata {
	t.Helper()
	b := NewBuilder()
	u8, u32, u64, unit := b.Primitive(U8), b.Primitive(U32), b.Primitive(U64), b.Tuple()
	hash := b.Composite("primitive_types::H256", Unnamed(b.Array(32, u8)))
	account := b.Composite("sp_core::crypto::AccountId32", Unnamed(b.Array(32, u8)))
	address := b.Variant("sp_runtime::multiaddress::MultiAddress", Case("Id", 0, Unnamed(account)), Case("Index", 1, Unnamed(b.Compact(unit))))
	signature := b.Variant("sp_runtime::MultiSignature", Case("Sr25519", 1, Unnamed(b.Array(64, u8))))
	eras := []VariantOf{Case("Immortal", 0)}
	for i := 1; i < 256; i++ {
		eras = append(eras, Case("Mortal"+big.NewInt(int64(i)).String(), uint8(i), Unnamed(u8)))
	}
	era := b.Variant("sp_runtime::generic::era::Era", eras...)
	calls := b.Variant("pallet_test::Call",
		Case("put", 0, Named("key", u32), Named("value", b.Sequence(u8))), Case("nothing", 1), Case("bare", 2, Unnamed(u8)))
	errs := b.Variant("pallet_test::Error", VariantOf{Name: "TooLong", Index: 3, Docs: []string{"The value is too long."}})
	extra := b.Tuple(era, b.Compact(u32), b.Compact(u64))
	m := &Metadata{
		Version: version,
		Pallets: []Pallet{{
			Name: "Test", Calls: &calls, Error: &errs, Index: 9,
			Constants: []Constant{{Name: "Answer", Type: u32, Value: []byte{42, 0, 0, 0}}},
			Storage: &PalletStorage{Prefix: "TestPrefix", Entries: []StorageEntry{
				{Name: "Plain", Value: u32, Default: []byte{7, 0, 0, 0}},
				{Name: "Maybe", Optional: true, Hashers: []Hasher{Identity}, Key: u32, Value: u32, Default: []byte{0}},
				{Name: "Pair", Hashers: []Hasher{Twox64Concat, Blake2x128Concat}, Key: b.Tuple(u32, account), Value: u64, Default: make([]byte, 8)},
				{Name: "Broken", Hashers: []Hasher{Identity, Identity}, Key: u32, Value: u32, Default: make([]byte, 4)},
			}},
		}, {Name: "Empty", Index: 2}},
		Extrinsic: ExtrinsicFormat{Version: 4, Extensions: []SignedExtension{
			{Identifier: "CheckSpecVersion", Type: unit, Additional: u32},
			{Identifier: "CheckTxVersion", Type: unit, Additional: u32},
			{Identifier: "CheckGenesis", Type: unit, Additional: hash},
			{Identifier: "SomethingNew", Type: unit, Additional: unit},
			{Identifier: "CheckMortality", Type: b.Composite("CheckMortality", Unnamed(era)), Additional: hash},
			{Identifier: "CheckNonce", Type: b.Composite("CheckNonce", Unnamed(b.Compact(u32))), Additional: unit},
			{Identifier: "ChargeTransactionPayment", Type: b.Composite("Charge", Named("tip", b.Compact(u64))), Additional: unit},
		}},
	}
	if version == 14 {
		m.Extrinsic.Type = b.Add(Type{Kind: KindComposite, Path: []string{"UncheckedExtrinsic"}, Params: []TypeParam{
			{Name: "Address", Type: &address}, {Name: "Call", Type: &calls}, {Name: "Signature", Type: &signature}, {Name: "Extra", Type: &extra},
		}, Fields: []Field{Unnamed(b.Sequence(u8))}})
	} else {
		m.Extrinsic.Address, m.Extrinsic.Call, m.Extrinsic.Signature, m.Extrinsic.Extra = address, calls, signature, extra
		m.Outer = OuterEnums{Call: calls, Event: unit, Error: errs}
		m.Custom = []CustomValue{{Name: "note", Type: u32, Value: []byte{1, 0, 0, 0}}}
		m.APIs = []RuntimeAPI{{Name: "TestApi", Docs: []string{"For tests."}, Methods: []APIMethod{
			{Name: "get", Inputs: []APIInput{{Name: "key", Type: u32}}, Output: b.Option(u64)},
		}}}
	}
	m.Runtime = b.Composite("Runtime")
	reg, err := b.Registry()
	if err != nil {
		t.Fatal(err)
	}
	m.Registry = reg
	return m
}

func TestBuiltMetadataRoundTrip(t *testing.T) {
	for _, version := range []uint8{14, 15} {
		m := smallMetadata(t, version)
		raw, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeMetadata(raw)
		if err != nil {
			t.Fatal(err)
		}
		// Decoding makes empty lists where building left nil: compare the bytes,
		// and of the structure what bytes could not show.
		rawAgain, err := again.Encode()
		if err != nil || !bytes.Equal(rawAgain, raw) {
			t.Errorf("V%d: not the same bytes again, %v", version, err)
		}
		if again.Pallets[0].Storage.Prefix != "TestPrefix" || !again.Pallets[0].Storage.Entries[1].Optional ||
			!reflect.DeepEqual(again.Extrinsic, m.Extrinsic) || *again.Pallets[0].Calls != *m.Pallets[0].Calls {
			t.Errorf("V%d: decodes to another structure", version)
		}
		for cut := range raw {
			if _, err := DecodeMetadata(raw[:cut]); strata.CodeOf(err) != strata.Invalid {
				t.Fatalf("V%d cut to %d bytes: %v", version, cut, err)
			}
		}
	}
}

func TestMetadataRejects(t *testing.T) {
	for name, raw := range map[string]string{
		"magic": "6e65746d0e", "version 13": "6d6574610d", "version 16": "6d65746110",
		"endless types": "6d6574610efeffffff",
	} {
		if _, err := DecodeMetadata(unhex(t, raw)); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (&Metadata{Version: 13}).Encode(); err == nil {
		t.Error("V13 was encoded")
	}
	if _, err := UnwrapMetadata([]byte{0}); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("None: %v", err)
	}
	if _, err := UnwrapMetadata([]byte{1, 8, 1}); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("cut: %v", err)
	}
}

func TestStorageKeys(t *testing.T) {
	m := smallMetadata(t, 15)
	account := [32]byte{1}
	prefix := hex.EncodeToString(append(twox([]byte("TestPrefix"), 2), twox([]byte("Pair"), 2)...))
	first := "5153cb1f00942ff401000000" // XXH64 of 01000000, as Substrate's keys show it
	for _, c := range []struct {
		keys []Value
		want string
	}{
		{nil, prefix},
		{[]Value{1}, prefix + first},
		{[]Value{1, account}, prefix + first + hex.EncodeToString(Blake2x128Concat.Hash(account[:]))},
	} {
		got, err := m.StorageKey("Test", "Pair", c.keys...)
		if err != nil || hex.EncodeToString(got) != c.want {
			t.Errorf("%v: %x, %v; want %s", c.keys, got, err, c.want)
		}
	}
	for name, c := range map[string]struct {
		item string
		keys []Value
		code strata.Code
	}{
		"unknown item":    {"Nothing", nil, strata.NotFound},
		"too many keys":   {"Plain", []Value{1}, strata.Invalid},
		"wrong key":       {"Maybe", []Value{"x"}, strata.Invalid},
		"key is no tuple": {"Broken", []Value{1}, strata.Invalid},
	} {
		if _, err := m.StorageKey("Test", c.item, c.keys...); strata.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStorageValues(t *testing.T) {
	m := smallMetadata(t, 14)
	for _, c := range []struct {
		item string
		raw  []byte
		want Value
	}{
		{"Plain", nil, uint64(7)}, {"Plain", []byte{1, 0, 0, 0}, uint64(1)}, {"Maybe", nil, nil}, {"Maybe", []byte{1, 0, 0, 0}, uint64(1)},
	} {
		if got, err := m.DecodeStorage("Test", c.item, c.raw); err != nil || got != c.want {
			t.Errorf("%s of %x: %v, %v; want %v", c.item, c.raw, got, err, c.want)
		}
	}
	if _, err := m.DecodeStorage("Test", "Plain", []byte{}); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("an empty value: %v", err)
	}
	if raw, err := m.EncodeStorage("Test", "Plain", 5); err != nil || !bytes.Equal(raw, []byte{5, 0, 0, 0}) {
		t.Errorf("%x, %v", raw, err)
	}
	if _, err := m.EncodeStorage("Test", "Plain", "5"); err == nil || !strings.Contains(err.Error(), "Test.Plain") {
		t.Errorf("the error does not name the item: %v", err)
	}
}

func TestLookups(t *testing.T) {
	m := smallMetadata(t, 15)
	if api, err := m.API("TestApi", "get"); err != nil || api.Inputs[0].Name != "key" {
		t.Errorf("%v, %v", api, err)
	}
	if pallet, e, err := m.ModuleError(9, 3); err != nil || pallet != "Test" || e.Name != "TooLong" {
		t.Errorf("%s, %v, %v", pallet, e, err)
	}
	for name, look := range map[string]func() error{
		"pallet":         func() error { _, err := m.Pallet("No"); return err },
		"storage pallet": func() error { _, _, err := m.Storage("No", "Plain"); return err },
		"no storage":     func() error { _, _, err := m.Storage("Empty", "Plain"); return err },
		"api":            func() error { _, err := m.API("TestApi", "put"); return err },
		"call":           func() error { _, _, err := m.Call("Test", "No"); return err },
		"no calls":       func() error { _, _, err := m.Call("Empty", "put"); return err },
		"error pallet":   func() error { _, _, err := m.ModuleError(1, 3); return err },
		"error number":   func() error { _, _, err := m.ModuleError(9, 4); return err },
		"no errors":      func() error { _, _, err := m.ModuleError(2, 0); return err },
	} {
		if err := look(); strata.CodeOf(err) != strata.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCalls(t *testing.T) {
	m := smallMetadata(t, 15)
	for _, c := range []struct {
		name string
		args Struct
		want string
	}{
		{"put", Struct{"key": 1, "value": []byte{5}}, "0900010000000405"},
		{"nothing", nil, "0901"},
	} {
		raw, err := m.EncodeCall("Test", c.name, c.args)
		if err != nil || hex.EncodeToString(raw) != c.want {
			t.Errorf("%s: %x, %v; want %s", c.name, raw, err, c.want)
		}
		pallet, name, args, err := m.DecodeCall(raw)
		if err != nil || pallet != "Test" || name != c.name || len(args) != len(c.args) {
			t.Errorf("%x decodes to %s.%s %v, %v", raw, pallet, name, args, err)
		}
	}
	if _, err := m.EncodeCall("Test", "put", Struct{"key": 1}); err == nil || !strings.Contains(err.Error(), `"value"`) {
		t.Errorf("the error does not name the missing argument: %v", err)
	}
	for name, raw := range map[string]string{"empty": "", "no pallet": "01", "no calls": "0200", "no call": "0907", "unnamed": "090207", "left over": "090100"} {
		if _, _, _, err := m.DecodeCall(unhex(t, raw)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestSignedExtrinsic: the extra parts stand where the metadata puts them, and
// decode to what they were made from.
func TestSignedExtrinsic(t *testing.T) {
	for _, version := range []uint8{14, 15} {
		m := smallMetadata(t, version)
		call, err := m.EncodeCall("Test", "nothing", nil)
		if err != nil {
			t.Fatal(err)
		}
		p := TxParams{Era: MortalEra(64, 42), Nonce: 70, Tip: big.NewInt(3), SpecVersion: 1, TxVersion: 2, Genesis: [32]byte{0xaa}, EraBlock: [32]byte{0xbb}}
		payload, err := m.SigningPayload(call, p)
		want := "0901" + "a502" + "1901" + "0c" + "01000000" + "02000000" + "aa" + strings.Repeat("00", 31) + "bb" + strings.Repeat("00", 31)
		if err != nil || hex.EncodeToString(payload) != want {
			t.Errorf("payload %x, %v; want %s", payload, err, want)
		}
		raw, err := m.EncodeSigned(call, [32]byte{7}, [64]byte{8}, p)
		if err != nil {
			t.Fatal(err)
		}
		x, err := m.DecodeExtrinsic(raw)
		if err != nil {
			t.Fatal(err)
		}
		if !x.Signed || x.Signer != [32]byte{7} || x.Era != p.Era || x.Nonce != 70 || x.Tip.Int64() != 3 || !bytes.Equal(x.Call, call) {
			t.Errorf("decodes to %+v", x)
		}
		for cut := range raw {
			if _, err := m.DecodeExtrinsic(raw[:cut]); err == nil {
				t.Fatalf("cut to %d of %d bytes it was accepted", cut, len(raw))
			}
		}
		long, err := m.SigningPayload(make([]byte, 257), p)
		if err != nil || len(long) != 32 {
			t.Errorf("a long payload is %d bytes, %v; want its hash", len(long), err)
		}
	}
}

func TestUnsignedExtrinsic(t *testing.T) {
	m := smallMetadata(t, 15)
	raw := EncodeUnsigned([]byte{9, 1})
	if hex.EncodeToString(raw) != "0c040901" {
		t.Errorf("encodes to %x", raw)
	}
	x, err := m.DecodeExtrinsic(raw)
	if err != nil || x.Signed || !bytes.Equal(x.Call, []byte{9, 1}) {
		t.Errorf("%+v, %v", x, err)
	}
	for name, bad := range map[string]string{"no call": "0404", "version 5": "08050901", "length": "10040901"} {
		if _, err := m.DecodeExtrinsic(unhex(t, bad)); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnknownExtension(t *testing.T) {
	m := smallMetadata(t, 15)
	u32, _ := m.Registry.Type(0)
	m.Extrinsic.Extensions = append(m.Extrinsic.Extensions, SignedExtension{Identifier: "PayTwice", Type: u32.ID, Additional: m.Extrinsic.Extensions[0].Type})
	_, err := m.SigningPayload([]byte{9, 1}, TxParams{})
	if strata.CodeOf(err) != strata.Invalid || !strings.Contains(err.Error(), "PayTwice") {
		t.Errorf("an unknown extension that is not empty: %v", err)
	}
}
