package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/registry"
)

// card is a counter whose payer's device is tied to a means of the simulated provider.
func card(t tb) *counter {
	t.Helper()
	c := newCounter(t)
	if got := c.setMeans(c.payer, pay.Means{Name: "visa", Acquirer: pay.AcquirerSim, Token: "sim-ok"}); got != "" {
		t.Fatalf("means refused: %s", got)
	}
	c.tie(c.beacon, c.payer, "visa")
	return c
}

// call returns the oldest call that has no answer.
func (w *world) call() registry.AcquirerCall {
	w.Helper()
	if len(w.effects) == 0 {
		w.Fatalf("nothing is asked of the acquirer")
	}
	c, err := registry.CallOf(w.effects[0])
	w.must(err)
	return c
}

// reply answers the oldest call: "" approves it, else it is declined for that reason.
func (w *world) replyBy(reason string) {
	w.Helper()
	c, e := w.call(), w.effects[0]
	w.effects = w.effects[1:]
	a := acquirer.Answer{Approved: true, Reference: acquirer.Reference("ref-" + c.Call.Key[3:]), Amount: c.Call.Amount}
	if reason != "" {
		a = acquirer.Decline(reason)
	}
	w.react(pay.EffectDone{Effect: e, Result: pay.Encode(a)})
}

// asked returns the calls that have no answer, such as "authorise 1200, capture 500".
func (w *world) asked() string {
	w.Helper()
	var list []string
	for _, e := range w.effects {
		c, err := registry.CallOf(e)
		w.must(err)
		list = append(list, fmt.Sprintf("%s %d", c.Call.Verb, c.Call.Amount))
	}
	return strings.Join(list, ", ")
}

func (w *world) wantAsked(want string) {
	w.Helper()
	if got := w.asked(); got != want {
		w.Fatalf("the acquirer is asked %q, want %q", got, want)
	}
}

func (c *counter) wantState(request pay.Fact, want string) {
	c.Helper()
	if got := c.says(c.shop, request); got != want {
		c.Fatalf("the payment is %q, want %q", got, want)
	}
	m, _ := c.last(c.shop.status.Scope, request)
	p, _ := c.last(c.payer.status.Scope, request)
	if m != p {
		c.Fatalf("merchant and payer see different decisions")
	}
	c.auditOK()
}

// wantBook compares what accounts have available: the payer's, the merchant's and the one
// that stands for the acquirer's.
func (c *counter) wantBook(payer, merchant, house pay.Amount) {
	c.Helper()
	for owner, want := range map[pay.Scope]pay.Amount{c.payer.status.Scope: payer, c.shop.status.Scope: merchant, book.HouseOf(pay.AcquirerSim): house} {
		b, err := book.Load(c.mem, book.Account{Owner: owner, Currency: "EUR"})
		c.must(err)
		if b.Available() != want {
			c.Fatalf("%s has %s available, want %d", owner, b, want)
		}
	}
}

// open charges and has the payer approve.
func (c *counter) open(amount pay.Amount, hold bool) pay.Fact {
	c.Helper()
	r := c.requestFrom(c.shop, c.beacon.code(c.now), amount)
	o := pay.Opening{Request: r}
	if hold {
		o.Hold = pay.HoldMax
	}
	f := c.sign(c.shop.key, o.Body())
	c.push(0, f)
	a := c.reply(c.payer, f, pay.Approve, pay.ByHand)
	if hold {
		d, _ := c.last(c.payer.status.Scope, f)
		a.HoldUntil = d.HoldUntil
	}
	if got := c.push(0, c.sign(c.payer.key, a)); got != "" {
		c.Fatalf("the approval was refused: %s", got)
	}
	return f
}

// acts pushes an action of the merchant and returns why it was refused.
func (c *counter) acts(kind pay.Kind, request pay.Fact, amount pay.Amount) pay.Reason {
	c.Helper()
	c.serial++
	a := pay.Action{Payment: pay.PaymentID(request.ID()), Key: pay.IdempotencyKey(fmt.Sprint("act-", c.serial)), Amount: amount, Created: c.now}
	return c.push(0, c.sign(c.shop.key, map[pay.Kind]pay.Body{
		pay.KindCapture: pay.Capture{Action: a}, pay.KindVoid: pay.Void{Action: a}, pay.KindRefund: pay.Refund{Action: a},
	}[kind]))
}

