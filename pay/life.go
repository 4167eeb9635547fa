package pay

import (
	"errors"
	"fmt"
)

// The life of a payment. Each arrow is one signed decision of the registry;
// whatever is not drawn here is refused and leaves the state as it was.
//
//	             the box asks
//	                  |
//	                  v       wallet approves, money moves in the same commit
//	requested --> offered ------------------------------------> captured
//	    |            |
//	    |            |--> held         approved, to be captured later: see below
//	    |            |--> approved     approved, and an acquirer moves the money: see below
//	    |            |--> tipped       approved with a tip: the same commit goes on to captured,
//	    |            |                 held or approved
//	    |            |--> declined     the wallet declined
//	    |            |--> failed       approved, but the balance does not cover it
//	    |            |--> expired      no answer in time
//	    |            '--> cancelled    the box withdrew it first
//	    |
//	    |--> mandated     a mandate of the payer's covers it: nobody is asked, and the
//	    |                 same commit goes on to captured, held or failed
//	    |--> mandated_call   the same where an acquirer moves the money: on to approved or failed
//	    |--> unmatched    the code resolves to nobody, or not here and now
//	    |--> ambiguous    the code resolves to two devices
//	    |--> expired      the request was too old when it arrived
//	    '--> cancelled    the box withdrew it before it was offered
//
//	             the merchant captures, all or a part     the merchant refunds
//	        held --------------------------------> captured --> part_refunded --> refunded
//	    ^   |  |                                   ^      |     ^          |      ^
//	    '---'  |--> voided     the merchant        '------'     '----------'      |
//	  increment|               gave it up          a further capture, a void or    |
//	           '--> expired    not captured        the end of what is still held;  |
//	                           in time             a further refund                |
//	                                               captured, all of it refunded ---'
//
//	             the acquirer authorised it, and captured it at once
//	    approved --> captured
//	        |
//	        |--> held         it authorised it, to be captured later
//	        '--> failed       it declined
//
// The registry's operator settles what nobody else can close, by arrows that there are for
// others too: offered to cancelled, approved to captured or failed, held to voided, and
// the rest of what is captured is released. The decision bears why.
//
// Money is authorised only from "offered" or "held", before the offer ends, and only
// by an approval that the payer's wallet signed over the very same terms; or from
// "mandated", by the mandate that the wallet signed beforehand. Where the
// terms name a step-up, or the code was heard elsewhere since, the approval carries an
// authentication code of the device that was heard, or it is refused and the offer
// stays as it was. What was authorised is paid only by a capture: at once with the
// approval, or where the terms say until when it is held, by a claim of the merchant.
// Where an acquirer moves the money, all that happens to it is decided once the acquirer
// has answered; as long as it has not, the state stays as it is.
// Once something was captured the payment is paid, whatever becomes of the rest.
//
// The state part_refunded is shown as captured, and mandated, mandated_call and tipped as approved. They have
// names of their own because an older program, for which captured is the end and follows
// on offered alone, with the amount and no more, takes in states that it does not know and no arrow that it does not
// know.
//
// The table below is the drawing with all that belongs to an arrow. Payment.Next
// follows it on every node; the registry finds there which claims may decide a
// payment, and when the clock does; its audit holds every decision against it.

// State is where a payment stands. It has the same name in every view.
type State string

// The states that a payment can be in. StateRequested is the only one that no
// decision states.
const (
	StateRequested State = "requested"
	// StateMandated: a mandate of the payer's covers it; the next decision, which comes at
	// once, says what became of that. Shown as approved.
	StateMandated State = "mandated"
	// StateMandatedCall: the same, and an acquirer moves the money. Shown as approved.
	StateMandatedCall State = "mandated_call"
	StateOffered      State = "offered"
	// StateApproved: the payer approved, and the acquirer has not answered yet. The
	// amount is set aside, and nobody can capture it.
	StateApproved State = "approved"
	// StateTipped: the payer approved, and gives a tip; the next decision, which comes at
	// once, moves the money. Shown as approved.
	StateTipped   State = "tipped"
	StateHeld     State = "held"
	StateCaptured State = "captured"
	// StatePartRefunded: captured, and a part of it was given back; shown as captured.
	StatePartRefunded State = "part_refunded"
	StateRefunded     State = "refunded" // all that was captured, and nothing is held
	StateVoided       State = "voided"
	StateUnmatched    State = "unmatched"
	StateAmbiguous    State = "ambiguous"
	StateDeclined     State = "declined"
	StateExpired      State = "expired"
	StateCancelled    State = "cancelled"
	StateFailed       State = "failed"
)

