package pay_test

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

func fuelTerms() pay.FuelTerms {
	return pay.FuelTerms{Pump: 3, Product: "diesel", Unit: pay.UnitLitre, Price: 1639, Most: 50_000}
}

// addFuel adds a box at pumps, a vehicle with its preset, and two fuellings: one by a hold
// that is captured, and one that is paid afterwards.
func addFuel(t testing.TB, add func(name string, seed byte, b pay.Body) pay.Fact) {
	device, car := keyOf(t, deviceSeed).ID(), pay.Vehicle{Plate: "B-AB 1234", Product: "diesel", Tank: 55_000}
	add("node: a box at pumps", workingSeed, pay.NodeStatus{Node: keyOf(t, boxSeed).Public(), Role: pay.RoleBox, Scope: "m/oil", Name: "kiosk", MerchantName: "Oil", Site: "A8", At: noon, Class: pay.ClassFuel})
	bind := sign(t, keyOf(t, deviceSeed), bindBody(t))
	mapping := add("mapping: of a vehicle", walletSeed, pay.Mapping{Device: device, Bind: bind.Raw(), Vehicle: "B-AB 1234", Means: "fleet", Created: noon, Car: car})
	add("device: of a vehicle", workingSeed, pay.DeviceStatus{Device: device, Claim: mapping.ID(), State: pay.DeviceActive, Type: pay.TypeJack, Vehicle: "B-AB 1234", Means: "fleet", At: noon + 5, Car: car})
	preset := add("preset: a quantity", walletSeed, pay.PresetClaim{Device: device, Preset: pay.Preset{Quantity: 20_000}, Created: noon + 6})
	add("preset: full", walletSeed, pay.PresetClaim{Device: device, Preset: pay.Preset{Full: true}, Created: noon + 7})
	add("preset: none", walletSeed, pay.PresetClaim{Device: device, Created: noon + 8})
	add("preset-set", workingSeed, pay.PresetStatus{Device: device, Preset: pay.Preset{Quantity: 20_000}, Claim: preset.ID(), At: noon + 9})

	req := requestBody()
	req.Merchant, req.Site, req.Amount, req.Evidence = "m/oil", "A8", 8195, pay.EvidencePlate
	opening := add("must-request: fuel by a hold", boxSeed, pay.Opening{Request: req, Hold: pay.FuelHold, Fuel: fuelTerms()})
	held := offerBody(opening.ID())
	held.Merchant, held.MerchantName, held.Site, held.Amount, held.Evidence = "m/oil", "Oil", "A8", 8195, pay.EvidencePlate
	held.StepUp, held.HoldUntil, held.Fuel = pay.StepUpFuel, noon+10+pay.Time(pay.FuelHold), fuelTerms()
	offer := add("decision: fuel offered", workingSeed, held)
	given := pay.Delivery{Quantity: 31_200, Begin: 81_234_567, End: 81_265_767, Took: 65_000}
	capture := add("capture: fuel", boxSeed, pay.Capture{Action: pay.Action{Payment: held.Payment, Key: "k", Amount: 5114, Final: true, Created: noon + 90, Delivery: given}})
	held.Prev, held.Claim, held.Seq, held.State, held.By, held.At = offer.ID(), capture.ID(), 3, pay.StateCaptured, pay.ByHand, noon+91
	held.Sums, held.Delivery = pay.Sums{Captured: 5114, Released: 3081}, given
	add("decision: fuel captured", workingSeed, held)

	req.Amount = 0
	later := add("must-request: fuel that is paid afterwards", boxSeed, pay.Opening{Request: req, Later: true, Fuel: fuelTerms()})
	given.Signed = "OCMF|" + strings.Repeat("x", pay.MeterRecordBytesMax-5)
	add("price: fuel", boxSeed, pay.Price{Action: pay.Action{Payment: pay.PaymentID(later.ID()), Key: "p", Amount: 5114, Created: noon + 95, Delivery: given}})
}
