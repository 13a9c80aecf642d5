package strata

import (
	"encoding/hex"
	"strings"
)

// Hotkey is the sr25519 public key that names a miner or a validator on the
// network. Its text form is ss58 with Bittensor's prefix 42.
type Hotkey [32]byte

// Coldkey is the sr25519 public key of an owner: it holds funds and stake and
// may own several hotkeys. Its text form is ss58 with prefix 42.
type Coldkey [32]byte

// GenesisHash is the hash of a chain's block 0. It names the chain.
type GenesisHash [32]byte

// BlockHash is the blake2b-256 hash of a chain block's header.
type BlockHash [32]byte

// Root is the plain BLAKE3-256 hash of a sector's or a shard's bytes.
type Root [32]byte

// SectorID is what a sector's filler is computed from (package seal).
type SectorID [32]byte

// ObjectID names a stored object. It is random, so it says nothing of the
// content. Its text form is 32 lower-case hex digits.
type ObjectID [16]byte

// UID is a neuron's place in a subnet's metagraph.
type UID uint16

// Netuid is a subnet's number on its chain.
type Netuid uint16

// Rao is an amount of TAO (or of a subnet's alpha): 1 TAO = 10⁹ rao.
type Rao uint64

// RaoPerTao is the number of rao in one TAO.
const RaoPerTao Rao = 1_000_000_000

// String returns the hotkey as ss58.
func (h Hotkey) String() string { return EncodeSS58(h) }

// Short returns the first eight characters of the ss58 form, for tables and logs.
func (h Hotkey) Short() string { return EncodeSS58(h)[:8] }

// IsZero says whether the hotkey is unset.
func (h Hotkey) IsZero() bool { return h == Hotkey{} }

// MarshalText returns the ss58 form.
func (h Hotkey) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText accepts what ParseHotkey does.
func (h *Hotkey) UnmarshalText(b []byte) error { return into(h, string(b), ParseHotkey) }

// ParseHotkey reads an ss58 address with prefix 42, or 64 hex digits with or
// without 0x. The error has code Invalid.
func ParseHotkey(s string) (Hotkey, error) {
	k, err := parseKey(s)
	return Hotkey(k), err
}

// String returns the coldkey as ss58.
func (c Coldkey) String() string { return EncodeSS58(c) }

// IsZero says whether the coldkey is unset.
func (c Coldkey) IsZero() bool { return c == Coldkey{} }

// MarshalText returns the ss58 form.
func (c Coldkey) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText accepts what ParseColdkey does.
func (c *Coldkey) UnmarshalText(b []byte) error { return into(c, string(b), ParseColdkey) }

// ParseColdkey reads an address like ParseHotkey.
func ParseColdkey(s string) (Coldkey, error) {
	k, err := parseKey(s)
	return Coldkey(k), err
}

// String returns 64 lower-case hex digits, without 0x.
func (g GenesisHash) String() string { return hex.EncodeToString(g[:]) }

// MarshalText returns the form of String.
func (g GenesisHash) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText accepts 64 hex digits, with or without 0x.
func (g *GenesisHash) UnmarshalText(b []byte) error { return into(g, string(b), ParseGenesisHash) }

// ParseGenesisHash reads 64 hex digits, with or without 0x. The error has code Invalid.
func ParseGenesisHash(s string) (GenesisHash, error) {
	b, err := parseHex(s, "genesis hash")
	return GenesisHash(b), err
}

// String returns 64 lower-case hex digits, without 0x.
func (b BlockHash) String() string { return hex.EncodeToString(b[:]) }

// String returns 64 lower-case hex digits, as b3sum prints.
func (r Root) String() string { return hex.EncodeToString(r[:]) }

// MarshalText returns the form of String.
func (r Root) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText accepts 64 hex digits.
func (r *Root) UnmarshalText(b []byte) error { return into(r, string(b), ParseRoot) }

// ParseRoot reads 64 hex digits. The error has code Invalid.
func ParseRoot(s string) (Root, error) {
	b, err := parseHex(s, "root")
	return Root(b), err
}

// String returns 64 lower-case hex digits.
func (s SectorID) String() string { return hex.EncodeToString(s[:]) }

// String returns 32 lower-case hex digits.
func (o ObjectID) String() string { return hex.EncodeToString(o[:]) }

// MarshalText returns the form of String.
func (o ObjectID) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText accepts what ParseObjectID does.
func (o *ObjectID) UnmarshalText(b []byte) error { return into(o, string(b), ParseObjectID) }

// ParseObjectID reads 32 hex digits. The error has code Invalid.
func ParseObjectID(s string) (ObjectID, error) {
	var o ObjectID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(o) {
		return o, E(Invalid, "object id %q is not 32 hex digits: copy it from `strata ls`", clip(s))
	}
	copy(o[:], b)
	return o, nil
}

func parseKey(s string) ([32]byte, error) {
	if h := strings.TrimPrefix(s, "0x"); len(h) == 64 {
		return parseHex(h, "key")
	}
	return DecodeSS58(s)
}

func parseHex(s, what string) ([32]byte, error) {
	var out [32]byte
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil || len(b) != len(out) {
		return out, E(Invalid, "%s %q is not 64 hex digits", what, clip(s))
	}
	copy(out[:], b)
	return out, nil
}

// into parses s and assigns only on success.
func into[T any](dst *T, s string, parse func(string) (T, error)) error {
	v, err := parse(s)
	if err == nil {
		*dst = v
	}
	return err
}

// clip bounds what an error message quotes of outside text.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
