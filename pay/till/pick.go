package till

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// AmbiguousError says that nobody is clearly meant. It wraps a *pay.Error with
// pay.CodeAmbiguous and carries those between whom the cashier has to choose.
type AmbiguousError struct {
	Candidates []pay.Candidate // strongest first
	err        *pay.Error
}

// Error says what failed.
func (e *AmbiguousError) Error() string { return e.err.Error() }

// Unwrap returns the *pay.Error.
func (e *AmbiguousError) Unwrap() error { return e.err }

// Pick says whom a charge means: the one that is clear of all others, or the
// one that bears the handle to. shown says whether a handle was shown to the
// cashier within pay.HandleMemory. Its errors are *pay.Error, or wrap one:
// CodeNobodyNear, CodeAmbiguous (an *AmbiguousError), CodeLeft for a handle that
// was shown and is gone from the air, CodeNotFound for one never shown. It
// never guesses.
func Pick(nearby pay.Nearby, to pay.Handle, shown func(pay.Handle) bool) (pay.Candidate, error) {
	if to != "" {
		return pickByHandle(nearby, to, shown)
	}
	if nearby.Clear != "" {
		if c, ok := find(nearby, nearby.Clear); ok {
			return c, nil
		}
	}
	var near []pay.Candidate
	for _, c := range nearby.Candidates {
		if c.Near {
			near = append(near, c)
		}
	}
	switch {
	case nearby.Deaf:
		return pay.Candidate{}, pay.NewCase(pay.CodeNobodyNear, "radio_silent", "the radio hears nothing at all")
	case len(near) == 0:
		return pay.Candidate{}, pay.NewCase(pay.CodeNobodyNear, "nobody_near", "nobody is near")
	}
	return pay.Candidate{}, &AmbiguousError{near, pay.NewCase(pay.CodeAmbiguous, "nobody_clear", fmt.Sprintf("%d near and nobody is clearly nearest", len(near)))}
}

func pickByHandle(nearby pay.Nearby, to pay.Handle, shown func(pay.Handle) bool) (pay.Candidate, error) {
	if err := to.Check(); err != nil {
		return pay.Candidate{}, err
	}
	if c, ok := find(nearby, to); ok {
		return c, nil
	}
	if shown(to) {
		return pay.Candidate{}, pay.NewCase(pay.CodeLeft, "payer_left", fmt.Sprintf("%s has left", to))
	}
	return pay.Candidate{}, pay.NewCase(pay.CodeNotFound, "handle_not_shown", fmt.Sprintf("nobody was shown as %s within %v", to, pay.HandleMemory.Std()))
}

func find(nearby pay.Nearby, h pay.Handle) (pay.Candidate, bool) {
	for _, c := range nearby.Candidates {
		if c.Handle == h {
			return c, true
		}
	}
	return pay.Candidate{}, false
}
