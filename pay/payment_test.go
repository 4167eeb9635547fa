package pay_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"pgregory.net/rapid"
)

// The life of a payment, as SAFETY and the drawing in life.go have it: a row is the
// state a payment is in, a column what the registry decides; x is an arrow, a dot is
// none. It is written out here so that the table in life.go is held against something
// that was not made from it.
const arrows = `
              requested mandated mandated_call offered approved tipped held captured part_refunded refunded voided unmatched ambiguous declined expired cancelled failed
requested     .         x        x             x       .        .      .    .        .             .        .      x         x         .        x       x         .
mandated      .         .        .             .       .        .      x    x        .             .        .      .         .         .        .       .         x
mandated_call .         .        .             .       x        .      .    .        .             .        .      .         .         .        .       .         x
offered       .         .        .             .       x        x      x    x        .             .        .      .         .         x        x       x         x
approved      .         .        .             .       .        .      x    x        .             .        .      .         .         .        .       .         x
tipped        .         .        .             .       x        .      x    x        .             .        .      .         .         .        .       .         .
held          .         .        .             .       .        .      x    x        .             .        x      .         .         .        x       .         .
captured      .         .        .             .       .        .      .    x        x             x        .      .         .         .        .       .         .
part_refunded .         .        .             .       .        .      .    .        x             x        .      .         .         .        .       .         .
refunded      .         .        .             .       .        .      .    .        .             .        .      .         .         .        .       .         .
voided        .         .        .             .       .        .      .    .        .             .        .      .         .         .        .       .         .
unmatched     .         .        .             .       .        .      .    .        .             .        .      .         .         .        .       .         .
ambiguous     .         .        .             .       .        .      .    .        .             .        .      .         .         .        .       .         .
declined      .         .        .             .       .        .      .    .        .             .        .      .         .         .        .       .         .
expired       .         .        .             .       .        .      .    .        .             .        .      .         .         .        .       .         .
cancelled     .         .        .             .       .        .      .    .        .             .        .      .         .         .        .       .         .
failed        .         .        .             .       .        .      .    .        .             .        .      .         .         .        .       .         .
`

var (
	requestID = pay.FactID{0xaa}
	answerID  = pay.FactID{0xbb}
)

// factID names the n-th decision of a test.
func factID(n uint32) pay.FactID { return pay.FactID{0xdd, byte(n >> 8), byte(n)} }

// holdUntil is until when holds of these tests last.
const holdUntil = noon + 3_600_000

// follow returns the decision to s that p is ready for, as far as any is. An offer
// on the way to a hold says so from the first decision on; see held.
func follow(p pay.Payment, s pay.State) pay.Decision {
	d := offerBody(requestID)
	d.TipMax = 300
	if p.Seq > 0 {
		d.Terms, d.By, d.Sums, d.At, d.Tip = p.Decision.Terms, p.Decision.By, p.Sums(), p.Decision.At, p.Decision.Tip
		if p.NotUnderstood || p.State.Final() && p.Outcome(pay.Local{}) == pay.OutcomeNotPaid { // nothing follows
			d.Terms, d.By, d.Sums, d.Tip = offerBody(requestID).Terms, "", pay.Sums{}, 0
		}
	}
	d.Prev, d.Seq, d.State = p.LastID, p.Seq+1, s
	switch s {
	case pay.StateMandated:
		d.By, d.Mandate = "", answerID
	case pay.StateMandatedCall:
		d.By, d.Mandate, d.Acquirer = "", answerID, pay.AcquirerSim
	case pay.StateOffered:
		d.By = ""
	case pay.StateUnmatched:
		d.Reason = pay.ReasonUnknownCode
	case pay.StateAmbiguous:
	case pay.StateExpired:
		d.Claim, d.Reason, d.At = pay.FactID{}, pay.ReasonNoAnswer, d.Expires
		if p.State == pay.StateHeld {
			d.Reason, d.At = pay.ReasonHoldOver, d.HoldUntil.Add(pay.CaptureGrace)
			d.Sums = pay.Sums{Released: d.Sums.Held}
		}
	case pay.StateCancelled:
		d.Claim, d.Reason = answerID, pay.ReasonByMerchant
	default:
		followMoney(&d, p)
	}
	if p.State == pay.StateMandated && (s == pay.StateHeld || s == pay.StateCaptured || s == pay.StateFailed) {
		d.By = answerID.By()
	}
	if p.State == pay.StateMandatedCall && (s == pay.StateApproved || s == pay.StateFailed) {
		d.By = answerID.By()
	}
	if p.Seq == 0 && s != pay.StateOffered && s != pay.StateMandated && s != pay.StateMandatedCall {
		d.Payer = pay.PayerRef{}
	}
	return d
}

