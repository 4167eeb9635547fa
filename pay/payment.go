package pay

import "fmt"

// Payment is where one payment stands: what its request and its decisions amount
// to. All but NotUnderstood follows from the last decision alone. It is a value:
// Next returns a new one and never changes the old.
type Payment struct {
	ID       PaymentID
	State    State
	Seq      uint32   // of the last decision; 0 while none was made
	LastID   FactID   // the last decision, or the request
	Decision Decision // the last decision; zero while none was made
	// NotUnderstood means that one of the decisions states what this program does
	// not know, so that it cannot tell what may follow.
	NotUnderstood bool
}

// Open returns the payment that a request opens.
func Open(request FactID) Payment {
	return Payment{ID: PaymentID(request), State: StateRequested, LastID: request}
}

// PaymentAt returns the payment whose last decision is d, the fact with the given
// id.
func PaymentAt(id FactID, d Decision) Payment {
	return Payment{ID: d.Payment, State: d.State, Seq: d.Seq, LastID: id, Decision: d, NotUnderstood: !d.State.Known()}
}

// Sums returns what became of the money.
func (p Payment) Sums() Sums { return p.Decision.SumsAfter() }

// Next returns the payment after one more decision, whose fact has the given
// id. A decision that is already the last one changes nothing. One that does
// not link to the last, or has no arrow in the life of a payment, is refused
// with an error that wraps ErrArrow, together with the payment as it was.
//
// A newer registry may know states and arrows that this program does not. A
// decision that states an unknown state is taken in by its link alone, and so
// are all that follow it; but in no state does a payment go to another merchant or
// into another currency.
func (p Payment) Next(id FactID, d Decision) (Payment, error) {
	if id == p.LastID && p.Seq > 0 && d == p.Decision {
		return p, nil
	}
	next, err := p.Linked(id, d)
	switch {
	case err != nil:
		return next, err
	case p.Seq > 0 && (d.Merchant != p.Decision.Merchant || d.Currency != p.Decision.Currency):
		return p, fmt.Errorf("decision %d is on a payment to %s in %s, not to %s in %s: %w",
			d.Seq, d.Merchant, d.Currency, p.Decision.Merchant, p.Decision.Currency, ErrArrow)
	case next.NotUnderstood:
		return next, nil
	}
	if _, err := p.Arrow(d); err != nil {
		return p, err
	}
	return next, nil
}

// Linked returns the payment after one more decision of which only the link to
// the last is checked. It is refused as by Next when that is wrong.
func (p Payment) Linked(id FactID, d Decision) (Payment, error) {
	switch {
	case id == p.LastID:
		return p, fmt.Errorf("decision %d has the name of another fact: %w", d.Seq, ErrArrow)
	case d.Payment != p.ID:
		return p, fmt.Errorf("decision is on payment %s, not %s: %w", d.Payment.Short(), p.ID.Short(), ErrArrow)
	case d.Prev != p.LastID || d.Seq != p.Seq+1:
		return p, fmt.Errorf("decision %d does not follow decision %d: %w", d.Seq, p.Seq, ErrArrow)
	}
	next := PaymentAt(id, d)
	next.NotUnderstood = next.NotUnderstood || p.NotUnderstood
	return next, nil
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
	TimeUp    bool // its time is up and the last decision is missing
	Withdrawn bool // cancelled before it was ever sent
	Refused   bool // the registry refused the request itself: it never opened
	// Ended is as what a request is shown that was refused because it came to nothing
	// before it had an amount; "": as failed.
	Ended State
}

// Final reports whether it is decided that the payment is paid or that it never
// will be. A decision that follows on a state which this program does not know may
// end the payment by its state and not by its sums; what it means is not known.
func (p Payment) Final() bool { return p.State.Final() && p.State.allows(p.Sums()) }

// Outcome returns what the merchant may rely on. Only a decision shows that
// money moved or that it never will; a request that was withdrawn before it
// left the box is not paid because its cancel travels with it.
func (p Payment) Outcome(l Local) Outcome {
	decided, _ := p.State.outcome()
	switch {
	case p.Final():
		return decided
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
	case p.Seq == 0 && l.Refused && l.Ended != "":
		return l.Ended
	case p.Seq == 0 && l.Refused:
		return StateFailed
	case p.Seq == 0 && l.Withdrawn:
		return StateCancelled
	default:
		return p.State.Shown()
	}
}

// SafeToRetry reports whether charging again under a new key cannot charge twice.
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
