package till

import (
	"fmt"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
)

// AmbiguousError means that no candidate is clear of all others. It wraps a
// *pay.Error with pay.CodeAmbiguous and carries the candidates among which the
// cashier has to choose.
type AmbiguousError struct {
	Candidates []pay.Candidate // strongest first
	err        *pay.Error
}

// Error returns what failed.
func (e *AmbiguousError) Error() string { return e.err.Error() }

// Unwrap returns the *pay.Error.
func (e *AmbiguousError) Unwrap() error { return e.err }

// Choice is whom a charge asks, and how that one was found.
type Choice struct {
	pay.Candidate
	Evidence pay.Evidence
	// Certain reports, of pay.EvidenceClear, that a payer's rule may answer.
	Certain bool
}

// Pick selects the candidate to charge: the one that is clear of all others, or
// the one whose words to is, or else the only one whose words begin with to. Those
// words are the ones it is shown under now, all three where two are shown, those of
// its codes before, or those of a code that is too new to be listed. Two words that two
// of them share are those of nobody, and so is a beginning; one of the two may have
// left the air, as long as somebody may still say those words. shown reports whether a handle was shown to the
// cashier within pay.HandleMemory. Pick never guesses. Its errors are *pay.Error,
// or wrap one: CodeNobodyNear, CodeAmbiguous (an *AmbiguousError), CodeLeft for a
// handle that was shown and is gone from the air, CodeNotFound for one that was
// not shown, and those of pay.Handle.CheckBeginning.
func Pick(nearby pay.Nearby, to pay.Handle, shown func(pay.Handle) bool) (Choice, error) {
	if to != "" {
		c, err := pickByHandle(nearby, to, shown)
		if err != nil {
			return Choice{}, err
		}
		return Choice{Candidate: c, Evidence: pay.EvidenceWords}, nil
	}
	if nearby.Clear != "" {
		if c, ok := withHandle(nearby, nearby.Clear); ok {
			return Choice{c, nearby.Evidence, nearby.Certain && nearby.Evidence == pay.EvidenceClear}, nil
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
		return Choice{}, pay.NewCase(pay.CodeNobodyNear, "radio_silent", "the radio hears nothing at all")
	case len(near) == 0:
		return Choice{}, pay.NewCase(pay.CodeNobodyNear, "nobody_near", "nobody is near")
	}
	return Choice{}, &AmbiguousError{near, pay.NewCase(pay.CodeAmbiguous, "nobody_clear", fmt.Sprintf("%d near and nobody is clearly nearest; ask %s first", len(near), near[0].Handle))}
}

func pickByHandle(nearby pay.Nearby, to pay.Handle, shown func(pay.Handle) bool) (pay.Candidate, error) {
	if err := to.CheckBeginning(); err != nil {
		return pay.Candidate{}, err
	}
	called, gone := named(nearby, to)
	if len(called) == 0 && len(gone) == 0 && !shown(to) {
		called, gone = beginning(nearby, to)
	}
	switch {
	case len(called) == 1 && len(gone) == 0:
		return called[0], nil
	case len(called) > 1:
		return pay.Candidate{}, &AmbiguousError{called, pay.NewCase(pay.CodeAmbiguous, "handle_ambiguous", fmt.Sprintf("%d begin with %s", len(called), to))}
	case len(called) == 1:
		return pay.Candidate{}, &AmbiguousError{called, pay.NewCase(pay.CodeAmbiguous, "handle_ambiguous", fmt.Sprintf("%s may mean %s, and %s who has left", to, called[0].Handle, gone[0].Handle))}
	case len(gone) > 0:
		return pay.Candidate{}, pay.NewCase(pay.CodeLeft, "payer_left", fmt.Sprintf("%s has left", gone[0].Handle))
	case shown(to):
		return pay.Candidate{}, pay.NewCase(pay.CodeLeft, "payer_left", fmt.Sprintf("%s has left", to))
	}
	return pay.Candidate{}, pay.NewCase(pay.CodeNotFound, "handle_not_shown", fmt.Sprintf("nobody was shown as %s within %v", to, pay.HandleMemory.Std()))
}

// named returns the candidates that have the words h, those whose three words begin
// with the two words h among them, and which of those that have left had them.
func named(nearby pay.Nearby, h pay.Handle) (called, gone []pay.Candidate) {
	return matching(nearby, func(c pay.Handle, code pay.Code) bool {
		return c == h || c.Pair() == h || h.Pair() == c && pay.HandleFor(code, 1) == h
	})
}

// beginning returns the candidates whose words begin with h, and those that have left.
func beginning(nearby pay.Nearby, h pay.Handle) (called, gone []pay.Candidate) {
	return matching(nearby, func(c pay.Handle, _ pay.Code) bool { return strings.HasPrefix(string(c), string(h)) })
}

// matching returns the candidates that have words which match, each once and under
// those words: what was said to the cashier is what the payer sees with the offer. It
// also returns those that have left and had such words.
func matching(nearby pay.Nearby, match func(pay.Handle, pay.Code) bool) (called, gone []pay.Candidate) {
	known := map[pay.Code]bool{}
	add := func(out *[]pay.Candidate, h pay.Handle, c pay.Candidate) {
		if !known[c.Code] && match(h, c.Code) {
			known[c.Code] = true
			*out = append(*out, c)
		}
	}
	for _, c := range nearby.Candidates {
		add(&called, c.Handle, c)
	}
	for _, o := range nearby.Others {
		o.Candidate.Handle = o.Handle
		add(&called, o.Handle, o.Candidate)
	}
	for _, o := range nearby.Gone {
		add(&gone, o.Handle, o.Candidate)
	}
	return called, gone
}

// withHandle returns the candidate with the handle, and whether there is one.
func withHandle(nearby pay.Nearby, h pay.Handle) (pay.Candidate, bool) {
	for _, c := range nearby.Candidates {
		if c.Handle == h {
			return c, true
		}
	}
	return pay.Candidate{}, false
}