// followMoney fills in what a decision says of money.
func followMoney(d *pay.Decision, p pay.Payment) {
	d.Claim = answerID
	switch {
	case d.State == pay.StateTipped:
		d.By, d.Tip = pay.ByHand, 200
	case p.State == pay.StateApproved && d.State == pay.StateHeld:
	case p.State == pay.StateApproved && d.State == pay.StateCaptured:
		d.Sums = pay.Sums{Captured: d.Sums.Held}
	case p.State == pay.StateApproved && d.State == pay.StateFailed:
		d.Sums, d.Reason = pay.Sums{Released: d.Sums.Held}, "card_declined"
	case d.State == pay.StateHeld && p.State == pay.StateHeld:
		d.By, d.Sums.Held = "under:20.00", d.Sums.Held+100
	case d.State == pay.StateHeld, d.State == pay.StateApproved:
		d.By, d.Sums = pay.ByHand, pay.Sums{Held: d.Amount + d.Tip}
	case d.State == pay.StateCaptured && (p.State == pay.StateOffered || p.State == pay.StateMandated || p.State == pay.StateTipped):
		d.By, d.Sums = pay.ByHand, pay.Sums{Captured: d.Amount + d.Tip}
	case d.State == pay.StateCaptured:
		d.Sums.Held, d.Sums.Captured = d.Sums.Held-100, d.Sums.Captured+100
	case d.State == pay.StatePartRefunded:
		d.Sums.Refunded++
	case d.State == pay.StateRefunded:
		d.Sums.Refunded = d.Sums.Captured
	case d.State == pay.StateVoided:
		d.Sums = pay.Sums{Released: d.Sums.Held}
	default:
		d.By = pay.ByHand
	}
}

// along returns the payment that went through the states, of which the first offer
// says that the amount is held if hold is set, and who moves the money.
func along(hold bool, by pay.Acquirer, states ...pay.State) (p pay.Payment, err error) {
	p = pay.Open(requestID)
	for _, s := range states {
		d := follow(p, s)
		if hold && p.Seq == 0 {
			d.HoldUntil = holdUntil
		}
		if p.Seq == 0 {
			d.Acquirer = by
		}
		if p, err = p.Next(factID(p.Seq+1), d); err != nil {
			return p, err
		}
	}
	return p, nil
}

// ways are how payments come to where something may follow, and how to the other ends.
func ways(s pay.State) (list []pay.Payment) {
	const offered, approved, held, captured, mandated, tipped, call = pay.StateOffered, pay.StateApproved, pay.StateHeld, pay.StateCaptured, pay.StateMandated, pay.StateTipped, pay.StateMandatedCall
	if s == pay.StateRequested {
		return []pay.Payment{pay.Open(requestID)}
	}
	for _, way := range [][]pay.State{{s}, {offered, s}, {offered, held, s}, {offered, captured, s}, {offered, held, captured, s}, {offered, approved, s}, {mandated, s}, {mandated, held, s}, {offered, tipped, s}, {offered, tipped, held, s}, {offered, tipped, approved, s}, {call, s}, {call, approved, s}} {
		for _, hold := range []bool{false, true} {
			for _, by := range []pay.Acquirer{pay.AcquirerNone, pay.AcquirerSim} {
				if p, err := along(hold, by, way...); err == nil {
					list = append(list, p)
				}
			}
		}
	}
	return list
}

