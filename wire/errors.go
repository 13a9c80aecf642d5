package wire

import (
	"encoding/json"
	"unicode/utf8"

	"strata"
)

// statuses maps each code to its own HTTP status, so that the map can be read
// both ways.
var statuses = map[strata.Code]int{
	strata.Invalid:         400,
	strata.Unauthenticated: 401,
	strata.Forbidden:       403,
	strata.NotFound:        404,
	strata.Conflict:        409,
	strata.TooLarge:        413,
	strata.Locked:          423,
	strata.Throttled:       429,
	strata.Internal:        500,
	strata.Corrupt:         502,
	strata.Unavailable:     503,
	strata.NoSpace:         507,
}

// HTTPStatus returns the status of a code; an unknown code is 500.
func HTTPStatus(c strata.Code) int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return statuses[strata.Internal]
}

// CodeOfStatus returns the code of a status. Other 4xx are Invalid and all else
// that is unknown is Internal.
func CodeOfStatus(status int) strata.Code {
	for c, s := range statuses {
		if s == status {
			return c
		}
	}
	if status >= 400 && status < 500 {
		return strata.Invalid
	}
	return strata.Internal
}

// maxErrorText bounds the text within an error document, so that the document
// stays under MaxError even if every byte of it has to be escaped.
const maxErrorText = 500

type errorBody struct {
	Code  strata.Code `json:"code"`
	Error string      `json:"error"`
}

// EncodeError returns the error document of err. The text of an Internal error
// is not shown: it may hold what is nobody else's business.
func EncodeError(err error) []byte {
	body := errorBody{Code: strata.CodeOf(err), Error: "internal error: the miner's log has more"}
	if body.Code != strata.Internal {
		body.Error = clip(err.Error())
	}
	b, err := json.Marshal(body)
	if err != nil { // strings always marshal
		return nil
	}
	return b
}

// DecodeError turns an error answer into an error with the code of its
// document, or, where that is unreadable, of its status. It is never nil.
func DecodeError(status int, b []byte) error {
	var body errorBody
	if len(b) > MaxError || json.Unmarshal(b, &body) != nil {
		return strata.E(CodeOfStatus(status), "the peer answered HTTP status %d without a readable reason", status)
	}
	if _, known := statuses[body.Code]; !known {
		body.Code = CodeOfStatus(status)
	}
	return strata.E(body.Code, "%s", printable(clip(body.Error)))
}

// clip cuts a text to maxErrorText at a character's start.
func clip(s string) string {
	if len(s) <= maxErrorText {
		return s
	}
	n := maxErrorText
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// printable replaces control characters: the text ends up in somebody's
// terminal and log.
func printable(s string) string {
	out := []rune(s)
	for i, r := range out {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			out[i] = ' '
		}
	}
	return string(out)
}
