package demo

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

const station = "Hill Station"

// The station's files: three pumps as fast as those for lorries, so that a story need not
// last, and one connector.
const (
	simFile = `[[pump]]
number = 1
products = ["diesel", "petrol95"]
litres_per_minute = 130

[[pump]]
number = 2
products = ["diesel", "petrol95"]
litres_per_minute = 130

[[pump]]
number = 3
products = ["diesel", "petrol95"]
litres_per_minute = 130
`
	ocppFile = `listen = "127.0.0.1:0"

[[charge_point]]
id = "HILL-1"
password_file = "hill-1.password"
connectors = { 1 = 7 }
power_kw = { 1 = 3750 }
`
)

// car is one that drives in.
type car struct {
	who, rssi, plate, part, vehicle string
	flags                           []string
}

func cars() []car {
	return []car{
		{"ada", "-50", "HB-ADA 4711", "4711", "fuel=petrol95,tank=45", nil},
		{"ben", "-53", "HB-BEN 380", "380", "fuel=diesel,tank=60", []string{"--type", "jack"}},
		{"cleo", "-56", "HB-CL 92E", "92e", "fuel=electric,tank=77", nil},
		{"max", "-59", "HB-M 1", "hbm1", "fuel=diesel,tank=50", nil},
	}
}

func (d *forecourtDemo) setUp() error {
	d.tell.scene("A registry, a filling station, four vehicles and their wallets")
	if err := d.startRegistry(); err != nil {
		return err
	}
	if err := d.writeFiles(); err != nil {
		return err
	}
	for _, box := range []string{"pumps", "charger"} {
		if err := d.Enrol("registry", box, "scan", "--role", "box", "--name", box, "--merchant", station, "--site", "north", "--class", "fuel"); err != nil {
			return err
		}
	}
	for _, who := range d.wallets {
		if err := d.fund(who); err != nil {
			return err
		}
	}
	if err := d.startNodes(nil, d.nodes()...); err != nil {
		return err
	}
	for _, c := range cars() {
		if err := d.makeTag(c.who + "-tag"); err != nil {
			return err
		}
		if err := d.PairCar(c.who, c.rssi, "plate="+c.plate+","+c.vehicle, append([]string{"--interval", "100ms"}, c.flags...)...); err != nil {
			return err
		}
	}
	if err := d.Ask(nil, "wallet", "preset", "--data", d.Data("ada"), "--amount", "35.00"); err != nil {
		return err
	}
	d.tell.say("drivers", "ada, ben, cleo and max, with %s EUR each", demoFunds)
	d.tell.say("ada", "sets in her wallet: fuel for at most 35.00 EUR")
	return d.open()
}

// open starts the boxes of the station, once the vehicles are on their way.
func (d *forecourtDemo) open() error {
	err := d.startNodes(
		nil,
		demoNode{"pumps", []string{"scan", "--radio", "air:" + d.Data("air"), "--lane", "1", "--pumps", "sim:" + d.Data("sim.toml")}},
		demoNode{"charger", []string{"scan", "--radio", "air:" + d.Data("air"), "--lane", "7", "--pumps", "ocpp:" + d.Data("ocpp.toml")}},
	)
	if err != nil {
		return err
	}
	for _, box := range []string{"pumps", "charger"} {
		if err := d.Ask(nil, "till", "fuel", "prices", "--data", d.Data(box), "--set", "diesel=1.639,petrol95=1.759,electric=0.590"); err != nil {
			return err
		}
	}
	d.tell.say("station", "diesel 1.639, petrol95 1.759 a litre, electric 0.590 a kWh")
	return nil
}

func (d *forecourtDemo) writeFiles() error {
	return errors.Join(
		os.WriteFile(d.Data("sim.toml"), []byte(simFile), 0o600),
		os.WriteFile(d.Data("ocpp.toml"), []byte(ocppFile), 0o600),
		os.WriteFile(d.Data("hill-1.password"), []byte(pointPassword), 0o600),
	)
}

func (d *forecourtDemo) nodes() (nodes []demoNode) {
	for _, who := range d.wallets {
		nodes = append(nodes, demoNode{who, []string{"wallet", "run", "--approve", "ask"}})
	}
	return nodes
}

