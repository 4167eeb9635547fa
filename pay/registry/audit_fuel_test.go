package registry_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// rewrite makes a lying registry: it changes all decisions on the payment, and its row to
// fit.
func (f *forecourt) rewrite(change func(*pay.Decision)) {
	f.Helper()
	before, beforeID := f.last(f.shop.status.Scope, f.request)
	prev, last := f.request.ID(), pay.Decision{}
	for _, told := range slices.Clone(f.feeds[f.shop.status.Scope]) {
		d, err := pay.As[pay.Decision](told)
		if err != nil || d.Payment != pay.PaymentID(f.request.ID()) {
			continue
		}
		delete(f.mem.facts, told.ID())
		d.Prev = prev
		change(&d)
		prev, last = f.signAsRegistry(d).ID(), d
	}
	id := f.request.ID()
	key := "p/" + string(id[:])
	f.replace(key, string(beforeID[:]), string(prev[:]))
	f.replace(key, string(pay.Encode(before)), string(pay.Encode(last)))
}

// earlier does something as if it had been done before the fuel was asked for.
func (f *forecourt) earlier(do func()) {
	now := f.now
	f.now = start + 5_000
	do()
	f.now = now
}

// reclass makes the box of another class.
func (f *forecourt) reclass(class pay.BoxClass) {
	f.Helper()
	for id, fact := range f.mem.facts {
		s, err := pay.As[pay.NodeStatus](fact)
		if err != nil || s.Node != f.shop.key.Public() {
			continue
		}
		delete(f.mem.facts, id)
		old := string(pay.Encode(s))
		s.Class = class
		f.signAsRegistry(s)
		node := f.shop.key.ID()
		f.replace("m/"+string(node[:]), old, string(pay.Encode(s)))
		return
	}
	f.Fatalf("the box has no status")
}

