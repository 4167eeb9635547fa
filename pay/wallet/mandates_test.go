package wallet_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

const days = 24 * hours

// mandateWorld is a wallet with a mandate for the cafe that stands.
type mandateWorld struct {
	*rulesWorld
	id    pay.FactID
	terms pay.MandateTerms
}

func newMandateWorld(t testing.TB, terms pay.MandateTerms) *mandateWorld {
	t.Helper()
	w := &mandateWorld{rulesWorld: newRulesWorld(t, wallet.Rule{})}
	m, r, err := w.wallet.AddMandate(w.rows, w.now, pay.Mandate{MandateTerms: terms})
	if err != nil {
		t.Fatal(err)
	}
	w.publish(r)
	w.id, w.terms = m.ID, m.MandateTerms
	if m.State != wallet.MandatePending || m.Zone != 9*60 || len(r.Publications) != 1 {
		t.Fatalf("asked for: %+v", m)
	}
	w.status(false)
	return w
}

func cafeTerms() pay.MandateTerms {
	return pay.MandateTerms{Payee: "cafe", Each: 500, Budget: 900, Day: 600, Count: 4, Currency: "EUR", Until: start.Add(30 * days)}
}

// status delivers the registry's statement on the mandate.
func (w *mandateWorld) status(ended bool) {
	w.Helper()
	claim := w.id
	if ended {
		claim = w.find().Asked
	}
	w.deliver(sign(w, w.working, pay.MandateStatus{MandateTerms: w.terms, Mandate: w.id, Merchant: "m/cafe", Payer: pay.PayerRef{1}, Ended: ended, Claim: claim, At: w.now}))
}

func (w *mandateWorld) find() wallet.Mandate {
	w.Helper()
	m, err := w.wallet.FindMandate(w.rows, w.now, w.id.String()[:12])
	if err != nil {
		w.Fatal(err)
	}
	return m
}

// pays delivers the two decisions by which the mandate pays, as change alters both.
func (w *mandateWorld) pays(amount pay.Amount, hold bool, change func(*pay.Decision)) pay.Decision {
	w.Helper()
	d := decisionOf(w, w.at("m/cafe", amount, w.now, pay.EvidenceTap))
	d.State, d.Mandate = pay.StateMandated, w.id
	if hold {
		d.HoldUntil = w.now.Add(days)
	}
	if change != nil {
		change(&d)
	}
	first := sign(w, w.working, d)
	d.Prev, d.Seq, d.Claim, d.By = first.ID(), 2, d.Mandate, d.Mandate.By()
	d.State, d.Sums = pay.StateCaptured, pay.Sums{Captured: d.Amount}
	if hold {
		d.State, d.Sums = pay.StateHeld, pay.Sums{Held: d.Amount}
	}
	for _, f := range []pay.Fact{first, sign(w, w.working, d)} {
		if made := w.deliver(f); len(made) != 0 {
			w.Fatalf("the wallet answers what a mandate pays: %v", made)
		}
		d.Prev = f.ID()
	}
	return d
}

func (w *mandateWorld) findings() (n int) {
	list, err := history.Findings(w.rows)
	if err != nil {
		w.Fatal(err)
	}
	return len(list)
}

// The wallet counts what was used as the registry does, and shows what is left.
func TestMandateIsCounted(t *testing.T) {
	t.Parallel()
	w := newMandateWorld(t, cafeTerms())
	if m := w.find(); m.State != wallet.MandateActive || m.Merchant != "m/cafe" {
		t.Fatalf("stands: %+v", m)
	}
	d := w.pays(500, true, nil)
	if u := w.find().Use; u.Spent != 500 || u.Count != 1 || u.DaySpent != 500 {
		t.Errorf("held: %+v", u)
	}
	if got := w.balance("EUR"); got != -1 {
		t.Errorf("held, and the balance is %d", got)
	}
	d.Seq, d.State, d.Claim, d.Sums = 3, pay.StateCaptured, pay.FactID{7}, pay.Sums{Captured: 100, Released: 400}
	w.deliver(sign(t, w.working, d))
	if u := w.find().Use; u.Spent != 100 || u.Count != 1 || u.DaySpent != 100 {
		t.Errorf("400 given back: %+v", u)
	}
	w.pays(500, false, nil)
	w.now = w.now.Add(days)
	if u := w.find().Use; u.Spent != 600 || u.Count != 2 || u.DaySpent != 0 {
		t.Errorf("the next day: %+v", u)
	}
	w.pays(300, false, nil)
	if m := w.find(); m.State != wallet.MandateSpent || m.Use.Spent != 900 {
		t.Errorf("all of it: %+v", m)
	}
	if n, got := w.findings(), w.balance("EUR"); n != 0 || got != -901 {
		t.Errorf("%d findings, balance %d", n, got)
	}
}

