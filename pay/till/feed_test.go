package till_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
)

// foreign returns a request of another box of the same merchant.
func (w *world) foreign(k pay.IdempotencyKey) pay.Fact {
	return sign(w, key(w, 9), pay.Request{
		Key: k, Merchant: merchant, Site: "Garden", Code: pay.Code{7}, Handle: "icy-fox", Amount: 300, Currency: "EUR",
		TTL: 60 * second, Created: w.now - 5,
	})
}

func TestPaymentOfAnotherBox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	req := w.foreign("garden-1")
	chain := w.chain(req, pay.StateOffered, pay.StateCaptured)
	w.deliver(chain[0])
	id := pay.PaymentID(req.ID())
	e := w.show(id)
	if e.State() != pay.StateOffered || e.Own || e.Queued || e.Amount != 300 || e.Site != "Garden" || e.Handle != "icy-fox" || e.Key != "" {
		t.Errorf("entry is %+v", e)
	}
	if e, err := w.cancel(id); err != nil || !e.Cancelling || w.cancelOf(id).IsZero() {
		t.Errorf("cancelling it: %+v, %v", e, err)
	}
	w.deliver(chain[1])
	if e := w.show(id); e.Outcome() != pay.OutcomePaid {
		t.Errorf("outcome is %s", e.Outcome())
	}
	if _, raw, err := w.till.Receipt(w.rows, id.String()); err != nil || len(raw) == 0 {
		t.Errorf("receipt: %v", err)
	}
}

// Claims stand in no feed. If one did, it would count for nothing.
func TestClaimInTheFeedChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := w.mustCharge(w.order())
	before := w.snapshot()
	for _, claim := range []pay.Fact{w.foreign("garden-1"), w.foreign("order-1"), w.request(own.ID), sign(t, w.box, pay.Cancel{Payment: own.ID})} {
		w.deliver(claim)
		if w.snapshot() != before {
			t.Errorf("a %s changed something", claim.Kind())
		}
	}
	_, err := w.till.Find(w.rows, w.now, "garden-1")
	wantCode(t, err, pay.CodeNotFound)
}

func TestDecisionThatDoesNotFitChangesNothing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		after  string // decisions before
		change func(*pay.Decision)
	}{
		{"other amount", "", func(d *pay.Decision) { d.Amount++ }},
		{"a tip that was not asked for", "", func(d *pay.Decision) { d.TipMax = 100 }},
		{"other currency", "", func(d *pay.Decision) { d.Currency = "USD" }},
		{"other site", "", func(d *pay.Decision) { d.Site = "Garden" }},
		{"other handle", "", func(d *pay.Decision) { d.Handle = "icy-fox" }},
		{"other ref", "", func(d *pay.Decision) { d.Ref = "table 5" }},
		{"other merchant", "", func(d *pay.Decision) { d.Merchant = "m/bar" }},
		{"captured at once", "", func(d *pay.Decision) { d.State, d.Claim = pay.StateCaptured, claim }},
		{"captured, and the sums say less", "offered", func(d *pay.Decision) { d.State, d.Claim, d.Sums = pay.StateCaptured, claim, pay.Sums{Captured: 1} }},
		{"an offer that moves money", "", func(d *pay.Decision) { d.Sums = pay.Sums{Held: d.Amount} }},
		{"a gap", "", func(d *pay.Decision) { d.Seq = 2 }},
		{"not linked", "offered", func(d *pay.Decision) { d.Prev, d.State, d.Claim = pay.FactID{1}, pay.StateCaptured, claim }},
		{"amount changed at capture", "offered", func(d *pay.Decision) { d.Amount, d.State, d.Claim = 9999, pay.StateCaptured, claim }},
		{"capture names no answer", "offered", func(d *pay.Decision) { d.State, d.Claim = pay.StateCaptured, pay.FactID{} }},
		{"after the end", "offered declined", func(d *pay.Decision) { d.State, d.Claim = pay.StateCaptured, claim }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.mustCharge(w.order()).ID
			w.connect()
			for _, event := range strings.Fields(test.after) {
				w.happen(id, event)
			}
			before := w.show(id)
			d := w.decision(w.request(id), before.Payment.LastID, before.Payment.Seq+1, pay.StateOffered)
			test.change(&d)
			f := sign(t, w.working, d)
			for range 2 {
				w.deliver(f)
				if after := w.show(id); after != before {
					t.Errorf("payment is\n%+v, was\n%+v", after, before)
				}
				found, err := history.Findings(w.rows)
				if err != nil || len(found) != 1 || found[0].Fact != f.ID() || found[0].Payment != id || found[0].Why == "" {
					t.Errorf("findings are %+v, %v", found, err)
				}
			}
		})
	}
}

