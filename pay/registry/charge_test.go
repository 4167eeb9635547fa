package registry_test

import (
	"maps"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
)

// TestCapture follows one payment: both sides get the same bytes, and the money
// moves once.
func TestCapture(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	f := c.charge(c.shop, c.beacon, 1_250)
	offer, _ := c.last(c.payer.status.Scope, f)
	if offer.State != pay.StateOffered || offer.MerchantName != "Cafe" || offer.Site != "till-1" || offer.Handle != "amber-otter" || offer.Ref != "order 1" || !offer.Test {
		t.Errorf("the wallet is offered %+v", offer)
	}
	if want := c.now.Add(60_000); offer.Expires != want {
		t.Errorf("offer ends at %s, want %s", offer.Expires, want)
	}
	c.now = c.now.Add(500)
	a := c.sign(c.payer.key, c.reply(c.payer, f, pay.Approve, "under:20.00"))
	c.push(0, a)
	atShop, idShop := c.last(c.shop.status.Scope, f)
	atPayer, idPayer := c.last(c.payer.status.Scope, f)
	if idShop != idPayer || atShop != atPayer {
		t.Error("merchant and payer have different receipts")
	}
	if atShop.State != pay.StateCaptured || atShop.Claim != a.ID() || atShop.By != "under:20.00" || atShop.Seq != 2 {
		t.Errorf("captured as %+v", atShop)
	}
	if n := len(c.feeds[c.other.status.Scope]); n != 0 {
		t.Errorf("the other wallet got %d facts", n)
	}
	for owner, want := range map[pay.Scope]pay.Amount{c.payer.status.Scope: 8_750, c.shop.status.Scope: 1_250, book.HousePlay: -10_000} {
		b, err := book.Load(c.mem, book.Account{Owner: owner, Currency: "EUR"})
		c.must(err)
		if b.Posted() != want {
			t.Errorf("%s has %d, want %d", owner, b.Posted(), want)
		}
	}
	c.auditOK()
}

// facts counts the entries of all feeds.
func (w *world) facts() (n int) {
	for _, feed := range w.feeds {
		n += len(feed)
	}
	return n
}

// TestRepeats sends every message of a payment up to five times.
func TestRepeats(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	f := c.charge(c.shop, c.beacon, 1_250)
	a := c.sign(c.payer.key, c.reply(c.payer, f, pay.Approve, pay.ByHand))
	bad := c.sign(c.other.key, c.reply(c.payer, f, pay.Approve, pay.ByHand))
	late := c.sign(c.shop.key, pay.Cancel{Payment: pay.PaymentID(f.ID())})
	for _, again := range []pay.Fact{f, a, bad, late} {
		first := c.push(0, again)
		rows, facts := c.mem.dump(), c.facts()
		for range 4 {
			c.now++
			if refused := c.push(0, again); refused != first {
				t.Errorf("%s again: refused %q, first %q", again.Kind(), refused, first)
			}
		}
		if !maps.Equal(rows, c.mem.dump()) || facts != c.facts() {
			t.Errorf("%s again left something behind", again.Kind())
		}
	}
	if got := c.says(c.shop, f); got != "captured" {
		t.Errorf("payment is %s", got)
	}
	c.auditOK()
}

// TestRequestIsRefused has the requests that open nothing.
func TestRequestIsRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(c *counter, r *pay.Request)
		want   pay.Reason
	}{
		"another merchant's scope": {func(c *counter, r *pay.Request) { r.Merchant = "m/other" }, pay.ReasonWrongScope},
		"another site":             {func(c *counter, r *pay.Request) { r.Site = "till-9" }, pay.ReasonWrongScope},
		"another currency":         {func(c *counter, r *pay.Request) { r.Currency = "USD" }, pay.ReasonWrongCurrency},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			r := c.requestFrom(c.shop, c.beacon.code(c.now), 100)
			tc.change(c, &r)
			f := c.sign(c.shop.key, r)
			if refused := c.push(0, f); refused != tc.want {
				t.Errorf("refused %q, want %q", refused, tc.want)
			}
			if c.says(c.shop, f) != "" || c.refusals(c.shop.status.Scope, tc.want) != 1 {
				t.Error("a refused request opened a payment or left no refusal")
			}
			if len(c.feeds[c.payer.status.Scope]) != 2 { // device and top-up
				t.Error("the wallet heard of it")
			}
			c.auditOK()
		})
	}
}

