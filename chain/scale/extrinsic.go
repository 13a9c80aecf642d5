package scale

import (
	"fmt"
	"math/big"

	"golang.org/x/crypto/blake2b"

	"strata"
)

// Extrinsic format 4, the only one that Bittensor's chains use.
const (
	extrinsicVersion = 4
	signedBit        = 0x80
	// maxPlainPayload is the longest payload that is signed as it is; a longer
	// one is signed by its BLAKE2b-256.
	maxPlainPayload = 256
)

// TxParams is what a signature covers besides the call.
type TxParams struct {
	Era         Era
	Nonce       uint64
	Tip         *big.Int // rao; nil is none
	SpecVersion uint32
	TxVersion   uint32
	Genesis     [32]byte
	EraBlock    [32]byte // hash of the era's first block; Genesis if immortal
}

// Extrinsic is a decoded extrinsic. Without a signature only Call is set.
type Extrinsic struct {
	Signed    bool
	Signer    [32]byte
	Signature Variant // Ed25519, Sr25519 or Ecdsa, of []byte
	Era       Era
	Nonce     uint64
	Tip       *big.Int
	Call      []byte // as EncodeCall makes and DecodeCall reads it
}

// EncodeCall writes a call with arguments by name: the pallet's index, then
// the case of its call type. Errors: NotFound for a call that the chain does
// not have, Invalid for arguments that do not fit.
func (m *Metadata) EncodeCall(pallet, name string, args Struct) ([]byte, error) {
	c, p, err := m.Call(pallet, name)
	if err != nil {
		return nil, err
	}
	e := NewEncoder([]byte{p.Index})
	var v Value
	if len(c.Fields) > 0 {
		v = args
	}
	if err := m.Registry.EncodeTo(e, *p.Calls, Variant{Name: name, Value: v}); err != nil {
		return nil, within(pallet+"."+name, err)
	}
	return e.Bytes(), nil
}

// Call returns a call's definition, whose Fields are its arguments, and its
// pallet. The error has code NotFound.
func (m *Metadata) Call(pallet, name string) (*VariantOf, *Pallet, error) {
	p, err := m.Pallet(pallet)
	if err != nil {
		return nil, nil, err
	}
	if p.Calls != nil {
		t, err := m.Registry.Type(*p.Calls)
		if err != nil {
			return nil, nil, err
		}
		if c := t.variant(name); c != nil {
			return c, p, nil
		}
	}
	return nil, nil, strata.E(strata.NotFound, "the chain has no call %s.%s", pallet, name)
}

// DecodeCall reads a call; args is nil for one without arguments.
func (m *Metadata) DecodeCall(b []byte) (pallet, name string, args Struct, err error) {
	if len(b) == 0 {
		return "", "", nil, strata.E(strata.Invalid, "scale: a call is empty")
	}
	p, err := m.palletAt(b[0])
	if err != nil {
		return "", "", nil, err
	}
	if p.Calls == nil {
		return "", "", nil, strata.E(strata.NotFound, "pallet %s has no calls", p.Name)
	}
	v, err := m.Registry.Decode(*p.Calls, b[1:])
	if err != nil {
		return "", "", nil, within(p.Name, err)
	}
	c, ok := v.(Variant)
	args, named := c.Value.(Struct)
	if !ok || !named && c.Value != nil {
		return "", "", nil, strata.E(strata.Invalid, "scale: the arguments of calls of %s have no names", p.Name)
	}
	return p.Name, c.Name, args, nil
}

// SigningPayload returns the bytes that the signer of a call signs: the call,
// what each signed extension adds to the extrinsic, then what each adds to the
// payload only; hashed if longer than 256 bytes. Client and node share it. An
// extension that is unknown and not empty is an error of code Invalid.
func (m *Metadata) SigningPayload(call []byte, p TxParams) ([]byte, error) {
	e := NewEncoder(append([]byte(nil), call...))
	if err := m.encodeExtra(e, p); err != nil {
		return nil, err
	}
	known := p.additional()
	for _, x := range m.Extrinsic.Extensions {
		if err := m.encodeExtension(e, x.Identifier, x.Additional, known); err != nil {
			return nil, err
		}
	}
	if b := e.Bytes(); len(b) <= maxPlainPayload {
		return b, nil
	}
	sum := blake2b.Sum256(e.Bytes())
	return sum[:], nil
}

// EncodeSigned returns a signed extrinsic with its length in front, as nodes
// take it. The signature is sr25519.
func (m *Metadata) EncodeSigned(call []byte, signer [32]byte, signature [64]byte, p TxParams) ([]byte, error) {
	address, sig, err := m.addressTypes()
	if err != nil {
		return nil, err
	}
	e := NewEncoder([]byte{extrinsicVersion | signedBit})
	if err := m.Registry.EncodeTo(e, address, m.AccountValue(address, signer)); err != nil {
		return nil, within("the signer", err)
	}
	if err := m.Registry.EncodeTo(e, sig, Variant{Name: "Sr25519", Value: signature}); err != nil {
		return nil, within("the signature", err)
	}
	if err := m.encodeExtra(e, p); err != nil {
		return nil, err
	}
	e.Raw(call)
	return withLength(e.Bytes()), nil
}

// EncodeUnsigned returns an extrinsic without a signature, such as an
// inherent, with its length in front.
func EncodeUnsigned(call []byte) []byte {
	return withLength(append([]byte{extrinsicVersion}, call...))
}

func withLength(b []byte) []byte {
	var e Encoder
	e.Blob(b)
	return e.Bytes()
}

