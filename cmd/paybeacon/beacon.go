package main

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

const (
	beaconRSSI     = -58
	beaconPower    = -59
	beaconExponent = 6

	intervalMin = 20 * time.Millisecond
	intervalMax = 10240 * time.Millisecond
)

func beaconCommand(ctx context.Context, io stdio) *cli.Command {
	return group("beacon", "the device that a payer carries", newLeaf(ctx, io, leaf{
		name: "run", usage: "be a device: broadcast the changing code, answer its wallet on the link",
		long: "Unpaired it broadcasts nothing and shows a PIN for `paybeacon wallet pair`.",
		flags: []cli.Flag{
			dataFlag(),
			&cli.StringFlag{Name: "radio", Usage: "broadcast with `RADIO`: bluez[:hci0] or air:DIR"},
			&cli.StringFlag{Name: "link", Value: "127.0.0.1:0", Usage: "where its wallet reaches it: `HOST:PORT` (TCP)"},
			&cli.IntFlag{Name: "rssi", Value: beaconRSSI, Usage: "strength at which others in air:DIR receive it, `dBm`"},
			&cli.IntFlag{Name: "power", Value: beaconPower, Usage: "strength at 1 m that it states, `dBm`"},
			&cli.DurationFlag{Name: "interval", Value: ble.IntervalDefault, Usage: "broadcast every `DUR`"},
			&cli.IntFlag{Name: "k", Value: beaconExponent, Usage: "a code lives 2^`K` seconds; fixed at the first start"},
		},
		run: beaconRun,
	}))
}

func beaconRun(c *call) error {
	f := c.flags
	rssi, err := rssiFlag(c, "rssi")
	if err != nil {
		return err
	}
	power, err := rssiFlag(c, "power")
	if err != nil {
		return err
	}
	spec, err := parseRadio(f.String("radio"))
	if err != nil {
		return err
	}
	o := beaconOptions{radio: spec, link: f.String("link"), rssi: rssi, power: power, interval: f.Duration("interval"), tell: func(p pairingJSON) { tellPairing(c, p) }}
	k := f.Int("k")
	switch {
	case k < 0 || k > int(pay.ExponentMax):
		return pay.NewError(pay.CodeUsage, "--k is outside 0..15", "leave it out: a code then lives 64 s")
	case o.interval < intervalMin || o.interval > intervalMax:
		return pay.NewError(pay.CodeUsage, fmt.Sprintf("--interval is outside %v..%v", intervalMin, intervalMax), "leave it out")
	case spec.kind == radioReplay:
		return pay.NewError(pay.CodeUsage, "a capture cannot broadcast", "write --radio bluez:hci0 or air:DIR")
	}
	o.exponent = pay.Exponent(k)
	return runNode(c, func(ctx context.Context, s setting) (daemon, error) { return openBeacon(ctx, s, o) })
}
