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
//	    |            |--> declined     the wallet said no
//	    |            |--> failed       approved, but the balance does not cover it,
//	    |            |                 or the code was heard elsewhere meanwhile
//	    |            |--> expired      no answer in time
//	    |            '--> cancelled    the box withdrew it first
//	    |
//	    |--> unmatched    the code resolves to nobody, or not here and now
//	    |--> ambiguous    the code resolves to two devices
//	    |--> expired      the request was too old when it arrived
//	    '--> cancelled    the box withdrew it before it was offered
//
// Only "captured" moves money, only from "offered", before the offer ends, and
// only by an approval that the payer's wallet signed over the very same terms.
// Where the terms name a demand, the approval carries an authentication code of
// the device that was heard, or it is refused and the offer stays as it was.
// The state is never stored by itself: it is this fold over the decisions, on
// every node.

// ErrArrow says that a decision does not follow from the state it meets.
var ErrArrow = errors.New("pay: no such arrow in the life of a payment")

// Payment is what the decisions on one request amount to. It is a value: Next
// returns a new one and never changes the old.
type Payment struct {
	ID       PaymentID
	State    State
	Seq      uint32 // of the last decision; 0 while none was made
	LastID   FactID // the last decision, or the request
	Answer   FactID // the approval that the capture names
	Decision Decision
	Captured Amount
}

// Open returns the payment that a request opens.
func Open(request FactID) Payment {
	return Payment{ID: PaymentID(request), State: StateRequested, LastID: request}
}

// Next returns the payment after one more decision, whose fact has the given
// id. A decision that is already the last one changes nothing. One that does
// not link to the last, changes the terms or has no arrow is refused with an
// error that wraps ErrArrow, together with the payment as it was.
func (p Payment) Next(id FactID, d Decision) (Payment, error) {
	if id == p.LastID && p.Seq > 0 && d == p.Decision {
		return p, nil
	}
	switch {
	case id == p.LastID:
		return p, fmt.Errorf("decision %d has the name of another fact: %w", d.Seq, ErrArrow)
	case d.Payment != p.ID:
		return p, fmt.Errorf("decision is on payment %s, not %s: %w", d.Payment.Short(), p.ID.Short(), ErrArrow)
	case d.Prev != p.LastID || d.Seq != p.Seq+1:
		return p, fmt.Errorf("decision %d does not follow decision %d: %w", d.Seq, p.Seq, ErrArrow)
	case !arrow(p.State, d.State):
		return p, fmt.Errorf("%s -> %s: %w", p.State, d.State, ErrArrow)
	case p.Seq > 0 && d.Terms != p.Decision.Terms:
		return p, fmt.Errorf("decision %d changes the terms: %w", d.Seq, ErrArrow)
	case !claimFits(p, d):
		return p, fmt.Errorf("decision %d (%s) names the wrong claim: %w", d.Seq, d.State, ErrArrow)
	case !timeFits(p, d):
		return p, fmt.Errorf("decision %d (%s) is dated %s, out of its time: %w", d.Seq, d.State, d.At, ErrArrow)
	case !wordsFit(d):
		return p, fmt.Errorf("decision %d (%s) says more than its state allows: %w", d.Seq, d.State, ErrArrow)
	}
	p.State, p.Seq, p.LastID, p.Decision = d.State, d.Seq, id, d
	if d.State == StateCaptured {
		p.Captured, p.Answer = d.Amount, d.Claim
	}
	return p, nil
}

func arrow(from, to State) bool {
	switch from {
	case StateRequested:
		switch to {
		case StateOffered, StateUnmatched, StateAmbiguous, StateExpired, StateCancelled:
			return true
		}
	case StateOffered:
		switch to {
		case StateCaptured, StateDeclined, StateFailed, StateExpired, StateCancelled:
			return true
		}
	}
	return false
}