// at returns a payment in state s that came there on the shortest way.
func at(t testing.TB, s pay.State) pay.Payment {
	t.Helper()
	list := ways(s)
	if len(list) == 0 {
		t.Fatalf("no way leads to %s", s)
	}
	return list[0]
}

func TestArrows(t *testing.T) {
	t.Parallel()
	rows := strings.Split(strings.TrimSpace(arrows), "\n")
	columns := strings.Fields(rows[0])
	seen := 0
	for _, line := range rows[1:] {
		cells := strings.Fields(line)
		for i, cell := range cells[1:] {
			seen++
			from, to := pay.State(cells[0]), pay.State(columns[i])
			took := false
			for _, p := range ways(from) {
				took = checkArrow(t, p, to) || took
			}
			if took != (cell == "x") {
				t.Errorf("%s -> %s: taken %v, the matrix says %q", from, to, took, cell)
			}
		}
	}
	if n := len(pay.States()); seen != n*n {
		t.Errorf("the table has %d cells, want %d", seen, n*n)
	}
}

// checkArrow reports whether the payment takes the decision to a state, and sees that
// one which it does not take changes nothing, and the same again neither.
func checkArrow(t *testing.T, from pay.Payment, to pay.State) bool {
	t.Helper()
	d, id := follow(from, to), factID(from.Seq+1)
	next, err := from.Next(id, d)
	if err != nil {
		if !errors.Is(err, pay.ErrArrow) || next != from {
			t.Errorf("%s -> %s: %v, have %+v", from.State, to, err, next)
		}
		return false
	}
	if want := (pay.Payment{ID: from.ID, State: to, Seq: from.Seq + 1, LastID: id, Decision: d}); next != want {
		t.Errorf("%s -> %s: have %+v", from.State, to, next)
	}
	if again, err := next.Next(id, d); err != nil || again != next {
		t.Errorf("%s -> %s: the same decision again: %v", from.State, to, err)
	}
	return true
}

