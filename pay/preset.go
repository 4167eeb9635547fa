package pay

import "fmt"

// What the owner of a vehicle wants at the next fuelling, told to the station where the
// vehicle enters:
//
//	wallet --preset-----> registry --preset-set--> wallet
//	station --Look------> registry --Vehicles----> station: plate, product, preset
//
// It stands until it is changed: a fuelling does not use it up.

// PresetClaim is a wallet's claim that sets the preset of a device that belongs to a
// vehicle. The zero Preset takes the last one back.
type PresetClaim struct {
	Device  DeviceID `cbor:"1,keyasint"`
	Preset  Preset   `cbor:"2,keyasint"`
	Created Time     `cbor:"3,keyasint"`
}

// Kind returns KindPreset.
func (PresetClaim) Kind() Kind { return KindPreset }

// Check returns nil when every field is within its bounds.
func (p PresetClaim) Check() error {
	if p.Device.IsZero() {
		return fmt.Errorf("a preset is for no device")
	}
	return firstError(p.Preset.Check(), p.Created.check())
}

// PresetStatus is the registry's statement that a preset is in force.
type PresetStatus struct {
	Device DeviceID `cbor:"1,keyasint"`
	Preset Preset   `cbor:"2,keyasint"`
	Claim  FactID   `cbor:"3,keyasint"` // the wallet's
	At     Time     `cbor:"4,keyasint"`
}

// Kind returns KindPresetStatus.
func (PresetStatus) Kind() Kind { return KindPresetStatus }

// Check returns nil when every field is within its bounds.
func (p PresetStatus) Check() error {
	if p.Device.IsZero() || p.Claim.IsZero() {
		return fmt.Errorf("a preset is for no device, or nobody's")
	}
	return firstError(p.Preset.Check(), p.At.check())
}
