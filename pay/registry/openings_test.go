package registry_test

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// later asks for a payment without an amount.
func (c *tab) later(code pay.Code, hold pay.Millis) pay.Reason {
	c.Helper()
	c.request = c.sign(c.shop.key, pay.Opening{Request: c.requestFrom(c.shop, code, 0), Later: true, Hold: hold})
	return c.push(0, c.request)
}

func (c *tab) price(by node, amount pay.Amount, key pay.IdempotencyKey) pay.Reason {
	c.Helper()
	c.serial++
	return c.push(0, c.sign(by.key, pay.Price{Action: pay.Action{Payment: pay.PaymentID(c.request.ID()), Key: key, Amount: amount, Created: pay.Time(c.serial)}}))
}

// TestPriceComesLater: one price opens the payment as if the request had held it, with
// the code that was heard then, and the payer gets the whole time to answer.
func TestPriceComesLater(t *testing.T) {
	t.Parallel()
	c := newTab(t)
	if no := c.later(c.beacon.code(c.now), tabHold); no != "" || c.says(c.shop, c.request) != "" {
		t.Fatalf("refused %q, is %s", no, c.says(c.shop, c.request))
	}
	c.auditOK()
	c.push(0, c.request) // it arrives again
	c.step("wait 899000")
	bar := c.box("Bar", "till-1")
	for _, try := range []struct {
		by   node
		n    pay.Amount
		want pay.Reason
	}{{bar, 4_000, pay.ReasonWrongScope}, {c.payer, 4_000, pay.ReasonWrongRole}, {c.second, 4_000, ""}, {c.shop, 4_000, ""}, {c.shop, 4_001, pay.ReasonAlreadyPriced}} {
		if no := c.price(try.by, try.n, "p"); no != try.want {
			t.Errorf("a price of %d is refused %q, want %q", try.n, no, try.want)
		}
		c.auditOK()
	}
	d := c.stands().Decision
	if d.State != pay.StateOffered || d.Amount != 4_000 || d.Expires != c.now.Add(60_000) || d.HoldUntil != c.now.Add(tabHold) {
		t.Errorf("%+v", d)
	}
	c.step("approve")
	c.step("capture 1000 final")
	if c.short() != "captured 0/1000/0" {
		t.Errorf("is %s", c.short())
	}
	c.conserved(0)
	c.auditOK()
}

// TestNoPrice: what comes to nothing before it has an amount is no payment; its merchant
// is told why, and no price and no answer brings it back.
func TestNoPrice(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		do   func(c *tab) pay.Reason
		want pay.Reason
	}{
		"a code of nobody": {func(c *tab) pay.Reason { return c.later(pay.Code{1}, 0) }, pay.ReasonUnknownCode},
		"out of its time": {func(c *tab) pay.Reason {
			c.later(c.beacon.code(c.now), 0)
			c.step("wait 900000")
			return pay.ReasonNoPrice
		}, pay.ReasonNoPrice},
		"the price is first to see that": {func(c *tab) pay.Reason {
			c.later(c.beacon.code(c.now), 0)
			c.step("later 900000")
			c.price(c.shop, 1, "x")
			return pay.ReasonNoPrice
		}, pay.ReasonNoPrice},
		"withdrawn": {func(c *tab) pay.Reason {
			c.later(c.beacon.code(c.now), 0)
			c.cancel(c.second, c.request)
			c.cancel(c.shop, c.request)
			return pay.ReasonByMerchant
		}, pay.ReasonByMerchant},
		"withdrawn before it was sent": {func(c *tab) pay.Reason {
			c.request = c.sign(c.shop.key, pay.Opening{Request: c.requestFrom(c.shop, c.beacon.code(c.now), 0), Later: true})
			return c.push(0, c.request, c.sign(c.shop.key, pay.Cancel{Payment: pay.PaymentID(c.request.ID())}))
		}, pay.ReasonByMerchant},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTab(t)
			if got := tc.do(c); got != tc.want || c.refusals(c.shop.status.Scope, tc.want) != 1 || c.says(c.shop, c.request) != "" {
				t.Errorf("refused %q, told %d times, is %s", got, c.refusals(c.shop.status.Scope, tc.want), c.says(c.shop, c.request))
			}
			if no := c.price(c.shop, 500, "late"); no != pay.ReasonLatePrice {
				t.Errorf("a price is refused %q", no)
			}
			for _, f := range c.feeds[c.payer.status.Scope] {
				if f.Kind() == pay.KindDecision {
					t.Error("the payer was told")
				}
			}
			c.auditOK()
		})
	}
}

