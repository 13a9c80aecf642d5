package subtensor

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"

	"strata"
)

// hexBytes is bytes as JSON-RPC writes them: "0x" and hex digits; null is nil.
type hexBytes []byte

// MarshalJSON implements json.Marshaler.
func (h hexBytes) MarshalJSON() ([]byte, error) {
	return json.Marshal("0x" + hex.EncodeToString(h))
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *hexBytes) UnmarshalJSON(raw []byte) error {
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	*h = nil
	if s == nil {
		return nil
	}
	digits, ok := strings.CutPrefix(*s, "0x")
	if !ok {
		return errors.New("hex bytes do not start with 0x")
	}
	b, err := hex.DecodeString(digits)
	*h = b
	return err
}

// hash returns exactly 32 bytes.
func (h hexBytes) hash() (out [32]byte, err error) {
	if len(h) != len(out) {
		return out, strata.E(strata.Invalid, "the chain node gave a hash of %d bytes, not 32", len(h))
	}
	return [32]byte(h), nil
}
