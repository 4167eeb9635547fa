package demo

import (
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

// pointPassword is that of the story's charge point.
const pointPassword = "not-a-secret-of-anybody"

// pointGives is what the electric car takes, in Wh.
const pointGives pay.Quantity = 1_200

// cleoCharges plays a charge point, to which the box is the central system.
func (d *forecourtDemo) cleoCharges() error {
	d.tell.scene("Cleo's electric car pays at a charge point, over OCPP")
	point, err := stage.DialChargePoint(d.Ctx, d.Bound["charger"].OCPP, "HILL-1", pointPassword)
	if err != nil {
		return err
	}
	defer point.Close()
	if err := point.Plug(); err != nil {
		return err
	}
	d.tell.say("point 7", "is connected by OCPP 1.6-J; cleo plugs in")
	f, err := d.selects("charger", "cleo", 7, "5.00")
	if err != nil {
		return err
	}
	if err := d.holds("cleo", f); err != nil {
		return err
	}
	if err := point.Begin(d.Ctx); err != nil {
		return err
	}
	d.tell.say("point 7", "is started from afar, and gives")
	var given pay.Quantity
	if err := d.Until("the car has enough", func() (bool, error) {
		given, err = point.Meter()
		return given >= pointGives, err
	}); err != nil {
		return err
	}
	if given, err = point.Unplug(); err != nil {
		return err
	}
	d.tell.say("cleo", "unplugs; the charge point's own meter says %s kWh", fuel.FormatQuantity(given))
	d.counted = given
	d.electric, err = d.paid("charger", "cleo", f.ID)
	return err
}
