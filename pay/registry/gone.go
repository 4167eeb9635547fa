package registry

import (
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// cannotAnswer returns why the offer with these terms could not be approved before
// it ends, which with two channels is at a moment, whatever its payer wants, or "": two
// channels are needed, and the codes of the device that was heard do not count yet. The
// till hears so at once.
func (f found) cannotAnswer(end pay.Time) pay.Reason {
	if f.stepUp() != "" && f.trusted > f.now && f.trusted >= end {
		return pay.ReasonPayerCannotAnswer
	}
	return ""
}

// endOffers ends the open offers of a wallet whose node is gone, so that nobody
// waits for an answer that cannot come. The rules of a wallet end with its node.
func (t *turn) endOffers(node pay.NodeStatus) error {
	if err := ruledRows.Delete(t.rows, node.Scope); err != nil {
		return err
	}
	return t.endOffersOf(node.Scope, goneReason(node), func(paymentRow) bool { return true })
}

// endOffersBy ends the open offers that need the word of a device which was mapped
// to a wallet until now.
func (t *turn) endOffersBy(device pay.DeviceID, wallet pay.Scope) error {
	return t.endOffersOf(wallet, pay.ReasonPayerCannotAnswer, func(p paymentRow) bool {
		return p.Device == device && p.Decision.Method() == pay.MethodTwoChannel
	})
}

// endOffersOf ends the open offers of a wallet that match. They count for no limit
// of prompts. What is set aside is left to its deadline.
func (t *turn) endOffersOf(wallet pay.Scope, why pay.Reason, matches func(paymentRow) bool) error {
	var open []prompted
	err := promptRows.Each(t.rows, rows.Under(promptRows, wallet), func(_ rows.Pair[pay.Scope, pay.NodeID], list []prompted) error {
		open = append(open, list...)
		return nil
	})
	if err != nil {
		return err
	}
	for _, o := range open {
		p, ok, err := paymentRows.Get(t.rows, o.Payment)
		if err != nil {
			return err
		}
		aside, err := t.setAside(o.Payment.Subject())
		if err != nil {
			return err
		}
		if !ok || aside != "" || p.Decision.State != pay.StateOffered || !matches(p) {
			continue
		}
		if err := t.forgetPrompt(p.Wallet, p.Box, o.Payment); err != nil {
			return err
		}
		if err := t.decide(&p, verdict{state: pay.StateExpired, reason: why}); err != nil {
			return err
		}
	}
	return nil
}