func TestReceipt(t *testing.T) {
	t.Parallel()
	for _, end := range []pay.State{
		pay.StateUnmatched, pay.StateAmbiguous, pay.StateCaptured, pay.StateDeclined, pay.StateFailed, pay.StateExpired, pay.StateCancelled,
	} {
		t.Run(string(end), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.mustCharge(w.order()).ID
			states := []pay.State{pay.StateOffered, end}
			if end == pay.StateUnmatched || end == pay.StateAmbiguous {
				states = states[1:]
			}
			for _, f := range w.chain(w.request(id), states...) {
				_, _, err := w.till.Receipt(w.rows, id.String())
				wantCode(t, err, pay.CodeConflict)
				w.deliver(f)
			}
			full, raw, err := w.till.Receipt(w.rows, id.Short())
			if err != nil || full != id {
				t.Fatal(err)
			}
			r, err := pay.OpenReceipt(raw)
			if err != nil || r.Root != w.root.ID() || r.Decision.State != end || r.Decision.Payment != id || r.ID != w.show(id).Payment.LastID {
				t.Errorf("receipt is %+v, %v", r, err)
			}
		})
	}
}

func TestReceiptEnclosesTheAuthorityThatCovers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := key(t, 5)
	auth := func(k pay.Key, from, until pay.Time) pay.Fact {
		f := sign(t, w.root, pay.Authority{Root: w.root.Public(), Working: k.Public(), From: from, Until: until})
		w.deliver(f)
		return f
	}
	auth(w.working, start-9000, start-8000)
	auth(w.working, start-500, start+2_000_000)
	auth(other, start-9000, start+9000)
	id := w.mustCharge(w.order()).ID
	for _, f := range w.chain(w.request(id), pay.StateOffered, pay.StateDeclined) {
		w.deliver(f)
	}
	_, raw, err := w.till.Receipt(w.rows, id.String())
	if err != nil {
		t.Fatal(err)
	}
	if want := pay.EncodeReceipt(w.authority, w.facts[w.show(id).Payment.LastID]); string(raw) != string(want) {
		t.Error("the receipt does not enclose the earliest authority that covers the decision")
	}
	stranger := newWorld(t)
	stranger.working = key(t, 6)
	id = stranger.mustCharge(stranger.order()).ID
	for _, f := range stranger.chain(stranger.request(id), pay.StateUnmatched) {
		stranger.deliver(f)
	}
	_, _, err = stranger.till.Receipt(stranger.rows, id.String())
	wantCode(t, err, pay.CodeNotFound)
}

func TestWithdrawnPaymentHasNoReceipt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.mustCharge(w.order()).ID
	if _, err := w.cancel(id); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.till.Receipt(w.rows, id.String())
	wantCode(t, err, pay.CodeConflict)
}

func TestListIsNewestFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var want []pay.PaymentID
	for i := range 300 {
		o := w.order()
		o.Key = pay.IdempotencyKey(fmt.Sprintf("order-%d", i))
		want = append(want, w.mustCharge(o).ID)
		w.now += 7
	}
	slices.Reverse(want)
	for _, limit := range []int{-1, 1, 127, 128, 129, 256, 300, 5000} {
		list, _, err := w.till.List(w.rows, w.now, history.Page{Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		n := min(max(limit, 1), len(want))
		if len(list) != n {
			t.Fatalf("limit %d: %d payments, want %d", limit, len(list), n)
		}
		for i, e := range list {
			if e.ID != want[i] {
				t.Fatalf("limit %d: place %d is taken by the wrong payment", limit, i)
			}
		}
	}
}

func TestPrefixOfAnID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := map[string]int{}
	var all []pay.PaymentID
	for i := range 40 {
		o := w.order()
		o.Key = pay.IdempotencyKey(fmt.Sprint(i))
		id := w.mustCharge(o).ID
		all = append(all, id)
		for n := 1; n <= 64; n++ {
			ids[id.String()[:n]]++
		}
	}
	for _, id := range all {
		for n := 1; n <= 64; n++ {
			e, err := w.till.Show(w.rows, w.now, id.String()[:n])
			switch {
			case ids[id.String()[:n]] > 1:
				wantCode(t, err, pay.CodeUsage)
			case err != nil || e.ID != id:
				t.Fatalf("%s: got %s, %v", id.String()[:n], e.ID.Short(), err)
			}
		}
	}
	if e, err := w.till.Show(w.rows, w.now, strings.ToUpper(all[0].String())); err != nil || e.ID != all[0] {
		t.Errorf("capital digits: %v", err)
	}
	for _, bad := range []string{"", "xyz", all[0].String() + "0", "\x1b[2J"} {
		_, err := w.till.Show(w.rows, w.now, bad)
		wantCode(t, err, pay.CodeUsage)
		if strings.ContainsRune(err.Error(), '\x1b') {
			t.Error("the error moves the cursor")
		}
	}
}

