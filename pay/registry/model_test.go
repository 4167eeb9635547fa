package registry_test

import (
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/book/booktest"
)

// trade is a world with two merchants and two payers under random messages.
type trade struct {
	*world
	boxes, payers []node
	devices       []*device
	requests      []pay.Fact
	sent          []pay.Fact // every claim ever sent
	issued        pay.Amount
	paidOut       map[pay.Scope]pay.Amount
	checks, lives int

	channels // see model_twochannel_test.go
	bills    []string
}

// TestRandomTrade sends requests, answers, cancels and deadlines in any order,
// each up to five times, as they were and altered; amounts are captured at once or
// held, given with the request, later or by a bill; what is held is captured in parts,
// given up, refunded, made more, or ends by the clock, at any box, in and out of time and
// under keys that come again; merchants and payers demand two channels, devices give right
// and wrong codes, are revoked and paired again. No payment is captured twice, none without
// its approval, none with a demand without the code of its device; after each step the
// invariants hold (see model_hold_test.go), the book is what the receipts of both sides
// make it, and now and then the audit is ok.
func TestRandomTrade(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		m := &trade{world: w, paidOut: map[pay.Scope]pay.Amount{},
			boxes:   []node{w.box("Cafe", "one"), w.box("Cafe", "two"), w.box("Bar", "one")},
			payers:  []node{w.wallet("ann"), w.wallet("bob")},
			devices: []*device{newDevice("ann", 6), newDevice("bob", 1)},
		}
		m.channels = newChannels()
		for i, p := range m.payers {
			w.pair(m.devices[i], p)
			w.topUp(p, 50_000) // enough for many payments and not for all
			m.issued += 50_000
		}
		acts := map[string]func(*rapid.T){
			"request": m.request, "answer": m.answers, "cancel": m.cancels, "repeat": m.repeat,
			"request more": m.request, "answer more": m.answers, "answer still more": m.answers, // most of what happens
			"limit": m.limits, "revoke": m.revokes, "pair": m.pairsAgain,
			"hold": m.holds, "hold more": m.holds, "act": m.acts, "act more": m.acts, "act still more": m.acts, "answer an increment": m.answersMore, "answer an increment more": m.answersMore, "price": m.prices, "bill": m.newBill,
			"top up": m.moreMoney, "pay out": m.lessMoney, "move": m.otherWallet, "time": m.time, "tables": func(*rapid.T) { w.refresh() }, "": m.check,
		}
		rt.Repeat(acts)
		m.auditOf(rt, m.lives)
	})
}

func (m *trade) send(t *rapid.T, age pay.Millis, f pay.Fact) {
	m.sent = append(m.sent, f)
	for range rapid.IntRange(1, 5).Draw(t, "times") {
		m.push(age, f)
	}
}

func (m *trade) request(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "device")
	box := rapid.SampledFrom(m.boxes).Draw(t, "box")
	age := pay.Millis(rapid.SampledFrom([]int{0, 0, 0, 4_000, 70_000}).Draw(t, "age"))
	heard := max(start, m.now.Add(-age))
	r := m.requestFrom(box, m.devices[i].code(heard), pay.Amount(rapid.SampledFrom([]int{1, 250, 900, 40_000}).Draw(t, "amount")))
	if len(m.requests) > 0 && rapid.IntRange(0, 4).Draw(t, "old key") == 0 {
		old, err := pay.OpeningOf(rapid.SampledFrom(m.requests).Draw(t, "of"))
		m.must(err)
		r.Key = old.Key
	}
	r.TwoChannel = rapid.IntRange(0, 2).Draw(t, "two channels") == 0
	f := m.sign(box.key, m.opens(t, r))
	m.requests = append(m.requests, f)
	m.deviceOf[pay.PaymentID(f.ID())] = i
	if rapid.IntRange(0, 9).Draw(t, "withdrawn") == 0 {
		m.push(age, f, m.sign(box.key, pay.Cancel{Payment: pay.PaymentID(f.ID())}))
	}
	m.send(t, age, f)
	m.demandIsMade(t, box, f, r, i)
}

func (m *trade) answers(t *rapid.T) {
	if len(m.requests) == 0 {
		t.Skip("nothing to answer")
	}
	// Mostly the payer who was asked answers, and the newest request.
	request := m.requests[len(m.requests)-1]
	if rapid.IntRange(0, 2).Draw(t, "an older one") == 0 {
		request = rapid.SampledFrom(m.requests).Draw(t, "request")
	}
	who := m.payers[m.deviceOf[pay.PaymentID(request.ID())]]
	if rapid.IntRange(0, 7).Draw(t, "anybody") == 0 {
		who = rapid.SampledFrom(m.payers).Draw(t, "wallet")
	}
	a := m.reply(who, request, rapid.SampledFrom([]pay.Verdict{pay.Approve, pay.Approve, pay.Decline}).Draw(t, "verdict"), pay.ByHand)
	if a.Offer.IsZero() {
		a.Merchant, a.Amount, a.Currency = m.boxes[0].status.Scope, 1, "EUR"
	}
	m.addCode(t, who, request, &a)
	if d, _ := m.last(who.status.Scope, request); d.State == pay.StateOffered {
		a.HoldUntil = d.HoldUntil
	}
	switch rapid.IntRange(0, 9).Draw(t, "altered") {
	case 4:
		a.HoldUntil = 0
	case 0:
		a.Amount++
	case 1:
		a.Expires += 1_000
	case 2:
		a.Offer[0]++
	case 3:
		who = rapid.SampledFrom(m.payers).Draw(t, "other wallet")
	}
	m.send(t, 0, m.sign(who.key, a))
	m.proves(t, request)
}

