package jsonrpc

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// Params are a request's positional parameters. Each accessor takes the index
// of one, and most what it is to be, for the error, which has CodeParams. A
// missing or null one counts as not given.
type Params []json.RawMessage

// ParamsError says what is wrong with the parameters.
func ParamsError(format string, args ...any) error {
	return &Error{Code: CodeParams, Message: "Invalid params: " + fmt.Sprintf(format, args...)}
}

func parseParams(raw json.RawMessage) (Params, error) {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil, nil
	}
	var p Params
	if json.Unmarshal(raw, &p) != nil {
		return nil, ParamsError("an array is expected")
	}
	return p, nil
}

// Given says whether parameter i is there.
func (p Params) Given(i int) bool { return i < len(p) && !bytes.Equal(p[i], []byte("null")) }

// Into decodes parameter i.
func (p Params) Into(i int, what string, v any) error {
	if !p.Given(i) {
		return ParamsError("parameter %d (%s) is missing", i, what)
	}
	if json.Unmarshal(p[i], v) != nil {
		return ParamsError("parameter %d is not %s", i, what)
	}
	return nil
}

// Str returns parameter i, a string.
func (p Params) Str(i int, what string) (s string, err error) {
	err = p.Into(i, what, &s)
	return s, err
}

// Hex returns the bytes that parameter i has in hex, 0x before them or not.
func (p Params) Hex(i int, what string) ([]byte, error) {
	s, err := p.Str(i, what)
	if err != nil {
		return nil, err
	}
	return fromHex(s)
}

func fromHex(s string) ([]byte, error) {
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x")) // real nodes do without 0x too
	if err != nil {
		return nil, ParamsError("hex digits are expected")
	}
	return b, nil
}

// Hexes returns what parameter i, a list of byte strings in hex, has.
func (p Params) Hexes(i int, what string) ([]string, error) {
	var list []string
	if err := p.Into(i, what, &list); err != nil {
		return nil, err
	}
	for k, s := range list {
		b, err := fromHex(s)
		if err != nil {
			return nil, err
		}
		list[k] = string(b)
	}
	return list, nil
}

// Number reads a number that has to be given, in decimal or as 0x hex.
func (p Params) Number(i int, what string) (n uint64, err error) {
	if !p.Given(i) {
		return 0, ParamsError("parameter %d (%s) is missing", i, what)
	}
	if json.Unmarshal(p[i], &n) == nil {
		return n, nil
	}
	s, err := p.Str(i, what)
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Sscanf(s, "0x%x", &n); err != nil {
		return 0, ParamsError("parameter %d is not %s", i, what)
	}
	return n, nil
}