// TestMandateThatDoesNotCoverIsFound: what the registry pays by a mandate that does not
// cover it is booked, because the money is gone, and recorded as a finding.
func TestMandateThatDoesNotCoverIsFound(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		do    func(w *mandateWorld)
		found int
	}{
		"as agreed":        {func(w *mandateWorld) { w.pays(500, false, nil) }, 0},
		"too much at once": {func(w *mandateWorld) { w.pays(501, false, nil) }, 1},
		"too much a day": {func(w *mandateWorld) {
			w.pays(500, false, nil)
			w.pays(101, false, nil)
		}, 1},
		"too much in all": {func(w *mandateWorld) {
			w.pays(500, false, nil)
			w.now = w.now.Add(days)
			w.pays(401, false, nil)
		}, 1},
		"too many": {func(w *mandateWorld) {
			for range 5 {
				w.pays(10, false, nil)
			}
		}, 1},
		"another merchant": {func(w *mandateWorld) {
			w.pays(10, false, func(d *pay.Decision) { d.Merchant, d.MerchantName = "m/bar", "bar" })
		}, 1},
		"a merchant of the name": {func(w *mandateWorld) {
			w.pays(10, false, func(d *pay.Decision) { d.Merchant = "m/bar" })
		}, 1},
		"another currency": {func(w *mandateWorld) { w.pays(10, false, func(d *pay.Decision) { d.Currency = "USD" }) }, 1},
		"after its time": {func(w *mandateWorld) {
			w.now = w.terms.Until
			w.pays(10, false, nil)
		}, 1},
		"after its end": {func(w *mandateWorld) {
			w.ends()
			w.now++
			w.pays(10, false, nil)
		}, 1},
		"one that nobody signed": {func(w *mandateWorld) { w.pays(10, false, func(d *pay.Decision) { d.Mandate = pay.FactID{9} }) }, 1},
		"one that another signed": {func(w *mandateWorld) {
			f := sign(w, key(w, 9), pay.Mandate{MandateTerms: w.terms, Created: w.now})
			w.facts[f.ID()] = f
			w.pays(10, false, func(d *pay.Decision) { d.Mandate = f.ID() })
		}, 1},
	} {
		w := newMandateWorld(t, cafeTerms())
		tc.do(w)
		if got := w.findings(); got != tc.found {
			t.Errorf("%s: %d findings, want %d", name, got, tc.found)
		}
	}
}

// ends asks for the end of the mandate and delivers the registry's statement.
func (w *mandateWorld) ends() {
	w.Helper()
	m, r, err := w.wallet.EndMandate(w.rows, w.now, w.id.String())
	if err != nil || m.State != wallet.MandatePending {
		w.Fatalf("%+v, %v", m, err)
	}
	w.publish(r)
	w.status(true)
}

func TestMandateEnds(t *testing.T) {
	t.Parallel()
	w := newMandateWorld(t, cafeTerms())
	w.pays(500, false, nil)
	w.ends()
	if m := w.find(); m.State != wallet.MandateEnded || m.Use.Spent != 500 || m.Budget != 900 {
		t.Errorf("ended: %+v", m)
	}
	if m, r, err := w.wallet.EndMandate(w.rows, w.now, w.id.String()); err != nil || len(r.Publications) != 0 || m.State != wallet.MandateEnded {
		t.Errorf("again: %+v, %d facts, %v", m, len(r.Publications), err)
	}
	w = newMandateWorld(t, cafeTerms())
	w.now = w.terms.Until
	if m := w.find(); m.State != wallet.MandateExpired {
		t.Errorf("after its time: %s", m.State)
	}
}

