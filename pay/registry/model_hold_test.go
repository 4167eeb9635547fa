package registry_test

import (
	"bytes"
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
)

// opens makes of a request one that is captured at once, or held, or gets its amount
// later or from a bill.
func (m *trade) opens(t *rapid.T, r pay.Request) pay.Body {
	o := pay.Opening{Request: r}
	how := rapid.SampledFrom([]string{"at once", "at once", "hold", "hold", "hold", "later", "bill"}).Draw(t, "how")
	if how == "hold" || how != "at once" && rapid.Bool().Draw(t, "held") {
		o.Hold = tabHold
	}
	switch {
	case how == "later":
		o.Later, o.Amount = true, 0
	case how == "bill" && len(m.bills) > 0:
		o.Bill, o.Amount, o.Ref = true, 0, rapid.SampledFrom(m.bills).Draw(t, "number")
	}
	return o.Body()
}

// holds has a payer hold an amount as asked, where nothing stands in the way, so that most
// histories have something to act on.
func (m *trade) holds(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "device")
	box := rapid.SampledFrom(m.boxes).Draw(t, "box")
	r := m.requestFrom(box, m.devices[i].code(m.now), pay.Amount(rapid.SampledFrom([]int{250, 900}).Draw(t, "amount")))
	f := m.sign(box.key, pay.Opening{Request: r, Hold: tabHold})
	m.requests = append(m.requests, f)
	m.deviceOf[pay.PaymentID(f.ID())] = i
	m.send(t, 0, f)
	d, _ := m.last(box.status.Scope, f)
	if d.State != pay.StateOffered {
		return
	}
	a := m.reply(m.payers[i], f, pay.Approve, pay.ByHand)
	a.HoldUntil = d.HoldUntil
	m.addCode(t, m.payers[i], f, &a)
	m.send(t, 0, m.sign(m.payers[i].key, a))
	m.proves(t, f)
}

func (m *trade) newBill(t *rapid.T) {
	number := fmt.Sprint("bill-", len(m.bills))
	box := rapid.SampledFrom(m.boxes).Draw(t, "box")
	_, r, err := m.reg.AddBill(m.mem, m.now, pay.Bill{Merchant: box.status.Scope, Number: number, Amount: pay.Amount(rapid.IntRange(1, 2_000).Draw(t, "amount"))})
	m.must(err)
	m.publish(r)
	m.bills = append(m.bills, number)
}

// prices sets the amount of a request that was made without one, or tries to.
func (m *trade) prices(t *rapid.T) {
	later := slices.DeleteFunc(slices.Clone(m.requests), func(f pay.Fact) bool {
		o, err := pay.OpeningOf(f)
		return err != nil || !o.Later
	})
	if len(later) == 0 {
		t.Skip("every request has its amount")
	}
	a := m.action(t, later[len(later)-1:], []int{1, 250, 900})
	m.send(t, 0, m.sign(m.actsAt(t, a.Payment).key, pay.Price{Action: a}))
}

// actsAt returns a box of the payment's merchant, now and then one of another.
func (m *trade) actsAt(t *rapid.T, id pay.PaymentID) node {
	o, err := pay.OpeningOf(m.mem.facts[pay.FactID(id)])
	m.must(err)
	if rapid.IntRange(0, 7).Draw(t, "anywhere") == 0 {
		return rapid.SampledFrom(m.boxes).Draw(t, "box")
	}
	return rapid.SampledFrom(slices.DeleteFunc(slices.Clone(m.boxes), func(b node) bool { return b.status.Scope != o.Merchant })).Draw(t, "box")
}

// action draws what is done about one of these payments, under a key that may come again.
func (m *trade) action(t *rapid.T, requests []pay.Fact, amounts []int) pay.Action {
	m.serial++
	key := fmt.Sprint("act-", m.serial)
	if rapid.IntRange(0, 3).Draw(t, "a key again") == 0 {
		key = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key")
	}
	return pay.Action{
		Payment: pay.PaymentID(rapid.SampledFrom(requests).Draw(t, "payment").ID()), Key: pay.IdempotencyKey(key),
		Amount: pay.Amount(rapid.SampledFrom(amounts).Draw(t, "amount")), Created: pay.Time(m.serial),
	}
}

// acts captures, voids, refunds or asks for more, mostly on what is authorised.
func (m *trade) acts(t *rapid.T) {
	held := rapid.Bool().Draw(t, "on what is held")
	among := slices.DeleteFunc(slices.Clone(m.requests), func(f pay.Fact) bool {
		o, err := pay.OpeningOf(f)
		m.must(err)
		d, _ := m.last(o.Merchant, f)
		return d.SumsAfter().Authorised() == 0 || held && d.State != pay.StateHeld
	})
	if len(among) == 0 || rapid.IntRange(0, 9).Draw(t, "on any") == 0 {
		among = m.requests
	}
	if len(among) == 0 {
		t.Skip("nothing to act on")
	}
	a := m.action(t, among, []int{0, 0, 1, 100, 249, 900, 40_001})
	var body pay.Body
	switch rapid.SampledFrom([]pay.Kind{pay.KindCapture, pay.KindCapture, pay.KindRefund, pay.KindVoid, pay.KindIncrement, pay.KindIncrement}).Draw(t, "act") {
	case pay.KindCapture:
		a.Final = rapid.Bool().Draw(t, "final")
		body = pay.Capture{Action: a}
	case pay.KindRefund:
		body = pay.Refund{Action: a}
	case pay.KindVoid:
		a.Amount = 0
		body = pay.Void{Action: a}
	default:
		a.Amount = max(a.Amount, 1)
		body = pay.Increment{Action: a, TTL: 60_000}
	}
	m.send(t, pay.Millis(rapid.SampledFrom([]int{0, 0, 0, 4_000, 3_700_000}).Draw(t, "age")), m.sign(m.actsAt(t, a.Payment).key, body))
}

