package fuel

import "fmt"

// State is where a pump stands, in the word that people and scripts read.
type State string

// The states of a pump.
const (
	Free          State = "free"
	InUse         State = "in_use"         // its nozzle is lifted or its cable plugged in, and nobody is selected
	Locked        State = "locked"         // somebody is selected, and it is not released yet
	InTransaction State = "in_transaction" // released: it gives, or may
	ReadyToPay    State = "ready_to_pay"   // it has given, and that is not settled
	OutOfOrder    State = "out_of_order"
)

// States returns the six states.
func States() []State { return []State{Free, InUse, Locked, InTransaction, ReadyToPay, OutOfOrder} }

// Check returns nil for the six states.
func (s State) Check() error {
	switch s {
	case Free, InUse, Locked, InTransaction, ReadyToPay, OutOfOrder:
		return nil
	default:
		return fmt.Errorf("pump state %q is not known", string(s))
	}
}
