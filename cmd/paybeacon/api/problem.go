package api

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
)

// Problem is an error as an object: what a command prints as the last line of
// its standard error with --json, and what a node answers instead of an object.
type Problem struct {
	Code    pay.ErrorCode
	Exit    pay.Exit
	Message string // what failed, and why
	Hint    string // what to do next
	// Extra are further fields of the object, such as the candidates of an
	// ambiguous charge.
	Extra map[string]any
}

// Describe returns an error as an object. What joined errors say in several lines
// becomes one.
func Describe(err error) Problem {
	p := Problem{Code: pay.CodeOf(err), Message: strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "), Hint: HintOf(err)}
	var known *pay.Error
	if !errors.As(err, &known) && errors.Is(err, context.Canceled) {
		p.Message = "interrupted"
	}
	var more *detailed
	if errors.As(err, &more) {
		p.Extra = more.extra
	}
	p.Exit = pay.ExitOf(p.Code)
	return p
}

// Err returns the error that the object describes, a *pay.Error with its fields.
func (p Problem) Err() error {
	err := error(pay.NewError(p.Code, p.Message, p.Hint))
	if len(p.Extra) > 0 {
		err = &detailed{err: err, extra: p.Extra}
	}
	return err
}

// MarshalJSON writes one object; the extra fields stand beside the others.
func (p Problem) MarshalJSON() ([]byte, error) {
	fields := map[string]any{"v": 1, "type": "error", "code": p.Code, "exit": p.Exit, "message": p.Message, "hint": p.Hint}
	maps.Copy(fields, p.Extra)
	return json.Marshal(fields)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Problem) UnmarshalJSON(raw []byte) error {
	var known struct {
		Code    pay.ErrorCode `json:"code"`
		Exit    pay.Exit      `json:"exit"`
		Message string        `json:"message"`
		Hint    string        `json:"hint"`
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		return err
	}
	var extra map[string]any
	if err := json.Unmarshal(raw, &extra); err != nil {
		return err
	}
	for _, field := range []string{"v", "type", "code", "exit", "message", "hint"} {
		delete(extra, field)
	}
	*p = Problem{Code: known.Code, Exit: known.Exit, Message: known.Message, Hint: known.Hint, Extra: extra}
	return nil
}

// WithExtra adds a field to the object that an error is described by. The error
// itself stays the same to errors.Is and errors.As.
func WithExtra(err error, field string, value any) error {
	var more *detailed
	if errors.As(err, &more) {
		more.extra[field] = value
		return err
	}
	return &detailed{err: err, extra: map[string]any{field: value}}
}

// detailed is an error with more fields for its object.
type detailed struct {
	err   error
	extra map[string]any
}

func (e *detailed) Error() string { return e.err.Error() }
func (e *detailed) Unwrap() error { return e.err }
