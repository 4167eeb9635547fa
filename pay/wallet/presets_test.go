package wallet_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// carOf pairs device n as that of a car, and returns it.
func (w *world) carOf(n byte, tank pay.Quantity) pay.DeviceID {
	w.Helper()
	car := pay.Vehicle{Plate: "AB-123", Product: "diesel", Tank: tank}
	d, _, err := w.pair(wallet.Pairing{Bind: w.bind(n, 5).Raw(), Vehicle: "AB-123", Car: car})
	if err != nil || d.Car != car {
		w.Fatalf("the device's car is %+v, %v", d.Car, err)
	}
	return d.ID
}

// A preset is pending until the registry has decided, and then what it says.
func TestPreset(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	if _, _, err := w.wallet.SetPreset(w.rows, w.now, "", pay.Preset{Full: true}); pay.CodeOf(err) != pay.CodeNotFound {
		t.Errorf("without a car: %v", err)
	}
	id := w.carOf(61, 55_000)
	for name, p := range map[string]pay.Preset{"two": {Full: true, Amount: 5}, "above the tank": {Quantity: 55_001}, "below nothing": {Quantity: -1}} {
		if _, r, err := w.wallet.SetPreset(w.rows, w.now, "", p); pay.CodeOf(err) != pay.CodeUsage || len(r.Publications) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	want := pay.Preset{Quantity: 20_000}
	got, r, err := w.wallet.SetPreset(w.rows, w.now, id.Short(), want)
	if err != nil || !got.Pending || got.Device != id || len(r.Publications) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	w.publish(r)
	if again, r, err := w.wallet.SetPreset(w.rows, w.now, "", want); err != nil || !again.Pending || len(r.Publications) != 0 {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	w.deliver(sign(w, w.working, pay.PresetStatus{Device: id, Preset: want, Claim: got.Asked, At: w.now}))
	if now, err := w.wallet.PresetOf(w.rows, id); err != nil || now.Pending || now.Preset != want {
		t.Errorf("once it is in force: %+v, %v", now, err)
	}
	if again, r, err := w.wallet.SetPreset(w.rows, w.now, "", want); err != nil || again.Pending || len(r.Publications) != 0 {
		t.Errorf("what is in force: %+v, %v", again, err)
	}
	w.carOf(62, 0)
	if _, _, err := w.wallet.SetPreset(w.rows, w.now, "", pay.Preset{}); pay.CodeOf(err) != pay.CodeConflict {
		t.Errorf("of one of two cars: %v", err)
	}
}
