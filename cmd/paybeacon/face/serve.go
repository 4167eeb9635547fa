package face

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

const currencyDefault = "EUR"

// ServeCommand is `serve`: running the registry.
func ServeCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, serveLeaf())
}

func serveLeaf() cli.Leaf {
	return cli.Leaf{
		Name: "serve", Usage: "run the registry",
		Long: "The first start makes the keys. root.key signs only the authority of the working key: once the\nregistry runs it may be kept elsewhere.",
		Flags: []cli.Flag{
			cli.DataFlag(),
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:7443", Usage: "let nodes connect at `HOST:PORT` (UDP)"},
			&cli.StringFlag{Name: "http", Value: "127.0.0.1:7480", Usage: "/healthz and /readyz on `HOST:PORT`; empty for none"},
			&cli.StringFlag{Name: "currency", Usage: "ISO 4217 `CODE`, fixed at the first start (default: " + currencyDefault + ")"},
			cli.ListFlag("acquirer", "let wallets pay by `sim|stripe`, given once for each; sim:FILE says where the simulated provider keeps what it did"),
			&cli.StringFlag{Name: "stripe-key-file", Usage: "read Stripe's API key from `FILE` (default: from " + stripeKeyEnv + ")"},
			&cli.StringFlag{Name: "stripe-url", Usage: "call Stripe at `URL`, for tests on this machine"},
			&cli.BoolFlag{Name: "busy", Usage: "spend memory on speed, for many payments in flight"},
		},
		Run: serve, Daemon: "serve", CheckFlags: withoutOptions(registryOptions),
	}
}

// registryOptions reads the flags of serve. Its errors are *pay.Error with CodeUsage and
// CodeConfig.
func registryOptions(c *cli.Call) (node.RegistryOptions, error) {
	f := c.Flags
	o := node.RegistryOptions{Listen: f.String("listen"), HTTP: f.String("http"), Busy: f.Bool("busy")}
	if o.Listen == "" {
		return o, pay.NewError(pay.CodeUsage, "--listen is empty", "write it like --listen 127.0.0.1:7443")
	}
	if f.IsSet("currency") {
		var err error
		if o.Currency, err = text.ParseCurrency(f.String("currency")); err != nil {
			return o, err
		}
	} else if c.Data() != "" && dirOf(c).Role() == "" {
		o.Currency = currencyDefault
	}
	var err error
	o.Acquirers, err = acquirerOptions(c)
	return o, err
}

func serve(c *cli.Call) error {
	o, err := registryOptions(c)
	if err != nil {
		return err
	}
	open := func(ctx context.Context, env process.Env) (node.Node, error) {
		o.Env = env
		return node.OpenRegistry(ctx, o)
	}
	if c.JSON {
		return runNode(c, open)
	}
	return runTelling(c, open, nil) // the payments of all nodes are more than a person reads
}

// stripeKeyEnv is the environment variable that holds Stripe's API key. Stripe's own tools
// read it, too.
const stripeKeyEnv = "STRIPE_API_KEY"

// acquirerOptions reads which acquirers are called. A key never stands among the arguments.
func acquirerOptions(c *cli.Call) (o node.AcquirerOptions, err error) {
	called := map[pay.Acquirer]bool{}
	for _, spec := range c.List("acquirer") {
		name, file, hasFile := strings.Cut(spec, ":")
		a := pay.Acquirer(name)
		switch {
		case a.Check() != nil:
			return o, pay.NewError(pay.CodeUsage, fmt.Sprintf("there is no acquirer %q", text.Printable(name)), "write --acquirer sim or --acquirer stripe")
		case called[a]:
			return o, pay.NewError(pay.CodeUsage, "--acquirer "+name+" is given twice", "give each once")
		case hasFile && (a != pay.AcquirerSim || file == ""):
			return o, pay.NewError(pay.CodeUsage, "only the simulated provider has a file", "write --acquirer sim:FILE or --acquirer "+name)
		}
		if called[a] = true; a == pay.AcquirerSim {
			o.Sim, o.SimFile = true, file
		}
	}
	keyFile, url := c.Flags.String("stripe-key-file"), c.Flags.String("stripe-url")
	if !called[pay.AcquirerStripe] {
		if keyFile != "" || url != "" {
			return o, pay.NewError(pay.CodeUsage, "--stripe-key-file and --stripe-url go with --acquirer stripe", "add it, or leave them out")
		}
		return o, nil
	}
	o.StripeKey, o.StripeURL = os.Getenv(stripeKeyEnv), url
	if keyFile != "" && (o.StripeKey == "" || !c.FromFile("stripe-key-file")) { // the environment counts for more than the file of settings
		if o.StripeKey, err = secretFile(c, "stripe-key-file", keyFile); err != nil {
			return o, err
		}
	}
	if o.StripeKey == "" {
		return o, pay.NewError(pay.CodeConfig, "Stripe's API key is missing", "give it with --stripe-key-file FILE or in "+stripeKeyEnv)
	}
	return o, nil
}