func TestPaymentByAnAcquirerIsPaidOnceTheAcquirerCaptured(t *testing.T) {
	t.Parallel()
	c := card(t)
	f := c.open(1200, false)
	c.wantState(f, "approved")
	c.wantAsked("authorise 1200")
	d, _ := c.last(c.shop.status.Scope, f)
	if d.Acquirer != pay.AcquirerSim || !d.Test || d.Sums != (pay.Sums{Held: 1200}) {
		t.Errorf("%+v", d)
	}
	c.replyBy("")
	c.wantState(f, "approved")
	c.wantAsked("capture 1200")
	c.replyBy("")
	c.wantState(f, "captured")
	c.wantAsked("")
	c.wantBook(10_000, 1200, -1200)
	if got := c.acts(pay.KindRefund, f, 500); got != "" {
		t.Fatal(got)
	}
	c.wantState(f, "captured")
	c.wantAsked("refund 500")
	c.wantBook(10_000, 700, -1200) // set aside, and not given back yet
	c.replyBy("")
	c.wantState(f, "part_refunded")
	c.wantBook(10_000, 700, -700)
}

func TestPaymentThatTheAcquirerDeclinesFails(t *testing.T) {
	t.Parallel()
	c := card(t)
	f := c.open(1200, false)
	c.replyBy("insufficient_funds")
	c.wantState(f, "failed insufficient_funds")
	c.wantAsked("")
	c.wantBook(10_000, 0, 0)

	f = c.open(1200, false)
	c.replyBy("")
	c.replyBy("capture_declined")
	c.wantState(f, "failed capture_declined")
	c.wantAsked("void 1200") // what it had authorised is to be released
	c.replyBy("")
	c.wantState(f, "failed capture_declined")
	c.wantBook(10_000, 0, 0)
}

func TestHoldByAnAcquirerIsCapturedOnceAndReleasesTheRest(t *testing.T) {
	t.Parallel()
	c := card(t)
	f := c.open(1200, true)
	c.wantState(f, "approved")
	if got := c.acts(pay.KindCapture, f, 700); got != pay.ReasonInFlight {
		t.Errorf("a capture before the acquirer authorised: %q", got)
	}
	c.replyBy("")
	c.wantState(f, "held")
	c.wantBook(10_000, 0, -1200)
	c.serial++
	more := pay.Increment{Action: pay.Action{Payment: pay.PaymentID(f.ID()), Key: "more", Amount: 100, Created: c.now}, TTL: 60_000}
	if got := c.push(0, c.sign(c.shop.key, more)); got != pay.ReasonHoldsNoMore {
		t.Errorf("an increment: %q", got)
	}
	if got := c.acts(pay.KindCapture, f, 1300); got != pay.ReasonAboveHeld {
		t.Errorf("a capture above the hold: %q", got)
	}
	if got := c.acts(pay.KindCapture, f, 700); got != "" {
		t.Fatal(got)
	}
	c.wantAsked("capture 700")
	c.wantState(f, "held")
	for _, kind := range []pay.Kind{pay.KindCapture, pay.KindVoid} {
		if got := c.acts(kind, f, 0); got != pay.ReasonInFlight {
			t.Errorf("%s beside a capture in flight: %q", kind, got)
		}
	}
	c.replyBy("")
	c.wantState(f, "captured")
	c.wantBook(10_000, 700, -700)
	if got := c.acts(pay.KindCapture, f, 100); got != pay.ReasonLateCapture {
		t.Errorf("a second capture: %q", got)
	}
}

func TestActionThatTheAcquirerDeclinesIsRefusedToBoth(t *testing.T) {
	t.Parallel()
	c := card(t)
	f := c.open(1200, true)
	c.replyBy("")
	c.acts(pay.KindCapture, f, 700)
	c.replyBy("capture_declined")
	c.wantState(f, "held")
	for _, scope := range []pay.Scope{c.shop.status.Scope, c.payer.status.Scope} {
		if c.refusals(scope, "capture_declined") != 1 {
			t.Errorf("%s was not told", scope)
		}
	}
	c.acts(pay.KindVoid, f, 0)
	c.wantAsked("void 1200")
	c.replyBy("")
	c.wantState(f, "voided by_merchant")
	c.wantBook(10_000, 0, 0)

	f = c.open(1200, false)
	c.replyBy("")
	c.replyBy("")
	c.acts(pay.KindRefund, f, 0)
	c.replyBy("refund_declined")
	c.wantState(f, "captured")
	c.wantBook(10_000, 1200, -1200)
}