// TestAuditFindsInFuel bends what a payment of fuel rests on, each in one place.
func TestAuditFindsInFuel(t *testing.T) {
	t.Parallel()
	hold := func(f *forecourt) {
		f.mustTake(f.ask(nil))
		f.mustTake(f.agree())
	}
	paid := func(f *forecourt) {
		hold(f)
		f.mustTake(f.capture(given, 5_114))
		f.mustBe("captured")
	}
	later := func(f *forecourt) {
		f.mustTake(f.ask(afterwards))
		f.mustTake(f.price(given, 5_114))
		f.mustTake(f.agree())
		f.mustBe("captured")
	}
	mandated := func(f *forecourt) {
		f.mustMandate(f.payer, pay.Mandate{MandateTerms: pay.MandateTerms{Class: pay.ClassFuel, Each: 10_000, Budget: 20_000}})
		f.mustTake(f.ask(nil))
		f.mustTake(f.capture(given, 5_114))
		f.mustBe("captured")
	}
	for name, tc := range map[string]struct {
		way  func(*forecourt)
		bend func(*forecourt)
		want string
	}{
		"nothing, a hold":    {paid, func(*forecourt) {}, ""},
		"nothing, later":     {later, func(*forecourt) {}, ""},
		"nothing, a mandate": {mandated, func(*forecourt) {}, ""},
		"another total": {paid, func(f *forecourt) {
			f.lie(func(d *pay.Decision) { d.Captured, d.Released = 5_115, 3_080 })
		}, "not of what the pump gave"},
		"another quantity": {paid, func(f *forecourt) {
			f.lie(func(d *pay.Decision) { d.Delivery.Quantity, d.Delivery.Begin, d.Delivery.End = 31_300, 0, 0 })
		}, "not of what the pump gave"},
		"other readings": {paid, func(f *forecourt) {
			f.lie(func(d *pay.Decision) { d.Delivery.Begin++; d.Delivery.End++ })
		}, "not what the station said"},
		"another price":   {paid, func(f *forecourt) { f.rewrite(func(d *pay.Decision) { d.Fuel.Price = 1_640 }) }, "on other fuel than its request"},
		"another product": {paid, func(f *forecourt) { f.rewrite(func(d *pay.Decision) { d.Fuel.Product = "petrol95" }) }, "on other fuel than its request"},
		"no fuel": {paid, func(f *forecourt) {
			f.rewrite(func(d *pay.Decision) { d.Fuel, d.Delivery = pay.FuelTerms{}, pay.Delivery{} })
		}, "on other fuel than its request"},
		"a vehicle of another product": {paid, func(f *forecourt) {
			f.earlier(func() { f.pairCar(f.car, f.payer, pay.Vehicle{Plate: "X", Product: "petrol95"}, "") })
		}, "other fuel than its vehicle takes"},
		"a smaller tank": {paid, func(f *forecourt) {
			f.earlier(func() { f.pairCar(f.car, f.payer, pay.Vehicle{Plate: "X", Product: "diesel", Tank: 49_999}, "") })
		}, "more than its owner wanted"},
		"above the preset of then": {paid, func(f *forecourt) {
			f.earlier(func() { f.mustTake(f.setPreset(f.payer, f.car, pay.Preset{Quantity: 20_000})) })
		}, "more than its owner wanted"},
		"a preset that came after": {paid, func(f *forecourt) {
			f.now = f.now.Add(1)
			f.mustTake(f.setPreset(f.payer, f.car, pay.Preset{Quantity: 20_000}))
		}, ""},
		"later, above the preset of then": {later, func(f *forecourt) {
			f.earlier(func() { f.mustTake(f.setPreset(f.payer, f.car, pay.Preset{Amount: 8_194})) })
		}, "more than its owner wanted"},
		"a box of no class":           {paid, func(f *forecourt) { f.reclass("") }, "its box is for none"},
		"a mandate at a box of none":  {mandated, func(f *forecourt) { f.reclass("") }, "a mandate that does not cover it"},
		"given before it is captured": {hold, func(f *forecourt) { f.lie(func(d *pay.Decision) { d.Delivery = given }) }, "not of what the pump gave"},
		"captured without being given": {paid, func(f *forecourt) {
			f.lie(func(d *pay.Decision) { d.Delivery = pay.Delivery{} })
		}, "not of what the pump gave"},
		"no code": {hold, func(f *forecourt) { f.forgeAnswer(func(a *pay.Answer) { a.Code = pay.AuthCode{} }) }, "without a code of the device"},
		"a code for another price": {hold, func(f *forecourt) {
			offer, _ := f.last(f.payer.status.Scope, f.request)
			offer.Fuel.Price = 1_638
			code, err := pay.Authenticate(f.car.key, pay.AuthenticatePayment(f.root.ID(), f.payer.key.ID(), f.challenge(f.payer.status.Scope, f.request), offer, 0))
			f.must(err)
			f.forgeAnswer(func(a *pay.Answer) { a.Code = code })
		}, "without a code of the device"},
		"the device was not needed": {hold, func(f *forecourt) {
			f.rewrite(func(d *pay.Decision) { d.StepUp = "" })
		}, "the device was not asked"},
		"later, another delivery": {later, func(f *forecourt) {
			f.rewrite(func(d *pay.Decision) { d.Delivery.Took++ })
		}, "not what the station said"},
		"later, another payer": {later, func(f *forecourt) {
			device := f.car.key.ID()
			other := f.beacon.key.ID()
			f.replace(f.rowOf("la/"), string(device[:]), string(other[:]))
		}, "another payer than was there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForecourt(t)
			f.now = start + 10_000
			tc.way(f)
			f.auditOK()
			tc.bend(f)
			res := f.audit()
			if told := strings.Join(res.Findings, "\n"); res.OK != (tc.want == "") || !strings.Contains(told, tc.want) {
				t.Errorf("audit says ok=%v:\n%s\nwant %q", res.OK, told, tc.want)
			}
		})
	}
}
