package wallet

import (
	"errors"
	"fmt"
	"strings"

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

// tipByRule returns how much a merchant may capture beyond an amount that is held, where a
// rule of the store approves it. It is what the rule lets be tip and the offer asks for, as
// far as it has room in what the rule allows for one payment; none where it has no room
// for a day, or would need the device. Of an amount that is captured at once a rule gives
// none: nobody has said how much.
func (w *Wallet) tipByRule(view pay.Rows, now pay.Time, p pay.Payment, by pay.Rule) (pay.Amount, error) {
	name, standing := strings.CutPrefix(string(by), ruleOf)
	d := p.Decision
	if !standing || !d.IsHold() || d.TipMax == 0 {
		return 0, nil
	}
	rule, ok, err := ruleRows.Get(view, pay.Rule(name))
	tip := min(rule.TipMax, d.TipMax, rule.Each-d.Amount)
	if err != nil || !ok || tip <= 0 {
		return 0, err
	}
	if err := checkTip(view, p, pay.Approve, tip); err != nil {
		var refused *pay.Error
		if errors.As(err, &refused) {
			err = nil
		}
		return 0, err
	}
	_, covers, err := w.byStanding(view, now, withTip(p, tip).Decision, func(s StandingRule) bool { return s.By() == by })
	if err != nil || !covers {
		return 0, err
	}
	return tip, nil
}
