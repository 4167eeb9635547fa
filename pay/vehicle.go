package pay

import "fmt"

// Vehicle is what a device that belongs to a car stands for. It is part of the wallet's
// mapping, so that device, wallet, vehicle and means are one signed record.
type Vehicle struct {
	// Plate is the registration plate as its owner wrote it.
	Plate string `cbor:"1,keyasint"`
	// Product is the only one that the vehicle takes.
	Product Product `cbor:"2,keyasint"`
	// Tank is how much fits in, in thousandths of a litre or of a kWh; 0: not known.
	Tank Quantity `cbor:"3,keyasint,omitempty"`
}

// IsZero reports whether the device belongs to no vehicle.
func (v Vehicle) IsZero() bool { return v == Vehicle{} }

// Check returns nil when every field is within its bounds.
func (v Vehicle) Check() error {
	if v.Plate == "" {
		return fmt.Errorf("the vehicle has no plate")
	}
	if v.Tank < 0 || v.Tank > QuantityMax {
		return fmt.Errorf("a tank of %d is outside 0..%d thousandths", v.Tank, int64(QuantityMax))
	}
	return firstError(checkText("plate", v.Plate, PlateBytesMax), v.Product.Check())
}

// checkOptional is Check where there may be no vehicle.
func (v Vehicle) checkOptional() error {
	if v.IsZero() {
		return nil
	}
	return v.Check()
}

// Preset is how much the owner of a vehicle wants at the next fuelling. At most one of
// its fields is set; the zero Preset asks for nothing.
type Preset struct {
	Quantity Quantity `cbor:"1,keyasint,omitempty"`
	Amount   Amount   `cbor:"2,keyasint,omitempty"`
	Full     bool     `cbor:"3,keyasint,omitempty"` // as much as the tank takes
}

// IsZero reports whether nothing is asked for.
func (p Preset) IsZero() bool { return p == Preset{} }

// Check returns nil when at most one field is set, to what can be given.
func (p Preset) Check() error {
	set := 0
	for _, is := range []bool{p.Quantity != 0, p.Amount != 0, p.Full} {
		if is {
			set++
		}
	}
	switch {
	case set > 1:
		return fmt.Errorf("a preset is a quantity, an amount or full, not two of them")
	case p.Quantity != 0:
		return p.Quantity.Check()
	case p.Amount != 0:
		return p.Amount.CheckPayable()
	default:
		return nil
	}
}
