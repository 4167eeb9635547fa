package node

import (
	"context"
	"errors"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
)

// twoFaced is an acquirer that says one thing and holds another.
type twoFaced struct {
	says, holds acquirer.Answer
	silent      error // of Look
}

func (f twoFaced) Do(context.Context, acquirer.Call, pay.Token) (acquirer.Answer, error) {
	return f.says, nil
}

func (f twoFaced) Look(context.Context, acquirer.Call, pay.Token) (acquirer.Answer, error) {
	return f.holds, f.silent
}

func (twoFaced) Ping(context.Context) error { return nil }

// TestAnswerToACallThatMayHaveBeenMadeIsLookedUp: what the acquirer says and what it holds
// have to be the same.
func TestAnswerToACallThatMayHaveBeenMadeIsLookedUp(t *testing.T) {
	t.Parallel()
	yes := acquirer.Answer{Approved: true, Reference: "pi_1", Amount: 1200}
	other, no := yes, acquirer.Decline("do_not_honor")
	other.Reference = "pi_2"
	call := acquirer.Call{Verb: acquirer.Authorise, Payment: pay.PaymentID{1}, Amount: 1200, Currency: "EUR"}
	for name, tc := range map[string]struct {
		f    twoFaced
		want error
	}{
		"the same":                      {twoFaced{says: yes, holds: yes}, nil},
		"declined, and holds nothing":   {twoFaced{says: no, silent: acquirer.ErrNothing}, nil},
		"approved, and holds nothing":   {twoFaced{says: yes, silent: acquirer.ErrNothing}, acquirer.ErrContradicts},
		"approved, and holds a refusal": {twoFaced{says: yes, holds: no}, acquirer.ErrContradicts},
		"declined, and holds approval":  {twoFaced{says: no, holds: yes}, acquirer.ErrContradicts},
		"holds another":                 {twoFaced{says: yes, holds: other}, acquirer.ErrContradicts},
		"does not say what it holds":    {twoFaced{says: yes, silent: acquirer.ErrNoAnswer}, acquirer.ErrNoAnswer},
		"another amount":                {twoFaced{says: acquirer.Answer{Approved: true, Reference: "pi_1", Amount: 1}}, acquirer.ErrContradicts},
	} {
		_, err := ask(t.Context(), provider{Acquirer: tc.f}, call, "", true)
		if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	if _, err := ask(t.Context(), provider{Acquirer: twoFaced{says: yes, silent: acquirer.ErrNoAnswer}}, call, "", false); err != nil {
		t.Errorf("a first answer was looked up: %v", err)
	}
}

// TestDoubtedAcquirerHasToAgreeWithItself: in a row, and an answer in between begins anew.
func TestDoubtedAcquirerHasToAgreeWithItself(t *testing.T) {
	t.Parallel()
	c := &caller{tries: map[acquirer.Key]tries{}}
	call := acquirer.Call{Key: "k"}
	yes, no := acquirer.Answer{Approved: true, Reference: "pi_1", Amount: 1200}, acquirer.Decline("do_not_honor")
	for i, step := range []struct {
		a    acquirer.Answer
		wait bool
		err  error
	}{
		{yes, true, nil}, {no, true, acquirer.ErrContradicts}, {no, true, nil}, {yes, true, acquirer.ErrContradicts},
		{yes, true, nil}, {yes, false, nil},
	} {
		wait, err := c.agree(call, step.a, true)
		if wait != step.wait || !errors.Is(err, step.err) || (err == nil) != (step.err == nil) {
			t.Errorf("answer %d: wait %v, %v", i+1, wait, err)
		}
	}
	if wait, err := c.agree(acquirer.Call{Key: "other"}, yes, false); wait || err != nil {
		t.Errorf("an acquirer that nobody doubts: wait %v, %v", wait, err)
	}
}
