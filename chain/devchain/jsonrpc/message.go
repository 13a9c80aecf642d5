package jsonrpc

import (
	"encoding/json"
	"errors"
	"fmt"
)

// JSON-RPC 2.0 error codes.
const (
	CodeParse    = -32700 // the message is no JSON
	CodeRequest  = -32600 // it is no request, or not possible on this connection
	CodeMethod   = -32601 // there is no such method
	CodeParams   = -32602 // the parameters are not what the method takes
	CodeInternal = -32603 // whatever else went wrong
)

// codeSubscriptions is Substrate's code for too many subscriptions.
const codeSubscriptions = -32006

// Error is an error as JSON-RPC sends it. An error of a method that is none is
// sent with CodeInternal.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    string `json:"data,omitempty"`
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%d: %s: %s", e.Code, e.Message, e.Data) }

// request is a JSON-RPC request.
type request struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

// response is the answer to one.
type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result"`
}

type errorResponse struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Error   *Error          `json:"error"`
}

// notification is what a subscription sends.
type notification struct {
	Version string `json:"jsonrpc"`
	Method  string `json:"method"`
	Params  struct {
		Subscription string `json:"subscription"`
		Result       any    `json:"result"`
	} `json:"params"`
}

func failureOf(id json.RawMessage, err error) []byte {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: CodeInternal, Message: err.Error()}
	}
	return encodeFailure(id, e)
}

func failure(id json.RawMessage, code int, message string) []byte {
	return encodeFailure(id, &Error{Code: code, Message: message})
}

func encodeFailure(id json.RawMessage, e *Error) []byte {
	if id == nil {
		id = json.RawMessage("null")
	}
	raw, _ := json.Marshal(errorResponse{"2.0", id, e}) // cannot fail: strings, and an id that was parsed
	return raw
}
