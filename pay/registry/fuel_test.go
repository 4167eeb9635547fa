package registry_test

import (
	"maps"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"pgregory.net/rapid"
)

// forecourt is a station, a car at it with 200.00 behind it, and the fuelling at hand.
type forecourt struct {
	tab
	car *device
}

func newForecourt(t tb) *forecourt {
	t.Helper()
	c := newCounter(t)
	f := &forecourt{tab: tab{counter: c, hold: tabHold}, car: newDevice("car", 6)}
	f.shop, f.payer = c.station("Oil", "A8"), c.wallet("driver")
	f.topUp(f.payer, 20_000)
	f.pairCar(f.car, f.payer, aCar, "")
	return f
}

// atPump is 50 l of diesel for at most 81.95.
var atPump = pay.FuelTerms{Pump: 3, Product: "diesel", Unit: pay.UnitLitre, Price: 1_639, Most: 50_000}

// ask pushes a request for fuel by a hold, as changed.
func (f *forecourt) ask(change func(*pay.Opening)) pay.Reason {
	f.Helper()
	r := f.requestFrom(f.shop, f.car.code(f.now), 8_195)
	r.Evidence, r.Certain = pay.EvidencePlate, false
	o := pay.Opening{Request: r, Hold: pay.FuelHold, Fuel: atPump}
	if change != nil {
		change(&o)
	}
	f.request = f.sign(f.shop.key, o)
	return f.push(0, f.request)
}

// agree approves the offer with the word of the car's device.
func (f *forecourt) agree() pay.Reason {
	f.Helper()
	offer, _ := f.last(f.payer.status.Scope, f.request)
	a := f.reply(f.payer, f.request, pay.Approve, pay.ByHand)
	a.HoldUntil, a.Code = offer.HoldUntil, f.codeFor(f.car, f.payer, f.request)
	return f.push(0, f.sign(f.payer.key, a))
}

func afterwards(o *pay.Opening) { o.Hold, o.Later, o.Amount, o.TTL = 0, true, 0, pay.RequestTTLMax }

// capture and price push what the station says that it gave.
func (f *forecourt) capture(d pay.Delivery, total pay.Amount) pay.Reason {
	f.Helper()
	return f.push(0, f.sign(f.shop.key, pay.Capture{Action: f.done(d, total, true)}))
}

func (f *forecourt) price(d pay.Delivery, total pay.Amount) pay.Reason {
	f.Helper()
	return f.push(0, f.sign(f.shop.key, pay.Price{Action: f.done(d, total, false)}))
}

func (f *forecourt) done(d pay.Delivery, total pay.Amount, final bool) pay.Action {
	f.serial++
	return pay.Action{Payment: pay.PaymentID(f.request.ID()), Key: "done", Amount: total, Final: final, Created: pay.Time(f.serial), Delivery: d}
}

func (f *forecourt) mustBe(want string) pay.Decision {
	f.Helper()
	d, _ := f.last(f.shop.status.Scope, f.request)
	if got := f.says(f.shop, f.request); got != want {
		f.Fatalf("it is %q, want %q", got, want)
	}
	return d
}

func (f *forecourt) mustTake(refused pay.Reason) {
	f.Helper()
	if refused != "" {
		f.Fatalf("refused as %q", refused)
	}
}

// given is 31.2 l in 65 s, for 51.14.
var given = pay.Delivery{Quantity: 31_200, Begin: 1_000_000, End: 1_031_200, Took: 65_000}