// Whatever order facts come in, and however often, the end is the same: the
// fold of the decisions. What is shown is that fold at every moment.
func TestAnyOrderAndAnyNumberOfTimes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		id := w.mustCharge(w.order()).ID
		w.connect()
		other := w.foreign("garden-1")
		ends := []pay.State{pay.StateCaptured, pay.StateDeclined, pay.StateFailed, pay.StateExpired, pay.StateCancelled}
		draw := func(req pay.Fact, name string) []pay.Fact {
			end := rapid.SampledFrom(ends).Draw(r, name)
			return w.chain(req, pay.StateOffered, end)
		}
		mine, theirs := draw(w.request(id), "end"), draw(other, "other end")
		if rapid.Bool().Draw(r, "cancel") {
			if _, err := w.cancel(id); err != nil {
				r.Fatal(err)
			}
		}
		events := slices.Concat(mine, theirs, []pay.Fact{other, w.authority})
		for i, n := 0, rapid.IntRange(0, 6).Draw(r, "replays"); i < n; i++ {
			events = append(events, events[rapid.IntRange(0, len(events)-1).Draw(r, "replay")])
		}
		events = rapid.Permutation(events).Draw(r, "order")
		have := map[pay.FactID]bool{}
		for _, f := range events {
			known, before := have[f.ID()], w.snapshot()
			w.now++
			w.deliver(f)
			if known && w.snapshot() != before {
				r.Fatalf("the same %s twice changed something", f.Kind())
			}
			have[f.ID()] = true
			if got, want := w.show(id).State(), fold(w, w.request(id), mine, have); got != want {
				r.Fatalf("shown is %s, the decisions so far amount to %s", got, want)
			}
		}
		if got, want := w.show(pay.PaymentID(other.ID())).State(), fold(w, other, theirs, have); got != want {
			r.Fatalf("the other payment is %s, want %s", got, want)
		}
		if found, err := history.Findings(w.rows); err != nil || len(found) != 0 {
			r.Fatalf("findings are left: %+v, %v", found, err)
		}
	})
}

// fold is the state that the longest unbroken chain of known decisions gives.
func fold(w *world, req pay.Fact, chain []pay.Fact, have map[pay.FactID]bool) pay.State {
	p := pay.Open(req.ID())
	for _, f := range chain {
		if !have[f.ID()] {
			break
		}
		d, err := pay.As[pay.Decision](f)
		if err != nil {
			w.Fatal(err)
		}
		if p, err = p.Next(f.ID(), d); err != nil {
			w.Fatal(err)
		}
	}
	return p.State
}

func TestDeadlineAndForeignFactsAreNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.mustCharge(w.order()).ID
	before := w.snapshot()
	w.react(pay.DeadlineReached{Subject: id.Subject()})
	w.deliver(sign(t, w.working, pay.TopUp{Wallet: "w/ann", Amount: 5, Currency: "EUR", Key: "k", At: start}))
	w.deliver(sign(t, w.working, pay.Refusal{Claim: pay.FactID{8}, Reason: pay.ReasonTooMany, At: start}))
	w.deliver(sign(t, w.box, pay.Cancel{Payment: id, Created: start + 1}))
	w.deliver(sign(t, key(t, 9), pay.Request{
		Key: "order-9", Merchant: "m/bar", Site: "Bar", Handle: "icy-fox", Amount: 300, Currency: "EUR", TTL: 60 * second, Created: start,
	}))
	if w.snapshot() != before {
		t.Error("something changed")
	}
}

func TestDecisionForAnotherMerchantIsNotShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	req := sign(t, key(t, 9), pay.Request{
		Key: "bar-1", Merchant: "m/bar", Site: "Bar", Handle: "icy-fox", Amount: 300, Currency: "EUR", TTL: 60 * second, Created: start,
	})
	w.deliver(w.chain(req, pay.StateOffered)[0])
	_, err := w.till.Show(w.rows, w.now, req.ID().String())
	wantCode(t, err, pay.CodeNotFound)
	if found, err := history.Findings(w.rows); err != nil || len(found) != 1 {
		t.Errorf("findings are %+v, %v", found, err)
	}
}