// DecodeExtrinsic reads an extrinsic with its length in front. The call is not
// looked into. The error has code Invalid.
func (m *Metadata) DecodeExtrinsic(b []byte) (*Extrinsic, error) {
	outer := NewDecoder(b)
	d := NewDecoder(outer.Blob())
	if err := outer.Done(); err != nil {
		return nil, err
	}
	x := &Extrinsic{}
	switch version := d.U8(); version {
	case extrinsicVersion:
	case extrinsicVersion | signedBit:
		x.Signed = true
		if err := m.decodeSignature(d, x); err != nil {
			return nil, err
		}
	default:
		d.fail("extrinsic version %d is not supported: only %d", version&^signedBit, extrinsicVersion)
	}
	x.Call = d.Rest()
	if d.Err() == nil && len(x.Call) == 0 {
		d.fail("an extrinsic has no call")
	}
	return x, d.Err()
}

// decodeSignature reads what a signed extrinsic has before its call.
func (m *Metadata) decodeSignature(d *Decoder, x *Extrinsic) error {
	address, sig, err := m.addressTypes()
	if err != nil {
		return err
	}
	signer := Look(m.Registry.DecodeFrom(d, address), "the signer")
	if c, ok := signer.Value().(Variant); ok && c.Name == "Id" {
		_, signer = signer.Case()
	}
	x.Signature, _ = m.Registry.DecodeFrom(d, sig).(Variant)
	for _, ext := range m.Extrinsic.Extensions {
		start := d.Offset()
		v := m.Registry.DecodeFrom(d, ext.Type)
		if d.Err() != nil {
			return within(ext.Identifier, d.Err())
		}
		if err := x.setExtension(ext.Identifier, v, d.buf[start:d.off]); err != nil {
			return within(ext.Identifier, err)
		}
	}
	x.Signer = signer.Bytes32()
	return signer.Err()
}

// setExtension takes from an extension what Extrinsic has a field for.
func (x *Extrinsic) setExtension(identifier string, v Value, raw []byte) (err error) {
	if s, ok := v.(Struct); ok && len(s) == 1 { // as encodeExtension wraps it
		for _, v = range s {
		}
	}
	w := Look(v, identifier)
	switch identifier {
	case "CheckMortality", "CheckEra":
		x.Era, err = DecodeEra(raw)
		return err
	case "CheckNonce":
		x.Nonce = w.U64()
	case "ChargeTransactionPayment":
		x.Tip = w.Big()
	}
	return w.Err()
}

// addressTypes returns the types of an extrinsic's signer and signature: named
// by V15, parameters of the extrinsic's type in V14.
func (m *Metadata) addressTypes() (address, signature TypeID, err error) {
	if m.Version != 14 {
		return m.Extrinsic.Address, m.Extrinsic.Signature, nil
	}
	t, err := m.Registry.Type(m.Extrinsic.Type)
	if err != nil {
		return 0, 0, err
	}
	found := 0
	for _, p := range t.Params {
		switch {
		case p.Name == "Address" && p.Type != nil:
			address = *p.Type
			found++
		case p.Name == "Signature" && p.Type != nil:
			signature = *p.Type
			found++
		}
	}
	if found != 2 {
		return 0, 0, strata.E(strata.Invalid, "scale: metadata does not say how extrinsics name their signer")
	}
	return address, signature, nil
}

// AccountValue is an account as a type wants it: MultiAddress::Id for an enum,
// otherwise the account itself.
func (m *Metadata) AccountValue(address TypeID, account [32]byte) Value {
	if t, err := m.Registry.Type(address); err == nil && t.Kind == KindVariant {
		return Variant{Name: "Id", Value: account}
	}
	return account
}

// encodeExtra writes what each extension adds to the extrinsic.
func (m *Metadata) encodeExtra(e *Encoder, p TxParams) error {
	known := p.extra()
	for _, x := range m.Extrinsic.Extensions {
		if err := m.encodeExtension(e, x.Identifier, x.Type, known); err != nil {
			return err
		}
	}
	return nil
}

// encodeExtension writes one part of an extension: nothing if its type is
// empty, else the value that is known for its identifier.
func (m *Metadata) encodeExtension(e *Encoder, identifier string, id TypeID, known map[string]Value) error {
	if m.Registry.empty[id] {
		return nil
	}
	v, ok := known[identifier]
	if !ok {
		return strata.E(strata.Invalid, "the chain wants the signed extension %q, which this version does not know: update strata", identifier)
	}
	t, err := m.Registry.Type(id)
	if err != nil {
		return err
	}
	if t.Kind == KindComposite && len(t.Fields) == 1 && t.Fields[0].Name != "" {
		v = Struct{t.Fields[0].Name: v}
	}
	if err := m.Registry.EncodeTo(e, id, v); err != nil {
		return within(fmt.Sprintf("signed extension %s", identifier), err)
	}
	return nil
}

// extra returns what the known extensions add to the extrinsic.
func (p *TxParams) extra() map[string]Value {
	tip := p.Tip
	if tip == nil {
		tip = new(big.Int)
	}
	return map[string]Value{
		"CheckMortality":           p.Era.Value(),
		"CheckEra":                 p.Era.Value(),
		"CheckNonce":               p.Nonce,
		"ChargeTransactionPayment": tip,
		"CheckMetadataHash":        Variant{Name: "Disabled"},
	}
}

// additional returns what the known extensions add to the payload only.
func (p *TxParams) additional() map[string]Value {
	return map[string]Value{
		"CheckSpecVersion":  p.SpecVersion,
		"CheckTxVersion":    p.TxVersion,
		"CheckGenesis":      p.Genesis,
		"CheckMortality":    p.EraBlock,
		"CheckEra":          p.EraBlock,
		"CheckMetadataHash": nil, // no hash
	}
}
