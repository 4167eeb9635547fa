package registry

import (
	"github.com/paybeacon/paybeacon/pay"
)

// Fuel is paid for as everything is. What it adds is that a box at pumps asks, that the
// device belongs to a vehicle which takes the product, within its owner's preset and its
// tank, and that the total is what was given.

// refuelled returns why nobody is asked to pay for fuel, or "". Where the fuel was given
// already, that was found out before.
func (t *turn) refuelled(d pay.Decision, m match) (pay.Reason, error) {
	if d.Fuel.IsZero() || !d.Delivery.IsZero() {
		return "", nil
	}
	return t.fits(d.Fuel, m, d.Amount)
}

// fits returns why a vehicle gets no fuel for at most an amount, or "".
func (t *turn) fits(f pay.FuelTerms, m match, most pay.Amount) (pay.Reason, error) {
	if m.row.Car.IsZero() {
		return pay.ReasonNoVehicle, nil
	}
	preset, err := presetOf(t.rows, m.device, m.row)
	return f.Fits(m.row.Car, preset, most), err
}

// laterFuel is who pays for fuel afterwards, and when that was found out.
type laterFuel struct {
	Wallet pay.Scope    `cbor:"1,keyasint"`
	Device pay.DeviceID `cbor:"2,keyasint"`
	Step   pay.Step     `cbor:"3,keyasint"`
	At     pay.Time     `cbor:"4,keyasint"`
}

// fuelLater returns who will pay for fuel afterwards, or why it is not to be given.
func (t *turn) fuelLater(req pay.Opening, m match) (*laterFuel, pay.Reason, error) {
	reason, err := t.fits(req.Fuel, m, 0)
	return &laterFuel{Wallet: m.row.Wallet, Device: m.device, Step: m.step, At: t.now}, reason, err
}

// openFuelled makes the first decision on fuel that was given: it asks who was found when
// it began, if the device is still that wallet's.
func (t *turn) openFuelled(h *paymentRow, req pay.Opening, who laterFuel) error {
	row, ok, err := deviceRows.Get(t.rows, who.Device)
	if err != nil {
		return err
	}
	var source sourceRow
	if ok = ok && row.State == pay.DeviceActive && row.Wallet == who.Wallet; ok {
		if source, ok, err = t.getSource(t.rows, row.Number); err != nil {
			return err
		}
	}
	if !ok {
		return t.decide(h, verdict{state: pay.StateUnmatched, reason: pay.ReasonUnknownCode, claim: pay.FactID(h.Decision.Payment)})
	}
	return t.offer(h, match{device: who.Device, row: row, source: source.CodeSource, step: who.Step}, req.TwoChannel)
}

// notGiven returns why an action that says what a pump gave is not followed, or "". At most
// an amount is held; 0: nothing is.
func notGiven(kind pay.Kind, a pay.Action, f pay.FuelTerms, held pay.Amount) pay.Reason {
	switch {
	case kind != pay.KindCapture && kind != pay.KindPrice:
		return ""
	case f.IsZero() && !a.Delivery.IsZero():
		return pay.ReasonWrongTerms
	case f.IsZero():
		return ""
	default:
		return f.Refuses(a.Delivery, a.Amount, held)
	}
}