// outcomes are what the merchant may rely on in each state that this program
// knows.
var outcomes = []struct {
	state State
	is    Outcome
}{
	{StateRequested, OutcomePending},
	{StateMandated, OutcomePending},
	{StateMandatedCall, OutcomePending},
	{StateOffered, OutcomePending},
	{StateApproved, OutcomePending},
	{StateTipped, OutcomePending},
	{StateHeld, OutcomePending},
	{StateCaptured, OutcomePaid},
	{StatePartRefunded, OutcomePaid},
	{StateRefunded, OutcomePaid},
	{StateVoided, OutcomeNotPaid},
	{StateUnmatched, OutcomeNotPaid},
	{StateAmbiguous, OutcomeNotPaid},
	{StateDeclined, OutcomeNotPaid},
	{StateExpired, OutcomeNotPaid},
	{StateCancelled, OutcomeNotPaid},
	{StateFailed, OutcomeNotPaid},
}

// Arrow is one row of the life of a payment: how a decision leads from one state
// to another.
type Arrow struct {
	From, To State
	// Claim is the kind of claim that decides; "" means that the clock does.
	// KindRequest stands for the request that opened the payment.
	Claim Kind
	// Signer is who signs that claim; "" for the clock.
	Signer Party
	// Sums is how the decision changes what is held, captured, released and
	// refunded.
	Sums Change
	// Deadline is the moment before which a claim decides, or at which the clock
	// does; "" for none.
	Deadline Deadline
	// Reason, By and Payer are whether the decision may carry a reason why no
	// money moved, a rule that answers with it, and a payer. Decisions that follow on
	// an answer repeat who gave it.
	Reason, By, Payer bool
}

