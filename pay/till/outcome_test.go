package till_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
)

// Events: online opens a session, acked empties the outbox; a state's name is
// the registry's decision; refuse:REASON refuses the request, no-cancel:REASON
// the cancel, each both by acknowledgement and by a signed refusal; late lets
// the time of the request pass.
const outcomeTable = `
what happened                     | events                                                   | state     | outcome  | retry | exit | reason             | refusal      | queued
----------------------------------|----------------------------------------------------------|-----------|----------|-------|------|--------------------|--------------|-------
only stored                       |                                                          | requested | pending  | no    | 124  |                    |              | yes
sent                              | online                                                   | requested | pending  | no    | 124  |                    |              | yes
acknowledged                      | online acked                                             | requested | pending  | no    | 124  |                    |              | no
line down, time up                | late                                                     | requested | unknown  | no    | 7    |                    |              | yes
acknowledged, time up             | online acked late                                        | requested | unknown  | no    | 7    |                    |              | no
offered                           | online acked offered                                     | offered   | pending  | no    | 124  |                    |              | no
offered, time up                  | online acked offered late                                | offered   | unknown  | no    | 7    |                    |              | no
offered late: time begins anew    | late online acked offered                                | offered   | pending  | no    | 124  |                    |              | no
paid                              | online acked offered captured                            | captured  | paid     | no    | 0    |                    |              | no
paid, long ago                    | online acked offered captured late                       | captured  | paid     | no    | 0    |                    |              | no
time up, then paid after all      | online acked offered late captured                       | captured  | paid     | no    | 0    |                    |              | no
nobody has that code              | online acked unmatched                                   | unmatched | not_paid | yes   | 6    | unknown_code       |              | no
two have it                       | online acked ambiguous                                   | ambiguous | not_paid | yes   | 6    |                    |              | no
declined                          | online acked offered declined                            | declined  | not_paid | yes   | 6    | by_payer           |              | no
no money                          | online acked offered failed                              | failed    | not_paid | yes   | 6    | insufficient_funds |              | no
no answer                         | online acked offered expired                             | expired   | not_paid | yes   | 6    | no_answer          |              | no
too old on arrival                | late online acked expired                                | expired   | not_paid | yes   | 6    | no_answer          |              | no
request refused                   | online refuse:wrong_currency                             | failed    | not_paid | yes   | 6    | wrong_currency     |              | no
refused: its key has paid before  | online refuse:key_used                                   | requested | unknown  | no    | 7    | key_used           |              | no
refused: nobody says why          | online refuse:too_many_refusals                          | requested | unknown  | no    | 7    | too_many_refusals  |              | no
refused, why is said later        | online refuse:too_many_refusals refuse:wrong_currency    | failed    | not_paid | yes   | 6    | wrong_currency     |              | no
withdrawn, its key was used       | cancel online refuse:key_used                            | requested | unknown  | no    | 7    | key_used           |              | no
refused, yet decided              | online refuse:key_used offered                           | offered   | pending  | no    | 124  |                    |              | no
withdrawn before it was sent      | cancel                                                   | cancelled | not_paid | yes   | 6    | by_merchant        |              | yes
withdrawn, time up                | cancel late                                              | cancelled | not_paid | yes   | 6    | by_merchant        |              | yes
withdrawn, sent and decided       | cancel online acked cancelled                            | cancelled | not_paid | yes   | 6    | by_merchant        |              | no
withdrawn, cancel refused         | cancel online acked no-cancel:wrong_role                 | requested | pending  | no    | 124  |                    | wrong_role   | no
withdrawn, the registry opened it | cancel online acked offered                              | offered   | pending  | no    | 124  |                    |              | no
cancel after sending              | online cancel                                            | requested | pending  | no    | 124  |                    |              | yes
cancel after sending, time up     | online cancel late                                       | requested | unknown  | no    | 7    |                    |              | yes
cancel after sending, decided     | online acked offered cancel acked cancelled              | cancelled | not_paid | yes   | 6    | by_merchant        |              | no
cancel too late                   | online acked offered cancel captured no-cancel:late_cancel | captured | paid    | no    | 0    |                    | late_cancel  | no
cancel too late, refused first    | online acked offered cancel no-cancel:late_cancel captured | captured | paid    | no    | 0    |                    | late_cancel  | no
`

func TestOutcome(t *testing.T) {
	t.Parallel()
	for _, line := range strings.Split(strings.TrimSpace(outcomeTable), "\n")[2:] {
		cell := strings.Split(line, "|")
		for i := range cell {
			cell[i] = strings.TrimSpace(cell[i])
		}
		t.Run(cell[0], func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.mustCharge(w.order()).ID
			for _, event := range strings.Fields(cell[1]) {
				w.happen(id, event)
			}
			e := w.show(id)
			yes := map[bool]string{true: "yes", false: "no"}
			got := fmt.Sprint(e.State(), " | ", e.Outcome(), " | ", yes[e.Outcome().SafeToRetry()], " | ", int(e.Outcome().Exit()), " | ", e.Reason, " | ", e.Refusal, " | ", yes[e.Queued])
			if want := strings.Join(cell[2:], " | "); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if all, _, err := w.till.List(w.rows, w.now, history.Page{Limit: 10}); err != nil || len(all) != 1 || all[0] != e {
				t.Errorf("the list shows %+v, %v", all, err)
			}
		})
	}
}