// TestHoldThatEndsIsGivenBackToTheAcquirer: the clock ends it, and the acquirer is asked to
// release it; what it answers changes nothing any more.
func TestHoldThatEndsIsGivenBackToTheAcquirer(t *testing.T) {
	t.Parallel()
	c := card(t)
	f := c.open(1200, true)
	c.replyBy("")
	c.now = c.now.Add(pay.HoldMax + pay.CaptureGrace)
	c.fireDue()
	c.wantState(f, "expired hold_over")
	c.wantAsked("void 1200")
	c.replyBy("")
	c.wantState(f, "expired hold_over")
	c.wantBook(10_000, 0, 0)
}

// TestHoldThatIsOverBeforeTheAcquirerAnswersIsGivenBack: the acquirer was silent for as long
// as the hold. What it has authorised is asked to be released at once, and nothing is set
// aside or stays held.
func TestHoldThatIsOverBeforeTheAcquirerAnswersIsGivenBack(t *testing.T) {
	t.Parallel()
	c := card(t)
	f := c.open(1200, true)
	c.now = c.now.Add(pay.HoldMax + pay.CaptureGrace)
	c.fireDue()
	c.wantState(f, "approved")
	c.replyBy("")
	c.wantState(f, "expired hold_over")
	c.wantAsked("void 1200")
	if of, want := c.call().Call.Of, c.authorisedAs(f); of != want {
		t.Errorf("the release is of %q, the acquirer authorised %q", of, want)
	}
	c.replyBy("")
	c.wantState(f, "expired hold_over")
	c.wantBook(10_000, 0, 0)
	c.auditOK()
}

// authorisedAs returns as what an acquirer authorised a payment.
func (c *counter) authorisedAs(request pay.Fact) (ref acquirer.Reference) {
	c.Helper()
	for _, f := range c.mem.facts {
		if a, err := pay.As[pay.AcquirerAnswer](f); err == nil && a.Payment == pay.PaymentID(request.ID()) && a.Verb == string(acquirer.Authorise) {
			ref = acquirer.Reference(a.Reference)
		}
	}
	return ref
}

// TestCaptureInFlightStopsTheEndOfItsHold: whatever the acquirer answers, one of the two
// wins.
func TestCaptureInFlightStopsTheEndOfItsHold(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{"": "captured", "capture_declined": "expired hold_over"} {
		c := card(t)
		f := c.open(1200, true)
		c.replyBy("")
		c.acts(pay.KindCapture, f, 700)
		c.now = c.now.Add(pay.HoldMax + pay.CaptureGrace)
		c.fireDue()
		c.wantState(f, "held")
		c.replyBy(reason)
		c.wantState(f, want)
		if reason != "" {
			c.wantAsked("void 1200")
		}
	}
}

// TestRefundInFlightCannotBePaidOut: the money is set aside while the acquirer is asked.
func TestRefundInFlightCannotBePaidOut(t *testing.T) {
	t.Parallel()
	c := card(t)
	f := c.open(1200, false)
	c.replyBy("")
	c.replyBy("")
	c.acts(pay.KindRefund, f, 1000)
	if _, _, err := c.reg.PayOut(c.mem.clone(), c.now, pay.PaidOut{Account: c.shop.status.Scope, Amount: 300, Currency: "EUR", Key: "k"}); err == nil {
		t.Error("money that is being refunded was paid out")
	}
	c.replyBy("")
	c.wantState(f, "part_refunded")
	c.wantBook(10_000, 200, -200)
	c.payOut(c.shop, 200)
	if got := c.acts(pay.KindRefund, f, 100); got != pay.ReasonInsufficientFunds {
		t.Errorf("a refund of what was paid out: %q", got)
	}
	c.wantAsked("")
	c.auditOK()
}

