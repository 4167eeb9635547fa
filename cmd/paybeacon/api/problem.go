package api

import (
	"context"
	"errors"

	"github.com/paybeacon/paybeacon/pay"
)

// Detailed is an error with more fields for its JSON object, such as the
// candidates of an ambiguous charge.
type Detailed struct {
	err   error
	Extra map[string]any
}

func (e *Detailed) Error() string { return e.err.Error() }
func (e *Detailed) Unwrap() error { return e.err }

func WithExtra(err error, key string, value any) error {
	var e *Detailed
	if errors.As(err, &e) {
		e.Extra[key] = value
		return err
	}
	return &Detailed{err: err, Extra: map[string]any{key: value}}
}

// Problem is the error object of the contract.
type Problem struct {
	V       int           `json:"v"`
	Type    string        `json:"type"`
	Code    pay.ErrorCode `json:"code"`
	Exit    pay.Exit      `json:"exit"`
	Message string        `json:"message"`
	Hint    string        `json:"hint"`
}

func Describe(err error) Problem {
	e := Problem{V: 1, Type: "error", Code: pay.CodeOf(err), Message: err.Error()}
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
	Problem
	Extra map[string]any `json:"extra,omitempty"`
}
