package face

import (
	"context"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

const currencyDefault = "EUR"

// ServeCommand is `serve`: running the registry.
func ServeCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "serve", Usage: "run the registry",
		Long: "The first start makes the keys. root.key signs only the authority of the working key: once the\nregistry runs it may be kept elsewhere.",
		Flags: []cli.Flag{
			cli.DataFlag(),
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:7443", Usage: "let nodes connect at `HOST:PORT` (UDP)"},
			&cli.StringFlag{Name: "http", Value: "127.0.0.1:7480", Usage: "/healthz and /readyz on `HOST:PORT`; empty for none"},
			&cli.StringFlag{Name: "currency", Usage: "ISO 4217 `CODE`, fixed at the first start (default: " + currencyDefault + ")"},
			&cli.BoolFlag{Name: "busy", Usage: "spend memory on speed, for many payments in flight"},
		},
		Run: serve,
	})
}

func serve(c *cli.Call) error {
	f := c.Flags
	o := node.RegistryOptions{Listen: f.String("listen"), HTTP: f.String("http"), Busy: f.Bool("busy")}
	if o.Listen == "" {
		return pay.NewError(pay.CodeUsage, "--listen is empty", "write it like --listen 127.0.0.1:7443")
	}
	if f.IsSet("currency") {
		var err error
		if o.Currency, err = text.ParseCurrency(f.String("currency")); err != nil {
			return err
		}
	} else if c.Data() != "" && dirOf(c).Role() == "" {
		o.Currency = currencyDefault
	}
	open := func(ctx context.Context, env node.Env) (node.Node, error) {
		o.Env = env
		return node.OpenRegistry(ctx, o)
	}
	if c.JSON {
		return runNode(c, open)
	}
	return runTelling(c, open, nil) // the payments of all nodes are more than a person reads
}
