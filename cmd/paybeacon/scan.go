package main

import (
	"context"
	"math"

	"github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

func scanCommand(ctx context.Context, io stdio) *cli.Command {
	return newLeaf(ctx, io, leaf{
		name: "scan", usage: "run the merchant's box: hear who is near and take charges",
		flags: []cli.Flag{
			dataFlag(),
			&cli.StringFlag{Name: "radio", Usage: "listen with `RADIO`: bluez[:hci0], air:DIR or replay:FILE"},
			&cli.StringFlag{Name: "server", Usage: "the registry at `HOST:PORT` (default: where it was at enrolment)"},
			&cli.StringFlag{Name: "lane", Value: "1", Usage: "`NAME` of the place this box watches"},
			&cli.IntFlag{Name: "near", Value: int(ble.NearDefault), Usage: "near from this strength, `dBm` for a beacon of -59 at 1 m"},
			&cli.IntFlag{Name: "far", Value: int(ble.FarDefault), Usage: "no longer near below this strength, `dBm`"},
			&cli.DurationFlag{Name: "dwell", Value: ble.DwellDefault, Usage: "near only after `DUR`"},
			&cli.DurationFlag{Name: "leave", Value: ble.LeaveDefault, Usage: "gone after `DUR` unheard"},
			&cli.StringFlag{Name: "http", Usage: "/healthz and /readyz on `HOST:PORT` (default: none)"},
		},
		sub: []*cli.Command{enrolCommand(ctx, io, pay.RoleBox)},
		run: scan,
	})
}

func scan(c *call) error {
	f := c.flags
	near, err := rssiFlag(c, "near")
	if err != nil {
		return err
	}
	far, err := rssiFlag(c, "far")
	if err != nil {
		return err
	}
	lane := pay.Name(f.String("lane"))
	if err := lane.Check(); err != nil {
		return pay.Wrap(err, pay.CodeUsage, "read --lane", "give it a short name")
	}
	track := ble.TrackerOptions{
		Lane: pay.Lane(lane), Near: near, Far: far, Dwell: f.Duration("dwell"), Leave: f.Duration("leave"), Margin: ble.MarginDefault,
	}
	if err := track.Check(); err != nil {
		return err
	}
	spec, err := parseRadio(f.String("radio"))
	if err != nil {
		return err
	}
	o := boxOptions{radio: spec, server: f.String("server"), http: f.String("http"), track: track}
	return runDaemon(c, func(ctx context.Context, s setting) (daemon, error) { return openBox(ctx, s, o) })
}

// rssiFlag reads a strength in dBm.
func rssiFlag(c *call, name string) (pay.RSSI, error) {
	v := c.flags.Int(name)
	if v < math.MinInt8 || v > 20 {
		return 0, pay.NewError(pay.CodeUsage, "--"+name+" is no strength in dBm", "write it like --"+name+" -65")
	}
	return pay.RSSI(v), nil
}
