package registry_test

import (
	"github.com/paybeacon/paybeacon/pay"
)

// aCar takes 55 l of diesel.
var aCar = pay.Vehicle{Plate: "B-AB 1234", Product: "diesel", Tank: 55_000}

// pairCar pairs a device as that of a car, tied to a means.
func (w *world) pairCar(d *device, to node, car pay.Vehicle, means pay.Name) {
	w.Helper()
	w.serial++
	b := w.bind(d, to, w.now)
	f := w.sign(to.key, pay.Mapping{Device: d.key.ID(), Bind: w.sign(d.key, b).Raw(), Vehicle: pay.Name(car.Plate), Means: means, Created: pay.Time(w.serial), Car: car})
	if refused := w.push(0, f); refused != "" {
		w.Fatalf("the mapping of a car was refused: %s", refused)
	}
}

// setPreset says what the owner of a device wants at the next fuelling.
func (w *world) setPreset(of node, d *device, p pay.Preset) pay.Reason {
	w.Helper()
	w.serial++
	return w.push(0, w.sign(of.key, pay.PresetClaim{Device: d.key.ID(), Preset: p, Created: pay.Time(w.serial)}))
}
