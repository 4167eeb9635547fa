package registry_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// forFuel is a mandate for boxes at pumps, for at most 100.00 each.
func forFuel(means pay.Name) pay.Mandate {
	return pay.Mandate{MandateTerms: pay.MandateTerms{Class: pay.ClassFuel, Each: 10_000, Budget: 50_000}, Means: means}
}

// A mandate for a class pays at boxes of the class, without the device and without the
// wallet, and nowhere else (4.4).
func TestMandateForFuel(t *testing.T) {
	t.Parallel()
	f := newForecourt(t)
	id := f.mustMandate(f.payer, forFuel(""))
	f.mustTake(f.ask(nil))
	if d := f.mustBe("held"); d.Mandate != id || d.StepUp != "" || d.Held != 8_195 {
		t.Errorf("held: %+v", d)
	}
	f.mustTake(f.capture(given, 5_114))
	f.mustBe("captured")
	if told, _ := f.last(f.payer.status.Scope, f.request); told.Captured != 5_114 || told.Delivery != given {
		t.Errorf("the wallet is told %+v", told)
	}
	f.now = f.now.Add(600_000)
	f.mustTake(f.ask(afterwards))
	f.now = f.now.Add(600_000)
	f.mustTake(f.price(given, 5_114))
	if d := f.mustBe("captured"); d.Mandate != id {
		t.Errorf("afterwards: %+v", d)
	}
	f.now = f.now.Add(600_000)
	shop := f.box("Cafe", "till-2")
	if got := f.says(shop, f.openBy(shop, f.car, 300, 0, nil)); got != "offered" {
		t.Errorf("at a shop it is %q", got)
	}
	f.now = f.now.Add(600_000)
	f.ask(func(o *pay.Opening) { o.TwoChannel = true })
	if d := f.mustBe("offered"); d.StepUp != pay.StepUpFuel {
		t.Errorf("where the merchant wants the device, too: %+v", d)
	}
	f.auditOK()
}

// Above the ceiling the driver is asked; nobody answers, and nothing is charged (4.6).
func TestFuelAboveTheMandate(t *testing.T) {
	t.Parallel()
	f := newForecourt(t)
	m := forFuel("")
	m.Each = 8_194
	f.mustMandate(f.payer, m)
	f.mustTake(f.ask(nil))
	if d := f.mustBe("offered"); d.StepUp != pay.StepUpFuel {
		t.Errorf("offered: %+v", d)
	}
	f.now = f.now.Add(pay.TwoChannelLife)
	f.fireDue()
	f.mustBe("expired no_answer")
	f.auditOK()
}

// Two jacks of one driver, each with its own means: each fuelling is paid by its own, and a
// means that is declined pays nothing (4.5, 4.6).
func TestEachJackItsOwnMeans(t *testing.T) {
	t.Parallel()
	f := newForecourt(t)
	for _, name := range []pay.Name{"visa", "fleet"} {
		f.mustTake(f.setMeans(f.payer, pay.Means{Name: name, Acquirer: pay.AcquirerSim, Token: pay.Token("sim-" + name)}))
		f.mustMandate(f.payer, forFuel(name))
	}
	jacks := map[pay.Name]*device{"visa": newDevice("jack 1", 6), "fleet": newDevice("jack 2", 6)}
	for name, jack := range jacks {
		f.pairCar(jack, f.payer, aCar, name)
	}
	for _, name := range []pay.Name{"visa", "fleet"} {
		f.car = jacks[name]
		f.mustTake(f.ask(nil))
		if d := f.mustBe("approved"); d.Acquirer != pay.AcquirerSim || !d.By.ByMandate() {
			t.Fatalf("%s: %+v", name, d)
		}
		c := f.call()
		m, err := pay.As[pay.Means](f.mem.facts[c.Means])
		f.must(err)
		if m.Name != name {
			t.Errorf("the jack of %s is paid by %s", name, m.Name)
		}
		f.replyBy("")
		f.mustBe("held")
		f.mustTake(f.capture(given, 5_114))
		f.replyBy("")
		if d := f.mustBe("captured"); d.Captured != 5_114 || d.Released != 8_195-5_114 || d.Delivery != given {
			t.Errorf("%s: captured %+v", name, d)
		}
		f.now = f.now.Add(600_000)
	}
	f.mustTake(f.ask(nil))
	f.replyBy("card_declined")
	if d := f.mustBe("failed card_declined"); d.Captured != 0 || d.Held != 0 {
		t.Errorf("declined: %+v", d)
	}
	f.auditOK()
	f.now = f.now.Add(600_000)
	f.mustTake(f.ask(afterwards))
	f.mustTake(f.price(given, 5_114))
	f.mustBe("approved")
	f.replyBy("")
	f.replyBy("")
	f.mustBe("captured")
	f.auditOK()
}

// A mandate for the account pays by no other means, and one for a means by no other.
func TestMandateForAnotherMeans(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ mandate, jack pay.Name }{
		"the account's, of a jack with a card": {"", "visa"},
		"a card's, of a jack with the account": {"visa", ""},
		"a card's, of a jack with another":     {"visa", "fleet"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForecourt(t)
			for _, name := range []pay.Name{"visa", "fleet"} {
				f.mustTake(f.setMeans(f.payer, pay.Means{Name: name, Acquirer: pay.AcquirerSim, Token: "sim-ok"}))
			}
			f.mustMandate(f.payer, forFuel(tc.mandate))
			f.car = newDevice("jack", 6)
			f.pairCar(f.car, f.payer, aCar, tc.jack)
			f.mustTake(f.ask(nil))
			f.mustBe("unmatched payer_cannot_answer") // it would be offered, and the jack is on probation
			f.auditOK()
		})
	}
}