// life is the table of all arrows.
var life = []Arrow{
	{From: StateRequested, To: StateOffered, Claim: KindRequest, Signer: PartyBox, Deadline: DeadlineOffer, Payer: true},
	{From: StateRequested, To: StateMandated, Claim: KindRequest, Signer: PartyBox, Deadline: DeadlineOffer, Payer: true},
	{From: StateRequested, To: StateMandatedCall, Claim: KindRequest, Signer: PartyBox, Deadline: DeadlineOffer, Payer: true},
	{From: StateRequested, To: StateUnmatched, Claim: KindRequest, Signer: PartyBox, Reason: true},
	{From: StateRequested, To: StateAmbiguous, Claim: KindRequest, Signer: PartyBox, Reason: true},
	{From: StateRequested, To: StateExpired, Claim: KindRequest, Signer: PartyBox, Reason: true},
	{From: StateRequested, To: StateExpired, Reason: true},
	{From: StateRequested, To: StateCancelled, Claim: KindCancel, Signer: PartyBox, Reason: true},

	{From: StateMandated, To: StateCaptured, Claim: KindMandate, Signer: PartyPayer, Sums: Change{Captured: Grows, Authorises: true}, Deadline: DeadlineOffer, By: true, Payer: true},
	{From: StateMandated, To: StateHeld, Claim: KindMandate, Signer: PartyPayer, Sums: Change{Held: Grows, Authorises: true}, Deadline: DeadlineOffer, By: true, Payer: true},
	{From: StateMandated, To: StateFailed, Claim: KindMandate, Signer: PartyPayer, Reason: true, By: true, Payer: true},

	{From: StateMandatedCall, To: StateApproved, Claim: KindMandate, Signer: PartyPayer, Sums: Change{Held: Grows, Authorises: true}, Deadline: DeadlineOffer, By: true, Payer: true},
	{From: StateMandatedCall, To: StateFailed, Claim: KindMandate, Signer: PartyPayer, Reason: true, By: true, Payer: true},

	{From: StateOffered, To: StateCaptured, Claim: KindAnswer, Signer: PartyPayer, Sums: Change{Captured: Grows, Authorises: true}, Deadline: DeadlineOffer, By: true, Payer: true},
	{From: StateOffered, To: StateHeld, Claim: KindAnswer, Signer: PartyPayer, Sums: Change{Held: Grows, Authorises: true}, Deadline: DeadlineOffer, By: true, Payer: true},
	{From: StateOffered, To: StateApproved, Claim: KindAnswer, Signer: PartyPayer, Sums: Change{Held: Grows, Authorises: true}, Deadline: DeadlineOffer, By: true, Payer: true},
	{From: StateOffered, To: StateDeclined, Claim: KindAnswer, Signer: PartyPayer, Reason: true, By: true, Payer: true},
	{From: StateOffered, To: StateFailed, Claim: KindAnswer, Signer: PartyPayer, Reason: true, By: true, Payer: true},
	{From: StateOffered, To: StateExpired, Deadline: DeadlineOffer, Reason: true, Payer: true},
	{From: StateOffered, To: StateCancelled, Claim: KindCancel, Signer: PartyBox, Reason: true, Payer: true},

	{From: StateOffered, To: StateTipped, Claim: KindAnswer, Signer: PartyPayer, Deadline: DeadlineOffer, By: true, Payer: true},
	{From: StateTipped, To: StateCaptured, Claim: KindAnswer, Signer: PartyPayer, Sums: Change{Captured: Grows, Authorises: true}, Deadline: DeadlineOffer, By: true, Payer: true},
	{From: StateTipped, To: StateHeld, Claim: KindAnswer, Signer: PartyPayer, Sums: Change{Held: Grows, Authorises: true}, Deadline: DeadlineOffer, By: true, Payer: true},
	{From: StateTipped, To: StateApproved, Claim: KindAnswer, Signer: PartyPayer, Sums: Change{Held: Grows, Authorises: true}, Deadline: DeadlineOffer, By: true, Payer: true},

	{From: StateApproved, To: StateCaptured, Claim: KindAcquirerAnswer, Signer: PartyRegistry, Sums: Change{Held: Shrinks, Captured: Grows}, Payer: true},
	{From: StateApproved, To: StateHeld, Claim: KindAcquirerAnswer, Signer: PartyRegistry, Payer: true},
	{From: StateApproved, To: StateFailed, Claim: KindAcquirerAnswer, Signer: PartyRegistry, Sums: Change{Held: Shrinks, Released: Grows}, Reason: true, Payer: true},

	{From: StateHeld, To: StateHeld, Claim: KindIncrementAnswer, Signer: PartyPayer, Sums: Change{Held: Grows, Increases: true}, Deadline: DeadlineHold, By: true, Payer: true},
	{From: StateHeld, To: StateCaptured, Claim: KindCapture, Signer: PartyBox, Sums: Change{Held: Shrinks, Captured: Grows, Released: MayGrow}, Deadline: DeadlineHold, Payer: true},
	{From: StateHeld, To: StateVoided, Claim: KindVoid, Signer: PartyBox, Sums: Change{Held: Shrinks, Released: Grows}, Reason: true, Payer: true},
	{From: StateHeld, To: StateExpired, Sums: Change{Held: Shrinks, Released: Grows}, Deadline: DeadlineHold, Reason: true, Payer: true},

	{From: StateCaptured, To: StateCaptured, Claim: KindCapture, Signer: PartyBox, Sums: Change{Held: Shrinks, Captured: Grows, Released: MayGrow}, Deadline: DeadlineHold, Payer: true},
	{From: StateCaptured, To: StateCaptured, Claim: KindVoid, Signer: PartyBox, Sums: Change{Held: Shrinks, Released: Grows}, Payer: true},
	{From: StateCaptured, To: StateCaptured, Sums: Change{Held: Shrinks, Released: Grows}, Deadline: DeadlineHold, Payer: true},
	{From: StateCaptured, To: StatePartRefunded, Claim: KindRefund, Signer: PartyBox, Sums: Change{Refunded: Grows}, Payer: true},
	{From: StateCaptured, To: StateRefunded, Claim: KindRefund, Signer: PartyBox, Sums: Change{Refunded: Grows}, Payer: true},

	{From: StatePartRefunded, To: StatePartRefunded, Claim: KindCapture, Signer: PartyBox, Sums: Change{Held: Shrinks, Captured: Grows, Released: MayGrow}, Deadline: DeadlineHold, Payer: true},
	{From: StatePartRefunded, To: StatePartRefunded, Claim: KindVoid, Signer: PartyBox, Sums: Change{Held: Shrinks, Released: Grows}, Payer: true},
	{From: StatePartRefunded, To: StatePartRefunded, Sums: Change{Held: Shrinks, Released: Grows}, Deadline: DeadlineHold, Payer: true},
	{From: StatePartRefunded, To: StatePartRefunded, Claim: KindRefund, Signer: PartyBox, Sums: Change{Refunded: Grows}, Payer: true},
	{From: StatePartRefunded, To: StateRefunded, Claim: KindVoid, Signer: PartyBox, Sums: Change{Held: Shrinks, Released: Grows}, Payer: true},
	{From: StatePartRefunded, To: StateRefunded, Sums: Change{Held: Shrinks, Released: Grows}, Deadline: DeadlineHold, Payer: true},
	{From: StatePartRefunded, To: StateRefunded, Claim: KindRefund, Signer: PartyBox, Sums: Change{Refunded: Grows}, Payer: true},

	{From: StateOffered, To: StateCancelled, Claim: KindSettled, Signer: PartyRegistry, Reason: true, Payer: true},
	{From: StateApproved, To: StateCaptured, Claim: KindSettled, Signer: PartyRegistry, Sums: Change{Held: Shrinks, Captured: Grows}, Payer: true},
	{From: StateApproved, To: StateFailed, Claim: KindSettled, Signer: PartyRegistry, Sums: Change{Held: Shrinks, Released: Grows}, Reason: true, Payer: true},
	{From: StateHeld, To: StateVoided, Claim: KindSettled, Signer: PartyRegistry, Sums: Change{Held: Shrinks, Released: Grows}, Reason: true, Payer: true},
	{From: StateCaptured, To: StateCaptured, Claim: KindSettled, Signer: PartyRegistry, Sums: Change{Held: Shrinks, Released: Grows}, Payer: true},
	{From: StatePartRefunded, To: StatePartRefunded, Claim: KindSettled, Signer: PartyRegistry, Sums: Change{Held: Shrinks, Released: Grows}, Payer: true},
	{From: StatePartRefunded, To: StateRefunded, Claim: KindSettled, Signer: PartyRegistry, Sums: Change{Held: Shrinks, Released: Grows}, Payer: true},
}

