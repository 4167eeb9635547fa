package registry_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// tipped pushes a request that takes a tip of at most 500, to be held if hold is set.
func (c *counter) tipped(amount pay.Amount, hold, twoChannel bool) pay.Fact {
	c.Helper()
	r := c.requestFrom(c.shop, c.beacon.code(c.now), amount)
	r.TipMax, r.TwoChannel = 500, twoChannel
	o := pay.Opening{Request: r}
	if hold {
		o.Hold = pay.HoldMax
	}
	f := c.sign(c.shop.key, o.Body())
	c.push(0, f)
	return f
}

// gives is the payer's approval with a tip.
func (c *counter) gives(f pay.Fact, tip pay.Amount) pay.Answer {
	c.Helper()
	d, _ := c.last(c.payer.status.Scope, f)
	a := c.reply(c.payer, f, pay.Approve, pay.ByHand)
	a.HoldUntil, a.Tip = d.HoldUntil, tip
	return a
}

// With two channels the device signs amount and tip as one. A code over less, or over
// another tip, pays nothing, and the offer stands.
func TestTheDeviceSignsTheTip(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	f := c.tipped(1_250, false, true)
	offer, _ := c.last(c.payer.status.Scope, f)
	ch := c.challenge(c.payer.status.Scope, f)
	before := c.mem.dump("p/", "b/")
	for _, signed := range []pay.Amount{0, 199, 201} {
		a := c.gives(f, 200)
		var err error
		a.Code, err = pay.Authenticate(c.beacon.key, pay.AuthenticatePayment(c.root.ID(), c.payer.key.ID(), ch, offer, signed))
		c.must(err)
		if no := c.push(0, c.sign(c.payer.key, a)); no != pay.ReasonWrongCode {
			t.Errorf("a tip of 200 with a code over one of %d is refused %q", signed, no)
		}
	}
	if after := c.mem.dump("p/", "b/"); len(after) != len(before) || c.says(c.shop, f) != "offered" {
		t.Errorf("what was refused changed rows: it is %s", c.says(c.shop, f))
	}
	a := c.gives(f, 200)
	var err error
	a.Code, err = pay.Authenticate(c.beacon.key, pay.AuthenticatePayment(c.root.ID(), c.payer.key.ID(), ch, offer, 200))
	c.must(err)
	if no := c.push(0, c.sign(c.payer.key, a)); no != "" {
		t.Fatalf("refused: %s", no)
	}
	if d, _ := c.last(c.shop.status.Scope, f); d.Captured != 1_450 || d.TipTaken() != 200 || d.Method() != pay.MethodTwoChannel {
		t.Errorf("captured %d, of it a tip of %d, by %s", d.Captured, d.TipTaken(), d.Method())
	}
	c.auditOK()
}

// An acquirer authorises amount and tip. At once it captures all of it; of a hold it
// captures what the merchant asks for, and releases the rest.
func TestAnAcquirerMovesTheTip(t *testing.T) {
	t.Parallel()
	c := card(t)
	f := c.tipped(1_200, false, false)
	if no := c.push(0, c.sign(c.payer.key, c.gives(f, 300))); no != "" {
		t.Fatalf("refused: %s", no)
	}
	c.wantState(f, "approved")
	c.wantAsked("authorise 1500")
	c.replyBy("")
	c.wantState(f, "approved")
	c.wantAsked("capture 1500")
	c.replyBy("")
	c.wantState(f, "captured")
	c.wantBook(10_000, 1_500, -1_500)
	if d, _ := c.last(c.shop.status.Scope, f); d.TipTaken() != 300 {
		t.Errorf("the tip is %d", d.TipTaken())
	}

	f = c.tipped(1_000, true, false)
	c.push(0, c.sign(c.payer.key, c.gives(f, 300)))
	c.wantAsked("authorise 1300")
	c.replyBy("")
	c.wantState(f, "held")
	if no := c.acts(pay.KindCapture, f, 1_301); no != pay.ReasonAboveHeld {
		t.Errorf("one cent beyond the tip is refused %q", no)
	}
	c.acts(pay.KindCapture, f, 1_200)
	c.wantAsked("capture 1200")
	c.wantState(f, "held")
	c.replyBy("")
	c.wantState(f, "captured")
	if d, _ := c.last(c.shop.status.Scope, f); d.TipTaken() != 200 || d.Released != 100 {
		t.Errorf("the tip is %d, released %d", d.TipTaken(), d.Released)
	}
	c.wantBook(10_000, 2_700, -2_700)

	f = c.tipped(1_000, true, false)
	c.push(0, c.sign(c.payer.key, c.gives(f, 300)))
	c.replyBy("")
	c.acts(pay.KindCapture, f, 0)
	c.wantAsked("capture 1000")
	c.replyBy("")
	c.wantState(f, "captured")

	f = c.tipped(1_200, false, false)
	c.push(0, c.sign(c.payer.key, c.gives(f, 300)))
	c.replyBy("insufficient_funds")
	c.wantState(f, "failed insufficient_funds")
	c.wantBook(10_000, 3_700, -3_700)
}

