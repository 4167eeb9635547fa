package cli

import (
	urfave "github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// DataFlag names the node's directory: --data, or PAYBEACON_DATA.
func DataFlag() urfave.Flag {
	return &urfave.StringFlag{Name: "data", Usage: "the node's directory `DIR`", EnvVars: []string{"PAYBEACON_DATA"}}
}

// ConfigFlag names the file in which the flags of a daemon stand: --config.
func ConfigFlag() urfave.Flag {
	return &urfave.StringFlag{Name: configFlag, Usage: "read what is not given here from `FILE` (default: " + ConfigFile + " in --data, if it is there)"}
}

// IDFlag names a payment or a device: --id.
func IDFlag(usage string) urfave.Flag { return &urfave.StringFlag{Name: "id", Usage: usage} }

// Data is the directory that --data names, or "".
func (c *Call) Data() string { return c.Flags.String("data") }

// RadioFlag names a radio: --radio. verb is what is done with it.
func RadioFlag(verb string) urfave.Flag {
	return &urfave.StringFlag{Name: "radio", Usage: verb + " `RADIO`: bluez[:hci0[,marker=hci1]], air:DIR or replay:FILE; RADIO+RADIO for two ears"}
}

// LaneFlag names the place that a box watches: --lane.
func LaneFlag() urfave.Flag {
	return &urfave.StringFlag{Name: "lane", Value: "1", Usage: "`NAME` of the place this box watches"}
}

// NearFlags say how near is told from far, and who is clear: --near, --far,
// --clear, --tap, --dwell and --leave.
func NearFlags() []urfave.Flag {
	return []urfave.Flag{
		&urfave.IntFlag{Name: "near", Value: int(ble.NearDefault), Usage: "near from this strength, `dBm` for a beacon of -59 at 1 m"},
		&urfave.IntFlag{Name: "far", Value: int(ble.FarDefault), Usage: "no longer near below this strength, `dBm`"},
		&urfave.IntFlag{Name: "clear", Value: int(ble.ClearDefault), Usage: "charged without asking which one only from this strength, `dBm`"},
		&urfave.IntFlag{Name: "tap", Value: int(ble.TapDefault), Usage: "held to the box from this strength, `dBm`; 0 for no taps"},
		&urfave.DurationFlag{Name: "dwell", Value: ble.DwellDefault, Usage: "near only after `DUR`"},
		&urfave.DurationFlag{Name: "leave", Value: ble.LeaveDefault, Usage: "gone after `DUR` unheard"},
	}
}

// TrackerOptions reads what NearFlags ask for. Its errors are *pay.Error with
// CodeUsage.
func TrackerOptions(c *Call, lane pay.Lane) (o ble.TrackerOptions, err error) {
	o = ble.TrackerOptions{Lane: lane, Dwell: c.Flags.Duration("dwell"), Leave: c.Flags.Duration("leave"), Margin: ble.MarginDefault}
	if o.Near, err = RSSIFlag(c, "near"); err != nil {
		return o, err
	}
	if o.Far, err = RSSIFlag(c, "far"); err != nil {
		return o, err
	}
	if o.Clear, err = RSSIFlag(c, "clear"); err != nil {
		return o, err
	}
	if o.Tap, err = RSSIFlag(c, "tap"); err != nil {
		return o, err
	}
	if o.Tap == 0 {
		o.Tap = ble.TapOff
	}
	return o, o.Check()
}

// Lane reads --lane. Its error is a *pay.Error with CodeUsage.
func Lane(c *Call) (pay.Lane, error) {
	name := pay.Name(c.Flags.String("lane"))
	if err := name.Check(); err != nil {
		return "", pay.Wrap(err, pay.CodeUsage, "read --lane", "give it a short name")
	}
	return pay.Lane(name), nil
}

// RSSIFlag reads a flag that holds a strength in dBm. Its error is a *pay.Error with
// CodeUsage.
func RSSIFlag(c *Call, name string) (pay.RSSI, error) {
	v := c.Flags.Int(name)
	if v < ble.RSSIMin || v > ble.RSSIMax {
		return 0, pay.NewError(pay.CodeUsage, "--"+name+" is no strength in dBm", "write it like --"+name+" -65")
	}
	return pay.RSSI(v), nil
}

// ForFlag bounds the time that a command takes: --for.
func ForFlag(usage string) urfave.Flag {
	return &urfave.DurationFlag{Name: "for", Usage: usage, DefaultText: "when interrupted"}
}

// PositiveCount reads --count, 0 where it is not given. Its error is a *pay.Error
// with CodeUsage.
func PositiveCount(c *Call) (int, error) {
	n := c.Flags.Int("count")
	if c.Flags.IsSet("count") && n <= 0 {
		return 0, pay.NewError(pay.CodeUsage, "--count is not above zero", "write it like --count 10")
	}
	return n, nil
}

// LimitFlag bounds how long a list is: --limit.
func LimitFlag(usage string) urfave.Flag {
	return &urfave.IntFlag{Name: "limit", Value: 50, Usage: usage}
}

// BeforeFlag goes on with a list: --before.
func BeforeFlag() urfave.Flag {
	return &urfave.StringFlag{Name: "before", Usage: "go on behind what has this `ID`"}
}

// Limit reads --limit. Its error is a *pay.Error with CodeUsage.
func Limit(c *Call) (int, error) {
	n := c.Flags.Int("limit")
	if n <= 0 {
		return 0, pay.NewError(pay.CodeUsage, "--limit is not above zero", "write it like --limit 50")
	}
	return n, nil
}

// PositiveDuration reads a flag that holds how long something may take, down to the
// millisecond. Its error is a *pay.Error with CodeUsage.
func PositiveDuration(c *Call, name string) (pay.Millis, error) {
	d := pay.MillisOf(c.Flags.Duration(name))
	if d <= 0 {
		return 0, pay.NewError(pay.CodeUsage, "--"+name+" is not above zero", "write it like --"+name+" 30s, or leave it out")
	}
	return d, nil
}

// ForceFlag lets --to replace any file: --force. what is what the command writes.
func ForceFlag(what string) urfave.Flag {
	return &urfave.BoolFlag{Name: "force", Usage: "let --to replace a file that is no " + what + " too"}
}
