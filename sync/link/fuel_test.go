package link_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/sync/link"
)

// ofFuel is the payment of a, for fuel.
func ofFuel(a pay.Authentication) pay.Authentication {
	a.Purpose, a.Site = pay.PurposeFuel, "A8"
	a.Fuel = pay.FuelTerms{Pump: 3, Product: "diesel", Unit: pay.UnitLitre, Price: 1_639, Most: 50_000}
	return a
}

// TestFuelAuthentication: the device signs pump, product, price and site, and for what is
// no fuel, or half of it, nothing.
func TestFuelAuthentication(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	device, fuel := b.device.Key().Public(), ofFuel(a)
	code := wantAuth(t, "fuel", p, fuel, device, "")
	for name, change := range map[string]func(*pay.Authentication){
		"another price":   func(x *pay.Authentication) { x.Fuel.Price-- },
		"another pump":    func(x *pay.Authentication) { x.Fuel.Pump++ },
		"another site":    func(x *pay.Authentication) { x.Site = "A9" },
		"another product": func(x *pay.Authentication) { x.Fuel.Product = "petrol95" },
		"a higher limit":  func(x *pay.Authentication) { x.Fuel.Most++ },
		"no fuel":         func(x *pay.Authentication) { *x = a },
	} {
		other := fuel
		change(&other)
		if other.Verify(device, code) == nil {
			t.Errorf("%s: the code is good for it", name)
		}
	}
	fuel.Fuel.Price = 0
	wantAuth(t, "without a price", p, fuel, device, pay.CodeUpgrade)
	if b.given() != 1 {
		t.Errorf("%d codes were given", b.given())
	}
}

// TestDeviceOfOldKnowsNoFuel: a device that cannot read the request says so, gives no code,
// and the wallet says what to do about it.
func TestDeviceOfOldKnowsNoFuel(t *testing.T) {
	t.Parallel()
	b, p, a := paired(t)
	own := b.device.Key()
	p.Address = impostor(t, own, func(s *peer) {
		_ = s.answer()
		_, _ = s.Write(link.RefuseFrame("malformed"))
	})
	wantAuth(t, "a device of old", p, ofFuel(a), own.Public(), pay.CodeUpgrade)
}
