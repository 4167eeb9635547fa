package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/pay"
)

const currencyDefault = "EUR"

func serveCommand(ctx context.Context, io stdio) *cli.Command {
	return newLeaf(ctx, io, leaf{
		name: "serve", usage: "run the registry",
		long: "The first start makes the keys. root.key signs only the authority of the working key: once the\nregistry runs it may be kept elsewhere.",
		flags: []cli.Flag{
			dataFlag(),
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:7443", Usage: "let nodes connect at `HOST:PORT` (UDP)"},
			&cli.StringFlag{Name: "http", Value: "127.0.0.1:7480", Usage: "/healthz and /readyz on `HOST:PORT`; empty for none"},
			&cli.StringFlag{Name: "currency", Usage: "ISO 4217 `CODE`, fixed at the first start (default: " + currencyDefault + ")"},
			&cli.BoolFlag{Name: "busy", Usage: "spend memory on speed, for many payments in flight"},
		},
		run: serve,
	})
}

func serve(c *call) error {
	f := c.flags
	o := registryOptions{listen: f.String("listen"), http: f.String("http"), busy: f.Bool("busy")}
	if o.listen == "" {
		return pay.NewError(pay.CodeUsage, "--listen is empty", "write it like --listen 127.0.0.1:7443")
	}
	if f.IsSet("currency") {
		var err error
		if o.currency, err = parseCurrency(f.String("currency")); err != nil {
			return err
		}
	} else if c.data() != "" && dirOf(c).role() == "" {
		o.currency = currencyDefault
	}
	return runNode(c, func(ctx context.Context, s setting) (daemon, error) { return openRegistry(ctx, s, o) })
}