// A mandate that the registry refuses never stood; one whose end it refuses stands on.
func TestMandateIsRefused(t *testing.T) {
	t.Parallel()
	w := &mandateWorld{rulesWorld: newRulesWorld(t, wallet.Rule{})}
	m, r, err := w.wallet.AddMandate(w.rows, w.now, pay.Mandate{MandateTerms: cafeTerms()})
	if err != nil {
		t.Fatal(err)
	}
	w.publish(r)
	w.id = m.ID
	w.refuse(r.Publications[0].Fact, pay.ReasonUnknownMerchant)
	if m := w.find(); m.State != wallet.MandateEnded || m.Reason != pay.ReasonUnknownMerchant {
		t.Errorf("refused: %+v", m)
	}
	w = newMandateWorld(t, cafeTerms())
	_, r, err = w.wallet.EndMandate(w.rows, w.now, w.id.String())
	if err != nil {
		t.Fatal(err)
	}
	w.publish(r)
	w.refuse(r.Publications[0].Fact, pay.ReasonTooMany)
	if m := w.find(); m.State != wallet.MandateActive || m.Reason != pay.ReasonTooMany {
		t.Errorf("its end is refused: %+v", m)
	}
}

func TestMandateThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newRulesWorld(t, wallet.Rule{})
	for name, tc := range map[string]struct {
		change func(*pay.MandateTerms)
		want   pay.ErrorCode
	}{
		"nobody":             {func(m *pay.MandateTerms) { m.Payee = "" }, pay.CodeUsage},
		"two":                {func(m *pay.MandateTerms) { m.Class = pay.ClassFuel }, pay.CodeUsage},
		"no bound":           {func(m *pay.MandateTerms) { m.Day, m.Budget, m.Count = 0, 0, 0 }, pay.CodeUsage},
		"nothing":            {func(m *pay.MandateTerms) { m.Each = 0 }, pay.CodeAmount},
		"a day below each":   {func(m *pay.MandateTerms) { m.Day = 499 }, pay.CodeUsage},
		"budget below each":  {func(m *pay.MandateTerms) { m.Budget = 499 }, pay.CodeUsage},
		"least above most":   {func(m *pay.MandateTerms) { m.EachMin = 501 }, pay.CodeUsage},
		"a negative least":   {func(m *pay.MandateTerms) { m.EachMin = -1 }, pay.CodeUsage},
		"too long":           {func(m *pay.MandateTerms) { m.Until = start.Add(pay.MandateMax + 1) }, pay.CodeUsage},
		"over":               {func(m *pay.MandateTerms) { m.Until = start }, pay.CodeUsage},
		"a line in the name": {func(m *pay.MandateTerms) { m.Payee = "ca\nfe" }, pay.CodeUsage},
	} {
		before := w.snapshot()
		terms := cafeTerms()
		tc.change(&terms)
		_, r, err := w.wallet.AddMandate(w.rows, w.now, pay.Mandate{MandateTerms: terms})
		if pay.CodeOf(err) != tc.want || len(r.Publications) != 0 || w.snapshot() != before {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.wallet.FindMandate(w.rows, w.now, "ab"); pay.CodeOf(err) != pay.CodeNotFound {
		t.Errorf("found one: %v", err)
	}
}

// A store that was put back takes its mandates up again as the registry knows them.
func TestRecalledMandate(t *testing.T) {
	t.Parallel()
	before := newMandateWorld(t, cafeTerms())
	f := before.facts[before.id]
	w := &mandateWorld{rulesWorld: newRulesWorld(t, wallet.Rule{}), id: before.id, terms: before.terms}
	w.recalled(f)
	if m := w.find(); m.State != wallet.MandatePending {
		t.Errorf("handed back: %+v", m)
	}
	w.status(false)
	w.pays(500, false, nil)
	list, err := w.wallet.Mandates(w.rows, w.now)
	if err != nil || len(list) != 1 || list[0].State != wallet.MandateActive || list[0].Use.Spent != 500 {
		t.Errorf("stands: %+v, %v", list, err)
	}
	end := sign(t, w.own, pay.MandateEnd{Mandate: w.id, Created: w.now})
	w.recalled(end)
	w.status(true)
	if m := w.find(); m.State != wallet.MandateEnded {
		t.Errorf("ended: %+v", m)
	}
	if n := w.findings(); n != 0 {
		t.Errorf("%d findings", n)
	}
}
