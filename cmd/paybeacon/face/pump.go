package face

import (
	"context"
	"io"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/pay"
)

// PumpCommand is `pump` and all below it: hands at simulated pumps.
func PumpCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	leaf := func(name, usage string, v api.Verb[api.HandRequest, api.Pump], flags ...cli.Flag) *cli.Command {
		return cli.NewLeaf(ctx, io, cli.Leaf{
			Name: name, Usage: usage,
			Flags: append([]cli.Flag{cli.DataFlag(), &cli.IntFlag{Name: "pump", Usage: "pump `N` of the box of --data"}}, flags...),
			Run:   func(c *cli.Call) error { return pumpHand(c, v) },
		})
	}
	return cli.Group(
		"pump", "use a simulated pump, as a driver does",
		leaf("lift", "take a nozzle off its hook", api.VerbPumpLift, &cli.StringFlag{Name: "product", Usage: "that of `PRODUCT`"}),
		leaf("fill", "fill, as far as the pump gives", api.VerbPumpFill, &cli.StringFlag{Name: "litres", Usage: "decimal `N`"},
			&cli.BoolFlag{Name: "realtime", Usage: "take as long as a real pump"}),
		leaf("hang", "put the nozzle back", api.VerbPumpHang),
	)
}

func pumpHand(c *cli.Call, v api.Verb[api.HandRequest, api.Pump]) error {
	n := c.Flags.Int("pump")
	if n <= 0 || n > int(pay.PumpNumberMax) {
		return pay.NewError(pay.CodeUsage, "--pump is missing, or no number of a pump", "write it like --pump 2")
	}
	q := api.HandRequest{Pump: pay.PumpNumber(n)}
	if flagExists(c, "product") {
		q.Product = pay.Product(c.Flags.String("product"))
	}
	if flagExists(c, "litres") {
		if q.Litres, q.Realtime = c.Flags.String("litres"), c.Flags.Bool("realtime"); q.Litres == "" {
			return pay.NewError(pay.CodeUsage, "--litres is missing", "write it like --litres 31.20")
		}
	}
	reply, err := ask(c, v, q)
	if err != nil {
		return err
	}
	return c.Answer(reply, func(w io.Writer) { printPump(w, reply.Value) })
}