// TestAnswerCountsOnce: the same again changes nothing, another one is a contradiction and
// is not believed.
func TestAnswerCountsOnce(t *testing.T) {
	t.Parallel()
	c := card(t)
	f := c.open(1200, false)
	e := c.effects[0]
	c.replyBy("")
	before := c.mem.dump("p/", "b/", "fl/")
	again := acquirer.Answer{Approved: true, Reference: acquirer.Reference("ref-" + c.callOf(e).Call.Key[3:]), Amount: 1200}
	c.react(pay.EffectDone{Effect: e, Result: pay.Encode(again)})
	other := acquirer.Decline("do_not_honor")
	for range 2 {
		c.react(pay.EffectDone{Effect: e, Result: pay.Encode(other)})
	}
	if got := c.mem.dump("p/", "b/", "fl/"); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Error("a second answer changed something")
	}
	var said []string
	c.must(c.reg.Contradictions(c.mem, func(x pay.Contradiction) error {
		said = append(said, x.What)
		return nil
	}))
	if len(said) != 1 || !strings.Contains(said[0], "do_not_honor") {
		t.Errorf("contradictions: %q", said)
	}
	c.replyBy("")
	c.wantState(f, "captured")
}

func (w *world) callOf(e pay.Effect) registry.AcquirerCall {
	w.Helper()
	c, err := registry.CallOf(e)
	w.must(err)
	return c
}

// TestCallsHaveKeysOfTheirOwn: one for each claim and verb, and they stay what they are.
func TestCallsHaveKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := card(t)
	var keys []acquirer.Key
	note := func() {
		keys = append(keys, c.call().Call.Key)
		c.replyBy("")
	}
	f := c.open(1200, false)
	note()
	note()
	c.acts(pay.KindRefund, f, 100)
	note()
	c.acts(pay.KindRefund, f, 100)
	note()
	if slices.Sort(keys); len(slices.Compact(keys)) != 4 {
		t.Errorf("the keys are %v", keys)
	}
}

// TestMeansThatEndedLeavesWhatItBegan: what was approved by it goes on with its token.
func TestMeansThatEndedLeavesWhatItBegan(t *testing.T) {
	t.Parallel()
	c := card(t)
	f := c.open(1200, true)
	c.endMeans(c.payer, "visa")
	token, err := registry.Token(c.mem, c.call().Means)
	if err != nil || token != "sim-ok" {
		t.Fatalf("%q, %v", string(token), err)
	}
	c.replyBy("")
	c.acts(pay.KindCapture, f, 0)
	c.replyBy("")
	c.wantState(f, "captured")
}

// TestNobodyButTheRegistrySeesTheToken looks through everything that leaves it.
func TestNobodyButTheRegistrySeesTheToken(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	const secret = "sim-ok-but-secret"
	c.setMeans(c.payer, pay.Means{Name: "visa", Acquirer: pay.AcquirerSim, Token: secret})
	c.tie(c.beacon, c.payer, "visa")
	c.open(1200, false)
	c.replyBy("")
	c.replyBy("")
	for scope, feed := range c.feeds {
		for _, f := range feed {
			if strings.Contains(string(f.Raw()), secret) {
				t.Errorf("a %s in the feed of %s holds it", f.Kind(), scope)
			}
		}
	}
	for key, value := range c.mem.dump() {
		if strings.Contains(value, secret) {
			t.Errorf("row %q holds it", key)
		}
	}
}

// TestAnswerThatDoesNotFitIsNotBelieved: the payment is set aside by whoever runs the rule.
func TestAnswerThatDoesNotFitIsNotBelieved(t *testing.T) {
	t.Parallel()
	c := card(t)
	c.open(1200, false)
	for name, a := range map[string]acquirer.Answer{
		"another amount": {Approved: true, Reference: "r", Amount: 1300}, "no reference": {Approved: true, Amount: 1200}, "nothing": {},
	} {
		if _, err := c.reg.React(c.mem.trial(), c.now, pay.EffectDone{Effect: c.effects[0], Result: pay.Encode(a)}); err == nil {
			t.Errorf("%s: it was believed", name)
		}
	}
	bent := c.effects[0]
	bent.Subject = pay.PaymentID{9}.Subject()
	if _, err := c.reg.React(c.mem.trial(), c.now, pay.EffectDone{Effect: bent, Result: pay.Encode(acquirer.Decline("x"))}); err == nil {
		t.Error("an answer about another payment was believed")
	}
}

