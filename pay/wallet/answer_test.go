package wallet_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

func TestAnswer(t *testing.T) {
	t.Parallel()
	for _, v := range []pay.Verdict{pay.Approve, pay.Decline} {
		w := newWorld(t, wallet.Rule{})
		offer := w.offer(1, 1250, "EUR")
		w.deliver(offer)
		id := decisionOf(t, offer).Payment
		e := w.show(id)
		if e.Amount != 1250 || e.Currency != "EUR" || e.MerchantName != "Cafe" || e.Handle != "amber-otter" || e.State() != pay.StateOffered ||
			e.Outcome() != pay.OutcomePending || e.Verdict != "" || e.By != "" || !e.Test {
			t.Errorf("offer shows as %+v", e)
		}
		// By the wallet's clock it is too late, which is the registry's decision.
		w.now = e.Expires + 1000
		got, f, err := w.answer(id.Short(), v, pay.ByHand)
		if err != nil {
			t.Fatal(err)
		}
		wantAnswer(t, w, f, offer, v, pay.ByHand)
		if shown := w.show(id); shown != got || !got.Answering || !got.Queued || got.Verdict != v || got.By != pay.ByHand {
			t.Errorf("answer said\n%+v, shown is\n%+v", got, shown)
		}
		if len(w.pending()) != 0 {
			t.Error("the offer is pending after the answer")
		}
		_, _, err = w.answer(id.String(), v, pay.ByHand)
		wantCode(t, err, pay.CodeDecided)
		_, _, err = w.answer("", v, pay.ByHand)
		wantCode(t, err, pay.CodeNotFound)
		w.acked()
		if e := w.show(id); e.Queued || !e.Answering {
			t.Errorf("acknowledged, it shows as %+v", e)
		}
	}
}

func TestAnswerNamesOneOffer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	_, _, err := w.answer("", pay.Approve, pay.ByHand)
	wantCode(t, err, pay.CodeNotFound)
	_, _, err = w.answer("01aa", pay.Approve, pay.ByHand)
	wantCode(t, err, pay.CodeNotFound)
	w.deliver(w.offer(0x12, 100, "EUR"))
	w.deliver(w.offer(0x11, 200, "EUR"))
	_, _, err = w.answer("", pay.Approve, pay.ByHand)
	wantCode(t, err, pay.CodeUsage)
	_, _, err = w.answer("1", pay.Approve, pay.ByHand)
	wantCode(t, err, pay.CodeUsage)
	_, _, err = w.answer("12", "perhaps", pay.ByHand)
	wantCode(t, err, pay.CodeUsage)
	_, _, err = w.answer("12", pay.Approve, "")
	wantCode(t, err, pay.CodeUsage)
	if p := w.pending(); len(p) != 2 || p[0].Amount != 200 {
		t.Errorf("pending is %+v, want the older offer first", p)
	}
	if e, _, err := w.answer("12", pay.Approve, pay.ByHand); err != nil || e.Amount != 100 {
		t.Errorf("answered %+v, %v", e, err)
	}
	if e, _, err := w.answer("", pay.Approve, pay.ByHand); err != nil || e.Amount != 200 {
		t.Errorf("answered %+v, %v", e, err)
	}
}

func TestDecisionEndsAnOffer(t *testing.T) {
	t.Parallel()
	for _, end := range []pay.State{pay.StateExpired, pay.StateCancelled, pay.StateFailed, pay.StateDeclined, pay.StateCaptured} {
		t.Run(string(end), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, wallet.Rule{})
			offer := w.offer(1, 1250, "EUR")
			id := decisionOf(t, offer).Payment
			w.deliver(offer)
			var claim pay.FactID
			if end != pay.StateExpired {
				_, f, err := w.answer("", pay.Approve, pay.ByHand)
				if err != nil {
					t.Fatal(err)
				}
				claim = f.ID()
			}
			if list, _, err := w.wallet.Receipts(w.rows, w.now, history.Page{Limit: 10}); err != nil || len(list) != 0 {
				t.Errorf("receipts before the end: %+v, %v", list, err)
			}
			_, _, err := w.wallet.Receipt(w.rows, id.String())
			wantCode(t, err, pay.CodeConflict)
			last := w.end(offer, end, claim)
			w.deliver(last)
			e := w.show(id)
			if e.State() != end || e.Answering || len(w.pending()) != 0 {
				t.Errorf("entry is %+v, %d pending", e, len(w.pending()))
			}
			_, _, err = w.answer(id.String(), pay.Approve, pay.ByHand)
			wantCode(t, err, pay.CodeDecided)
			if list, _, err := w.wallet.Receipts(w.rows, w.now, history.Page{Limit: 10}); err != nil || len(list) != 1 || list[0] != e {
				t.Errorf("receipts are %+v, %v", list, err)
			}
			full, raw, err := w.wallet.Receipt(w.rows, id.Short())
			if err != nil || full != id || !bytes.Equal(raw, pay.EncodeReceipt(w.authority, last)) {
				t.Errorf("receipt: %v", err)
			}
			if found, err := history.Findings(w.rows); err != nil || len(found) != 0 {
				t.Errorf("findings: %+v, %v", found, err)
			}
		})
	}
}

func TestRefusedAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{Kind: wallet.All})
	offer := w.offer(1, 1250, "EUR")
	id := decisionOf(t, offer).Payment
	answer := w.deliver(offer)[0]
	w.acked()
	w.refuse(answer, pay.ReasonTooMany)
	e := w.show(id)
	if e.Refusal != pay.ReasonTooMany || e.Answering || e.State() != pay.StateOffered || len(w.pending()) != 1 {
		t.Fatalf("entry is %+v, %d pending", e, len(w.pending()))
	}
	// The offer is still open, so a person may answer it.
	w.now++
	_, second, err := w.answer("", pay.Approve, pay.ByHand)
	if err != nil || second.ID() == answer.ID() {
		t.Fatalf("second answer: %v", err)
	}
	w.refuse(answer, pay.ReasonTooMany)
	if e := w.show(id); e.Refusal != "" || !e.Answering || e.By != pay.ByHand {
		t.Errorf("the refusal of the first answer hit the second: %+v", e)
	}
	w.deliver(w.end(offer, pay.StateExpired, pay.FactID{}))
	w.refuse(second, pay.ReasonLateAnswer)
	e = w.show(id)
	if e.Refusal != pay.ReasonLateAnswer || e.State() != pay.StateExpired || e.Reason != pay.ReasonNoAnswer || e.Outcome() != pay.OutcomeNotPaid {
		t.Errorf("late answer shows as %+v", e)
	}
}

func TestOutcomeUnknownWhenTimeIsUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{Kind: wallet.All})
	w.now = start.Add(-600 * second) // the wallet's clock is ten minutes slow
	offer := w.offer(1, 5, "EUR")
	d := decisionOf(t, offer)
	answer := w.deliver(offer)[0]
	deadline := w.now.Add(d.Expires.Sub(d.At) + pay.LastDecisionGrace)
	w.now = deadline - 1
	if e := w.show(d.Payment); e.Outcome() != pay.OutcomePending || e.Deadline != deadline {
		t.Errorf("before the deadline: %s, deadline %s", e.Outcome(), e.Deadline)
	}
	w.now = deadline
	if e := w.show(d.Payment); e.Outcome() != pay.OutcomeUnknown {
		t.Errorf("at the deadline: %s", e.Outcome())
	}
	w.deliver(w.end(offer, pay.StateCaptured, answer.ID()))
	if e := w.show(d.Payment); e.Outcome() != pay.OutcomePaid || e.By != pay.ByHand {
		t.Errorf("in the end: %+v", e)
	}
}

func TestBalance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{Kind: wallet.All})
	topUp := func(to pay.Scope, amount pay.Amount, c pay.Currency, k pay.IdempotencyKey) pay.Fact {
		f := sign(t, w.working, pay.TopUp{Wallet: to, Amount: amount, Currency: c, Key: k, At: start})
		w.deliver(f)
		return f
	}
	first := topUp(scope, 5000, "EUR", "a")
	w.deliver(first)
	topUp(scope, 100, "EUR", "b")
	topUp(scope, 7, "USD", "c")
	topUp("w/bob", 9999, "EUR", "d")
	if got := w.balance("EUR"); got != 5100 {
		t.Errorf("balance is %d, want 5100", got)
	}
	for n, end := range []pay.State{pay.StateCaptured, pay.StateDeclined, pay.StateExpired, pay.StateCaptured} {
		offer := w.offer(byte(n+1), 1250, "EUR")
		claim := w.deliver(offer)[0].ID()
		if end == pay.StateExpired {
			claim = pay.FactID{}
		}
		f := w.end(offer, end, claim)
		w.deliver(f)
		w.deliver(f)
	}
	if eur, usd, won := w.balance("EUR"), w.balance("USD"), w.balance("KRW"); eur != 2600 || usd != 7 || won != 0 {
		t.Errorf("balances are %d, %d, %d; want 2600, 7, 0", eur, usd, won)
	}
}

