package wire

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// Look asks which of the codes that a box hears now are those of vehicles. Only a box
// whose Welcome has Looks sends it.
type Look struct {
	N     uint64          `cbor:"1,keyasint"` // the box's own number for the question
	Codes []pay.CodeHeard `cbor:"2,keyasint"`
}

// Vehicles answers a Look. Codes of which there is nothing to say are left out.
type Vehicles struct {
	N        uint64             `cbor:"1,keyasint"` // that of the Look
	Vehicles []pay.VehicleHeard `cbor:"2,keyasint,omitempty"`
	// Refused is why the question was not answered, or "".
	Refused pay.Reason `cbor:"3,keyasint,omitempty"`
}

// Type returns TypeLook.
func (Look) Type() Type { return TypeLook }

// Type returns TypeVehicles.
func (Vehicles) Type() Type { return TypeVehicles }

// Check returns an error when a field is out of its bounds.
func (l Look) Check() error {
	if len(l.Codes) == 0 || len(l.Codes) > pay.LookCodesMax {
		return fmt.Errorf("%d codes are outside 1..%d", len(l.Codes), pay.LookCodesMax)
	}
	for _, c := range l.Codes {
		if err := c.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Check returns an error when a field is out of its bounds.
func (v Vehicles) Check() error {
	if len(v.Vehicles) > pay.LookCodesMax || (v.Refused != "" && len(v.Vehicles) > 0) {
		return fmt.Errorf("%d vehicles, refused %q", len(v.Vehicles), string(v.Refused))
	}
	for _, seen := range v.Vehicles {
		if err := seen.Check(); err != nil {
			return err
		}
	}
	return checkText("reason", string(v.Refused), reasonBytesMax)
}