// A decision that is wrong in one thing is refused, whatever else is right
// about it, and the payment stays as it was.
func TestNextRefuses(t *testing.T) {
	t.Parallel()
	const requested, offered = pay.StateRequested, pay.StateOffered
	for _, c := range []struct {
		name   string
		from   pay.State
		to     pay.State
		change func(*pay.Decision)
	}{
		{"another payment", offered, pay.StateCaptured, func(d *pay.Decision) { d.Payment = pay.PaymentID{9} }},
		{"another payment, first decision", requested, offered, func(d *pay.Decision) { d.Payment = pay.PaymentID{9} }},
		{"not linked to the offer", offered, pay.StateCaptured, func(d *pay.Decision) { d.Prev = requestID }},
		{"not linked to anything", offered, pay.StateCaptured, func(d *pay.Decision) { d.Prev = pay.FactID{} }},
		{"not linked to the request", requested, offered, func(d *pay.Decision) { d.Prev = factID(7) }},
		{"same number again", offered, pay.StateCaptured, func(d *pay.Decision) { d.Seq = 1 }},
		{"number left out", offered, pay.StateCaptured, func(d *pay.Decision) { d.Seq = 3 }},
		{"number zero", requested, offered, func(d *pay.Decision) { d.Seq = 0 }},
		{"first decision is number two", requested, offered, func(d *pay.Decision) { d.Seq = 2 }},

		{"another merchant", offered, pay.StateCaptured, func(d *pay.Decision) { d.Merchant = "m/thief" }},
		{"another shop", offered, pay.StateCaptured, func(d *pay.Decision) { d.MerchantName = "Thief" }},
		{"another site", offered, pay.StateCaptured, func(d *pay.Decision) { d.Site = "Back door" }},
		{"one cent more", offered, pay.StateCaptured, func(d *pay.Decision) { d.Amount++ }},
		{"a tip that nobody gave", offered, pay.StateCaptured, func(d *pay.Decision) { d.Tip = 1 }},
		{"a tip that nobody gave, captured", offered, pay.StateCaptured, func(d *pay.Decision) { d.Tip, d.Sums.Captured = 100, d.Amount+100 }},
		{"tipped without a tip", offered, pay.StateTipped, func(d *pay.Decision) { d.Tip = 0 }},
		{"tipped with less than nothing", offered, pay.StateTipped, func(d *pay.Decision) { d.Tip = -1 }},
		{"tipped above the most", offered, pay.StateTipped, func(d *pay.Decision) { d.Tip = d.TipMax + 1 }},
		{"tipped without an answer", offered, pay.StateTipped, func(d *pay.Decision) { d.Claim = pay.FactID{} }},
		{"tipped and money moved", offered, pay.StateTipped, func(d *pay.Decision) { d.Sums.Captured = d.Amount + d.Tip }},
		{"a higher most", offered, pay.StateTipped, func(d *pay.Decision) { d.TipMax++ }},
		{"more tip than was given", pay.StateTipped, pay.StateCaptured, func(d *pay.Decision) { d.Tip, d.Sums.Captured = d.Tip+1, d.Sums.Captured+1 }},
		{"less tip than was given", pay.StateTipped, pay.StateCaptured, func(d *pay.Decision) { d.Tip, d.Sums.Captured = d.Tip-1, d.Sums.Captured-1 }},
		{"the tip forgotten", pay.StateTipped, pay.StateCaptured, func(d *pay.Decision) { d.Tip, d.Sums.Captured = 0, d.Amount }},
		{"one cent beyond the tip", pay.StateTipped, pay.StateCaptured, func(d *pay.Decision) { d.Sums.Captured++ }},
		{"the amount without the tip", pay.StateTipped, pay.StateCaptured, func(d *pay.Decision) { d.Sums.Captured = d.Amount }},
		{"captured by another answer than tipped", pay.StateTipped, pay.StateCaptured, func(d *pay.Decision) { d.Claim = pay.FactID{0xbc} }},
		{"captured by another rule than tipped", pay.StateTipped, pay.StateCaptured, func(d *pay.Decision) { d.By = "all" }},
		{"captured when the tipped offer has ended", pay.StateTipped, pay.StateCaptured, func(d *pay.Decision) { d.At = d.Expires }},
		{"one cent less", offered, pay.StateCaptured, func(d *pay.Decision) { d.Amount-- }},
		{"another currency", offered, pay.StateCaptured, func(d *pay.Decision) { d.Currency = "KWD" }},
		{"another handle", offered, pay.StateCaptured, func(d *pay.Decision) { d.Handle = "icy-fox" }},
		{"another ref", offered, pay.StateCaptured, func(d *pay.Decision) { d.Ref = "table 5" }},
		{"another payer", offered, pay.StateCaptured, func(d *pay.Decision) { d.Payer[0] ^= 1 }},
		{"no payer any more", offered, pay.StateCaptured, func(d *pay.Decision) { d.Payer = pay.PayerRef{} }},
		{"a later end", offered, pay.StateCaptured, func(d *pay.Decision) { d.Expires++ }},
		{"play money offered, real money taken", offered, pay.StateCaptured, func(d *pay.Decision) { d.Test = false }},
		{"a step-up after the offer", offered, pay.StateCaptured, func(d *pay.Decision) { d.StepUp = pay.StepUpPayer }},
		{"a step-up by an expiry", offered, pay.StateExpired, func(d *pay.Decision) { d.StepUp = pay.StepUpDrift }},
		{"terms changed by a cancel", offered, pay.StateCancelled, func(d *pay.Decision) { d.Amount++ }},

		{"offer names no claim", requested, offered, func(d *pay.Decision) { d.Claim = pay.FactID{} }},
		{"offer names an answer", requested, offered, func(d *pay.Decision) { d.Claim = answerID }},
		{"unmatched names an answer", requested, pay.StateUnmatched, func(d *pay.Decision) { d.Claim = answerID }},
		{"ambiguous names nothing", requested, pay.StateAmbiguous, func(d *pay.Decision) { d.Claim = pay.FactID{} }},
		{"cancelled by the request itself", requested, pay.StateCancelled, func(d *pay.Decision) { d.Claim = requestID }},
		{"cancelled by nobody", requested, pay.StateCancelled, func(d *pay.Decision) { d.Claim = pay.FactID{} }},
		{"expired by an answer", offered, pay.StateExpired, func(d *pay.Decision) { d.Claim = answerID }},
		{"offer expired by the request", offered, pay.StateExpired, func(d *pay.Decision) { d.Claim = requestID }},
		{"captured without an answer", offered, pay.StateCaptured, func(d *pay.Decision) { d.Claim = pay.FactID{} }},
		{"captured by the request", offered, pay.StateCaptured, func(d *pay.Decision) { d.Claim = requestID }},
		{"captured by the offer", offered, pay.StateCaptured, func(d *pay.Decision) { d.Claim = factID(1) }},
		{"declined without an answer", offered, pay.StateDeclined, func(d *pay.Decision) { d.Claim = pay.FactID{} }},
		{"failed without an answer", offered, pay.StateFailed, func(d *pay.Decision) { d.Claim = pay.FactID{} }},

		{"captured when the offer has ended", offered, pay.StateCaptured, func(d *pay.Decision) { d.At = d.Expires }},
		{"offered when the offer has ended", requested, offered, func(d *pay.Decision) { d.At = d.Expires }},
		{"captured before it was offered", offered, pay.StateCaptured, func(d *pay.Decision) { d.At -= 1_000 }},
		{"declined before it was offered", offered, pay.StateDeclined, func(d *pay.Decision) { d.At -= 1_000 }},

		{"a capture with a reason not to pay", offered, pay.StateCaptured, func(d *pay.Decision) { d.Reason = pay.ReasonByPayer }},
		{"an offer with a reason", requested, offered, func(d *pay.Decision) { d.Reason = pay.ReasonByPayer }},
		{"an offer that names who answered", requested, offered, func(d *pay.Decision) { d.By = pay.ByHand }},
		{"an expiry that names who answered", offered, pay.StateExpired, func(d *pay.Decision) { d.By = pay.ByHand }},
		{"a step-up of nobody: unmatched", requested, pay.StateUnmatched, func(d *pay.Decision) { d.StepUp = pay.StepUpMerchant }},
		{"a step-up of nobody: ambiguous", requested, pay.StateAmbiguous, func(d *pay.Decision) { d.StepUp = pay.StepUpMerchant }},
		{"a step-up of nobody: expired", requested, pay.StateExpired, func(d *pay.Decision) { d.StepUp = pay.StepUpMerchant }},
		{"a step-up of nobody: cancelled", requested, pay.StateCancelled, func(d *pay.Decision) { d.StepUp = pay.StepUpMerchant }},
		{"a step-up of nobody: offered", requested, offered, func(d *pay.Decision) { d.StepUp, d.Payer = pay.StepUpMerchant, pay.PayerRef{} }},
		{"a payer nobody asked: unmatched", requested, pay.StateUnmatched, func(d *pay.Decision) { d.Payer = pay.PayerRef{1} }},
		{"a payer nobody asked: ambiguous", requested, pay.StateAmbiguous, func(d *pay.Decision) { d.Payer = pay.PayerRef{1} }},
		{"a payer nobody asked: expired", requested, pay.StateExpired, func(d *pay.Decision) { d.Payer = pay.PayerRef{1} }},
		{"a payer nobody asked: cancelled", requested, pay.StateCancelled, func(d *pay.Decision) { d.Payer = pay.PayerRef{1} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := at(t, c.from)
			d := follow(p, c.to)
			if _, err := p.Next(factID(9), d); err != nil {
				t.Fatalf("the decision is refused before it is changed: %v", err)
			}
			c.change(&d)
			if next, err := p.Next(factID(9), d); !errors.Is(err, pay.ErrArrow) || next != p {
				t.Errorf("%v; have %+v", err, next)
			}
		})
	}
}

