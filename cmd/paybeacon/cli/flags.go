package cli

import (
	"math"

	urfave "github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

func DataFlag() urfave.Flag {
	return &urfave.StringFlag{Name: "data", Usage: "the node's directory `DIR`", EnvVars: []string{"PAYBEACON_DATA"}}
}

func IDFlag(usage string) urfave.Flag { return &urfave.StringFlag{Name: "id", Usage: usage} }

// Data is the directory that --data names, or "".
func (c *Call) Data() string { return c.Flags.String("data") }

func RadioFlag(verb string) urfave.Flag {
	return &urfave.StringFlag{Name: "radio", Usage: verb + " `RADIO`: bluez[:hci0[,marker=hci1]], air:DIR or replay:FILE"}
}

func LaneFlag() urfave.Flag {
	return &urfave.StringFlag{Name: "lane", Value: "1", Usage: "`NAME` of the place this box watches"}
}

// NearFlags say what near means.
func NearFlags() []urfave.Flag {
	return []urfave.Flag{
		&urfave.IntFlag{Name: "near", Value: int(ble.NearDefault), Usage: "near from this strength, `dBm` for a beacon of -59 at 1 m"},
		&urfave.IntFlag{Name: "far", Value: int(ble.FarDefault), Usage: "no longer near below this strength, `dBm`"},
		&urfave.DurationFlag{Name: "dwell", Value: ble.DwellDefault, Usage: "near only after `DUR`"},
		&urfave.DurationFlag{Name: "leave", Value: ble.LeaveDefault, Usage: "gone after `DUR` unheard"},
	}
}

// TrackerOptions reads what NearFlags ask for.
func TrackerOptions(c *Call, lane pay.Lane) (o ble.TrackerOptions, err error) {
	o = ble.TrackerOptions{Lane: lane, Dwell: c.Flags.Duration("dwell"), Leave: c.Flags.Duration("leave"), Margin: ble.MarginDefault}
	if o.Near, err = RSSIFlag(c, "near"); err != nil {
		return o, err
	}
	if o.Far, err = RSSIFlag(c, "far"); err != nil {
		return o, err
	}
	return o, o.Check()
}

func Lane(c *Call) (pay.Lane, error) {
	name := pay.Name(c.Flags.String("lane"))
	if err := name.Check(); err != nil {
		return "", pay.Wrap(err, pay.CodeUsage, "read --lane", "give it a short name")
	}
	return pay.Lane(name), nil
}

// RSSIFlag reads a strength in dBm.
func RSSIFlag(c *Call, name string) (pay.RSSI, error) {
	v := c.Flags.Int(name)
	if v < math.MinInt8 || v > 20 {
		return 0, pay.NewError(pay.CodeUsage, "--"+name+" is no strength in dBm", "write it like --"+name+" -65")
	}
	return pay.RSSI(v), nil
}

func ForFlag(usage string) urfave.Flag {
	return &urfave.DurationFlag{Name: "for", Usage: usage, DefaultText: "when interrupted"}
}

// PositiveCount reads --count, which is 0 where it is not given.
func PositiveCount(c *Call) (int, error) {
	n := c.Flags.Int("count")
	if c.Flags.IsSet("count") && n <= 0 {
		return 0, pay.NewError(pay.CodeUsage, "--count is not above zero", "write it like --count 10")
	}
	return n, nil
}
