package fuel

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// Session names one release of a pump. The box draws it; a pump never sees who pays.
type Session [16]byte

// Transaction is a pump's own number of what it gave for one session, above zero.
type Transaction uint64

// Process says when a fuelling is paid, in the word that people and scripts read.
type Process string

// The processes.
const (
	PostPay     Process = "post_pay"                // afterwards: the pump is released without a hold
	PreAuth     Process = "pre_auth"                // an amount is held before the pump is released
	PreAuthFuel Process = "pre_auth_with_fuel_type" // the same, for one product
)

// Check returns nil for the three processes.
func (p Process) Check() error {
	if p != PostPay && p != PreAuth && p != PreAuthFuel {
		return fmt.Errorf("process %q is not known", string(p))
	}
	return nil
}

// Standing is how well it is known that somebody is the one at the pump. Of two, the
// larger is better evidence. A guess is none of them: it selects nobody.
type Standing uint8

// The standings.
const (
	Said  Standing = 1 // the attendant gave a part of the plate, or the words
	Shown Standing = 2 // the device gave its word for this pump
)

// Selection is who is selected at a pump, and for what. It is comparable; the zero
// Selection is nobody.
type Selection struct {
	Session Session    `cbor:"1,keyasint"`
	Visitor Visitor    `cbor:"2,keyasint"`
	Handle  pay.Handle `cbor:"3,keyasint,omitempty"`
	Process Process    `cbor:"4,keyasint"`
	// Product is the only one that may be given; "": any, but not with PreAuthFuel.
	Product  pay.Product `cbor:"5,keyasint,omitempty"`
	Standing Standing    `cbor:"6,keyasint"`
}

// check returns nil when the selection names somebody, and known words.
func (s Selection) check() error {
	if s.Session == (Session{}) || s.Standing == 0 || s.Standing > Shown {
		return fmt.Errorf("a selection of nobody")
	}
	return s.Process.Check()
}

// IsZero reports whether nobody is selected.
func (s Selection) IsZero() bool { return s == Selection{} }

// fits reports whether the selection allows a product. "" is none.
func (s Selection) fits(p pay.Product) bool { return p == "" || s.Product == "" || s.Product == p }

// Guess is who stands at a pump as far as anybody can tell by the radio. It is shown as a
// guess; nothing else follows from it.
type Guess struct {
	Visitor Visitor    `cbor:"1,keyasint"`
	Handle  pay.Handle `cbor:"2,keyasint"`
}

// Pump is a pump as its station knows it. It is comparable; NewPump makes one.
type Pump struct {
	State State `cbor:"1,keyasint"`
	// Lifted is the product of the nozzle that is lifted, or ""; the nozzle of a wrong
	// product counts as hung.
	Lifted   pay.Product `cbor:"2,keyasint,omitempty"`
	Selected Selection   `cbor:"3,keyasint,omitzero"`
	// Ending is who was released before, and may still be given fuel until the pump says
	// that the session is over.
	Ending Selection `cbor:"4,keyasint,omitzero"`
	Guess  Guess     `cbor:"5,keyasint,omitzero"`
	// Transaction is what the pump gives, or has given and is not settled; 0: none.
	Transaction Transaction  `cbor:"6,keyasint,omitempty"`
	Given       pay.Quantity `cbor:"7,keyasint,omitempty"` // in it, so far
	// Doubt is why the transaction is not to be charged before the attendant has looked
	// at it, or "".
	Doubt Doubt `cbor:"8,keyasint,omitempty"`
	// Settled is the transaction settled last, which the pump may tell of again.
	Settled Transaction `cbor:"9,keyasint,omitempty"`
	// Before is the state to which a pump that is out of order comes back.
	Before State `cbor:"10,keyasint,omitempty"`
}

// NewPump returns a pump that is free.
func NewPump() Pump { return Pump{State: Free} }

// What is the name of what happens at a pump.
type What string