func TestNextTakesTheEdges(t *testing.T) {
	t.Parallel()
	offer := at(t, pay.StateOffered)
	last := follow(offer, pay.StateCaptured)
	last.At = last.Expires - 1
	if _, err := offer.Next(factID(2), last); err != nil {
		t.Errorf("captured in the last millisecond: %v", err)
	}
	last.At = offer.Decision.At
	if _, err := offer.Next(factID(2), last); err != nil {
		t.Errorf("captured in the millisecond of the offer: %v", err)
	}
	p := pay.Open(requestID)
	old := follow(p, pay.StateExpired)
	old.Claim, old.Reason = requestID, pay.ReasonOverAge
	if _, err := p.Next(factID(1), old); err != nil {
		t.Errorf("expired on sight, naming the request: %v", err)
	}
	late := follow(p, pay.StateCancelled)
	late.At = late.Expires + 5
	if _, err := p.Next(factID(1), late); err != nil {
		t.Errorf("withdrawn unsent and pushed long after: %v", err)
	}
}

// A name stands for one fact: neither the name of the request nor that of the
// last decision can come again with another body.
func TestNextKnowsANameAgain(t *testing.T) {
	t.Parallel()
	p := pay.Open(requestID)
	if q, err := p.Next(requestID, follow(p, pay.StateOffered)); !errors.Is(err, pay.ErrArrow) || q != p {
		t.Errorf("a decision with the name of the request: %v", err)
	}
	offer := at(t, pay.StateOffered)
	if q, err := offer.Next(offer.LastID, offer.Decision); err != nil || q != offer {
		t.Errorf("the offer again: %v", err)
	}
	if q, err := offer.Next(offer.LastID, follow(offer, pay.StateCaptured)); !errors.Is(err, pay.ErrArrow) || q != offer {
		t.Errorf("a capture with the name of the offer: %v", err)
	}
	end := at(t, pay.StateCaptured)
	if q, err := end.Next(factID(1), offer.Decision); !errors.Is(err, pay.ErrArrow) || q != end {
		t.Errorf("the offer after the capture: %v", err)
	}
}