// TestWrongRole has claims by those who may not make them.
func TestWrongRole(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	stranger := keyOf("stranger")
	request := c.requestFrom(c.shop, c.beacon.code(c.now), 100)
	for name, tc := range map[string]struct {
		fact   pay.Fact
		want   pay.Reason
		posted int
	}{
		"request of a wallet":    {c.sign(c.payer.key, request), pay.ReasonWrongRole, 1},
		"revoke of a box":        {c.sign(c.shop.key, pay.Revoke{Device: c.beacon.key.ID()}), pay.ReasonWrongRole, 1},
		"top-up of a wallet":     {c.sign(c.payer.key, pay.TopUp{Wallet: c.payer.status.Scope, Amount: 1, Currency: "EUR", Key: "k"}), pay.ReasonWrongRole, 1},
		"bind by itself":         {c.sign(c.payer.key, c.bind(c.beacon, c.payer, c.now)), pay.ReasonUnknownKind, 1},
		"request of a stranger":  {c.sign(stranger, request), pay.ReasonWrongScope, 0},
		"approval of a stranger": {c.sign(stranger, pay.Revoke{Device: c.beacon.key.ID()}), pay.ReasonWrongScope, 0},
	} {
		r := c.react(pay.ClaimArrived{Fact: tc.fact})
		if r.Refused != tc.want || len(r.Publications) != tc.posted {
			t.Errorf("%s: refused %q with %d postings, want %q with %d", name, r.Refused, len(r.Publications), tc.want, tc.posted)
		}
	}
}

// TestAge has requests that waited at the box: the time to live counts from
// when the box stored them, and one that is over is not offered.
func TestAge(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		age, ttl pay.Millis
		want     string
		left     pay.Millis
	}{
		"fresh":                {0, 60_000, "offered", 60_000},
		"waited":               {59_999, 60_000, "offered", 1},
		"over":                 {60_000, 60_000, "expired over_age", 0},
		"age below zero":       {-5_000, 60_000, "offered", 60_000},
		"longest":              {pay.RequestTTLMax - 1, pay.RequestTTLMax, "offered", 1},
		"older than any":       {90_000_000, pay.RequestTTLMax, "expired over_age", 0},
		"age of a wrong clock": {1 << 62, pay.RequestTTLMax, "expired over_age", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			c.now = c.now.Add(3_600_000)
			heard := c.now.Add(-min(max(tc.age, 0), pay.RequestTTLMax))
			r := c.requestFrom(c.shop, c.beacon.code(heard), 100)
			r.TTL = tc.ttl
			f := c.sign(c.shop.key, r)
			before := len(c.feeds[c.payer.status.Scope])
			c.push(tc.age, f)
			if got := c.says(c.shop, f); got != tc.want {
				t.Fatalf("is %q, want %q", got, tc.want)
			}
			d, _ := c.last(c.shop.status.Scope, f)
			if left := d.Expires.Sub(c.now); left != tc.left {
				t.Errorf("it has %d ms left, want %d", left, tc.left)
			}
			if told := len(c.feeds[c.payer.status.Scope]) > before; told != (tc.want == "offered") {
				t.Errorf("wallet was told: %v", told)
			}
			c.auditOK()
		})
	}
}

// TestWithdrawnBeforeSent has a request that travels with its own cancel.
func TestWithdrawnBeforeSent(t *testing.T) {
	t.Parallel()
	for name, age := range map[string]pay.Millis{"in time": 10, "over age": 400_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			before := len(c.feeds[c.payer.status.Scope])
			f := c.sign(c.shop.key, c.requestFrom(c.shop, c.beacon.code(c.now), 100))
			cancel := c.sign(c.shop.key, pay.Cancel{Payment: pay.PaymentID(f.ID())})
			c.push(age, f, cancel)
			if got := c.says(c.shop, f); got != "cancelled by_merchant" {
				t.Errorf("is %q", got)
			}
			if len(c.feeds[c.payer.status.Scope]) != before {
				t.Error("the wallet heard of it")
			}
			if d, _ := c.last(c.shop.status.Scope, f); d.Claim != cancel.ID() || d.Seq != 1 {
				t.Errorf("decided by %+v", d)
			}
			c.auditOK()
		})
	}
}

// TestPayerRefs: two merchants cannot tell that they serve the same person.
func TestPayerRefs(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	bar := c.box("Bar", "counter")
	first := c.charge(c.shop, c.beacon, 100)
	again := c.charge(c.shop, c.beacon, 200)
	c.now = c.now.Add(300_000)
	elsewhere := c.charge(bar, c.beacon, 100)
	a, _ := c.last(c.shop.status.Scope, first)
	b, _ := c.last(c.shop.status.Scope, again)
	d, _ := c.last(bar.status.Scope, elsewhere)
	if a.Payer != b.Payer || a.Payer == d.Payer || d.Payer == (pay.PayerRef{}) {
		t.Errorf("references: %x and %x at one, %x at the other", a.Payer, b.Payer, d.Payer)
	}
}

