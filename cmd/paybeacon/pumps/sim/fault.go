package sim

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// Fault is how a pump misbehaves; "": not at all.
type Fault string

// The faults; see the package.
const (
	Offline      Fault = "offline"
	HangsUpEarly Fault = "hangs_up_early"
	MeterJumps   Fault = "meter_jumps"
	LosesPower   Fault = "loses_power"
)

// jump is by how much a meter jumps: 500 litres.
const jump pay.Quantity = 500_000

func (f Fault) check() error {
	switch f {
	case "", Offline, HangsUpEarly, MeterJumps, LosesPower:
		return nil
	default:
		return fmt.Errorf("it is none of %s, %s, %s and %s", Offline, HangsUpEarly, MeterJumps, LosesPower)
	}
}
