// Package pumps is the seam between a box and the pumps or charge points of its station.
//
// # The idea
//
// A pump gives fuel for one session at a time, which the box names. The box releases a
// pump within limits; the pump tells what happens at it as events, in the order in which
// it happens there. What a pump gave is a transaction of the pump's own, with a number
// that it never uses again, and the pump tells the end of a transaction again, after each
// start of either side, until the box has settled it:
//
//	box --Release(session, limits)--> pump
//	    <--Began, Metered ..., Ended(transaction, what was given)--
//	    --Settle(transaction)-------> it is forgotten there
//
// So a box that dies in the middle finds the end of what ran meanwhile, and hears of it
// at least once; it recognises a repeat by the transaction's number. Each release ends
// with one Ended, also one that was not used: then with nothing given, and a number.
//
// # Guarantees
//
// Release, Stop and Settle may be called again with the same arguments and then change
// nothing, also when the session is over. A pump that was not released gives nothing. No event is believed for money by
// itself: pay/fuel says whether what a meter tells can be.
package pumps

import (
	"context"
	"errors"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

// What errors of a Forecourt wrap.
var (
	// ErrUnknownPump means that the station has no pump of that number.
	ErrUnknownPump = errors.New("pumps: no such pump")
	// ErrBusy means that the pump works for another session, or has given for one that is
	// not settled.
	ErrBusy = errors.New("pumps: the pump works for another session")
	// ErrProduct means that the pump does not give the product.
	ErrProduct = errors.New("pumps: the pump does not give this product")
	// ErrOffline means that the pump cannot be reached, or is out of order, and that it
	// was not released.
	ErrOffline = errors.New("pumps: the pump cannot be reached")
	// ErrNoAnswer means that nobody knows whether the pump did it. The same call is safe;
	// what the pump tells next is the fact.
	ErrNoAnswer = errors.New("pumps: the pump has not answered")
)

// Session names one release of a pump. The box draws it; a pump never sees who pays.
type Session = fuel.Session

// Transaction is a pump's own number of what it gave for one session, above zero.
type Transaction = fuel.Transaction

// Forecourt is the pumps of one station. Its methods may be called from any number of
// goroutines.
type Forecourt interface {
	// Run works the pumps until ctx ends, and returns nil then. It calls tell with each
	// event, of one pump never two at a time; tell returns once the event is durable.
	Run(ctx context.Context, tell func(Event)) error
	// Pumps returns the pumps in the order of their numbers, as they are now.
	Pumps() []Pump
	// Release lets a pump give fuel.
	Release(ctx context.Context, r Release) error
	// Stop ends a session of a pump, which is told as Ended, with what was given: nothing
	// where the release was not used yet. A session that is not there is over already.
	Stop(ctx context.Context, n pay.PumpNumber, s Session) error
	// Settle lets the pump forget a transaction, which frees it. One that the pump does
	// not know is forgotten already.
	Settle(ctx context.Context, n pay.PumpNumber, t Transaction) error
	// Close frees what the pumps hold at this side.
	Close() error
}

// Pump is one pump, or one connector of a charge point.
type Pump struct {
	Number   pay.PumpNumber
	Products []pay.Product
	Unit     pay.Unit
	// Lifted is the product of the nozzle that is lifted or of the cable that is plugged
	// in; "": none is.
	Lifted pay.Product
	// Offline is why the pump can be used by nobody, or "".
	Offline string
	// Flow is the most that the pump gives in an hour, in thousandths; 0: not known.
	Flow pay.Quantity
}

// Release is what a pump may give.
type Release struct {
	Pump    pay.PumpNumber
	Session Session
	Product pay.Product
	Price   pay.UnitPrice
	Most    pay.Quantity // above zero
}

// Event is what happened at a pump. Which fields are set depends on What.
type Event struct {
	What    What
	Pump    pay.PumpNumber
	Product pay.Product // Lifted, Began, Ended
	Session Session     // Began, Metered, Ended; zero: it gave without a release of this box
	// Transaction stands with Began, Metered and Ended.
	Transaction Transaction
	// Given stands with Metered, where only its quantity counts, and with Ended, where it
	// is zero when nothing was given.
	Given pay.Delivery
	// Total is what the pump itself computed, with Ended; 0: it computes none.
	Total pay.Amount
	// Doubt is why what the pump told with Ended cannot be believed as it stands, or "";
	// Given then holds the part that could be read.
	Doubt string
	// Why stands with Failed, for people.
	Why string
}

// What says what an Event tells.
type What = fuel.What

// The events that a pump tells.
const (
	Lifted  = fuel.Lifted  // a nozzle was lifted or a cable plugged in
	Hung    = fuel.Hung    // it was put back; Ended comes first, where a session ran
	Began   = fuel.Began   // the pump gives
	Metered = fuel.Metered // how much it has given so far; such events may be left out
	Ended   = fuel.Ended   // the session is over
	Failed  = fuel.Failed  // the pump is out of order or cannot be reached
	Back    = fuel.Back    // it can be used again
)

// Happens returns what an event is to the pump in package fuel.
func (e Event) Happens() fuel.Event {
	return fuel.Event{What: e.What, Product: e.Product, Session: e.Session, Transaction: e.Transaction, Quantity: e.Given.Quantity, Told: e.Doubt != ""}
}

// StateOf returns the state of a pump at which no session of the box is.
func (p Pump) StateOf() fuel.State {
	switch {
	case p.Offline != "":
		return fuel.OutOfOrder
	case p.Lifted != "":
		return fuel.InUse
	default:
		return fuel.Free
	}
}
