package registry_test

import (
	"maps"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/paybeacon/paybeacon/pay"
)

// TestClaimsOnWhatIsSetAside has payments and devices of which a deadline failed:
// claims on them are refused and change nothing else, other payments go on, and
// later claims count again.
func TestClaimsOnWhatIsSetAside(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	bad, good := c.charge(c.shop, c.beacon, 1_000), c.charge(c.shop, c.beacon, 2_000)
	aside, device := pay.PaymentID(bad.ID()).Subject(), pay.Subject{Kind: pay.SubjectDevice, ID: c.beacon.key.ID()}
	c.mem.aside[aside], c.mem.aside[device] = true, true
	before := c.mem.dump("p/", "d/", "b/", "c/", "o/")
	claims := map[string]func() pay.Reason{
		"approval": func() pay.Reason { return c.answer(c.payer, bad, pay.Approve, pay.ByHand) },
		"decline":  func() pay.Reason { return c.answer(c.payer, bad, pay.Decline, pay.ByHand) },
		"cancel":   func() pay.Reason { return c.cancel(c.shop, bad) },
		"mapping":  func() pay.Reason { return c.push(0, c.mapping(c.beacon, c.payer, c.bind(c.beacon, c.payer, c.now))) },
	}
	for name, claim := range claims {
		if got := claim(); got != pay.ReasonSetAside {
			t.Errorf("%s is refused as %q", name, got)
		}
	}
	if !maps.Equal(before, c.mem.dump("p/", "d/", "b/", "c/", "o/")) {
		t.Error("a refused claim changed something")
	}
	if got := c.answer(c.payer, good, pay.Approve, pay.ByHand); got != "" || c.says(c.shop, good) != "captured" {
		t.Errorf("another payment is %s, its approval refused as %q", c.says(c.shop, good), got)
	}
	clear(c.mem.aside)
	if got := c.answer(c.payer, bad, pay.Approve, pay.ByHand); got != "" || c.says(c.shop, bad) != "captured" {
		t.Errorf("afterwards the payment is %s, its approval refused as %q", c.says(c.shop, bad), got)
	}
	c.auditOK()
}

// TestDeviceThatIsSetAsideCanBeRevoked: a stolen device pays no more, whatever
// else failed about it.
func TestDeviceThatIsSetAsideCanBeRevoked(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.mem.aside[pay.Subject{Kind: pay.SubjectDevice, ID: c.beacon.key.ID()}] = true
	if got := c.push(0, c.sign(c.payer.key, pay.Revoke{Device: c.beacon.key.ID()})); got != "" {
		t.Fatalf("the revoke is refused as %q", got)
	}
	if f := c.charge(c.shop, c.beacon, 1_000); c.says(c.shop, f) != "unmatched unknown_code" {
		t.Errorf("the next charge is %s", c.says(c.shop, f))
	}
	c.auditOK()
}

// TestTheClaimThatDecidedIsNotRefused repeats an approval whose payment was set
// aside since: the wallet learns nothing that is not so.
func TestTheClaimThatDecidedIsNotRefused(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	f := c.charge(c.shop, c.beacon, 1_000)
	a := c.sign(c.payer.key, c.reply(c.payer, f, pay.Approve, pay.ByHand))
	c.push(0, a)
	c.mem.aside[pay.PaymentID(f.ID()).Subject()] = true
	if got := c.push(0, a); got != "" {
		t.Errorf("the approval that paid is refused as %q", got)
	}
}