// claimFits says whether a decision names the sort of claim its arrow needs:
// the request itself for what is decided on sight, none for what the clock
// decided, and another fact for what an answer or a cancel decided. That other
// fact is never the offer: an offer is not its own approval.
func claimFits(p Payment, d Decision) bool {
	request := FactID(p.ID)
	switch d.State {
	case StateOffered, StateUnmatched, StateAmbiguous:
		return d.Claim == request
	case StateExpired:
		return d.Claim.IsZero() || (p.Seq == 0 && d.Claim == request)
	default:
		return !d.Claim.IsZero() && d.Claim != request && d.Claim != p.LastID
	}
}

// timeFits says whether a decision is dated when it could be made: never before
// the one it follows, and an offer or a capture before the offer ends, because
// the approval that the payer signed ends there too.
func timeFits(p Payment, d Decision) bool {
	if p.Seq > 0 && d.At < p.Decision.At {
		return false
	}
	return (d.State != StateOffered && d.State != StateCaptured) || d.At < d.Expires
}

// wordsFit says whether a decision speaks only of what its state knows. A
// reason tells why no money moved, so neither an offer nor a capture has one; a
// rule tells who answered; a merchant learns no payer whom nobody asked; and two
// channels are demanded of somebody.
func wordsFit(d Decision) bool {
	answered := d.State == StateCaptured || d.State == StateDeclined || d.State == StateFailed
	switch {
	case d.Reason != "" && (d.State == StateOffered || d.State == StateCaptured):
		return false
	case d.By != "" && !answered:
		return false
	case d.Payer == PayerRef{} && d.StepUp != "":
		return false
	default:
		return d.Payer == PayerRef{} || answered || d.State == StateOffered || d.Seq > 1
	}
}

// Ended says whether no further decision can follow. A state that this program
// does not know has not ended: it is no reason to charge again.
func (s State) Ended() bool {
	switch s {
	case StateCaptured, StateUnmatched, StateAmbiguous, StateDeclined, StateExpired, StateCancelled, StateFailed:
		return true
	default:
		return false
	}
}

// Outcome is the answer to "was it paid, and may I charge again?".
type Outcome string

// The outcomes.
const (
	OutcomePending Outcome = "pending"
	OutcomePaid    Outcome = "paid"
	OutcomeNotPaid Outcome = "not_paid"
	OutcomeUnknown Outcome = "unknown"
)

// Local is what a box knows of a payment beyond the registry's decisions.
type Local struct {
	TimeUp    bool // its time is up and the last word is missing
	Withdrawn bool // cancelled before it was ever sent
	Refused   bool // the registry refused the request itself: it never opened
}

// Outcome returns what the merchant may rely on. Only a decision says that
// money moved or that it never will; a request that was withdrawn before it
// left the box is not paid because its cancel travels with it.
func (p Payment) Outcome(l Local) Outcome {
	switch {
	case p.State == StateCaptured:
		return OutcomePaid
	case p.State.Ended():
		return OutcomeNotPaid
	case p.Seq == 0 && (l.Withdrawn || l.Refused):
		return OutcomeNotPaid
	case l.TimeUp:
		return OutcomeUnknown
	default:
		return OutcomePending
	}
}

// Shown returns the state as a box shows it: a request that was withdrawn
// before it was sent shows as cancelled, one that was refused as failed.
func (p Payment) Shown(l Local) State {
	switch {
	case p.Seq == 0 && l.Refused:
		return StateFailed
	case p.Seq == 0 && l.Withdrawn:
		return StateCancelled
	default:
		return p.State
	}
}

// SafeToRetry says whether charging again under a new key cannot charge twice.
func (o Outcome) SafeToRetry() bool { return o == OutcomeNotPaid }

// Exit returns the exit status of a command that waited for the outcome.
func (o Outcome) Exit() Exit {
	switch o {
	case OutcomePaid:
		return ExitDone
	case OutcomeNotPaid:
		return ExitNotPaid
	case OutcomeUnknown:
		return ExitUnknown
	default:
		return ExitWaitPassed
	}
}