// The registry's statements on the account change the balance once, and are listed with
// what they did to this wallet, newest first.
func TestStatements(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	for i, b := range []pay.Body{
		pay.TopUp{Wallet: scope, Amount: 5000, Currency: "EUR", Key: "a", At: start},
		pay.PaidOut{Account: scope, Amount: 700, Currency: "EUR", Key: "b", At: start + 1},
		pay.PaidOut{Account: "m/cafe", Amount: 9000, Currency: "EUR", Key: "c", At: start + 2},
		pay.Moved{From: "w/old", To: scope, Amount: 40, Currency: "EUR", Key: "d", At: start + 3, Held: 9},
		pay.Moved{From: scope, To: "w/new", Amount: 4000, Currency: "EUR", Key: "e", At: start + 4, Held: 340},
		pay.Moved{From: "w/old", To: "w/new", Amount: 77, Currency: "EUR", Key: "f", At: start + 5},
	} {
		f := sign(t, w.working, b)
		for range 1 + i%3 {
			w.deliver(f)
		}
	}
	if got := w.balance("EUR"); got != 340 {
		t.Errorf("balance is %d, want 340", got)
	}
	var list []history.Statement
	if err := history.Statements(w.rows, scope, func(s history.Statement) bool {
		list = append(list, s)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	want := []history.Statement{
		{Kind: pay.KindMoved, At: start + 4, In: -4000, Currency: "EUR", Held: 340, Other: "w/new"},
		{Kind: pay.KindMoved, At: start + 3, In: 40, Currency: "EUR", Other: "w/old"},
		{Kind: pay.KindPaidOut, At: start + 1, In: -700, Currency: "EUR"},
		{Kind: pay.KindTopUp, At: start, In: 5000, Currency: "EUR"},
	}
	if !slices.Equal(list, want) {
		t.Errorf("statements are %+v", list)
	}
}

// I6 as the payer can see it: money that moved without an approval of this
// wallet is booked, because it is gone, and recorded as a finding.
func TestCaptureWithoutApprovalIsFound(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer pay.Verdict
		own    bool // the capture names the answer
		found  int
	}{
		{"nobody answered", "", false, 1},
		{"declined", pay.Decline, true, 1},
		{"another answer", pay.Approve, false, 1},
		{"approved", pay.Approve, true, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, wallet.Rule{})
			offer := w.offer(1, 1250, "EUR")
			w.deliver(offer)
			claim := pay.FactID{9}
			if test.answer != "" {
				_, f, err := w.answer("", test.answer, pay.ByHand)
				if err != nil {
					t.Fatal(err)
				}
				if test.own {
					claim = f.ID()
				}
			}
			w.deliver(w.end(offer, pay.StateCaptured, claim))
			found, err := history.Findings(w.rows)
			if err != nil || len(found) != test.found {
				t.Errorf("findings are %+v, %v", found, err)
			}
			if e := w.show(decisionOf(t, offer).Payment); e.State() != pay.StateCaptured || w.balance("EUR") != -1250 {
				t.Errorf("state %s, balance %d", e.State(), w.balance("EUR"))
			}
		})
	}
}

// Claims stand in no feed. If one did, it would count for nothing.
func TestClaimInTheFeedChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	offer := w.offer(1, 5, "EUR")
	w.deliver(offer)
	_, answer, err := w.answer("", pay.Approve, pay.ByHand)
	if err != nil {
		t.Fatal(err)
	}
	other := newWorld(t, wallet.Rule{})
	other.deliver(offer)
	before := other.snapshot()
	for _, claim := range []pay.Fact{answer, w.setLimit(5)} {
		if other.deliver(claim); other.snapshot() != before {
			t.Errorf("%s changed something", claim.Kind())
		}
	}
	if len(other.pending()) != 1 {
		t.Error("the offer is answered by what another wallet signed")
	}
}

// A rule is for the offers that arrive while it is set; those that were left to
// a person stay with that person.
func TestRuleLeavesOldOffersAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	offer := w.offer(1, 5, "EUR")
	w.deliver(offer)
	var err error
	if w.wallet, err = wallet.New(wallet.Options{Key: w.own, Scope: scope, Rule: wallet.Rule{Kind: wallet.All}}); err != nil {
		t.Fatal(err)
	}
	if len(w.deliver(offer)) != 0 || len(w.pending()) != 1 {
		t.Error("the same offer again was answered by a rule that came later")
	}
	if len(w.deliver(w.offer(2, 5, "EUR"))) != 1 {
		t.Error("a new offer was not")
	}
}

func TestReceiptsAreNewestFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{Kind: wallet.None})
	var want []pay.PaymentID
	for n := range 200 {
		offer := w.offer(byte(n), 5, "EUR")
		answer := w.deliver(offer)[0]
		if n%3 == 0 {
			continue
		}
		w.deliver(w.end(offer, pay.StateDeclined, answer.ID()))
		want = append(want, decisionOf(t, offer).Payment)
	}
	slices.Reverse(want)
	for _, limit := range []int{1, 60, len(want), 1000} {
		list, _, err := w.wallet.Receipts(w.rows, w.now, history.Page{Limit: limit})
		if err != nil || len(list) != min(limit, len(want)) {
			t.Fatalf("limit %d: %d receipts, %v", limit, len(list), err)
		}
		for i, e := range list {
			if e.ID != want[i] {
				t.Fatalf("limit %d: place %d is taken by the wrong payment", limit, i)
			}
		}
	}
}

// Whatever order facts come in, and however often, the end is the same: the
// fold of the decisions, one answer at most, and the same balance.
func TestAnyOrderAndAnyNumberOfTimes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		kind := rapid.SampledFrom([]wallet.Kind{wallet.Ask, wallet.None, wallet.All}).Draw(r, "rule")
		w := newWorld(t, wallet.Rule{Kind: kind})
		events := []pay.Fact{sign(t, w.working, pay.TopUp{Wallet: scope, Amount: 5000, Currency: "EUR", Key: "k", At: start}), w.authority}
		balance, ends := pay.Amount(5000), map[pay.PaymentID]pay.State{}
		for n := range rapid.IntRange(1, 3).Draw(r, "payments") {
			offer := w.offer(byte(n+1), 100, "EUR")
			end := rapid.SampledFrom([]pay.State{pay.StateCaptured, pay.StateDeclined, pay.StateFailed, pay.StateExpired, pay.StateCancelled}).Draw(r, fmt.Sprint("end ", n))
			if end == pay.StateCaptured {
				balance -= 100
			}
			claim := pay.FactID{0xc1}
			if end == pay.StateExpired {
				claim = pay.FactID{}
			}
			ends[decisionOf(t, offer).Payment] = end
			events = append(events, offer, w.end(offer, end, claim))
		}
		for i, n := 0, rapid.IntRange(0, 6).Draw(r, "replays"); i < n; i++ {
			events = append(events, events[rapid.IntRange(0, len(events)-1).Draw(r, "replay")])
		}
		have, answers := map[pay.FactID]bool{}, map[pay.PaymentID]int{}
		for _, f := range rapid.Permutation(events).Draw(r, "order") {
			known, before := have[f.ID()], w.snapshot()
			w.now++
			posted := w.deliver(f)
			if known && (w.snapshot() != before || len(posted) > 0) {
				r.Fatalf("the same %s twice changed something", f.Kind())
			}
			have[f.ID()] = true
			for _, a := range posted {
				d := decisionOf(t, f)
				if d.State != pay.StateOffered || ended(w, d.Payment) {
					r.Fatalf("%s answered a payment that is over", a.Kind())
				}
				answers[d.Payment]++
			}
		}
		for id, end := range ends {
			if got := w.show(id).State(); got != end || answers[id] > 1 {
				r.Fatalf("payment is %s, want %s; %d answers", got, end, answers[id])
			}
		}
		if got := w.balance("EUR"); got != balance {
			r.Fatalf("balance is %d, want %d", got, balance)
		}
		if p := w.pending(); len(p) != 0 {
			r.Fatalf("%d offers are pending", len(p))
		}
	})
}

func ended(w *world, id pay.PaymentID) bool { return w.show(id).State().Final() }

func TestUnknownRefusalsAndForeignFactsAreNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	before := w.snapshot()
	w.react(pay.DeadlineReached{Subject: pay.PaymentID{1}.Subject()})
	w.deliver(sign(t, w.working, pay.Refusal{Claim: pay.FactID{8}, Reason: pay.ReasonTooMany, At: start}))
	w.refuse(sign(t, w.own, pay.Revoke{Device: pay.DeviceID{1}, Created: start}), pay.ReasonUnknownDevice)
	w.refuse(sign(t, w.own, pay.Cancel{Payment: pay.PaymentID{1}, Created: start}), pay.ReasonWrongRole)
	if w.snapshot() != before {
		t.Error("something changed")
	}
	_, err := w.wallet.Show(w.rows, w.now, strings.Repeat("g", 4))
	wantCode(t, err, pay.CodeUsage)
}