// answersMore answers an increment, as it was offered or altered.
func (m *trade) answersMore(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "payer")
	var offers []pay.Fact
	for _, f := range m.feeds[m.payers[i].status.Scope] {
		if f.Kind() == pay.KindIncrementOffer {
			offers = append(offers, f)
		}
	}
	if len(offers) == 0 {
		t.Skip("nobody asks for more")
	}
	f := offers[len(offers)-1]
	if rapid.IntRange(0, 4).Draw(t, "an older one") == 0 {
		f = rapid.SampledFrom(offers).Draw(t, "offer")
	}
	o, err := pay.As[pay.IncrementOffer](f)
	m.must(err)
	m.serial++
	a := pay.IncrementAnswer{More: o.More, Offer: f.ID(), Verdict: rapid.SampledFrom([]pay.Verdict{pay.Approve, pay.Approve, pay.Decline}).Draw(t, "verdict"), By: pay.ByHand, Created: pay.Time(m.serial)}
	who := m.payers[i]
	switch rapid.IntRange(0, 9).Draw(t, "altered") {
	case 0:
		a.Total++
	case 1:
		a.Amount, a.Total = a.Amount+1, a.Total+1
	case 2:
		a.Offer[0]++
	case 3:
		who = m.payers[1-i]
	}
	m.send(t, 0, m.sign(who.key, a))
}

// chains are the decisions on each payment in a feed, in its order.
func (m *trade) chains(scope pay.Scope) map[pay.PaymentID][]pay.Fact {
	chains := map[pay.PaymentID][]pay.Fact{}
	for _, f := range m.feeds[scope] {
		if d, err := pay.As[pay.Decision](f); err == nil {
			chains[d.Payment] = append(chains[d.Payment], f)
		}
	}
	return chains
}

// follow folds the decisions on a payment, and fails where one of them breaks an
// invariant: I2 to I4 of its sums, I6 of whoever agreed to what is authorised, I7 that an
// answer counts once, I8 that the chain has no gap and is the payer's too, byte by byte,
// and I9 that the last decision alone says the same. I1 and what the accounts have are
// booktest's, I5 is looked at with each claim (see world.react).
func (m *trade) follow(t *rapid.T, id pay.PaymentID, chain []pay.Fact) pay.Payment {
	p, used := pay.Open(pay.FactID(id)), map[pay.FactID]bool{}
	for i, f := range chain {
		d, err := pay.As[pay.Decision](f)
		m.must(err)
		before := p
		if p, err = p.Next(f.ID(), d); err != nil || int(d.Seq) != i+1 || d.Prev != before.LastID {
			t.Fatalf("decision %d of %s does not follow: %v", i+1, id.Short(), err)
		}
		was, s := before.Sums(), p.Sums()
		if min(s.Held, s.Captured, s.Released, s.Refunded) < 0 || s.Captured > s.Authorised() || s.Refunded > s.Captured {
			t.Fatalf("%s has %+v", id.Short(), s)
		}
		if s.Captured < was.Captured || s.Released < was.Released || s.Refunded < was.Refunded || s.Authorised() < was.Authorised() {
			t.Fatalf("%s: %+v became %+v", id.Short(), was, s)
		}
		if more := s.Authorised() - was.Authorised(); more > 0 {
			if used[d.Claim] {
				t.Fatalf("one answer authorises %s twice", id.Short())
			}
			used[d.Claim] = true
			m.agreed(t, d, before.State == pay.StateHeld, more)
		}
	}
	if alone := pay.PaymentAt(p.LastID, p.Decision); alone != p {
		t.Fatalf("folded %+v, alone %+v", p, alone)
	}
	payer := m.chains(m.payers[m.deviceOf[id]].status.Scope)[id]
	if len(payer) > 0 && !slices.EqualFunc(chain, payer, func(a, b pay.Fact) bool { return bytes.Equal(a.Raw(), b.Raw()) }) {
		t.Fatalf("payer and merchant have other decisions on %s", id.Short())
	}
	return p
}

// agreed fails when the payer's wallet did not sign what a decision authorises.
func (m *trade) agreed(t *rapid.T, d pay.Decision, increment bool, more pay.Amount) {
	f := m.mem.facts[d.Claim]
	if err := f.Verify(m.payers[m.deviceOf[d.Payment]].key.Public()); err != nil {
		t.Fatalf("%s: the payer did not sign what is authorised: %v", d.Payment.Short(), err)
	}
	if !increment {
		m.approved(t, d)
		return
	}
	a, err := pay.As[pay.IncrementAnswer](f)
	if err != nil || a.Verdict != pay.Approve || a.Payment != d.Payment || a.Amount != more || a.Total != d.Held || a.HoldUntil != d.HoldUntil {
		t.Fatalf("%d more are held by %+v (%v)", more, a, err)
	}
}
