package face

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/radio"
	"github.com/paybeacon/paybeacon/pay"
)

const (
	beaconRSSI     = -58
	beaconPower    = -59
	beaconExponent = 6

	// intervalMin and intervalMax bound --interval. Published: Bluetooth Core 5.4,
	// volume 4, part E, 7.8.5 (LE Set Advertising Parameters).
	intervalMin = 20 * time.Millisecond
	intervalMax = 10240 * time.Millisecond
)

// BeaconCommand is `beacon` and all below it: being a device.
func BeaconCommand(ctx context.Context, stdio cli.Stdio) *cli.Command {
	return cli.Group("beacon", "the device that a payer carries", cli.NewLeaf(ctx, stdio, beaconLeaf()), cli.NewLeaf(ctx, stdio, cli.Leaf{
		Name: "forget", Usage: "make the device anew: it belongs to nobody then",
		Long: "As if the button of a device were held. It needs nobody's leave: not the wallet's that it\n" +
			"belongs to, which may be gone. When the device is paired again, the registry ends what it was\n" +
			"to its former wallet and tells that. The device must not be running.",
		Flags: []cli.Flag{cli.DataFlag()}, Run: beaconForget,
	}))
}

func beaconLeaf() cli.Leaf {
	return cli.Leaf{
		Name: "run", Usage: "be a device: broadcast the changing code, answer its wallet on the link",
		Long: "Unpaired it broadcasts nothing and shows a PIN for `paybeacon wallet pair`.",
		Flags: []cli.Flag{
			cli.DataFlag(),
			&cli.StringFlag{Name: "radio", Usage: "broadcast with `RADIO`: bluez[:hci0] or air:DIR"},
			&cli.StringFlag{Name: "type", Usage: "what it is, where its wallet does not say: `tag|phone|jack|voice` (default: tag)"},
			&cli.StringFlag{Name: "link", Value: "127.0.0.1:0", Usage: "where its wallet reaches it: `HOST:PORT` (TCP)"},
			&cli.IntFlag{Name: "rssi", Value: beaconRSSI, Usage: "strength at which others in air:DIR receive it, `dBm`"},
			&cli.IntFlag{Name: "second-rssi", Usage: "the same in the second air of air:DIR+air:DIR, `dBm`", DefaultText: "as --rssi"},
			&cli.IntFlag{Name: "power", Value: beaconPower, Usage: "strength at 1 m that it states, `dBm`; its wallet then corrects nothing"},
			&cli.DurationFlag{Name: "interval", Value: ble.IntervalDefault, Usage: "broadcast every `DUR`"},
			&cli.IntFlag{Name: "k", Value: beaconExponent, Usage: "a code lives 2^`K` seconds; fixed at the first start"},
		},
		Run: beaconRun, Daemon: "beacon run", CheckFlags: withoutOptions(deviceOptions),
	}
}

func beaconForget(c *cli.Call) error {
	env, err := process.EnvOf(dirOf(c), c.Err)
	if err != nil {
		return err
	}
	f, err := node.Forget(c.Ctx, env)
	if err != nil {
		return err
	}
	c.Acted()
	return c.Answer(f, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Device %s has become device %s and belongs to nobody.\n", f.Former[:10], f.Node[:10])
		_, _ = fmt.Fprintln(w, "Start it (paybeacon beacon run) and pair it with the PIN that it shows.")
		if f.Paired {
			_, _ = fmt.Fprintln(w, "Its former wallet is told when the registry hears of it from the new one.")
		}
	})
}

// deviceOptions reads the flags of beacon run. Its errors are *pay.Error with CodeUsage.
func deviceOptions(c *cli.Call) (o node.DeviceOptions, err error) {
	f := c.Flags
	rssi, err := cli.RSSIFlag(c, "rssi")
	if err != nil {
		return o, err
	}
	second := rssi
	if f.IsSet("second-rssi") {
		if second, err = cli.RSSIFlag(c, "second-rssi"); err != nil {
			return o, err
		}
	}
	power, err := cli.RSSIFlag(c, "power")
	if err != nil {
		return o, err
	}
	spec, err := radio.Parse(f.String("radio"))
	if err != nil {
		return o, err
	}
	kind, err := deviceType(c)
	if err != nil {
		return o, err
	}
	o = node.DeviceOptions{Radio: spec, Type: kind, Link: f.String("link"), RSSI: rssi, SecondRSSI: second, Power: power, Fixed: f.IsSet("power"), Interval: f.Duration("interval"), Tell: func(p api.Pairing) { tellPairing(c, p) }}
	k := f.Int("k")
	switch {
	case k < 0 || k > int(pay.ExponentMax):
		return o, pay.NewError(pay.CodeUsage, "--k is outside 0..15", "leave it out: a code then lives 64 s")
	case o.Interval < intervalMin || o.Interval > intervalMax:
		return o, pay.NewError(pay.CodeUsage, fmt.Sprintf("--interval is outside %v..%v", intervalMin, intervalMax), "leave it out")
	case power < ble.PowerMin || power > ble.PowerMax:
		return o, pay.NewError(pay.CodeUsage, fmt.Sprintf("--power is outside %d..%d", ble.PowerMin, ble.PowerMax), "write it like --power -59, or leave it out")
	case spec.Second != nil && (spec.Kind != radio.Air || spec.Second.Kind != radio.Air):
		return o, pay.NewError(pay.CodeUsage, "a device sends with one radio", "write --radio bluez:hci0; only a box has two ears")
	case spec.Kind == radio.Replay:
		return o, pay.NewError(pay.CodeUsage, "a capture cannot broadcast", "write --radio bluez:hci0 or air:DIR")
	}
	o.Exponent = pay.Exponent(k)
	return o, nil
}

func beaconRun(c *cli.Call) error {
	o, err := deviceOptions(c)
	if err != nil {
		return err
	}
	return runNode(c, func(ctx context.Context, env process.Env) (node.Node, error) {
		o.Env = env
		return node.OpenDevice(ctx, o)
	})
}

// deviceType reads --type, "" where it is not given. Its error is a *pay.Error with
// CodeUsage.
func deviceType(c *cli.Call) (pay.DeviceType, error) {
	kind := pay.DeviceType(c.Flags.String("type"))
	if !c.Flags.IsSet("type") {
		return "", nil
	}
	if err := kind.Check(); err != nil {
		return "", pay.Wrap(err, pay.CodeUsage, "read --type", "write --type tag, phone, jack or voice")
	}
	return kind, nil
}