// What happens. The first seven come from the pump, under the names that package pumps
// has for them.
const (
	Lifted  What = "lifted"  // Product
	Hung    What = "hung"    // nothing more
	Began   What = "began"   // Session, Transaction, Product
	Metered What = "metered" // the same, and Quantity
	Ended   What = "ended"   // the same, and Told
	Failed  What = "failed"
	Back    What = "back"

	Selected What = "selected" // Selection
	// Released: the pump is asked to give. It happens before it is asked, so that no
	// answer can be lost; a pump that refuses is as one that ended with nothing given.
	Released  What = "released"  // Session, Held
	Settled   What = "settled"   // Transaction: it is paid, or is owed, or was given up
	Cancelled What = "cancelled" // Session
	Guessed   What = "guessed"   // Guess; the zero Guess takes it back
)

// Whats returns all that happens at a pump.
func Whats() []What {
	return []What{Lifted, Hung, Guessed, Selected, Released, Began, Metered, Ended, Settled, Cancelled, Failed, Back}
}

// Event is one thing that happens at a pump. Which fields are set depends on What.
type Event struct {
	What        What
	Product     pay.Product
	Session     Session // zero: not one of this station's
	Transaction Transaction
	Quantity    pay.Quantity
	Told        bool // the pump itself doubts what it told
	Selection   Selection
	Held        bool // the amount is held
	Guess       Guess
}

// Change is what follows from an event beside the pump's new state.
type Change struct {
	// Refused is why the event is not followed, or ""; the pump is as it was.
	Refused Refusal
	// Over is whose session is over with nothing given: what is held for it may go back.
	// Zero: nobody's.
	Over Selection
	// Stop is the session that the pump is to be asked to stop. Whoever it is of may be
	// given fuel until it is Over, and nothing that is held may go back before.
	Stop Session
}

// Refusal is why a pump does not follow an event. It is a stable name.
type Refusal string

// The refusals.
const (
	NotNow           Refusal = "not_now"           // nothing in this state
	OutOfUse         Refusal = "out_of_order"      // the pump is out of order
	WrongProduct     Refusal = "wrong_product"     // the nozzle is of another product than the vehicle takes
	NoProduct        Refusal = "no_product"        // the process needs one product
	LessSure         Refusal = "less_sure"         // who is selected is known better
	GivesAlready     Refusal = "gives_already"     // it gives to somebody
	Unsettled        Refusal = "unsettled"         // what it has given is not settled
	OtherSession     Refusal = "other_session"     // somebody else is selected, or nobody
	OtherTransaction Refusal = "other_transaction" // it is about another transaction
	NotHeld          Refusal = "not_held"          // no amount is held, and the process needs it
	StillEnding      Refusal = "still_ending"      // who was released before may still be given fuel
)

// Step returns the pump after an event, as the table in arrows.go has it. An event that
// happened before changes nothing and is not refused.
func (p Pump) Step(e Event) (Pump, Change) {
	if p.State == OutOfOrder && e.What != Failed && e.What != Back && e.What != Selected && e.What != Released {
		// What happens at the pump happens to the state that it comes back to.
		p.State, p.Before = p.Before, ""
		next, c := p.Step(e)
		next.State, next.Before = OutOfOrder, next.State
		return next, c
	}
	for _, a := range arrows {
		if a.On != e.What || !a.from(p.State) || (a.If != nil && !a.If.holds(p, e)) {
			continue
		}
		if a.Refuse != "" {
			return p, Change{Refused: a.Refuse}
		}
		return p.follow(a, e)
	}
	return p, Change{Refused: NotNow}
}

func (p Pump) follow(a Arrow, e Event) (next Pump, c Change) {
	next = p
	if a.do != nil {
		a.do(&next, e, &c)
	}
	switch a.To {
	case Stay:
	case Rest:
		next.State = next.rest()
	case Former:
		next.State, next.Before = p.Before, ""
	default:
		next.State = a.To
	}
	return next, c
}

// rest returns the state of a pump that has nothing to settle.
func (p Pump) rest() State {
	switch {
	case p.Transaction != 0:
		return InTransaction
	case !p.Selected.IsZero():
		return Locked
	case !p.Ending.IsZero():
		return InTransaction
	case p.Lifted != "":
		return InUse
	default:
		return Free
	}
}
