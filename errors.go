package strata

import (
	"errors"
	"fmt"
)

// Code classifies an error for whoever has to act on it. The CLI, HTTP and S3
// each map codes in one table.
type Code string

// The codes. An error without one is Internal.
const (
	Invalid         Code = "invalid"         // the input is wrong; asking again does not help
	NotFound        Code = "not_found"       // the thing named does not exist
	Unauthenticated Code = "unauthenticated" // who asks is not proven
	Forbidden       Code = "forbidden"       // who asks may not
	Conflict        Code = "conflict"        // the state of things forbids it: exists already, changed meanwhile
	TooLarge        Code = "too_large"       // over a stated limit
	NoSpace         Code = "no_space"        // no room on a disk or on the network
	Locked          Code = "locked"          // another process holds it
	Unavailable     Code = "unavailable"     // a dependency is down or slow; asking again may help
	Throttled       Code = "throttled"       // over the caller's rate
	Corrupt         Code = "corrupt"         // stored bytes fail their check
	Internal        Code = "internal"        // a defect or an unforeseen failure
)

// Error is an error with a code. Its text is one line for a person: what
// happened, to what, and what to do.
type Error struct {
	Code Code
	err  error
}

// E makes an Error; format is as in fmt.Errorf, %w included.
func E(code Code, format string, args ...any) error {
	return &Error{Code: code, err: fmt.Errorf(format, args...)}
}

// Error returns the text.
func (e *Error) Error() string { return e.err.Error() }

// Unwrap returns what the text was made from, so errors.Is sees through, every
// %w of it.
func (e *Error) Unwrap() error { return e.err }

// CodeOf returns the code of the outermost Error in err's chain, Internal if
// there is none, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}
