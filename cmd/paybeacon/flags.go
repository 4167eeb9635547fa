package main

import (
	"math"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/urfave/cli/v2"
)

func dataFlag() cli.Flag {
	return &cli.StringFlag{Name: "data", Usage: "the node's directory `DIR`", EnvVars: []string{"PAYBEACON_DATA"}}
}

func idFlag(usage string) cli.Flag { return &cli.StringFlag{Name: "id", Usage: usage} }

// data is the directory that --data names, or "".
func (c *call) data() string { return c.flags.String("data") }

func radioFlag(verb string) cli.Flag {
	return &cli.StringFlag{Name: "radio", Usage: verb + " `RADIO`: bluez[:hci0[,marker=hci1]], air:DIR or replay:FILE"}
}

func laneFlag() cli.Flag {
	return &cli.StringFlag{Name: "lane", Value: "1", Usage: "`NAME` of the place this box watches"}
}

// nearFlags say what near means.
func nearFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "near", Value: int(ble.NearDefault), Usage: "near from this strength, `dBm` for a beacon of -59 at 1 m"},
		&cli.IntFlag{Name: "far", Value: int(ble.FarDefault), Usage: "no longer near below this strength, `dBm`"},
		&cli.DurationFlag{Name: "dwell", Value: ble.DwellDefault, Usage: "near only after `DUR`"},
		&cli.DurationFlag{Name: "leave", Value: ble.LeaveDefault, Usage: "gone after `DUR` unheard"},
	}
}

// trackerOptions reads what nearFlags ask for.
func trackerOptions(c *call, lane pay.Lane) (o ble.TrackerOptions, err error) {
	o = ble.TrackerOptions{Lane: lane, Dwell: c.flags.Duration("dwell"), Leave: c.flags.Duration("leave"), Margin: ble.MarginDefault}
	if o.Near, err = rssiFlag(c, "near"); err != nil {
		return o, err
	}
	if o.Far, err = rssiFlag(c, "far"); err != nil {
		return o, err
	}
	return o, o.Check()
}

func lane(c *call) (pay.Lane, error) {
	name := pay.Name(c.flags.String("lane"))
	if err := name.Check(); err != nil {
		return "", pay.Wrap(err, pay.CodeUsage, "read --lane", "give it a short name")
	}
	return pay.Lane(name), nil
}

// rssiFlag reads a strength in dBm.
func rssiFlag(c *call, name string) (pay.RSSI, error) {
	v := c.flags.Int(name)
	if v < math.MinInt8 || v > 20 {
		return 0, pay.NewError(pay.CodeUsage, "--"+name+" is no strength in dBm", "write it like --"+name+" -65")
	}
	return pay.RSSI(v), nil
}

func forFlag(usage string) cli.Flag {
	return &cli.DurationFlag{Name: "for", Usage: usage, DefaultText: "when interrupted"}
}

// positiveCount reads --count, which is 0 where it is not given.
func positiveCount(c *call) (int, error) {
	n := c.flags.Int("count")
	if c.flags.IsSet("count") && n <= 0 {
		return 0, pay.NewError(pay.CodeUsage, "--count is not above zero", "write it like --count 10")
	}
	return n, nil
}