// TestBills: one bill is paid once, by whichever box; one that was not paid is free.
func TestBills(t *testing.T) {
	t.Parallel()
	c := newTab(t)
	_, r, err := c.reg.AddBill(c.mem, c.now, pay.Bill{Merchant: c.shop.status.Scope, Number: "117", Amount: 1_840})
	c.must(err)
	c.publish(r)
	if _, again, err := c.reg.AddBill(c.mem, c.now.Add(5), pay.Bill{Merchant: c.shop.status.Scope, Number: "117", Amount: 1_840}); err != nil || len(again.Publications) != 0 {
		t.Errorf("the same bill again: %v", err)
	}
	if _, _, err := c.reg.AddBill(c.mem, c.now, pay.Bill{Merchant: c.shop.status.Scope, Number: "117", Amount: 1}); pay.CodeOf(err) != pay.CodeKeyUsed {
		t.Errorf("another amount: %v", err)
	}
	bill := func(by node, number string) pay.Reason {
		req := c.requestFrom(by, c.beacon.code(c.now), 0)
		req.Ref = number
		c.request = c.sign(by.key, pay.Opening{Request: req, Bill: true})
		return c.push(0, c.request)
	}
	for _, step := range []struct {
		by     node
		number string
		then   string
		want   pay.Reason
		is     string
	}{
		{c.shop, "118", "", pay.ReasonUnknownBill, ""},
		{c.box("Bar", "b"), "117", "", pay.ReasonUnknownBill, ""},
		{c.shop, "117", "", "", "offered"},
		{c.second, "117", "", pay.ReasonBillUsed, ""},
		{c.shop, "117", "", pay.ReasonBillUsed, ""},
	} {
		if no := bill(step.by, step.number); no != step.want {
			t.Fatalf("bill %s is refused %q, want %q", step.number, no, step.want)
		}
		c.auditOK()
	}
	c.step("wait 60000") // nobody answers
	if no := bill(c.second, "117"); no != "" {
		t.Fatalf("after the end of the first: %s", no)
	}
	c.step("approve")
	if d := c.stands().Decision; d.State != pay.StateCaptured || d.Amount != 1_840 || d.Ref != "117" {
		t.Errorf("%+v", d)
	}
	c.step("refund")
	if no := bill(c.shop, "117"); no != pay.ReasonBillUsed {
		t.Errorf("a bill that was paid and given back is refused %q", no)
	}
	c.conserved(0)
	c.auditOK()
}

// TestAuditFindsInOpenings bends what bills and late prices rest on.
func TestAuditFindsInOpenings(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bend func(c *tab, paid pay.Fact)
		want string
	}{
		"nothing":            {func(*tab, pay.Fact) {}, ""},
		"a bill's row gone":  {func(c *tab, _ pay.Fact) { c.mem.rows.Delete(c.rowOf("bi/")) }, "its row says"},
		"a bill of nobody":   {func(c *tab, _ pay.Fact) { c.mem.rows.Set("bi/m/x\x00"+"9", []byte(c.mem.dump("bi/")[c.rowOf("bi/")])) }, "was never said"},
		"a bill made free":   {func(c *tab, paid pay.Fact) { c.forget(paid) }, "its bill stands for"},
		"a price by nobody":  {func(c *tab, _ pay.Fact) { delete(c.mem.facts, c.statementOf(pay.KindPrice)) }, "set its price"},
		"a price gone":       {func(c *tab, _ pay.Fact) { c.mem.rows.Delete(c.rowOf("la/")) }, "set its price"},
		"an amount of later": {func(c *tab, _ pay.Fact) { c.lie(func(d *pay.Decision) { d.Amount = 5; d.Captured = 5 }) }, "changes the terms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTab(t)
			_, r, err := c.reg.AddBill(c.mem, c.now, pay.Bill{Merchant: c.shop.status.Scope, Number: "117", Amount: 1_840})
			c.must(err)
			c.publish(r)
			req := c.requestFrom(c.shop, c.beacon.code(c.now), 0)
			req.Ref = "117"
			c.request = c.sign(c.shop.key, pay.Opening{Request: req, Bill: true})
			c.push(0, c.request)
			c.step("approve")
			paid := c.request
			c.later(c.beacon.code(c.now), 0)
			c.price(c.shop, 700, "p")
			c.step("approve")
			c.auditOK()
			tc.bend(c, paid)
			res := c.audit()
			if told := strings.Join(res.Findings, "\n"); res.OK != (tc.want == "") || !strings.Contains(told, tc.want) {
				t.Errorf("audit says ok=%v:\n%s\nwant %q", res.OK, told, tc.want)
			}
		})
	}
}

// forget takes a payment out of the row of its bill.
func (c *tab) forget(paid pay.Fact) {
	c.Helper()
	id, other := paid.ID(), c.request.ID()
	c.replace(c.rowOf("bi/"), string(id[:]), string(other[:]))
}

// statementOf returns the last claim of a kind that reached the registry.
func (c *tab) statementOf(kind pay.Kind) (id pay.FactID) {
	for have, f := range c.mem.facts {
		if f.Kind() == kind {
			id = have
		}
	}
	return id
}

// TestPriceOfAPaymentThatHasItsAmount is not said to be for a payment that nobody knows,
// but to another merchant nothing is said of it.
func TestPriceOfAPaymentThatHasItsAmount(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	f := c.charge(c.shop, c.beacon, 100)
	price := func(by node, id pay.FactID) pay.Reason {
		c.serial++
		return c.push(0, c.sign(by.key, pay.Price{Action: pay.Action{Payment: pay.PaymentID(id), Key: "p", Amount: 200, Created: pay.Time(c.serial)}}))
	}
	for _, tc := range []struct {
		by   node
		id   pay.FactID
		want pay.Reason
	}{{c.shop, f.ID(), pay.ReasonAlreadyPriced}, {c.box("Bar", "b"), f.ID(), pay.ReasonWrongScope}, {c.shop, pay.FactID{9}, pay.ReasonUnknownPayment}} {
		if got := price(tc.by, tc.id); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
	c.auditOK()
}