func (m *trade) cancels(t *rapid.T) {
	if len(m.requests) == 0 {
		t.Skip("nothing to cancel")
	}
	f := rapid.SampledFrom(m.requests).Draw(t, "request")
	m.serial++
	m.send(t, 0, m.sign(rapid.SampledFrom(m.boxes).Draw(t, "box").key, pay.Cancel{Payment: pay.PaymentID(f.ID()), Created: pay.Time(m.serial)}))
}

func (m *trade) repeat(t *rapid.T) {
	if len(m.sent) == 0 {
		t.Skip("nothing to repeat")
	}
	f := rapid.SampledFrom(m.sent).Draw(t, "claim")
	m.send(t, 0, f)
	if a, err := pay.As[pay.Answer](f); err == nil {
		m.proves(t, m.mem.facts[pay.FactID(a.Payment)])
	}
}

func (m *trade) moreMoney(t *rapid.T) {
	amount := pay.Amount(rapid.IntRange(1, 2_000).Draw(t, "amount"))
	m.topUp(rapid.SampledFrom(m.payers).Draw(t, "wallet"), amount)
	m.issued += amount
}

// lessMoney pays out what a wallet or merchant has, and is refused what it has not.
func (m *trade) lessMoney(t *rapid.T) {
	account := rapid.SampledFrom(append(m.payers, m.boxes...)).Draw(t, "account").status.Scope
	amount := pay.Amount(rapid.IntRange(1, 2_000).Draw(t, "amount"))
	had, err := book.Load(m.mem, book.Account{Owner: account, Currency: "EUR"})
	m.must(err)
	m.serial++
	before := m.mem.dump()
	_, r, err := m.reg.PayOut(m.mem, m.now, pay.PaidOut{Account: account, Amount: amount, Currency: "EUR", Key: pay.IdempotencyKey(fmt.Sprint("payout-", m.serial))})
	m.publish(r)
	switch {
	case err == nil && had.Available() >= amount:
		m.issued -= amount
		m.paidOut[account] += amount
	case pay.CodeOf(err) == pay.CodeFunds && had.Available() < amount && maps.Equal(before, m.mem.dump()):
	default:
		t.Fatalf("paying out %d of %d: %v", amount, had.Available(), err)
	}
}

// otherWallet moves what one payer has to the other.
func (m *trade) otherWallet(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "from")
	from, to := m.payers[i].status.Scope, m.payers[1-i].status.Scope
	had, err := book.Load(m.mem, book.Account{Owner: from, Currency: "EUR"})
	m.must(err)
	m.serial++
	done, r, err := m.reg.Move(m.mem, m.now, pay.Moved{From: from, To: to, Key: pay.IdempotencyKey(fmt.Sprint("move-", m.serial))})
	m.publish(r)
	if funds := pay.CodeOf(err) == pay.CodeFunds; funds != (had.Available() == 0) || (err == nil && done.Amount != had.Available()) {
		t.Fatalf("moving %d: %d, %v", had.Available(), done.Amount, err)
	}
}

func (m *trade) time(t *rapid.T) {
	m.now = m.now.Add(pay.Millis(rapid.SampledFrom([]int{1, 900, 20_000, 61_000, 1_000_000, 4_600_000}).Draw(t, "ms")))
	if rapid.Bool().Draw(t, "deadlines run") {
		m.fireDue()
	}
}

// check holds the feeds of both merchants and the book against the invariants.
func (m *trade) check(t *rapid.T) {
	has := make(map[pay.Scope]pay.Amount)
	lives := make(map[pay.PaymentID]pay.Payment)
	for _, box := range []node{m.boxes[0], m.boxes[2]} { // the feeds of both merchants
		for id, chain := range m.chains(box.status.Scope) {
			p := m.follow(t, id, chain)
			lives[id] = p
			has[box.status.Scope] += p.Sums().Captured - p.Sums().Refunded
		}
	}
	if err := booktest.Check(m.mem, m.feeds); err != nil {
		t.Fatal(err)
	}
	total := pay.Amount(0)
	m.must(book.Each(m.mem, func(a book.Account, b book.Balance) bool {
		if a.Owner != book.HousePlay {
			total += b.Posted()
		}
		if want, merchant := has[a.Owner]; merchant && b.Posted() != want-m.paidOut[a.Owner] {
			t.Fatalf("%s has %d, captured were %d, paid out %d", a.Owner, b.Posted(), want, m.paidOut[a.Owner])
		}
		return true
	}))
	if total != m.issued {
		t.Fatalf("accounts hold %d, issued were %d", total, m.issued)
	}
	if m.checks++; m.checks%8 == 0 { // it verifies every signature anew
		m.auditOf(t, len(lives))
	}
	m.lives = len(lives)
}

func (m *trade) auditOf(t *rapid.T, lives int) {
	if res := m.audit(); !res.OK || res.Payments != lives {
		t.Fatalf("audit of %d payments: %+v", lives, res)
	}
}

// approved fails when no wallet signed what was authorised: the terms of the payment and,
// of a hold, until when.
func (m *trade) approved(t *rapid.T, d pay.Decision) {
	a, err := pay.As[pay.Answer](m.mem.facts[d.Claim])
	if err != nil || a.Verdict != pay.Approve || a.HoldUntil != d.HoldUntil || fmt.Sprint(a.Payment, a.Amount, a.Merchant, a.Expires) != fmt.Sprint(d.Payment, d.Amount, d.Merchant, d.Expires) {
		t.Fatalf("authorised without an approval of the same terms: %+v, %v", a, err)
	}
	m.checkCode(t, d, a)
}