// selects has the attendant select somebody by a part of the plate, for at most an amount
// where one is given. The pump need not be released yet.
func (d *forecourtDemo) selects(box, who string, pump int, amount string, flags ...string) (f api.Fuelling, err error) {
	part := ""
	for _, c := range cars() {
		if c.who == who {
			part = c.part
		}
	}
	args := []string{"till", "fuel", "select", "--data", d.Data(box), "--plate", part, "--pump", strconv.Itoa(pump), "--wait", "0s"}
	if amount != "" {
		args = append(args, "--amount", amount)
	}
	err = d.Ask(&f, append(args, flags...)...)
	var exit *stage.ExitError
	if errors.As(err, &exit) && exit.Code == pay.CodeWaitPassed {
		err = nil
	}
	if err == nil {
		d.tell.say("station", "types %q: %s at pump %d, at most %s", part, f.Plate, f.Pump, text.FormatMoney(f.Ceiling, f.Currency))
	}
	return f, err
}

// holds has a driver agree to what a fuelling may cost.
func (d *forecourtDemo) holds(who string, f api.Fuelling) error {
	o, err := d.offered(who, f.Payment)
	if err != nil {
		return err
	}
	d.tell.say(who, "is asked: up to %s, %s, pump %d, %s at %s?", text.FormatMoney(o.Amount, o.Currency), o.Merchant, f.Pump, f.Product, fuel.FormatPrice(f.Price, 2))
	if err := d.answer(who, f.Payment, "approve"); err != nil {
		return err
	}
	d.tell.say(who, "approves, and the car gives its word for this pump and price")
	return nil
}

// answer answers an offer once the wallet has it.
func (d *forecourtDemo) answer(who, id, verb string) error {
	if _, err := d.offered(who, id); err != nil {
		return err
	}
	return d.Ask(nil, "wallet", verb, "--data", d.Data(who), "--id", id)
}

func (d *forecourtDemo) shown(box, id string) (f api.Fuelling, err error) {
	err = d.Ask(&f, "till", "fuel", "show", "--data", d.Data(box), "--id", id)
	return f, err
}

// released waits until a pump of the first box may give.
func (d *forecourtDemo) released(id string) (f api.Fuelling, err error) {
	err = d.Until("the pump is released", func() (bool, error) {
		if f, err = d.shown("pumps", id); err == nil && (f.State == "cancelled" || f.State == "unpaid") {
			err = fmt.Errorf("fuelling %s is %s: %s", id, f.State, f.Reason)
		}
		return f.Open, err
	})
	return f, err
}

// hand does something at a simulated pump.
func (d *forecourtDemo) hand(verb string, pump int, flags ...string) error {
	return d.Ask(nil, append([]string{"pump", verb, "--data", d.Data("pumps"), "--pump", strconv.Itoa(pump)}, flags...)...)
}

// fills lifts a nozzle, fills and hangs it up.
func (d *forecourtDemo) fills(pump int, product, litres string) error {
	return inOrder(
		func() error { return d.hand("lift", pump, "--product", product) },
		func() error { return d.hand("fill", pump, "--litres", litres) },
		func() error { return d.hand("hang", pump) },
	)
}

// paid waits until a fuelling is paid, tells of it, and compares the receipts.
func (d *forecourtDemo) paid(box, who, id string) (done fuelled, err error) {
	if err = d.Until("the fuelling is paid", func() (bool, error) {
		if done.Fuelling, err = d.shown(box, id); err == nil && (done.State == "cancelled" || done.State == "unpaid" || done.Doubt != "") {
			err = fmt.Errorf("fuelling %s is %s: %s", id, done.State, done.Reason+done.Doubt)
		}
		return done.State == "paid", err
	}); err != nil {
		return done, err
	}
	d.gives(done.Fuelling)
	if _, err = d.settle(box, who, done.Payment); err != nil {
		return done, err
	}
	err = d.Ask(&done.paid, "wallet", "receipts", "--data", d.Data(who), "--id", done.Payment)
	if done.paid.Fuel != nil {
		done.given = *done.paid.Fuel
	}
	return done, err
}

// gives tells what was given.
func (d *forecourtDemo) gives(f api.Fuelling) {
	d.tell.say(fmt.Sprintf("pump %d", f.Pump), "gives %s %s at %s: %s", fuel.FormatQuantity(f.Quantity), f.Unit, fuel.FormatPrice(f.Price, 2), text.FormatMoney(f.Total, f.Currency))
}