// Party is who signs a claim that decides a payment.
type Party string

// The parties to a payment.
const (
	PartyBox   Party = "box"   // a box of the merchant
	PartyPayer Party = "payer" // the wallet that was asked
	// PartyRegistry is the registry itself, which states what an acquirer answered.
	PartyRegistry Party = "registry"
)

// Deadline is a moment in the life of a payment.
type Deadline string

const (
	// DeadlineOffer is when the offer ends: Terms.Expires.
	DeadlineOffer Deadline = "offer"
	// DeadlineHold is when what is held goes back to the payer: CaptureGrace after
	// Terms.HoldUntil, so that a capture which was stored in time is on time.
	DeadlineHold Deadline = "hold"
)

// of returns the moment for a payment whose last decision is d, and whether there
// is one.
func (k Deadline) of(d Decision) (Time, bool) {
	switch {
	case k == DeadlineOffer:
		return d.Expires, true
	case k == DeadlineHold && d.IsHold():
		return d.HoldUntil.Add(CaptureGrace), true
	default:
		return 0, false
	}
}

// Life returns the rows of the life of a payment.
func Life() []Arrow { return append([]Arrow(nil), life...) }

// States returns the states that this program knows.
func States() (list []State) {
	for _, o := range outcomes {
		list = append(list, o.state)
	}
	return list
}

// outcome returns what the merchant may rely on in state s, and whether this
// program knows the state.
func (s State) outcome() (Outcome, bool) {
	for _, o := range outcomes {
		if o.state == s {
			return o.is, true
		}
	}
	return OutcomePending, false
}

// Known reports whether this program knows the state. One that it does not know
// was stated by a newer registry: it is neither paid nor not paid, and more may
// follow.
func (s State) Known() bool {
	_, ok := s.outcome()
	return ok
}

// Open reports whether a decision may follow on one that states s, as it may on
// a state that this program does not know.
func (s State) Open() bool {
	for _, a := range life {
		if a.From == s {
			return true
		}
	}
	return !s.Known()
}

// Final reports whether it is decided that the payment is paid or that it never
// will be: there is nothing to wait for.
func (s State) Final() bool {
	o, _ := s.outcome()
	return o != OutcomePending
}

// HasReceipt reports whether a decision that states s may make a receipt; see
// Decision.HasReceipt.
func (s State) HasReceipt() bool { return s.Final() }