// Whatever decisions come in whatever order, right and wrong ones, money moves
// at most once, only by the way that the diagram shows, and an end stays.
func TestAnyDecisions(t *testing.T) {
	t.Parallel()
	states := strings.Fields(strings.Split(strings.TrimSpace(arrows), "\n")[0])
	rapid.Check(t, func(r *rapid.T) {
		p := pay.Open(requestID)
		path := []pay.State{p.State}
		for n := range rapid.IntRange(1, 12).Draw(r, "decisions") {
			d := anyDecision(r, p, pay.State(rapid.SampledFrom(states).Draw(r, "to")))
			id := factID(uint32(rapid.IntRange(1, 4).Draw(r, "id")))
			before := p
			next, err := p.Next(id, d)
			if err != nil {
				if !errors.Is(err, pay.ErrArrow) || next != before {
					r.Fatalf("%d: refused with %v and %+v", n, err, next)
				}
				continue
			}
			if next == before {
				if id != before.LastID || d != before.Decision {
					r.Fatalf("%d: another decision changed nothing", n)
				}
				continue
			}
			p, path = next, append(path, next.State)
			if !before.State.Open() || next.Seq != before.Seq+1 || next.LastID != id || next.Decision != d || next.ID != before.ID {
				r.Fatalf("%d: %+v became %+v", n, before, next)
			}
		}
		checkPath(r, p, path)
	})
}

