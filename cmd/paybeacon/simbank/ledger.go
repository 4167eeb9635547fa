package simbank

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
)

// operation is one call that was carried out and its answer: a line of the file.
type operation struct {
	Verb      acquirer.Verb      `json:"verb"`
	Key       acquirer.Key       `json:"key"`
	Payment   string             `json:"payment"`
	Amount    pay.Amount         `json:"amount"`
	Currency  pay.Currency       `json:"currency"`
	Of        acquirer.Reference `json:"of,omitempty"`
	Mode      mode               `json:"mode,omitempty"` // of the authorisation's token
	Approved  bool               `json:"approved"`
	Reference acquirer.Reference `json:"reference,omitempty"`
	Reason    pay.Reason         `json:"reason,omitempty"`
}

func (o operation) answer() acquirer.Answer {
	if !o.Approved {
		return acquirer.Decline(string(o.Reason))
	}
	return acquirer.Answer{Approved: true, Reference: o.Reference, Amount: o.Amount}
}

// is reports whether the operation is the one that was asked for.
func (o operation) is(c acquirer.Call) bool {
	return o.Verb == c.Verb && o.Payment == c.Payment.String() && o.Amount == c.Amount && o.Currency == c.Currency && o.Of == c.Of
}

// mode is how a token has the provider misbehave.
type mode string

// The modes, by the names of their tokens.
const (
	modeOK        mode = "sim-ok"
	modeSlow      mode = "sim-slow"
	modeLost      mode = "sim-lost"
	modeTwice     mode = "sim-twice"
	modeNoCapture mode = "sim-no-capture"
	modeNoVoid    mode = "sim-no-void"
	modeNoRefund  mode = "sim-no-refund"
)

// modeOf returns what a token stands for, and whether it stands for anything.
func modeOf(t pay.Token) (mode, bool) {
	switch m := mode(t); m {
	case modeOK, modeSlow, modeLost, modeTwice, modeNoCapture, modeNoVoid, modeNoRefund:
		return m, true
	default:
		return "", false
	}
}

// declines reports whether the mode declines calls of this verb.
func (m mode) declines(v acquirer.Verb) bool {
	return (m == modeNoCapture && v == acquirer.Capture) || (m == modeNoVoid && v == acquirer.Void) || (m == modeNoRefund && v == acquirer.Refund)
}

// declined are the reasons for amounts that end in these two digits.
var declined = map[pay.Amount]pay.Reason{
	1: "call_issuer", 5: "generic_decline", 51: "insufficient_funds", 55: "incorrect_pin",
	65: "withdrawal_count_limit_exceeded", 75: "pin_try_exceeded",
}

// authorisation is what became of one.
type authorisation struct {
	payment                  string
	currency                 pay.Currency
	mode                     mode
	held, captured, refunded pay.Amount
	wasCaptured, wasVoided   bool
}

// ledger is what the provider knows: the fold of its operations.
type ledger struct {
	ops   map[acquirer.Key]operation
	auths map[acquirer.Reference]*authorisation
}

func newLedger() ledger {
	return ledger{ops: map[acquirer.Key]operation{}, auths: map[acquirer.Reference]*authorisation{}}
}

// decide returns what the provider does about a call that it has not carried out yet. It
// changes nothing.
func (l ledger) decide(c acquirer.Call, t pay.Token) operation {
	o := operation{Verb: c.Verb, Key: c.Key, Payment: c.Payment.String(), Amount: c.Amount, Currency: c.Currency, Of: c.Of}
	if c.Verb == acquirer.Authorise {
		m, known := modeOf(t)
		o.Mode, o.Reason = m, declined[c.Amount%100]
		if !known {
			o.Reason = "invalid_token"
		}
	} else {
		o.Reason = l.refuses(c)
	}
	if o.Approved = o.Reason == ""; o.Approved {
		o.Reference = acquirer.Reference(fmt.Sprintf("sim_%s_%d", c.Key[len("pb-"):][:16], len(l.ops)+1))
	}
	return o
}

// refuses returns why a call on an authorisation is declined, or "".
func (l ledger) refuses(c acquirer.Call) pay.Reason {
	a := l.auths[c.Of]
	switch {
	case a == nil, a.payment != c.Payment.String(), a.currency != c.Currency:
		return "no_such_authorisation"
	case a.mode.declines(c.Verb):
		return pay.Reason(c.Verb) + "_declined"
	case c.Verb == acquirer.Refund && c.Amount > a.captured-a.refunded:
		return "amount_too_large"
	case c.Verb == acquirer.Refund:
		return ""
	case a.wasCaptured, a.wasVoided && c.Verb == acquirer.Capture:
		return "authorisation_ended"
	case c.Verb == acquirer.Capture && c.Amount > a.held:
		return "amount_too_large"
	default:
		return ""
	}
}

// apply takes in an operation. It returns an error when the operation cannot follow on
// those before, as in a file that somebody wrote into.
func (l ledger) apply(o operation) error {
	if _, again := l.ops[o.Key]; again || o.Key == "" {
		return fmt.Errorf("key %q stands twice or is missing", string(o.Key))
	}
	l.ops[o.Key] = o
	if !o.Approved {
		return nil
	}
	if o.Verb == acquirer.Authorise {
		l.auths[o.Reference] = &authorisation{payment: o.Payment, currency: o.Currency, mode: o.Mode, held: o.Amount}
		return nil
	}
	a := l.auths[o.Of]
	if a == nil {
		return fmt.Errorf("there is no authorisation %q", string(o.Of))
	}
	switch o.Verb {
	case acquirer.Capture:
		a.held, a.captured, a.wasCaptured = 0, o.Amount, true
	case acquirer.Void:
		a.held, a.wasVoided = 0, true
	case acquirer.Refund:
		a.refunded += o.Amount
	default:
		return o.Verb.Check()
	}
	return nil
}
