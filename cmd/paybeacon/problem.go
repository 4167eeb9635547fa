package main

import (
	"context"
	"errors"

	"github.com/paybeacon/paybeacon/pay"
)

// extraError is an error with more fields for its JSON object, such as the
// candidates of an ambiguous charge.
type extraError struct {
	err   error
	extra map[string]any
}

func (e *extraError) Error() string { return e.err.Error() }
func (e *extraError) Unwrap() error { return e.err }

func withExtra(err error, key string, value any) error {
	var e *extraError
	if errors.As(err, &e) {
		e.extra[key] = value
		return err
	}
	return &extraError{err: err, extra: map[string]any{key: value}}
}

// errorJSON is the error object of the contract.
type errorJSON struct {
	V       int           `json:"v"`
	Type    string        `json:"type"`
	Code    pay.ErrorCode `json:"code"`
	Exit    pay.Exit      `json:"exit"`
	Message string        `json:"message"`
	Hint    string        `json:"hint"`
}

func describe(err error) errorJSON {
	e := errorJSON{V: 1, Type: "error", Code: pay.CodeOf(err), Message: err.Error()}
	var p *pay.Error
	switch {
	case errors.As(err, &p):
		e.Hint = p.Hint
	case errors.Is(err, context.Canceled):
		e.Message = "interrupted"
	}
	e.Exit = pay.ExitOf(e.Code)
	return e
}

// wireError is an error on its way through the control socket.
type wireError struct {
	errorJSON
	Extra map[string]any `json:"extra,omitempty"`
}
