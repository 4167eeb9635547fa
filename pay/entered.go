package pay

import "fmt"

// Which vehicles have entered a station is known to its box alone: it asks the registry
// of the codes that it hears, while it hears them. Neither the question nor the answer is
// a fact, and no program stores either.

// CodeHeard is a code that a box hears, and for how long before now it heard it last.
type CodeHeard struct {
	Code Code   `cbor:"1,keyasint"`
	Ago  Millis `cbor:"2,keyasint"`
}

// Check returns nil when the code was heard within LookAgoMax.
func (c CodeHeard) Check() error {
	if c.Ago < 0 || c.Ago > LookAgoMax {
		return fmt.Errorf("a code that was heard %v ago is outside 0s..%v", c.Ago.Std(), LookAgoMax.Std())
	}
	return nil
}

// VehicleHeard is the vehicle of the device that broadcast a code, as a station sees it.
type VehicleHeard struct {
	Code    Code       `cbor:"1,keyasint"`
	Plate   string     `cbor:"2,keyasint"`
	Product Product    `cbor:"3,keyasint"`
	Type    DeviceType `cbor:"4,keyasint"` // of the device
	Preset  Preset     `cbor:"5,keyasint,omitzero"`
	// Most is the most that may be given, by its tank and the preset's quantity; 0: the
	// registry knows no bound.
	Most Quantity `cbor:"6,keyasint,omitempty"`
	// Visitor names the device at this site alone, whatever code it broadcasts; zero: a
	// registry of old does not say it.
	Visitor [16]byte `cbor:"7,keyasint,omitzero"`
}

// Check returns nil when every field is within its bounds.
func (v VehicleHeard) Check() error {
	return firstError(Vehicle{Plate: v.Plate, Product: v.Product, Tank: v.Most}.Check(), v.Type.Check(), v.Preset.Check())
}