// anyDecision is the one that p waits for, with some of it changed.
func anyDecision(r *rapid.T, p pay.Payment, to pay.State) pay.Decision {
	d := follow(p, to)
	for range rapid.IntRange(0, 2).Draw(r, "changes") {
		switch rapid.IntRange(0, 10).Draw(r, "change") {
		case 0:
			d.Payment = pay.PaymentID{byte(rapid.IntRange(0, 1).Draw(r, "payment"))}
		case 1:
			d.Prev = factID(uint32(rapid.IntRange(0, 4).Draw(r, "prev")))
		case 2:
			d.Seq = rapid.Uint32Range(0, 4).Draw(r, "seq")
		case 3:
			d.Amount = pay.Amount(rapid.Int64Range(1, 3).Draw(r, "amount"))
		case 4:
			d.Claim = rapid.SampledFrom([]pay.FactID{{}, requestID, answerID, p.LastID}).Draw(r, "claim")
		case 5:
			d.At = pay.Time(rapid.Int64().Draw(r, "at"))
		case 6:
			d.Test = rapid.Bool().Draw(r, "test")
		case 7:
			d.Payer = rapid.SampledFrom([]pay.PayerRef{{}, {1, 2, 3}, {9}}).Draw(r, "payer")
		case 8:
			d = p.Decision
		case 10:
			d.Tip = pay.Amount(rapid.Int64Range(-1, 301).Draw(r, "tip"))
		case 9:
			d.StepUp = rapid.SampledFrom([]pay.StepUp{"", pay.StepUpMerchant, pay.StepUpElsewhere, "reason_of_later"}).Draw(r, "step-up")
		}
	}
	return d
}

// TestStepUpIsOneOfTheTerms walks every way from an offer that needs two
// channels: a decision that keeps the step-up goes on, one that drops or changes
// it is refused. So nobody can lift a step-up once it is made.
func TestStepUpIsOneOfTheTerms(t *testing.T) {
	t.Parallel()
	open := pay.Open(requestID)
	steppedUp := follow(open, pay.StateOffered)
	steppedUp.StepUp = pay.StepUpMerchant
	offer, err := open.Next(factID(1), steppedUp)
	if err != nil || offer.Decision.Method() != pay.MethodTwoChannel {
		t.Fatalf("%v, method %s", err, offer.Decision.Method())
	}
	for _, to := range []pay.State{pay.StateCaptured, pay.StateDeclined, pay.StateExpired, pay.StateCancelled, pay.StateFailed} {
		for stepUp, want := range map[pay.StepUp]error{
			pay.StepUpMerchant: nil, "": pay.ErrArrow, pay.StepUpPayer: pay.ErrArrow, pay.StepUpElsewhere: pay.ErrArrow,
		} {
			d := follow(offer, to)
			d.StepUp = stepUp
			if next, err := offer.Next(factID(2), d); !errors.Is(err, want) || (want != nil && next != offer) {
				t.Errorf("%s with step-up %q: %v, want %v", to, stepUp, err, want)
			}
		}
	}
	if m := at(t, pay.StateCaptured).Decision.Method(); m != pay.MethodOne {
		t.Errorf("without a step-up the method is %s", m)
	}
}

// checkPath: money is authorised once, by the step from the offer or the mandate, and as much as the
// terms say; nothing that was paid or given back is undone; and the payment is paid
// exactly when something was captured.
func checkPath(r *rapid.T, p pay.Payment, path []pay.State) {
	sums := p.Sums()
	moves := slices.IndexFunc(path, func(s pay.State) bool { return s == pay.StateApproved || s == pay.StateHeld || s == pay.StateCaptured })
	tips := 0
	if slices.Contains(path, pay.StateTipped) {
		tips = 1
	}
	switch {
	case tips == 0 && p.Decision.Tip != 0, p.Decision.Tip > p.Decision.TipMax, p.Decision.TipTaken()+p.Decision.TipHeld() > p.Decision.Tip:
		r.Fatalf("a tip that nobody gave, or above what was given, on the path %v: %+v", path, p)
	case (moves >= 0) != (sums.Authorised() > 0):
		r.Fatalf("path %v left %+v", path, p)
	case moves >= 0 && (moves != 2+tips || path[1] != pay.StateOffered && path[1] != pay.StateMandated && path[1] != pay.StateMandatedCall || sums.Authorised() < p.Decision.Amount+p.Decision.Tip):
		r.Fatalf("money moved on the path %v: %+v of %d", path, sums, p.Decision.Amount)
	case (p.Outcome(pay.Local{}) == pay.OutcomePaid) != (sums.Captured > 0):
		r.Fatalf("path %v is %s with %+v", path, p.Outcome(pay.Local{}), sums)
	case !p.State.Open() && sums.Held > 0:
		r.Fatalf("path %v ended, and %d is held", path, sums.Held)
	}
}