// A mandate that covers the amount pays the amount, whatever tip the merchant names.
func TestAMandateGivesNoTip(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.mustMandate(c.payer, pay.Mandate{MandateTerms: pay.MandateTerms{Payee: "Cafe", Each: 5_000, Budget: 9_000}})
	for _, hold := range []bool{false, true} {
		f := c.tipped(1_000, hold, false)
		d, _ := c.last(c.shop.status.Scope, f)
		if d.Mandate.IsZero() || d.Tip != 0 || d.TipMax != 500 || d.SumsAfter().Authorised() != 1_000 {
			t.Errorf("hold %v: it is %s by mandate %v with a tip of %d and %+v", hold, d.State, !d.Mandate.IsZero(), d.Tip, d.Sums)
		}
		c.now = c.now.Add(600_000)
	}
	c.auditOK()
}

// The amount may come later, or from a bill: the most that may be tip is the request's.
func TestATipOnAnAmountFromElsewhere(t *testing.T) {
	t.Parallel()
	c := newTab(t)
	c.publishBill("117", 1_840)
	for name, o := range map[string]pay.Opening{"later": {Later: true}, "by a bill": {Bill: true}} {
		o.Request = c.requestFrom(c.shop, c.beacon.code(c.now), 0)
		if o.TipMax = 500; o.Bill {
			o.Ref = "117"
		}
		c.request = c.sign(c.shop.key, o)
		if no := c.push(0, c.request); no != "" {
			t.Fatalf("%s: refused %s", name, no)
		}
		if o.Later {
			c.price(c.shop, 1_840, "p")
		}
		if no := c.step("approve tip=501"); no != pay.ReasonWrongTerms {
			t.Errorf("%s: a tip above the most is refused %q", name, no)
		}
		if no := c.step("approve tip=160"); no != "" || c.short() != "captured 0/2000/0" || c.stands().Decision.TipTaken() != 160 {
			t.Errorf("%s: refused %q, is %s with a tip of %d", name, no, c.short(), c.stands().Decision.TipTaken())
		}
		c.conserved(0)
		c.auditOK()
	}
}

func (c *tab) publishBill(number string, amount pay.Amount) {
	c.Helper()
	_, r, err := c.reg.AddBill(c.mem, c.now, pay.Bill{Merchant: c.shop.status.Scope, Number: number, Amount: amount})
	c.must(err)
	c.publish(r)
}

// What the operator says of a payment with a tip is of amount and tip as one.
func TestSettleAPaymentWithATip(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		hold   bool
		yes    int // answers of the acquirer
		as     pay.SettledAs
		state  string
		tip    pay.Amount
		shop   pay.Amount
		issuer pay.Amount
	}{
		{false, 0, pay.SettledPaid, "captured", 300, 1_500, -1_500},
		{false, 1, pay.SettledPaid, "captured", 300, 1_500, -1_500},
		{false, 0, pay.SettledNotPaid, "failed settled", 0, 0, 0},
		{true, 1, pay.SettledNotPaid, "voided settled", 0, 0, 0},
	} {
		c := card(t)
		f := c.tipped(1_200, s.hold, false)
		c.push(0, c.sign(c.payer.key, c.gives(f, 300)))
		for range s.yes {
			c.replyBy("")
		}
		if _, err := c.settle(f, s.as, "the provider's statement"); err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		c.wantState(f, s.state)
		c.wantBook(10_000, s.shop, s.issuer)
		if d, _ := c.last(c.shop.status.Scope, f); d.TipTaken() != s.tip {
			t.Errorf("%+v: the tip is %d", s, d.TipTaken())
		}
	}
}