// TestDeadlineOfALaterState has a registry meet a payment that a newer one has
// brought to a state that it does not know: the deadline is not used up, and no
// claim changes the payment.
func TestDeadlineOfALaterState(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	f := c.charge(c.shop, c.beacon, 1_250)
	d, id := c.last(c.shop.status.Scope, f)
	d.Prev, d.Seq, d.State, d.Claim, d.Sums = id, d.Seq+1, "frozen", pay.FactID{9}, pay.Sums{Held: 1_250}
	held := c.signAsRegistry(d)
	key := c.rowOf("p/")
	raw, _ := c.mem.rows.Get(key)
	var row map[int]cbor.RawMessage
	c.must(cbor.Unmarshal(raw, &row))
	last := held.ID()
	row[1], row[2] = pay.Encode(last[:]), pay.Encode(d)
	c.mem.rows.Set(key, pay.Encode(row))

	before := c.mem.dump("p/", "b/")
	if got := c.answer(c.payer, f, pay.Approve, pay.ByHand); got == "" {
		t.Error("an approval is taken")
	}
	if got := c.cancel(c.shop, f); got == "" {
		t.Error("a cancel is taken")
	}
	r, err := c.reg.React(c.mem, c.now, pay.DeadlineReached{Subject: pay.PaymentID(f.ID()).Subject()})
	if err == nil || len(r.Publications) != 0 {
		t.Errorf("its deadline led to %+v", r)
	}
	if !maps.Equal(before, c.mem.dump("p/", "b/")) {
		t.Error("the payment has changed")
	}
}

// TestEverySpaceIsWritten makes each feature write, so that the check of each
// stored row against the declared spaces reaches all of them.
func TestEverySpaceIsWritten(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	f := c.charge(c.shop, c.beacon, 1_000)
	c.answer(c.payer, f, pay.Approve, pay.ByHand)
	c.holdOfOld(c.rowOf("p/"), 1_000)
	c.keysOfOld()
	c.chargeAs(c.shop, c.charge(c.shop, c.beacon, 1_000), nil)
	if _, refused := c.limit(5_000, pay.FactID{}, nil); refused != "" {
		t.Fatalf("the limit is refused as %q", refused)
	}
	if got := c.cancel(c.shop, f); got != pay.ReasonLateCancel {
		t.Fatalf("a late cancel is refused as %q", got)
	}
	c.topUp(c.payer, 5)
	c.payOut(c.shop, 1)
	c.moveTo(c.payer, c.other)
	c.topUp(c.payer, 50)
	c.now = c.now.Add(200_000)
	c.mustMandate(c.payer, pay.Mandate{MandateTerms: pay.MandateTerms{Payee: "Cafe", Each: 50, Budget: 50}})
	c.charge(c.shop, c.beacon, 50)
	bar := c.box("Bar", "counter")
	c.charge(c.shop, c.beacon, 1)
	c.charge(bar, c.beacon, 1)
	c.declare(c.shop, bar, false)
	car := newDevice("car", 6)
	c.pairCar(car, c.other, aCar, "")
	c.setPreset(c.other, car, pay.Preset{Quantity: 20_000})
	c.inPlaceOf(c.payer, "new phone")
	c.setMeans(c.other, pay.Means{Name: "lunch"})
	watch := newDevice("bob", 6)
	c.pair(watch, c.other)
	c.topUp(c.other, 5)
	c.answer(c.other, c.charge(c.shop, watch, 1), pay.Approve, "all")
	_, err := c.settle(c.charge(c.shop, watch, 1), "", "nobody else can")
	c.must(err)
	held := tab{counter: c, hold: tabHold}
	held.payer, held.beacon = c.other, watch
	held.step("hold 1")
	held.step("approve")
	held.step("more 1")
	c.callTwice()
	held.later(watch.code(c.now), 0)
	_, r, err := c.reg.AddBill(c.mem, c.now, pay.Bill{Merchant: c.shop.status.Scope, Number: "1", Amount: 1})
	c.must(err)
	c.publish(r)
	c.mustMandate(c.other, pay.Mandate{MandateTerms: pay.MandateTerms{Payee: "Cafe", Each: 50, Budget: 50}})
	c.accept(c.now.Add(60_000), c.now)
	good := *c.audit().Good
	good.Mark = []byte("where the store is")
	c.remember(good)
	for _, space := range spaces {
		if len(c.mem.dump(space.Prefix)) == 0 {
			t.Errorf("nothing was written to %s", space.Layout())
		}
	}
	c.auditOK()
}