// TestPromptLimit floods a wallet: only so many prompts an hour that nobody
// approved.
func TestPromptLimit(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	offered := func(n int, then func(f pay.Fact)) (got int) {
		for range n {
			c.now = c.now.Add(1_000)
			f := c.charge(c.shop, c.beacon, 1)
			if c.says(c.shop, f) == "offered" {
				got++
				then(f)
			} else if got := c.says(c.shop, f); got != "unmatched too_many_prompts" {
				t.Fatalf("is %q", got)
			}
		}
		return got
	}
	if n := offered(30, func(f pay.Fact) { c.answer(c.payer, f, pay.Approve, pay.ByHand) }); n != 30 {
		t.Errorf("%d of 30 approved ones were offered", n)
	}
	if n := offered(30, func(f pay.Fact) { c.answer(c.payer, f, pay.Decline, "none") }); n != 30 {
		t.Errorf("%d of 30 that a rule declined were offered", n)
	}
	if n := offered(10, func(f pay.Fact) { c.answer(c.payer, f, pay.Decline, pay.ByHand) }); n != 10 {
		t.Errorf("%d of 10 declined by hand were offered", n)
	}
	if n := offered(30, func(f pay.Fact) { c.cancel(c.shop, f) }); n != pay.PromptsPerHour-10 {
		t.Errorf("%d more were offered, want %d", n, pay.PromptsPerHour-10)
	}
	second := c.box("Cafe", "till-2")
	c.now = c.now.Add(200_000)
	if got := c.says(second, c.charge(second, c.beacon, 1)); got != "offered" {
		t.Errorf("at another box: %s", got)
	}
	c.now = c.now.Add(3_600_000)
	if n := offered(1, func(pay.Fact) {}); n != 1 {
		t.Error("nothing is offered after an hour")
	}
	c.auditOK()
}

// TestRefusalBudget: a node that is always wrong leaves a bounded trace.
func TestRefusalBudget(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	send := func(n int) (stored int) {
		for range n {
			c.serial++
			f := c.sign(c.payer.key, pay.Revoke{Device: c.shop.key.ID(), Created: pay.Time(c.serial)})
			r := c.react(pay.ClaimArrived{Fact: f})
			if r.Refused != pay.ReasonUnknownDevice {
				t.Fatalf("refused %q", r.Refused)
			}
			stored += len(r.Publications)
		}
		return stored
	}
	if n := send(150); n != pay.RefusalsPerHour+1 {
		t.Errorf("150 bad claims left %d refusals", n)
	}
	if n := c.refusals(c.payer.status.Scope, pay.ReasonTooMany); n != 1 {
		t.Errorf("there are %d summaries", n)
	}
	rows := len(c.mem.dump())
	if send(50); len(c.mem.dump()) != rows {
		t.Error("further ones left rows behind")
	}
	if c.charge(c.shop, c.beacon, 1); c.refusals(c.shop.status.Scope, pay.ReasonTooMany) != 0 {
		t.Error("another node pays for it")
	}
	c.now = c.now.Add(3_600_000)
	if n := send(3); n != 3 {
		t.Errorf("an hour later 3 bad claims left %d refusals", n)
	}
	c.auditOK()
}

// FuzzAnswerTerms: an approval captures exactly when it repeats the offer.
func FuzzAnswerTerms(f *testing.F) {
	f.Add(int64(1_250), int64(0), "m/x", "EUR", false)
	f.Add(int64(1_251), int64(0), "", "EUR", false)
	f.Add(int64(1_250), int64(1), "", "EUR", false)
	f.Add(int64(1_250), int64(0), "", "USD", false)
	f.Add(int64(1_250), int64(0), "", "EUR", true)
	f.Add(int64(1_250), int64(0), "", "EUR", false)
	f.Fuzz(func(t *testing.T, amount, later int64, merchant, currency string, otherOffer bool) {
		c := newCounter(t)
		request := c.charge(c.shop, c.beacon, 1_250)
		a := c.reply(c.payer, request, pay.Approve, pay.ByHand)
		same := a
		a.Amount, a.Expires, a.Currency = pay.Amount(amount), a.Expires+pay.Time(later), pay.Currency(currency)
		if merchant != "" {
			a.Merchant = pay.Scope(merchant)
		}
		if otherOffer {
			a.Offer[0]++
		}
		fact, err := pay.Sign(c.payer.key, a)
		if err != nil {
			t.Skip("no wallet can sign that")
		}
		refused := c.push(0, fact)
		if want := map[bool]string{true: "captured", false: "offered"}[a == same]; c.says(c.shop, request) != want || (refused == "") != (a == same) {
			t.Errorf("%+v: %s, refused %q", a, c.says(c.shop, request), refused)
		}
	})
}
