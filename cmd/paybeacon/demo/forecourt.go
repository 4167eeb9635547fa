package demo

import (
	"errors"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

// forecourtDemo is the story of a filling station with pumps and a charge point: a hold
// that is captured for less, a jack that pays without a touch, an electric car, a wrong
// nozzle, a registry that dies while a pump runs, and somebody who drives off.
type forecourtDemo struct {
	*shop

	petrol, jack, electric, canister fuelled
	owed                             api.Fuelling
	// word is how the wrong nozzle was refused, and given what the pump had given then.
	word  string
	given pay.Quantity
	// counted is what the charge point's own meter says that it gave.
	counted pay.Quantity
}

// fuelled is a fuelling with the payment that it is, as they were in the end.
type fuelled struct {
	api.Fuelling
	paid  api.Payment
	given api.Fuel // as the wallet has it
}

func newForecourtDemo(s *stage.Stage, t *teller) story {
	var who []string
	for _, c := range cars() {
		who = append(who, c.who)
	}
	return &forecourtDemo{shop: newShop(s, t, who...)}
}

func (d *forecourtDemo) play() error {
	d.tell.title("demo", "a filling station, four vehicles, one of which drives off")
	return inOrder(d.setUp, d.enter, d.wrongNozzle, d.adaFills, d.benFills, d.cleoCharges, d.registryDies, d.maxDrivesOff)
}

// enter waits until both boxes of the station know the vehicles.
func (d *forecourtDemo) enter() error {
	d.tell.scene("Four vehicles drive in, and the station knows who is there")
	var here []api.Vehicle
	for _, box := range []string{"charger", "pumps"} {
		if err := d.Until("the vehicles have entered", func() (all bool, err error) {
			here, err = d.entered(box)
			return len(here) == len(cars()), err
		}); err != nil {
			return err
		}
	}
	for _, v := range here {
		wants := string(v.Product)
		if v.Preset != "" {
			wants += ", at most " + v.Preset
		}
		d.tell.say("station", "hears %-11s  %-27s  %s", v.Plate, wants, v.Handle)
	}
	d.tell.say("station", "no other station is told, and this one forgets after 10 minutes")
	return nil
}

// entered returns the vehicles that a box knows to be there: none while it has heard them
// and not reached the registry.
func (d *forecourtDemo) entered(box string) ([]api.Vehicle, error) {
	raw, err := d.Output("till", "fuel", "entered", "--data", d.Data(box))
	var exit *stage.ExitError
	if errors.As(err, &exit) && exit.Code == pay.CodeUnreachable {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return stage.DecodeLines[api.Vehicle](raw)
}

func (d *forecourtDemo) wrongNozzle() error {
	d.tell.scene("Ada takes petrol; the first nozzle that she lifts is diesel")
	f, err := d.selects("pumps", "ada", 1, "")
	if err != nil {
		return err
	}
	d.petrol.Fuelling = f
	if err := d.holds("ada", f); err != nil {
		return err
	}
	if f, err = d.released(f.ID); err != nil {
		return err
	}
	d.tell.say("pump 1", "is released for up to %s l of %s", fuel.FormatQuantity(f.Most), f.Product)
	d.tell.say("ada", "lifts the diesel nozzle")
	if d.word, err = wordOf(d.hand("lift", 1, "--product", "diesel")); err != nil {
		return err
	}
	if f, err = d.shown("pumps", f.ID); err != nil {
		return err
	}
	d.given = f.Quantity
	d.tell.stopped(d.word, string(pay.CodeNotPaid), "not what this car takes; nothing was given")
	return nil
}

func (d *forecourtDemo) adaFills() error {
	d.tell.scene("Ada fills less than was held, and pays that")
	if err := d.fills(1, "petrol95", "12.5"); err != nil {
		return err
	}
	done, err := d.paid("pumps", "ada", d.petrol.ID)
	if err != nil {
		return err
	}
	d.petrol = done
	d.tell.say("ada", "pays %s of %s; the other %s go back", text.FormatMoney(done.Total, done.Currency), text.FormatMoney(done.Ceiling, done.Currency), text.FormatMoney(done.Ceiling-done.Total, done.Currency))
	return nil
}

func (d *forecourtDemo) benFills() error {
	d.tell.scene("Ben's cigar jack pays; his wallet is not touched")
	var m api.Mandate
	if err := d.Ask(&m, "wallet", "mandate", "add", "--data", d.Data("ben"), "--to", "class:fuel", "--each", "45.00", "--count", "3"); err != nil {
		return err
	}
	d.tell.say("ben", "has agreed: filling stations may take up to %s, three times", text.FormatMoney(m.Each, m.Currency))
	f, err := d.selects("pumps", "ben", 2, "40.00")
	if err != nil {
		return err
	}
	if _, err := d.released(f.ID); err != nil {
		return err
	}
	d.tell.say("pump 2", "is released; nobody was asked")
	if err := d.fills(2, "diesel", "20.04"); err != nil {
		return err
	}
	if d.jack, err = d.paid("pumps", "ben", f.ID); err != nil {
		return err
	}
	d.tell.say("ben", "is told afterwards: %s %s of %s, %s", fuel.FormatQuantity(d.jack.given.Quantity), d.jack.given.Unit, d.jack.given.Product, text.FormatMoney(d.jack.paid.AmountCaptured, d.jack.paid.Currency))
	return nil
}

// runsBefore is what a pump has given when the registry dies.
const runsBefore pay.Quantity = 1_500

// registryDies is a SIGKILL while a pump gives.
func (d *forecourtDemo) registryDies() error {
	d.tell.scene("Ada fills a canister; the registry dies while the pump runs")
	f, err := d.selects("pumps", "ada", 1, "9.00")
	if err != nil {
		return err
	}
	if err := d.holds("ada", f); err != nil {
		return err
	}
	if f, err = d.released(f.ID); err != nil {
		return err
	}
	filled := make(chan error, 1)
	go func() { filled <- d.hand("fill", 1, "--litres", "4.2", "--realtime") }()
	if err := d.Until("the pump runs", func() (bool, error) {
		f, err = d.shown("pumps", f.ID)
		return f.State == "filling" && f.Quantity >= runsBefore, err
	}); err != nil {
		return errors.Join(err, <-filled)
	}
	d.Kill("registry")
	d.tell.say("registry", "is killed (SIGKILL) with %s l given", fuel.FormatQuantity(f.Quantity))
	if err := errors.Join(<-filled, d.hand("hang", 1)); err != nil {
		return err
	}
	if f, err = d.shown("pumps", f.ID); err != nil {
		return err
	}
	d.tell.say("pump 1", "gives %s l all the same: %s, and the total waits", fuel.FormatQuantity(f.Quantity), f.State)
	if err := d.restartRegistry(nil); err != nil {
		return err
	}
	d.tell.say("registry", "is back on the same address with the same books")
	d.canister, err = d.paid("pumps", "ada", f.ID)
	return err
}

func (d *forecourtDemo) maxDrivesOff() error {
	d.tell.scene("Max fills first, is asked afterwards, and drives off")
	f, err := d.selects("pumps", "max", 3, "", "--post-pay")
	if err != nil {
		return err
	}
	if _, err := d.released(f.ID); err != nil {
		return err
	}
	d.tell.say("pump 3", "is released; nothing is held")
	if err := d.fills(3, "diesel", "25"); err != nil {
		return err
	}
	if f, err = d.shown("pumps", f.ID); err != nil {
		return err
	}
	d.gives(f)
	if err := d.answer("max", f.Payment, "decline"); err != nil {
		return err
	}
	d.tell.say("max", "is asked for %s, declines, and is gone", text.FormatMoney(f.Total, f.Currency))
	if _, err := d.settle("pumps", "max", f.Payment); err != nil {
		return err
	}
	owed, err := d.owedList()
	if err != nil {
		return err
	}
	for _, o := range owed {
		d.tell.say("station", "is owed %s by %s: %s", text.FormatMoney(o.Total, o.Currency), o.Plate, text.WhyFuel(o.Reason))
	}
	if len(owed) == 1 && owed[0].ID == f.ID {
		d.owed = owed[0]
	}
	return nil
}

// owedList waits until the station lists who left unpaid.
func (d *forecourtDemo) owedList() (list []api.Fuelling, err error) {
	err = d.Until("the station knows who owes", func() (bool, error) {
		raw, err := d.Output("till", "fuel", "list", "--owed", "--data", d.Data("pumps"))
		if err == nil {
			list, err = stage.DecodeLines[api.Fuelling](raw)
		}
		return len(list) > 0, err
	})
	return list, err
}

func (d *forecourtDemo) morning() error { return nil }

func (d *forecourtDemo) invitation() (who string, commands []string) {
	return "All four are still there", []string{
		"paybeacon till fuel entered --data pumps",
		"paybeacon till fuel select --data pumps --plate 4711 --pump 1 --wait 1s",
		"paybeacon wallet approve --data ada",
		"paybeacon pump fill --data pumps --pump 1 --litres 3",
		"paybeacon pump hang --data pumps --pump 1",
		"paybeacon till fuel list --data pumps",
		"paybeacon till fuel list --owed --data pumps",
		"paybeacon admin audit --data registry",
	}
}

// check asks the nodes themselves whether all is well.
func (d *forecourtDemo) check() error {
	earned, err := d.checkBooks()
	if err != nil {
		return err
	}
	t := d.tell
	var spent pay.Amount
	for _, s := range d.spent {
		spent += s
	}
	t.check("the station has what they spent", earned[station] == spent, "%s", text.FormatMoney(earned[station], "EUR"))
	t.check("every receipt verifies", d.receipts == 10, "%d files, the same on both sides", d.receipts)
	t.check("a wrong nozzle gave nothing", d.word == string(pay.CodeNotPaid) && d.given == 0, "%s", d.word)
	for _, p := range []struct {
		name string
		fuelled
	}{{"less was filled, and that paid", d.petrol}, {"the jack paid", d.jack}, {"the charge was paid", d.electric}, {"the killed fuelling was paid once", d.canister}} {
		ok := p.State == "paid" && p.paid.Outcome == pay.OutcomePaid && p.paid.AmountCaptured == p.Total && p.paid.AmountHeld == 0 && p.given.Quantity == p.Quantity && p.Total > 0 && p.Total < p.Ceiling
		t.check(p.name, ok, "%s %s, %s", fuel.FormatQuantity(p.Quantity), p.Unit, text.FormatMoney(p.paid.AmountCaptured, "EUR"))
	}
	t.check("and without a touch", d.jack.paid.Method == pay.MethodMandate, "%s", d.jack.paid.Method)
	t.check("the charge is what the meter says", d.electric.Quantity == d.counted && d.counted > 0, "%s kWh", fuel.FormatQuantity(d.counted))
	t.check("who drove off is on the owed list", d.owed.Owed && d.owed.Outcome == pay.OutcomeNotPaid, "%s: %s", d.owed.Plate, text.FormatMoney(d.owed.Total, "EUR"))
	return t.verdict()
}