// TestAuditFindsPaymentsThatNoAcquirerMade bends rows and facts one by one.
func TestAuditFindsPaymentsThatNoAcquirerMade(t *testing.T) {
	t.Parallel()
	for _, space := range []string{"fk/", "fl/"} {
		c := card(t)
		f := c.open(1200, false)
		c.replyBy("")
		c.replyBy("")
		c.acts(pay.KindRefund, f, 100)
		for key := range c.mem.dump(space) {
			raw, _, _ := c.mem.Get([]byte(key))
			c.must(c.mem.Delete([]byte(key)))
			if res := c.audit(); res.OK {
				t.Errorf("%q is missing and was not found", space)
			}
			c.must(c.mem.Put([]byte(key), raw))
		}
		c.auditOK()
	}
	c := card(t)
	c.open(1200, false)
	c.replyBy("")
	c.replyBy("")
	for id, f := range c.mem.facts {
		if f.Kind() != pay.KindAcquirerAnswer {
			continue
		}
		delete(c.mem.facts, id)
		if res := c.audit(); res.OK {
			t.Error("an answer is missing and was not found")
		}
		c.mem.facts[id] = f
	}
	c.auditOK()
}

// callTwice has the acquirer contradict itself on a payment of the other wallet, and leaves
// a call in flight.
func (c *counter) callTwice() {
	c.Helper()
	c.setMeans(c.other, pay.Means{Name: "visa", Acquirer: pay.AcquirerSim, Token: "sim-ok"})
	d := newDevice("card", 6)
	c.tie(d, c.other, "visa")
	c.answer(c.other, c.charge(c.shop, d, 100), pay.Approve, "all")
	e := c.effects[0]
	c.replyBy("")
	c.react(pay.EffectDone{Effect: e, Result: pay.Encode(acquirer.Decline("do_not_honor"))})
}

// TestAuditFindsCallsThatNobodyAskedFor: a row by which the acquirer would be called for
// something else, or not at all, is found before the call is made.
func TestAuditFindsCallsThatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		way  func(c *counter, f pay.Fact)
		bend func(c *counter, key string, row []byte)
		want string
	}{
		{"to authorise more", func(*counter, pay.Fact) {}, func(c *counter, key string, row []byte) {
			c.replace(key, string(row), strings.Replace(string(row), string(pay.Encode(pay.Amount(1200))), string(pay.Encode(pay.Amount(1300))), 1))
		}, "authorise 1300, which nobody asked for"},
		{"to authorise for nobody", func(*counter, pay.Fact) {}, func(c *counter, key string, _ []byte) { c.must(c.mem.Delete([]byte(key))) }, "which is not asked"},
		{"to capture less", func(c *counter, f pay.Fact) {
			c.replyBy("")
			c.acts(pay.KindCapture, f, 1100)
		}, func(c *counter, key string, row []byte) {
			c.replace(key, string(row), strings.Replace(string(row), string(pay.Encode(pay.Amount(1100))), string(pay.Encode(pay.Amount(1000))), 1))
		}, "capture 1000, which nobody asked for"},
		{"to void instead", func(c *counter, f pay.Fact) {
			c.replyBy("")
			c.acts(pay.KindCapture, f, 1200)
		}, func(c *counter, key string, row []byte) {
			c.replace(key, string(row), strings.Replace(string(row), string(pay.Encode("capture")), string(pay.Encode("void")), 1))
		}, "void 1200, which nobody asked for"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := card(t)
			f := c.open(1200, true)
			tc.way(c, f)
			c.auditOK()
			for key, row := range c.mem.dump("fl/") {
				tc.bend(c, key, []byte(row))
			}
			res := c.audit()
			if told := strings.Join(res.Findings, "\n"); res.OK || !strings.Contains(told, tc.want) {
				t.Errorf("audit says ok=%v:\n%s\nwant %q", res.OK, told, tc.want)
			}
		})
	}
}

