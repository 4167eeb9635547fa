package face

import (
	"context"
	"fmt"
	"io"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// settledFlags are the flags that say what became of the money.
var settledFlags = []struct {
	name  string
	as    pay.SettledAs
	usage string
}{
	{"paid", pay.SettledPaid, "the payer's money was taken"},
	{"not-paid", pay.SettledNotPaid, "it was not, and will not be"},
	{"refunded", pay.SettledRefunded, "a refund that has no answer was made"},
	{"not-refunded", pay.SettledNotRefunded, "it was not made"},
}

func settleCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	flags := []cli.Flag{
		cli.DataFlag(),
		&cli.StringFlag{Name: "id", Usage: "the `PAYMENT`, or an unambiguous beginning of its id"},
		&cli.StringFlag{Name: "why", Usage: "how you know: `TEXT` that merchant and payer see"},
	}
	for _, f := range settledFlags {
		flags = append(flags, &cli.BoolFlag{Name: f.name, Usage: f.usage})
	}
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "settle", Usage: "close a payment that nobody else can",
		Long: "For a payment whose acquirer never answers or is not called any more, and for one that was set\n" +
			"aside for ever. Look first what the acquirer's own list says became of the money: both parties are\n" +
			"told what you say, signed, and after --not-paid the merchant may charge again. An acquirer that can\n" +
			"be asked is asked once more before, and its answer goes first. What was settled it is not asked to\n" +
			"do any more; if it answers otherwise later, `paybeacon doctor` says so and no money moves by itself.\n\n" +
			"A hold or an offer that is open is closed without such a flag: what is held goes back to the payer.\n" +
			"Exit code: 8 if the payment is finished, or cannot have that outcome.",
		Flags: flags, Run: adminSettle,
	})
}

func adminSettle(c *cli.Call) error {
	q := api.SettleRequest{ID: c.Flags.String("id"), Why: c.Flags.String("why")}
	for _, f := range settledFlags {
		switch {
		case !c.Flags.Bool(f.name):
		case q.Outcome != "":
			return pay.NewError(pay.CodeUsage, "two outcomes exclude one another", "give one of --paid, --not-paid, --refunded and --not-refunded")
		default:
			q.Outcome = f.as
		}
	}
	if q.ID == "" || text.IsBlank(q.Why) {
		return pay.NewError(pay.CodeUsage, "--id or --why is missing", "write it like: paybeacon admin settle --id 3f2a91c0d4 --not-paid --why 'the provider has closed; its list has no such charge'")
	}
	reply, err := ask(c, api.VerbSettle, q)
	if err != nil {
		return err
	}
	s := reply.Value
	return c.Answer(reply, func(w io.Writer) {
		again := "it must not be charged again"
		if s.SafeToRetry {
			again = "it may be charged again"
		}
		_, _ = fmt.Fprintf(w, "Payment %s is settled: %s; %s.\n  Merchant and payer see why: %s\n", text.Short(s.ID), s.State, again, text.Printable(s.Reason))
	})
}