// A fuelling by a hold larger than the total: the driver is charged the total, and both see
// what was given (2.4, 2.5).
func TestFuelByAHold(t *testing.T) {
	t.Parallel()
	f := newForecourt(t)
	f.mustTake(f.ask(nil))
	offer := f.mustBe("offered")
	if offer.StepUp != pay.StepUpFuel || offer.Fuel != atPump || offer.Payer == (pay.PayerRef{}) {
		t.Errorf("the offer is %+v", offer)
	}
	if got := f.answer(f.payer, f.request, pay.Approve, pay.ByHand); got != pay.ReasonNeedsDevice {
		t.Errorf("without the device it is refused as %q", got)
	}
	plain := offer
	plain.Fuel = pay.FuelTerms{}
	a := f.reply(f.payer, f.request, pay.Approve, pay.ByHand)
	var err error
	a.Code, err = pay.Authenticate(f.car.key, pay.AuthenticatePayment(f.root.ID(), f.payer.key.ID(), f.challenge(f.payer.status.Scope, f.request), plain, 0))
	f.must(err)
	if got := f.push(0, f.sign(f.payer.key, a)); got != pay.ReasonWrongCode {
		t.Errorf("a code of a device that knows no fuel is refused as %q", got)
	}
	f.mustTake(f.agree())
	if d := f.mustBe("held"); d.Held != 8_195 || !d.Delivery.IsZero() {
		t.Errorf("held: %+v", d)
	}
	f.mustTake(f.capture(given, 5_114))
	if d := f.mustBe("captured"); d.Captured != 5_114 || d.Released != 8_195-5_114 || d.Held != 0 || d.Delivery != given {
		t.Errorf("captured: %+v", d)
	}
	told, _ := f.last(f.payer.status.Scope, f.request)
	if told.Delivery != given || told.Fuel != atPump {
		t.Errorf("the wallet is told %+v", told)
	}
	if got := f.capture(pay.Delivery{Quantity: 1_000}, 164); got != pay.ReasonKeyUsed {
		t.Errorf("a second capture is refused as %q", got)
	}
	f.auditOK()
}

// Fuel that is paid afterwards: the offer comes with what was given, stands for as long as
// the request says, and expires unpaid.
func TestFuelAfterwards(t *testing.T) {
	t.Parallel()
	f := newForecourt(t)
	f.mustTake(f.ask(afterwards))
	f.mustBe("")
	f.now = f.now.Add(50 * 60_000) // the code is long gone
	f.mustTake(f.price(given, 5_114))
	offer := f.mustBe("offered")
	if offer.StepUp != pay.StepUpFuel || offer.Amount != 5_114 || offer.Delivery != given || offer.Expires != f.now.Add(pay.RequestTTLMax) {
		t.Errorf("the offer is %+v", offer)
	}
	f.now = f.now.Add(14 * 60_000)
	f.mustTake(f.agree())
	if d := f.mustBe("captured"); d.Captured != 5_114 || d.Delivery != given {
		t.Errorf("captured: %+v", d)
	}
	f.mustTake(f.ask(afterwards))
	f.mustTake(f.price(given, 5_114))
	f.now = f.now.Add(pay.RequestTTLMax)
	f.fireDue()
	f.mustBe("expired no_answer")
	f.auditOK()
}

