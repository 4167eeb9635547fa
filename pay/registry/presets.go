package registry

import (
	"context"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// presets are what the owners of vehicles want at their next fuelling.
//
//	preset -> preset-set   to the wallet
//
// A preset is its wallet's: a device that another wallet maps has none.
var presets = feature{
	name:      "presets",
	claims:    map[pay.Kind]rule{pay.KindPreset: claimOf((*turn).setPreset)},
	publishes: []pay.Kind{pay.KindPresetStatus},
	audit:     inspectPresets,
	spaces:    rows.Spaces{presetRows.Space},
}

var presetRows = rows.New("pr/", "the preset of a vehicle", rows.ID[pay.DeviceID]("DEVICE"), rows.CBOR[presetRow]())

// presetRow is the last preset of a device, and whose it is.
type presetRow struct {
	Wallet pay.Scope  `cbor:"1,keyasint"`
	Preset pay.Preset `cbor:"2,keyasint,omitzero"`
	Status pay.FactID `cbor:"3,keyasint"`
}

// setPreset takes a preset into force. One that the tank cannot take is refused.
func (t *turn) setPreset(p pay.PresetClaim) error {
	row, known, refused, err := t.loadDevice(p.Device)
	if err != nil {
		return err
	}
	switch {
	case refused != "":
	case !known || row.State != pay.DeviceActive || row.Wallet != t.from.Scope:
		refused = pay.ReasonUnknownDevice
	case row.Car.IsZero():
		refused = pay.ReasonNoVehicle
	case row.Car.Tank != 0 && p.Preset.Quantity > row.Car.Tank:
		refused = pay.ReasonAbovePreset
	}
	if refused != "" {
		return t.refuse(refused, pay.PaymentID{})
	}
	s := pay.PresetStatus{Device: p.Device, Preset: p.Preset, Claim: t.in.Fact.ID(), At: t.now}
	old, known, err := presetRows.Get(t.rows, p.Device)
	if err != nil {
		return err
	}
	if known {
		last, _, err := fact[pay.PresetStatus](t.rows, old.Status)
		if err != nil {
			return err
		}
		s.At = max(s.At, last.At+1) // of two of one moment nobody could tell the later
	}
	set := presetRow{Wallet: row.Wallet, Preset: p.Preset}
	if set.Status, err = t.publish(s, row.Wallet); err != nil {
		return err
	}
	if err := presetRows.Put(t.rows, p.Device, set); err != nil {
		return err
	}
	return t.settle("")
}

// presetOf returns the preset of a device that has this row.
func presetOf(view pay.Rows, id pay.DeviceID, d deviceRow) (pay.Preset, error) {
	row, ok, err := presetRows.Get(view, id)
	if err != nil || !ok || row.Wallet != d.Wallet {
		return pay.Preset{}, err
	}
	return row.Preset, nil
}

// presetAudit is the part of an audit that looks at presets.
type presetAudit struct {
	*auditor
	last map[pay.DeviceID]presetSaid // the last of each, until its row was seen
}

type presetSaid struct {
	id pay.FactID
	at pay.Time
}

func inspectPresets(a *auditor) inspection {
	p := &presetAudit{auditor: a, last: make(map[pay.DeviceID]presetSaid)}
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{pay.KindPresetStatus: reading(p.read)},
		passes: []func(context.Context) error{
			func(ctx context.Context) error { return walk(ctx, a, presetRows, p.checkRow) },
			func(context.Context) error {
				for device := range p.last {
					a.report("preset of device %s: it was set and has no row", device.Short())
				}
				return nil
			},
		},
	}
}

// read holds a statement against the claim that asked for it.
func (a *presetAudit) read(f pay.Fact, s pay.PresetStatus) error {
	set, ok, err := a.rows.Fact(s.Claim)
	if err != nil {
		return err
	}
	claim, bad := pay.As[pay.PresetClaim](set)
	node := a.nodes[set.Signer()]
	if !ok || bad != nil || claim.Device != s.Device || claim.Preset != s.Preset || node.Role != pay.RoleWallet || a.verify(set, node.Node) != nil {
		a.report("preset of device %s: no wallet asked for it", s.Device.Short())
	}
	a.presetsOf[s.Device] = append(a.presetsOf[s.Device], presetIn{s.At, s.Preset, node.Scope})
	if s.At > a.last[s.Device].at {
		a.last[s.Device] = presetSaid{f.ID(), s.At}
	}
	return nil
}

// checkRow holds a row against the registry's last statement.
func (a *presetAudit) checkRow(device pay.DeviceID, row presetRow, damage error) error {
	last := a.last[device]
	delete(a.last, device)
	if damage != nil {
		a.report("preset of device %s: its row cannot be read", device.Short())
		return nil
	}
	said, ok, err := fact[pay.PresetStatus](a.rows, row.Status)
	if err != nil {
		return err
	}
	set, _, err := a.rows.Fact(said.Claim)
	if err != nil {
		return err
	}
	if !ok || last.id != row.Status || said.Preset != row.Preset || a.nodes[set.Signer()].Scope != row.Wallet {
		a.report("preset of device %s: its row is not what the registry last said of it", device.Short())
	}
	return nil
}
