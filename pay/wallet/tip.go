package wallet

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// ApproveWithTip approves as Answer does, and gives a tip, which is 0 or within what the
// offer allows. Of an amount that is held the tip is a bound: the merchant may capture as
// much more. Its errors are those of Answer, and *pay.Error with CodeAmount for a tip that
// the offer does not allow, with CodeNotAllowed for one that brings the approval above the
// amount from which on the device is needed.
func (w *Wallet) ApproveWithTip(tx pay.WritableRows, now pay.Time, id string, by pay.Rule, tip pay.Amount, code pay.AuthCode) (Entry, pay.Reaction, error) {
	return w.answer(tx, now, id, pay.Approve, by, extra{code: code, tip: tip})
}

// checkTip returns a *pay.Error where a tip may not be given with an answer.
func checkTip(view pay.Rows, p pay.Payment, v pay.Verdict, tip pay.Amount) error {
	if tip == 0 {
		return nil
	}
	d := p.Decision
	switch {
	case v != pay.Approve:
		return pay.NewCase(pay.CodeUsage, "tip_declined", fmt.Sprintf("payment %s is declined: no tip goes with that", p.ID.Short()))
	case p.State != pay.StateOffered:
		return alreadyDecided(p)
	case d.TipMax == 0:
		return pay.NewCase(pay.CodeAmount, "tip_not_asked", fmt.Sprintf("payment %s takes no tip", p.ID.Short()))
	case !d.TakesTip(tip):
		return pay.NewCase(pay.CodeAmount, "tip_above_max", fmt.Sprintf("payment %s takes another tip", p.ID.Short()))
	case d.Method() == pay.MethodTwoChannel:
		return nil
	}
	r, err := stepUpInForce(view)
	if err == nil && r.Currency == d.Currency && d.Amount+tip > r.Above {
		err = pay.NewCase(pay.CodeNotAllowed, "tip_needs_device", fmt.Sprintf("payment %s would be above the amount from which on the device is needed", p.ID.Short()))
	}
	return err
}

// withTip is a payment as a rule looks at it and counts it: the tip is spent like the
// amount.
func withTip(p pay.Payment, tip pay.Amount) pay.Payment {
	p.Decision.Amount += tip
	return p
}
