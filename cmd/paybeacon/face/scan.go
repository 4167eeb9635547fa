package face

import (
	"context"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/radio"
	"github.com/paybeacon/paybeacon/pay"
)

// ScanCommand is `scan`: running the merchant's box. survey are the commands below it
// that look at the air.
func ScanCommand(ctx context.Context, io cli.Stdio, survey ...*cli.Command) *cli.Command {
	leaf := scanLeaf()
	leaf.Sub = append([]*cli.Command{enrolCommand(ctx, io, pay.RoleBox)}, survey...)
	return cli.NewLeaf(ctx, io, leaf)
}

func scanLeaf() cli.Leaf {
	flags := []cli.Flag{
		cli.DataFlag(),
		cli.RadioFlag("listen with"),
		&cli.StringFlag{Name: "server", Usage: "the registry at `HOST:PORT` (default: where it was at enrolment)"},
		cli.LaneFlag(),
	}
	flags = append(flags, cli.NearFlags()...)
	flags = append(flags, &cli.StringFlag{Name: "http", Usage: "/healthz and /readyz on `HOST:PORT` (default: none)"},
		&cli.StringFlag{Name: "pumps", Usage: "the pumps that a box of a forecourt works: `sim:FILE|ocpp:FILE` (default: the attendant works them)"},
		&cli.DurationFlag{Name: "fuel-leave", Value: pay.FuelLeave.Std(), Usage: "a vehicle has left the forecourt after `DUR` unheard"})
	return cli.Leaf{
		Name: "scan", Usage: "run the merchant's box: hear who is near and take charges",
		Flags: flags,
		Run:   scan, Daemon: "scan", CheckFlags: withoutOptions(boxOptions),
	}
}

// boxOptions reads the flags of scan. Its errors are *pay.Error with CodeUsage.
func boxOptions(c *cli.Call) (o node.BoxOptions, err error) {
	f := c.Flags
	lane, err := cli.Lane(c)
	if err != nil {
		return o, err
	}
	track, err := cli.TrackerOptions(c, lane)
	if err != nil {
		return o, err
	}
	spec, err := radio.Parse(f.String("radio"))
	if err != nil {
		return o, err
	}
	pumps, err := node.ParsePumps(f.String("pumps"))
	if err != nil {
		return o, err
	}
	leave, err := cli.PositiveDuration(c, "fuel-leave")
	return node.BoxOptions{Radio: spec, Server: f.String("server"), HTTP: f.String("http"), Track: track, Pumps: pumps, FuelLeave: leave}, err
}

func scan(c *cli.Call) error {
	o, err := boxOptions(c)
	if err != nil {
		return err
	}
	return runNode(c, func(ctx context.Context, env process.Env) (node.Node, error) {
		o.Env = env
		return node.OpenBox(ctx, o)
	})
}
