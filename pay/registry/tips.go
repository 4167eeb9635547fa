package registry

import "github.com/paybeacon/paybeacon/pay"

// decideTip states the tip that the payer's approval gives, before the decision that moves
// the money. That amount and tip are covered has been seen.
func (t *turn) decideTip(h *paymentRow, a pay.Answer) error {
	return t.decide(h, verdict{state: pay.StateTipped, claim: t.in.Fact.ID(), by: a.By, tip: a.Tip})
}

// tipNeedsDevice reports whether a tip brings an approval by one channel above the amount
// from which on the wallet's payments need its device. The offer is made without the tip, so
// that nobody is asked for a device who gives none.
func (t *turn) tipNeedsDevice(a pay.Answer, h paymentRow) (bool, error) {
	above, _, err := stepUpRows.Get(t.rows, h.Wallet)
	return a.Tip != 0 && above.Currency == a.Currency && a.Amount+a.Tip > above.Above, err
}

// sameAsSaid reports whether two requests under one key are the same order, or are not, as
// is said of them. A registry of old knows no tips, and compares none; then the payment has
// none either.
func (a *keyAudit) sameAsSaid(first, later pay.Opening, h pay.KeyHeld) (bool, error) {
	if later.SameOrder(first) == h.Same {
		return true, nil
	}
	p, _, err := paymentRows.Get(a.rows, h.Payment)
	if bad := damageIsNone(err); bad != nil {
		return false, bad
	}
	first.TipMax, later.TipMax = 0, 0
	return p.Decision.TipMax == 0 && later.SameOrder(first) == h.Same, nil
}
