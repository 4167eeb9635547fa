package registry

import (
	"cmp"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// carSaid is to which vehicle a device belonged from a moment on.
type carSaid struct {
	at     pay.Time
	car    pay.Vehicle
	active bool
}

// readCar keeps what was said of the vehicle of a device that has one. One that is paired
// again without it is a device without a vehicle from then on, which pays for no fuel.
func (a *auditor) readCar(s pay.DeviceStatus) {
	if !s.Car.IsZero() {
		a.cars[s.Device] = append(a.cars[s.Device], carSaid{s.At, s.Car, s.State == pay.DeviceActive})
	}
}

// presetIn is a preset, and whose.
type presetIn struct {
	at     pay.Time
	preset pay.Preset
	wallet pay.Scope
}

// checkFuel holds a payment of fuel against who asked, the vehicle, what its owner wanted,
// and what the station said that it gave. That the total is what the quantity costs is
// part of the life of a payment, and the device's code is held against the offer with the
// answer.
func (a *paymentAudit) checkFuel(id pay.PaymentID, h paymentRow, req pay.Opening, chain []decided) error {
	if len(chain) == 0 {
		return nil
	}
	first := chain[0].d
	if first.Fuel != req.Fuel {
		a.report("payment %s: its decisions are on other fuel than its request", id.Short())
	}
	if first.Fuel.IsZero() {
		return nil
	}
	if a.nodes[h.Box].Class != pay.ClassFuel {
		a.report("payment %s: it is for fuel, and its box is for none", id.Short())
	}
	if h.Wallet != "" {
		if err := a.checkVehicle(id, h, req, first); err != nil {
			return err
		}
		if first.Mandate.IsZero() && first.Method() != pay.MethodTwoChannel {
			a.report("payment %s: it is for fuel, and the device was not asked", id.Short())
		}
	}
	for _, l := range chain {
		if l.arrow.Claim != pay.KindCapture {
			continue
		}
		f, _, err := a.rows.Fact(l.d.Claim)
		if err != nil {
			return err
		}
		if said, _ := pay.ActionOf(f); said.Delivery != l.d.Delivery {
			a.report("payment %s: what was given is not what the station said", id.Short())
		}
	}
	return nil
}

// checkVehicle sees that the vehicle takes the product, and its owner wanted so much, when
// the fuel was asked for.
func (a *paymentAudit) checkVehicle(id pay.PaymentID, h paymentRow, req pay.Opening, first pay.Decision) error {
	at, most := first.At, first.Amount
	if req.Later {
		row, _, err := laterRows.Get(a.rows, id)
		if bad := damageIsNone(err); bad != nil {
			return bad
		}
		who := row.Fuel
		if who == nil || who.Wallet != h.Wallet || who.Device != h.Device || who.At < row.Heard || who.At > row.Until || who.At > first.At {
			a.report("payment %s: it asks another payer than was there when the fuel was given", id.Short())
			return nil
		}
		at, most = who.At, 0
	}
	moves, err := a.moves(a.rows)
	if err != nil {
		return err
	}
	// Where the clock was set, dates say less than their order.
	reaches := func(said pay.Time, next pay.Time) bool { return len(moves) > 0 || said <= at && at <= next }
	cars, presets := slices.Clone(a.cars[h.Device]), append([]presetIn{{}}, a.presetsOf[h.Device]...)
	slices.SortFunc(cars, func(x, y carSaid) int { return cmp.Compare(x.at, y.at) })
	slices.SortFunc(presets, func(x, y presetIn) int { return cmp.Compare(x.at, y.at) })
	for i, c := range cars {
		if !c.active || !reaches(c.at, nextAt(i, len(cars), func(j int) pay.Time { return cars[j].at })) {
			continue
		}
		for j, p := range presets {
			if p.wallet != h.Wallet {
				p.preset = pay.Preset{}
			}
			if reaches(p.at, nextAt(j, len(presets), func(k int) pay.Time { return presets[k].at })) && first.Fuel.Fits(c.car, p.preset, most) == "" {
				return nil
			}
		}
	}
	a.report("payment %s: it is for other fuel than its vehicle takes, or for more than its owner wanted", id.Short())
	return nil
}

// nextAt returns until when the i-th of n statements held.
func nextAt(i, n int, at func(int) pay.Time) pay.Time {
	if i+1 < n {
		return at(i + 1)
	}
	return 1<<63 - 1
}