// What a merchant may rely on, from the table of CONTRACT: the state and what
// the box knows beside it (t time up, w withdrawn, r refused), then what is
// shown, the outcome, whether a new charge is safe, and the exit status.
const outcomes = `
requested  -    requested  pending   no   124
requested  t    requested  unknown   no   7
requested  w    cancelled  not_paid  yes  6
requested  tw   cancelled  not_paid  yes  6
requested  r    failed     not_paid  yes  6
requested  tr   failed     not_paid  yes  6
requested  wr   failed     not_paid  yes  6
requested  twr  failed     not_paid  yes  6
mandated   -    approved   pending   no   124
mandated_call - approved   pending   no   124
mandated_call t approved   unknown   no   7
mandated   t    approved   unknown   no   7
offered    -    offered    pending   no   124
offered    t    offered    unknown   no   7
offered    w    offered    pending   no   124
offered    tw   offered    unknown   no   7
offered    r    offered    pending   no   124
offered    twr  offered    unknown   no   7
captured   -    captured   paid      no   0
captured   twr  captured   paid      no   0
tipped     -    approved   pending   no   124
tipped     t    approved   unknown   no   7
held       -    held       pending   no   124
held       t    held       unknown   no   7
part_refunded t captured   paid      no   0
refunded   -    refunded   paid      no   0
voided     t    voided     not_paid  yes  6
unmatched  -    unmatched  not_paid  yes  6
unmatched  twr  unmatched  not_paid  yes  6
ambiguous  t    ambiguous  not_paid  yes  6
declined   t    declined   not_paid  yes  6
expired    t    expired    not_paid  yes  6
cancelled  t    cancelled  not_paid  yes  6
failed     t    failed     not_paid  yes  6
`

func TestOutcome(t *testing.T) {
	t.Parallel()
	for line := range strings.Lines(strings.TrimSpace(outcomes)) {
		f := strings.Fields(line)
		p := at(t, pay.State(f[0]))
		l := pay.Local{TimeUp: strings.Contains(f[1], "t"), Withdrawn: strings.Contains(f[1], "w"), Refused: strings.Contains(f[1], "r")}
		o := p.Outcome(l)
		safe := map[bool]string{true: "yes", false: "no"}[o.SafeToRetry()]
		got := []string{f[0], f[1], string(p.Shown(l)), string(o), safe, fmt.Sprint(int(o.Exit()))}
		if !slices.Equal(got, f) {
			t.Errorf("have %v, want %v", got, f)
		}
	}
}

// A state that this program does not know, from a store of a newer one, is
// never a reason to charge again.
func TestAnUnknownStateIsNotAnEnd(t *testing.T) {
	t.Parallel()
	for _, s := range []pay.State{"frozen", "accepted_offline", ""} {
		p := pay.Payment{ID: pay.PaymentID(requestID), State: s, Seq: 2}
		if s.Known() || !s.Open() || s.Final() || s.HasReceipt() || p.Outcome(pay.Local{}) != pay.OutcomePending || p.Outcome(pay.Local{TimeUp: true}) != pay.OutcomeUnknown {
			t.Errorf("%q: final %v, outcome %s", s, s.Final(), p.Outcome(pay.Local{TimeUp: true}))
		}
	}
	for _, s := range []pay.State{pay.StateRequested, pay.StateOffered} {
		if !s.Open() || s.Final() || s.HasReceipt() {
			t.Errorf("%s is final", s)
		}
	}
}