// allows reports whether a payment in state s can have these sums: it is paid
// exactly when something was captured, and when it never will be, nothing is held.
func (s State) allows(sums Sums) bool {
	switch o, _ := s.outcome(); {
	case (o == OutcomePaid) != (sums.Captured > 0), o == OutcomeNotPaid && sums.Held != 0:
		return false
	case s == StateHeld, s == StateApproved:
		return sums.Held > 0 && sums.Captured == 0
	case s == StateCaptured:
		return sums.Refunded == 0
	case s == StatePartRefunded:
		return sums.Refunded > 0 && (sums.Refunded < sums.Captured || sums.Held > 0)
	case s == StateRefunded:
		return sums.Refunded == sums.Captured && sums.Held == 0
	default:
		return true
	}
}

// IsAgreed reports whether the payer has approved, in a state in which nothing was
// captured and everything still may be.
func (s State) IsAgreed() bool { return s == StateApproved || s == StateHeld }

// Shown returns the state in the word that people and scripts read.
func (s State) Shown() State {
	switch s {
	case StatePartRefunded:
		return StateCaptured
	case StateMandated, StateMandatedCall, StateTipped:
		return StateApproved
	default:
		return s
	}
}

// Decides reports whether a claim of this kind may decide a payment in state s.
func (k Kind) Decides(s State) bool {
	for _, a := range life {
		if a.From == s && a.Claim == k && k != "" {
			return true
		}
	}
	return false
}

// Party returns who signs claims of this kind that decide a payment, open one or lead
// to an offer on one; "" when such claims do none of it.
func (k Kind) Party() Party {
	if k == KindOpening || k == KindPrice || k == KindIncrement {
		return PartyBox
	}
	for _, a := range life {
		if a.Claim == k {
			return a.Signer
		}
	}
	return ""
}

// ByClock returns the arrow that the clock takes from the state which d states,
// and the moment at which it does; ok is false when only claims lead on.
func (d Decision) ByClock() (a Arrow, at Time, ok bool) {
	sums := d.SumsAfter()
	for _, a := range life {
		if a.From != d.State || a.Claim != "" {
			continue
		}
		if after, err := sums.Plus(a.Sums.ofAllHeld(sums)); err != nil || !a.Sums.leads(sums, after, d.agreed()) || !a.To.allows(after) {
			continue
		}
		if at, ok := a.Deadline.of(d); ok {
			return a, at, true
		}
	}
	return Arrow{}, 0, false
}

// After returns the state to which a claim of the kind leads from where the payment
// stands, if its sums are then these; ok is false when there is none.
func (p Payment) After(claim Kind, sums Sums) (to State, ok bool) {
	for _, a := range life {
		if a.From == p.State && a.Claim == claim && a.Sums.leads(p.Sums(), sums, p.Decision.agreed()) && a.To.allows(sums) {
			return a.To, true
		}
	}
	return "", false
}

// ErrArrow means that a decision does not follow from the state it meets.
var ErrArrow = errors.New("pay: no such arrow in the life of a payment")