// Nothing is asked of the driver, and nothing given, for a request that cannot be.
func TestFuelIsRefusedBeforeItIsGiven(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before  func(f *forecourt)
		change  func(*pay.Opening)
		refused pay.Reason
		says    string
	}{
		"another product":              {nil, func(o *pay.Opening) { o.Fuel.Product = "petrol95" }, "", "unmatched wrong_product"},
		"more than the tank":           {nil, func(o *pay.Opening) { o.Fuel.Most, o.Amount = 55_001, 9_015 }, "", "unmatched above_preset"},
		"no limit but the amount":      {nil, func(o *pay.Opening) { o.Fuel.Most = 0 }, "", "offered"},
		"an amount above the tank":     {nil, func(o *pay.Opening) { o.Fuel.Most, o.Amount = 0, 10_000 }, "", "unmatched above_preset"},
		"a preset of less":             {func(f *forecourt) { f.setPreset(f.payer, f.car, pay.Preset{Quantity: 49_999}) }, nil, "", "unmatched above_preset"},
		"a preset of less money":       {func(f *forecourt) { f.setPreset(f.payer, f.car, pay.Preset{Amount: 8_194}) }, nil, "", "unmatched above_preset"},
		"a preset of as much":          {func(f *forecourt) { f.setPreset(f.payer, f.car, pay.Preset{Amount: 8_195}) }, nil, "", "offered"},
		"full":                         {func(f *forecourt) { f.setPreset(f.payer, f.car, pay.Preset{Full: true}) }, nil, "", "offered"},
		"afterwards, another product":  {nil, func(o *pay.Opening) { afterwards(o); o.Fuel.Product = "petrol95" }, pay.ReasonWrongProduct, ""},
		"afterwards, above the preset": {func(f *forecourt) { f.setPreset(f.payer, f.car, pay.Preset{Amount: 8_194}) }, afterwards, pay.ReasonAbovePreset, ""},
		"a device without a car":       {func(f *forecourt) { f.car = f.beacon }, nil, "", "unmatched no_vehicle"},
		"at a shop":                    {func(f *forecourt) { f.shop = f.box("Cafe", "till-2") }, nil, pay.ReasonWrongClass, ""},
		"a car that is not here":       {func(f *forecourt) { f.car = newDevice("stranger", 6) }, nil, "", "unmatched unknown_code"},
		"a car of old presets of another's": {func(f *forecourt) {
			f.setPreset(f.payer, f.car, pay.Preset{Quantity: 1})
			f.push(0, f.sign(f.payer.key, pay.Revoke{Device: f.car.key.ID(), Created: f.now}))
			f.payer = f.wallet("buyer")
			f.pairCar(f.car, f.payer, aCar, "")
		}, nil, "", "offered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForecourt(t)
			if tc.before != nil {
				tc.before(f)
			}
			asked := len(f.feeds[f.payer.status.Scope])
			if got := f.ask(tc.change); got != tc.refused {
				t.Errorf("refused as %q, want %q", got, tc.refused)
			}
			if got := f.says(f.shop, f.request); got != tc.says {
				t.Errorf("it is %q, want %q", got, tc.says)
			}
			if tc.says != "offered" && len(f.feeds[f.payer.status.Scope]) != asked {
				t.Error("the wallet has heard of it")
			}
			f.auditOK()
		})
	}
}

// deliveries are what a station says that it gave, and why it is not followed.
var deliveries = map[string]struct {
	given pay.Delivery
	total pay.Amount
	want  pay.Reason
}{
	"one cent more":        {given, 5_115, pay.ReasonWrongTotal},
	"one cent less":        {given, 5_113, pay.ReasonWrongTotal},
	"nothing said":         {pay.Delivery{}, 5_114, pay.ReasonWrongTotal},
	"no total":             {given, 0, pay.ReasonWrongTotal},
	"too little to cost":   {pay.Delivery{Quantity: 3}, 0, pay.ReasonWrongTotal},
	"more than was agreed": {pay.Delivery{Quantity: 50_001}, 8_195, pay.ReasonAbovePreset},
	"in a second":          {pay.Delivery{Quantity: 31_200, Took: 1_000}, 5_114, pay.ReasonImplausible},
	"all of it":            {pay.Delivery{Quantity: 50_000}, 8_195, ""},
	"a drop":               {pay.Delivery{Quantity: 10}, 2, ""},
}

// A total that cannot be is refused and changes nothing; the right one follows.
func TestWrongTotals(t *testing.T) {
	t.Parallel()
	for name, tc := range deliveries {
		for _, later := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := newForecourt(t)
				change, finish := func(*pay.Opening) {}, f.capture
				if later {
					change, finish = afterwards, f.price
				}
				f.mustTake(f.ask(change))
				if later && tc.total == 0 {
					return // no price can be signed
				}
				if !later {
					f.mustTake(f.agree())
				}
				before := f.mem.dump("p/", "b/", "la/")
				if got := finish(tc.given, tc.total); got != tc.want {
					t.Fatalf("refused as %q, want %q", got, tc.want)
				}
				if tc.want != "" {
					if after := f.mem.dump("p/", "b/", "la/"); !maps.Equal(before, after) {
						t.Error("the refusal has changed the payment")
					}
					f.mustTake(finish(given, 5_114))
				}
				f.auditOK()
			})
		}
	}
}

