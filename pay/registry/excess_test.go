package registry_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestExcessGoesToThePayerAlone: how strongly a device was heard is seen by the
// merchant, whose box measured it, and by the payer; no other box or wallet gets a
// fact that holds it.
func TestExcessGoesToThePayerAlone(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	r := c.requestFrom(c.shop, c.beacon.code(c.now), 100)
	r.Evidence, r.Certain, r.Excess = pay.EvidenceWords, false, pay.ExcessOf(-8)
	f := c.sign(c.shop.key, r)
	c.push(0, f)
	if d, _ := c.last(c.payer.status.Scope, f); d.State != pay.StateOffered || d.Excess != pay.ExcessOf(-8) {
		t.Errorf("the offer says %+v", d.Terms)
	}
	c.answer(c.payer, f, pay.Approve, pay.ByHand)
	d, last := c.last(c.payer.status.Scope, f)
	if d.State != pay.StateCaptured || d.Excess != pay.ExcessOf(-8) {
		t.Errorf("the end says %+v", d.Terms)
	}
	seen := 0
	for scope, feed := range c.feeds {
		for _, e := range feed {
			if d, err := pay.As[pay.Decision](e); err != nil || d.Payment != pay.PaymentID(f.ID()) {
				continue
			}
			if seen++; scope != c.payer.status.Scope && scope != c.shop.status.Scope {
				t.Errorf("%s reads of it", scope)
			}
		}
	}
	if seen != 4 || last.IsZero() {
		t.Errorf("%d decisions in %d feeds", seen, len(c.feeds))
	}
	c.auditOK()
}
