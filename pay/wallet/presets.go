package wallet

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// presets are what the owner wants at the next fuelling of each vehicle.
func (w *Wallet) presets() history.Feature {
	return history.Feature{
		Name:    "presets",
		Mirrors: map[pay.Kind]history.EntryRule{pay.KindPresetStatus: history.Mirror(notePreset)},
		Refusals: map[pay.Kind]history.RefusalRule{
			pay.KindPreset: history.Refused(func(tx pay.WritableRows, claim pay.FactID, p pay.PresetClaim, why pay.Reason) error {
				return presetRefused(tx, p.Device, claim, why)
			}),
		},
		Recalls: map[pay.Kind]history.RecallRule{
			pay.KindPreset: history.Recalled(func(tx pay.WritableRows, _ pay.Time, claim pay.FactID, p pay.PresetClaim) error {
				r, _, err := presetRows.Get(tx, p.Device)
				if err != nil {
					return err
				}
				if r.Claim != claim {
					r.Asked, r.Pending, r.Refused = claim, true, ""
				}
				return presetRows.Put(tx, p.Device, r)
			}),
		},
		Spaces: rows.Spaces{presetRows.Space},
	}
}

var presetRows = rows.New("p", "the preset of a vehicle, and what was asked for it", rows.ID[pay.DeviceID]("DEVICE"), rows.CBOR[presetRow]())

// presetRow is the preset in force and the last that this wallet asked for.
type presetRow struct {
	Preset  pay.Preset `cbor:"1,keyasint,omitzero"`
	Claim   pay.FactID `cbor:"2,keyasint"` // that set it; zero: none was ever set
	At      pay.Time   `cbor:"3,keyasint"`
	Asked   pay.FactID `cbor:"4,keyasint"`
	Pending bool       `cbor:"5,keyasint,omitempty"`
	Refused pay.Reason `cbor:"6,keyasint,omitempty"`
}

// Preset is how much the owner wants at the next fuelling of a vehicle. It stands until it
// is changed.
type Preset struct {
	Device  pay.DeviceID
	Preset  pay.Preset // in force
	Asked   pay.FactID // the last claim
	Pending bool       // Asked is not yet decided
	Reason  pay.Reason // why Asked was refused
}

// SetPreset asks for a preset of a device of this wallet that belongs to a vehicle: the one
// whose id begins with digits, or with "" the only one. It returns where the preset stands
// and the claim to be published in the same transaction; what is in force or asked for
// publishes nothing. Its errors are *pay.Error: CodeUsage for a preset that is none or is
// above the tank, and for a device without a vehicle; CodeNotFound and CodeConflict where
// no device or several are meant.
func (w *Wallet) SetPreset(tx pay.WritableRows, now pay.Time, digits string, p pay.Preset) (Preset, pay.Reaction, error) {
	id, r, err := vehicleFor(tx, digits)
	if err != nil {
		return Preset{}, pay.Reaction{}, err
	}
	claim := pay.PresetClaim{Device: id, Preset: p, Created: now}
	if err := claim.Check(); err != nil {
		return Preset{}, pay.Reaction{}, pay.WrapCase(err, pay.CodeUsage, "preset_form", "set preset")
	}
	if tank := r.Car.Tank; tank != 0 && p.Quantity > tank {
		return Preset{}, pay.Reaction{}, pay.NewCase(pay.CodeUsage, "preset_tank", fmt.Sprintf("set preset: %d are more than the tank of %d takes", p.Quantity, tank))
	}
	row, _, err := presetRows.Get(tx, id)
	if err != nil {
		return Preset{}, pay.Reaction{}, err
	}
	if !row.Pending && row.Preset == p && (!row.Claim.IsZero() || p.IsZero()) {
		return preset(id, row), pay.Reaction{}, nil
	}
	if row.Pending {
		if last, ok, err := asked(tx, row.Asked); err != nil || (ok && last.Preset == p) {
			return preset(id, row), pay.Reaction{}, err
		}
	}
	f, err := pay.Sign(w.options.Key, claim)
	if err != nil {
		return Preset{}, pay.Reaction{}, fmt.Errorf("set preset: %w", err)
	}
	row.Asked, row.Pending, row.Refused = f.ID(), true, ""
	return preset(id, row), pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, presetRows.Put(tx, id, row)
}

func asked(view pay.Rows, id pay.FactID) (p pay.PresetClaim, ok bool, err error) {
	f, ok, err := view.Fact(id)
	if err != nil || !ok {
		return p, false, err
	}
	p, err = pay.As[pay.PresetClaim](f)
	return p, err == nil, err
}

// vehicleFor returns the device with a vehicle that is meant.
func vehicleFor(view pay.Rows, digits string) (id pay.DeviceID, r deviceRow, err error) {
	if digits == "" {
		return onlyVehicle(view)
	}
	if id, err = history.FindID(view, deviceRows, digits, "device"); err != nil {
		return id, r, err
	}
	r, _, err = deviceRows.Get(view, id)
	if err == nil && (r.Car.IsZero() || device(id, r).State == pay.DeviceRevoked) {
		err = pay.NewCase(pay.CodeUsage, "preset_no_vehicle", "device "+id.Short()+" belongs to no vehicle")
	}
	return id, r, err
}

func onlyVehicle(view pay.Rows) (id pay.DeviceID, r deviceRow, err error) {
	n := 0
	err = deviceRows.Each(view, deviceRows.All(), func(d pay.DeviceID, row deviceRow) error {
		if !row.Car.IsZero() && device(d, row).State != pay.DeviceRevoked {
			n, id, r = n+1, d, row
		}
		return nil
	})
	switch {
	case err != nil || n == 1:
		return id, r, err
	case n == 0:
		return id, r, pay.NewCase(pay.CodeNotFound, "vehicle_none", "no device of this wallet belongs to a vehicle")
	default:
		return id, r, pay.NewCase(pay.CodeConflict, "vehicle_which", fmt.Sprintf("%d devices of this wallet belong to vehicles", n))
	}
}

// PresetOf returns where the preset of a device stands. Its errors are the store's.
func (w *Wallet) PresetOf(view pay.Rows, id pay.DeviceID) (Preset, error) {
	row, _, err := presetRows.Get(view, id)
	return preset(id, row), err
}

func preset(id pay.DeviceID, r presetRow) Preset {
	return Preset{Device: id, Preset: r.Preset, Asked: r.Asked, Pending: r.Pending, Reason: r.Refused}
}

// notePreset takes in the registry's statement on a preset. The latest counts.
func notePreset(tx pay.WritableRows, _ pay.Fact, s pay.PresetStatus) error {
	r, _, err := presetRows.Get(tx, s.Device)
	if err != nil {
		return err
	}
	if s.Claim == r.Asked {
		r.Pending, r.Refused = false, ""
	}
	if s.At > r.At {
		r.Preset, r.Claim, r.At = s.Preset, s.Claim, s.At
	}
	return presetRows.Put(tx, s.Device, r)
}

// presetRefused notes that the registry refused the last preset. The one in force stays.
func presetRefused(tx pay.WritableRows, id pay.DeviceID, claim pay.FactID, why pay.Reason) error {
	r, ok, err := presetRows.Get(tx, id)
	if err != nil || !ok || r.Asked != claim || !r.Pending {
		return err
	}
	r.Pending, r.Refused = false, why
	return presetRows.Put(tx, id, r)
}