// Arrow returns the row of the life of a payment by which d follows on p, or an
// error that wraps ErrArrow and says why none does. That d is linked to p is
// not checked; see Next.
func (p Payment) Arrow(d Decision) (Arrow, error) {
	var err error
	for i := range life {
		a := &life[i]
		if a.From != p.State || a.To != d.State {
			continue
		}
		if err = a.check(p, d); err == nil {
			return *a, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("%s -> %s: %w", p.State, d.State, ErrArrow)
	}
	return Arrow{}, err
}

// check returns why d does not follow on p by this arrow, an error that wraps
// ErrArrow, or nil. No decision is dated before the one that it follows.
func (a *Arrow) check(p Payment, d Decision) error {
	deadline, ends := a.Deadline.of(d)
	nobody := d.Payer == PayerRef{}
	switch {
	case p.Seq > 0 && d.Terms != p.Decision.Terms:
		return fmt.Errorf("decision %d changes the terms: %w", d.Seq, ErrArrow)
	case !a.names(p, d.Claim):
		return fmt.Errorf("decision %d (%s) names the wrong claim: %w", d.Seq, d.State, ErrArrow)
	case p.Seq > 0 && d.At < p.Decision.At, a.Claim != "" && ends && d.At >= deadline && !a.waits(d):
		return fmt.Errorf("decision %d (%s) is dated %s, out of its time: %w", d.Seq, d.State, d.At, ErrArrow)
	case !a.mayBeSettled(d):
		return fmt.Errorf("decision %d (%s) bears the operator's word where none is, or none where it is: %w", d.Seq, d.State, ErrArrow)
	case !a.fitsMandate(d):
		return fmt.Errorf("decision %d (%s) is by a mandate where none is named, or by another: %w", d.Seq, d.State, ErrArrow)
	case !a.repeatsAnswer(p, d):
		return fmt.Errorf("decision %d (%s) names another answer than the one before: %w", d.Seq, d.State, ErrArrow)
	case (a.To == StateHeld || a.To == StateCaptured) && (a.Sums.Authorises || a.From == StateApproved) && d.IsHold() != (d.State == StateHeld):
		return fmt.Errorf("decision %d (%s) takes at once what is to be held, or holds what is not: %w", d.Seq, d.State, ErrArrow)
	case !a.fitsTip(p, d):
		return fmt.Errorf("decision %d (%s) carries another tip than the one before, or than may be given: %w", d.Seq, d.State, ErrArrow)
	case a.Sums.Authorises && (d.Acquirer != AcquirerNone) != (d.State == StateApproved):
		return fmt.Errorf("decision %d (%s) moves what an acquirer is to move, or leaves to it what is the account's: %w", d.Seq, d.State, ErrArrow)
	case !a.fitsDelivery(p, d):
		return fmt.Errorf("decision %d (%s) is of fuel, and not of what the pump gave: %w", d.Seq, d.State, ErrArrow)
	case d.Reason != "" && !a.Reason, !nobody && !a.Payer, nobody && d.StepUp != "":
		return fmt.Errorf("decision %d (%s) carries more than its state allows: %w", d.Seq, d.State, ErrArrow)
	case d.Sums.check() != nil, !a.Sums.leads(p.Sums(), d.SumsAfter(), d.agreed()), !d.State.allows(d.SumsAfter()):
		return fmt.Errorf("decision %d (%s) moves other money than it may: %w", d.Seq, d.State, ErrArrow)
	default:
		return nil
	}
}

// waits reports whether the decision is made once an acquirer has answered: a capture that
// it was asked for in time may be decided after the end of the hold.
func (a *Arrow) waits(d Decision) bool {
	return d.Acquirer != AcquirerNone && a.Deadline == DeadlineHold
}

// names reports whether claim is of the sort that decides here: the request
// itself, none for the clock, and else another fact, which is never the decision
// before: an offer is not its own approval.
func (a *Arrow) names(p Payment, claim FactID) bool {
	switch a.Claim {
	case "":
		return claim.IsZero()
	case KindRequest:
		return claim == FactID(p.ID)
	default:
		return !claim.IsZero() && claim != FactID(p.ID) && claim != p.LastID
	}
}

// fitsMandate reports whether d names a mandate exactly where one decides, and names the
// one that does.
func (a *Arrow) fitsMandate(d Decision) bool {
	switch {
	case a.Claim == KindMandate:
		return d.Claim == d.Mandate && d.By == d.Mandate.By()
	case a.To == StateMandated, a.To == StateMandatedCall:
		return !d.Mandate.IsZero() && (d.Acquirer != AcquirerNone) == (a.To == StateMandatedCall)
	case a.From == StateRequested:
		return d.Mandate.IsZero()
	default:
		return true // the terms are those of the decision before
	}
}

// fitsDelivery reports whether d says what a pump gave where it is of fuel that was given,
// and costs what that costs: from the first decision on where the fuel is paid
// afterwards, and else from its capture on.
func (a *Arrow) fitsDelivery(p Payment, d Decision) bool {
	given := p.Decision.Delivery
	switch {
	case d.Fuel.IsZero():
		return d.Delivery.IsZero()
	case p.Seq == 0 && d.IsHold(), a.Sums.Increases:
		return d.Delivery.IsZero()
	case p.Seq == 0:
		return d.Fuel.Refuses(d.Delivery, d.Amount, 0) == ""
	case given.IsZero() && a.Claim != KindCapture:
		return d.Delivery.IsZero() && d.Sums.Captured == 0
	case a.Claim == KindCapture:
		return given.IsZero() && d.Sums.Held == 0 && d.Fuel.Refuses(d.Delivery, d.Sums.Captured, 0) == ""
	default:
		return d.Delivery == given
	}
}

// repeatsAnswer reports whether d names who answered as it may: a new answer where
// the payer decides, and else the one that p names.
func (a *Arrow) repeatsAnswer(p Payment, d Decision) bool {
	if a.By {
		return true
	}
	return d.By == p.Decision.By
}