func (w *world) happen(id pay.PaymentID, event string) {
	w.Helper()
	word, reason, _ := strings.Cut(event, ":")
	e := w.show(id)
	switch word {
	case "online":
		w.connect()
	case "acked":
		w.acked()
	case "late":
		w.now = w.now.Add(60*second + pay.LastDecisionGrace)
	case "cancel":
		if _, err := w.cancel(id); err != nil {
			w.Fatalf("cancel: %v", err)
		}
	case "refuse":
		w.acked()
		w.refuse(w.request(id), pay.Reason(reason))
	case "no-cancel":
		w.acked()
		w.refuse(w.cancelOf(id), pay.Reason(reason))
	default:
		d := w.decision(w.request(id), e.Payment.LastID, e.Payment.Seq+1, pay.State(word))
		w.deliver(sign(w, w.working, d))
	}
}

func (w *world) refuse(f pay.Fact, why pay.Reason) {
	w.Helper()
	w.react(pay.ClaimRefused{Fact: f, Reason: why})
	w.deliver(sign(w, w.working, pay.Refusal{Claim: f.ID(), Reason: why, At: start}))
}

func (w *world) cancelOf(id pay.PaymentID) (last pay.Fact) {
	w.Helper()
	var at pay.Time
	for _, f := range w.facts {
		if c, err := pay.As[pay.Cancel](f); err == nil && c.Payment == id && c.Created >= at {
			last, at = f, c.Created
		}
	}
	if last.IsZero() {
		w.Fatal("there is no cancel")
	}
	return last
}

func TestTimeUpAtTheDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.mustCharge(w.order())
	if want := start.Add(60*second + pay.LastDecisionGrace); e.Deadline != want {
		t.Fatalf("deadline is %s, want %s", e.Deadline, want)
	}
	w.now = e.Deadline - 1
	if got := w.show(e.ID).Outcome(); got != pay.OutcomePending {
		t.Errorf("a millisecond before the deadline the outcome is %s", got)
	}
	w.now = e.Deadline
	if got := w.show(e.ID).Outcome(); got != pay.OutcomeUnknown {
		t.Errorf("at the deadline the outcome is %s", got)
	}
}

// The box's clock is ten minutes off; the offer still has its own time.
func TestWrongClockHasNoEffect(t *testing.T) {
	t.Parallel()
	for _, off := range []pay.Millis{-600 * second, 600 * second} {
		w := newWorld(t)
		w.now = w.now.Add(off)
		id := w.mustCharge(w.order()).ID
		w.connect()
		w.happen(id, "offered")
		w.now = w.now.Add(59 * second)
		if got := w.show(id).Outcome(); got != pay.OutcomePending {
			t.Errorf("clock off by %v: outcome is %s while the payer may still answer", off.Std(), got)
		}
		w.now = w.now.Add(second + pay.LastDecisionGrace)
		if got := w.show(id).Outcome(); got != pay.OutcomeUnknown {
			t.Errorf("clock off by %v: outcome is %s after the offer's time", off.Std(), got)
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		before     string
		want       pay.ErrorCode
		state      pay.State
		items      int // in the outbox, ever
		cancelling bool
	}{
		{"unsent: joins the request", "", "", pay.StateCancelled, 1, false},
		{"unsent, again", "cancel", "", pay.StateCancelled, 1, false},
		{"maybe sent: goes behind", "online", "", pay.StateRequested, 2, true},
		{"maybe sent, again", "online cancel", "", pay.StateRequested, 2, true},
		{"offered", "online acked offered", "", pay.StateOffered, 2, true},
		{"refused before, asked again", "online acked offered cancel no-cancel:too_many_refusals late", "", pay.StateOffered, 3, true},
		{"cancelled", "online acked offered cancel cancelled", "", pay.StateCancelled, 2, false},
		{"captured", "online acked offered captured", pay.CodeConflict, pay.StateCaptured, 1, false},
		{"expired", "online acked offered expired", pay.CodeConflict, pay.StateExpired, 1, false},
		{"request refused", "online refuse:wrong_currency", pay.CodeConflict, pay.StateFailed, 1, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.mustCharge(w.order()).ID
			for _, event := range strings.Fields(test.before) {
				w.happen(id, event)
			}
			got, err := w.cancel(id)
			wantCode(t, err, test.want)
			e := w.show(id)
			if err == nil && got != e {
				t.Errorf("cancel said\n%+v, shown is\n%+v", got, e)
			}
			if e.State() != test.state || w.items != test.items || e.Cancelling != test.cancelling {
				t.Errorf("state %s, %d items, cancelling %v; want %s, %d, %v", e.State(), w.items, e.Cancelling, test.state, test.items, test.cancelling)
			}
		})
	}
}

func TestCancelTravelsWithTheRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.mustCharge(w.order()).ID
	if _, err := w.cancel(id); err != nil {
		t.Fatal(err)
	}
	f := w.cancelOf(id)
	c, err := pay.As[pay.Cancel](f)
	if err != nil || c.Payment != id || f.Verify(w.box.Public()) != nil {
		t.Fatalf("cancel is %+v, %v", c, err)
	}
	if w.item[f.ID()] != w.item[pay.FactID(id)] || w.item[f.ID()] == 0 {
		t.Error("the cancel does not stand in the request's item")
	}
	_, err = w.till.Show(w.rows, w.now, "feed")
	wantCode(t, err, pay.CodeNotFound)
	_, _, err = w.till.Cancel(w.rows, w.now, "feed")
	wantCode(t, err, pay.CodeNotFound)
}

func TestOldRefusalSparesTheNewCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.mustCharge(w.order()).ID
	for _, event := range strings.Fields("online acked offered cancel no-cancel:too_many_refusals") {
		w.happen(id, event)
	}
	first := w.cancelOf(id)
	w.now++
	w.happen(id, "cancel")
	w.refuse(first, pay.ReasonTooMany)
	if e := w.show(id); !e.Cancelling || e.Refusal != "" {
		t.Errorf("the refusal of the first cancel hit the second: %+v", e)
	}
}