// TestAuditFindsTheAuthorisationOfAnother: a capture, a void or a refund would be made on
// another payment at the acquirer.
func TestAuditFindsTheAuthorisationOfAnother(t *testing.T) {
	t.Parallel()
	for _, hold := range []bool{true, false} {
		c := card(t)
		one, two := c.open(1200, hold), c.open(1200, hold)
		for len(c.effects) > 0 {
			c.replyBy("")
		}
		c.auditOK()
		auth := func(request pay.Fact) string {
			for id, f := range c.mem.facts {
				if s, err := pay.As[pay.AcquirerAnswer](f); err == nil && s.Verb == string(acquirer.Authorise) && s.Payment == pay.PaymentID(request.ID()) {
					return string(id[:])
				}
			}
			return ""
		}
		id := one.ID()
		key := "p/" + string(id[:])
		row := c.mem.dump(key)[key]
		at := strings.LastIndex(row, auth(one)) // a hold is decided by it, too
		c.replace(key, row, row[:at]+strings.Replace(row[at:], auth(one), auth(two), 1))
		if res := c.audit(); res.OK || !strings.Contains(strings.Join(res.Findings, "\n"), "authorised for another one") {
			t.Errorf("audit says %+v", res)
		}
	}
}

// TestAnswerAgainIsTheSameWhateverCameAfterIt: a wallet that has an old copy of its store
// sends what it sent before, and is not told that it came too late.
func TestAnswerAgainIsTheSameWhateverCameAfterIt(t *testing.T) {
	t.Parallel()
	for _, after := range []string{"", "capture 1000", "capture 4000; refund 4000", "void", "wait 4600000"} {
		c := newTab(t)
		c.step("hold")
		a := c.reply(c.payer, c.request, pay.Approve, pay.ByHand)
		a.HoldUntil = c.stands().Decision.HoldUntil
		answer := c.sign(c.payer.key, a)
		c.push(0, answer)
		for s := range strings.SplitSeq(after, ";") {
			if after == "" {
				continue
			}
			if no := c.step(s); no != "" {
				t.Fatalf("%s: %s", s, no)
			}
		}
		logged := len(c.log)
		if got := c.push(0, answer); got != "" || len(c.log) != logged {
			t.Errorf("%q: the same approval again: %q", after, got)
		}
	}
	for _, decline := range []string{"", "do_not_honor"} {
		c := card(t)
		f := c.sign(c.shop.key, c.requestFrom(c.shop, c.beacon.code(c.now), 1200))
		c.push(0, f)
		answer := c.sign(c.payer.key, c.reply(c.payer, f, pay.Approve, pay.ByHand))
		c.push(0, answer)
		c.replyBy(decline)
		if decline == "" {
			c.replyBy("")
		}
		if got := c.push(0, answer); got != "" {
			t.Errorf("acquirer says %q: the same approval again: %q", decline, got)
		}
	}
}

// TestMeansThatEndedPaysNoOfferThatWaits: what its owner took away, or put another card in
// the place of, before the approval is not charged by it.
func TestMeansThatEndedPaysNoOfferThatWaits(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(c *counter){
		"ended": func(c *counter) { c.endMeans(c.payer, "visa") },
		"another card": func(c *counter) {
			c.setMeans(c.payer, pay.Means{Name: "visa", Acquirer: pay.AcquirerSim, Token: "sim-other"})
		},
	} {
		c := card(t)
		f := c.charge(c.shop, c.beacon, 1200)
		change(c)
		c.answer(c.payer, f, pay.Approve, pay.ByHand)
		if got := c.says(c.shop, f); got != "failed unknown_means" {
			t.Errorf("%s: %s", name, got)
		}
		c.wantAsked("")
		c.auditOK()
	}
}

// TestIncrementOfARevokedBoxHoldsNoMore, though its payer approves, and the hold stays.
func TestIncrementOfARevokedBoxHoldsNoMore(t *testing.T) {
	t.Parallel()
	c := newTab(t)
	for _, step := range []string{"hold", "approve", "more 500 box2"} {
		if no := c.step(step); no != "" {
			t.Fatalf("%s: %s", step, no)
		}
	}
	_, r, err := c.reg.RevokeNode(c.mem, c.now, c.second.key.ID())
	c.must(err)
	c.publish(r)
	if no := c.step("yes"); no != "" {
		t.Fatalf("the approval was refused: %s", no)
	}
	end, err := pay.As[pay.IncrementEnd](c.statement(pay.KindIncrementEnd))
	if err != nil || end.Reason != pay.ReasonNodeRevoked {
		t.Errorf("%+v, %v", end, err)
	}
	if got := c.stands().Sums(); got != (pay.Sums{Held: 4_000}) {
		t.Errorf("it holds %+v", got)
	}
	c.auditOK()
}
