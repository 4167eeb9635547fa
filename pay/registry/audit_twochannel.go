package registry

import (
	"github.com/paybeacon/paybeacon/pay"
)

// readMapping keeps the key of a device, which it signed its bind with. A
// mapping whose bind does not verify was refused and counts for nothing.
func (a *auditor) readMapping(f pay.Fact) error {
	m, err := pay.As[pay.Mapping](f)
	if err != nil {
		return err
	}
	if b, err := m.OpenBind(); err == nil {
		a.keysOf[m.Device] = b.Device
	}
	return nil
}

// checkAuthentication holds an approval that paid an offer against the offer's
// demand: two channels need the code of the device that was heard (I6), one
// channel has none.
func (a *auditor) checkAuthentication(p pay.Payment, h, offer head, answer pay.Answer, wallet pay.NodeID) {
	if answer.Verdict != pay.Approve {
		return
	}
	d := offer.Decision
	if d.Method() == pay.MethodOne {
		if !answer.Code.IsZero() {
			a.find("payment %s: its approval carries a code that nobody asked for", p.ID.Short())
		}
		return
	}
	c := pay.Challenge{Payment: p.ID, Device: h.Device, Nonce: a.nonce(p.ID)}
	if pay.AuthenticatePayment(a.root, wallet, c, d).Verify(a.keysOf[h.Device], answer.Code) != nil {
		a.find("payment %s: it is %s without a code of the device that was heard", p.ID.Short(), p.State)
	}
}

// checkLimits compares each wallet's limit with the registry's word on it and
// with the claim that asked for it, and sees that no word is without a row and
// that none was raised without a device.
func (a *auditor) checkLimits() error {
	newest, above := map[pay.Scope]pay.Time{}, map[pay.FactID]pay.Amount{{}: pay.AmountMax}
	for _, s := range a.limits {
		above[s.Claim] = s.Above
	}
	for _, s := range a.limits {
		l, ok, err := a.rows.Fact(s.Claim)
		if err != nil {
			return err
		}
		scope := a.nodes[l.Signer()].Scope
		claim, err := pay.As[pay.StepUpAbove](l)
		if !ok || err != nil || claim.Above != s.Above || claim.Currency != s.Currency {
			a.find("a limit of %s is not what its wallet asked for", scope)
			continue
		}
		newest[scope] = max(newest[scope], s.At)
		before, ok := above[claim.Before]
		if !ok || (claim.Loosens(before) && pay.AuthenticateStepUpAbove(a.root, l.Signer(), claim).Verify(a.keysOf[claim.Device], claim.Code) != nil) {
			a.find("limit of %s: it was raised without a code of a device", scope)
		}
	}
	err := limitRows.Walk(a.rows, limitRows.All(), func(scope pay.Scope, row limitRow, damage error) error {
		if damage != nil {
			a.find("limit of %s: its row cannot be read", scope)
			return nil
		}
		said, ok := a.limits[row.Status]
		if !ok || said.At != newest[scope] || said.Claim != row.Claim || said.Above != row.Above || said.Currency != row.Currency {
			a.find("limit of %s: its row is not what the registry last said of it", scope)
		}
		delete(newest, scope)
		return nil
	})
	for scope := range newest {
		a.find("limit of %s: it was set and has no row", scope)
	}
	return err
}