// Of a hold of fuel nothing but the total is taken, and nobody is asked for more.
func TestAHoldOfFuelIsCapturedOnce(t *testing.T) {
	t.Parallel()
	f := newForecourt(t)
	f.mustTake(f.ask(nil))
	f.mustTake(f.agree())
	if got := f.push(0, f.sign(f.shop.key, pay.Increment{Action: pay.Action{Payment: pay.PaymentID(f.request.ID()), Key: "more", Amount: 100, Created: 1}, TTL: 60_000})); got != pay.ReasonAbovePreset {
		t.Errorf("an increment is refused as %q", got)
	}
	part := f.done(given, 5_114, false)
	f.mustTake(f.push(0, f.sign(f.shop.key, pay.Capture{Action: part})))
	if d := f.mustBe("captured"); d.Held != 0 || d.Released != 3_081 {
		t.Errorf("a capture that is not final leaves %+v", d.Sums)
	}
	f.auditOK()
}

// A fuelling that the station never completes ends by itself; what comes then is typed,
// and takes nothing (2.5).
func TestFuelThatIsNeverCompleted(t *testing.T) {
	t.Parallel()
	f := newForecourt(t)
	f.mustTake(f.ask(nil))
	f.mustTake(f.agree())
	f.now = f.now.Add(pay.FuelHold + pay.CaptureGrace)
	f.fireDue()
	f.mustBe("expired hold_over")
	if got := f.capture(given, 5_114); got != pay.ReasonLateCapture {
		t.Errorf("a completion after the end is refused as %q", got)
	}
	f.auditOK()
}

// Whose device it was when the fuel was given pays, and nobody whom it belongs to since.
func TestADeviceThatChangedHandsPaysForNoOldFuel(t *testing.T) {
	t.Parallel()
	f := newForecourt(t)
	f.mustTake(f.ask(afterwards))
	f.push(0, f.sign(f.payer.key, pay.Revoke{Device: f.car.key.ID(), Created: f.now}))
	buyer := f.wallet("buyer")
	f.pairCar(f.car, buyer, aCar, "")
	f.mustTake(f.price(given, 5_114))
	f.mustBe("unmatched unknown_code")
	f.auditOK()
}

// Whatever is drawn, what is captured is what the quantity costs, and no more than was
// agreed.
func TestCapturedIsTheTotal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		f := newForecourt(r)
		terms := atPump
		terms.Price = pay.UnitPrice(rapid.Int64Range(1, 4_000).Draw(r, "price"))
		terms.Most = pay.Quantity(rapid.Int64Range(1, 56_000).Draw(r, "most"))
		ceiling := pay.Amount(rapid.Int64Range(1, 20_000).Draw(r, "ceiling"))
		later := rapid.Bool().Draw(r, "afterwards")
		f.ask(func(o *pay.Opening) {
			o.Fuel, o.Amount = terms, ceiling
			if later {
				afterwards(o)
			}
		})
		finish := f.capture
		if later {
			finish = f.price
		} else if f.says(f.shop, f.request) == "offered" {
			f.agree()
		}
		for range rapid.IntRange(1, 4).Draw(r, "tries") {
			d := pay.Delivery{
				Quantity: pay.Quantity(rapid.Int64Range(1, 60_000).Draw(r, "quantity")),
				Took:     pay.Millis(rapid.Int64Range(0, 600_000).Draw(r, "took")),
			}
			total, err := terms.Price.Total(d.Quantity)
			if total += pay.Amount(rapid.SampledFrom([]int64{0, 0, 0, 1, -1}).Draw(r, "off")); err == nil && total > 0 {
				finish(d, total)
			}
		}
		if later && f.says(f.shop, f.request) == "offered" {
			f.agree()
		}
		d, _ := f.last(f.shop.status.Scope, f.request)
		cost, _ := terms.Price.Total(max(d.Delivery.Quantity, 1))
		switch {
		case d.Captured > 0 && (d.Captured != cost || d.Delivery.Quantity > terms.Most || d.Delivery.Quantity > aCar.Tank):
			r.Fatalf("%d captured for %+v at %d", d.Captured, d.Delivery, terms.Price)
		case d.Captured > 0 && !later && d.Captured > ceiling:
			r.Fatalf("%d captured of at most %d", d.Captured, ceiling)
		}
		f.auditOK()
	})
}
