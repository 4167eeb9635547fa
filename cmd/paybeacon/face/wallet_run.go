package face

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// waits reports whether an offer waits for a person: no rule has answered it.
func waits(ctx context.Context, w *node.Wallet, id string) bool {
	reply, err := api.Answer(ctx, w.Verbs(), api.VerbPending, api.ListRequest{})
	return err == nil && slices.ContainsFunc(reply.Value.Items, func(p api.Payment) bool { return p.ID == id })
}

// tellOffer says in one line who wants how much for what, what the payer is called at
// the counter, and how to answer.
func tellOffer(c *cli.Call, e api.Event) error {
	return c.Answer(e, func(w io.Writer) { printOffer(w, e, c.Data()) })
}

func printOffer(w io.Writer, e api.Event, dir string) {
	p := e.PaymentEvent
	ref, test := "", ""
	if p.Ref != "" {
		ref = ", ref " + text.Printable(p.Ref)
	}
	if p.Test {
		test = "  TEST"
	}
	_, _ = fmt.Fprintf(w, "%s  offer %s  %s to %s at %s%s, as %s%s: paybeacon wallet approve --data %s --id %s --amount %s\n",
		text.Moment(e.At), text.Short(p.ID), text.FormatMoney(p.Amount, p.Currency), text.Printable(string(p.Merchant)), text.Printable(string(p.Site)),
		ref, text.Printable(string(p.Payer)), test, text.ShellWord(dir), text.Short(p.ID), text.FormatAmount(p.Amount, p.Currency))
}

func walletRunCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, walletRunLeaf())
}

func walletRunLeaf() cli.Leaf {
	return cli.Leaf{
		Name: "run", Usage: "run the wallet: take offers and answer them",
		Long: "--approve says who answers: ask leaves offers to you (wallet pending, approve, decline), none\n" +
			"declines all, all approves all, under:AMOUNT approves up to AMOUNT and asks above,\n" +
			"exec:COMMAND runs a shell command with the offer as JSON on its standard input: 0 approves,\n" +
			"1 declines, anything else asks. Where the offer takes a tip, {\"tip\":150} first on its standard output\n" +
			"gives one in minor units. Rules approve only who said the words or held the device to\n" +
			"the box, or was strongest beyond doubt; wallet pending says of other offers why they ask.",
		Flags: []cli.Flag{
			cli.DataFlag(),
			&cli.StringFlag{Name: "server", Usage: "the registry at `HOST:PORT` (default: where it was at enrolment)"},
			&cli.StringFlag{Name: "approve", Value: "ask", Usage: "who answers: a `RULE` ask, none, all, under:AMOUNT, exec:COMMAND"},
		},
		Run: walletRun, Daemon: "wallet run", CheckFlags: withoutOptions(walletOptions),
	}
}

// walletOptions reads the flags of wallet run. Its errors are *pay.Error with CodeUsage; an
// amount is looked at once the wallet has enrolled, when its currency is known.
func walletOptions(c *cli.Call) (node.WalletOptions, error) {
	o := node.WalletOptions{Server: c.Flags.String("server"), Approve: c.Flags.String("approve")}
	m, err := dirOf(c).LoadMember()
	if err != nil {
		return o, nil //nolint:nilerr // opening the wallet says it
	}
	return o, node.CheckApprove(o.Approve, m.Currency)
}

func walletRun(c *cli.Call) error {
	o, err := walletOptions(c)
	if err != nil {
		return err
	}
	var w *node.Wallet
	open := func(ctx context.Context, env process.Env) (n node.Node, err error) {
		o.Env = env
		if w, err = node.OpenWallet(ctx, o); err != nil {
			return nil, err
		}
		return w, nil
	}
	return runTelling(c, open, func(list []api.Event) error {
		if c.JSON {
			return tellEvents(c, list)
		}
		for _, e := range list {
			tell := tellEvent
			if p := e.PaymentEvent; p != nil && p.State == pay.StateOffered && waits(c.Ctx, w, p.ID) {
				tell = tellOffer
			}
			if err := tell(c, e); err != nil {
				return err
			}
		}
		return nil
	})
}
