package face

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// actWait is how long a command waits for a decision of the registry. Published: the
// contract with people and scripts, "Charge".
const actWait = 10 * time.Second

// actCommands are what a merchant does about money that is authorised.
func actCommands(ctx context.Context, io cli.Stdio) []*cli.Command {
	amount := func(what string) cli.Flag {
		return &cli.StringFlag{Name: "amount", Usage: "decimal `AMOUNT` (default: all that " + what + ")"}
	}
	flags := func(more ...cli.Flag) []cli.Flag {
		return append([]cli.Flag{
			cli.DataFlag(), cli.IDFlag("payment `ID`, or an unambiguous beginning of it"),
			&cli.StringFlag{Name: "key", Usage: "your own `KEY` for this, one of this payment; repeat it to retry safely"},
			&cli.DurationFlag{Name: "wait", Value: actWait, Usage: "watch for the decision for `DUR` at most"},
		}, more...)
	}
	return []*cli.Command{
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "capture", Usage: "take what is held, or a part of it",
			Long: "Without --final the rest stays held, for further captures until the hold ends. Where the payer\n" +
				"lets a tip be captured, it takes an --amount beyond that of the payment: what goes beyond is the\n" +
				"tip. Without --amount no tip is taken, and what was held for one goes back.",
			Flags: flags(amount("is held"), &cli.BoolFlag{Name: "final", Usage: "give what is then still held back to the payer"}),
			Run:   func(c *cli.Call) error { return tillAct(c, api.VerbCapture) },
		}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "void", Usage: "give all that is held back to the payer", Flags: flags(),
			Run: func(c *cli.Call) error { return tillAct(c, api.VerbVoid) },
		}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "refund", Usage: "give what was captured back to the payer, or a part of it",
			Flags: flags(amount("was captured and is not refunded")),
			Run:   func(c *cli.Call) error { return tillAct(c, api.VerbRefund) },
		}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "price", Usage: "set the amount of a charge that was opened without one",
			Flags: flags(&cli.StringFlag{Name: "amount", Usage: "decimal `AMOUNT`; it is set once"}),
			Run:   func(c *cli.Call) error { return tillAct(c, api.VerbPrice) },
		}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "increment", Usage: "ask the payer to let more be held",
			Long: "What is held stays as it is unless the payer approves.",
			Flags: flags(&cli.StringFlag{Name: "amount", Usage: "by how much more: decimal `AMOUNT`"},
				&cli.DurationFlag{Name: "ttl", Value: pay.RequestTTLDefault.Std(), Usage: "how long the payer may take: `DUR`"}),
			Run: func(c *cli.Call) error { return tillAct(c, api.VerbIncrement) },
		}),
	}
}

// tillAct asks for something on a payment that is authorised.
func tillAct(c *cli.Call, v api.Verb[api.ActionRequest, api.Payment]) error {
	f := c.Flags
	switch {
	case f.String("id") == "":
		return pay.NewError(pay.CodeUsage, "--id is missing", "`paybeacon till list` shows ids")
	case (v.Name == api.VerbIncrement.Name || v.Name == api.VerbPrice.Name) && !f.IsSet("amount"):
		return pay.NewError(pay.CodeUsage, "--amount is missing", "write it like --amount 10.00")
	case f.IsSet("amount") && f.String("amount") == "":
		return pay.NewError(pay.CodeAmount, "--amount is empty", "leave it out, or write it like --amount 12.50")
	}
	q := api.ActionRequest{ID: f.String("id"), Key: pay.IdempotencyKey(f.String("key")), Wait: pay.MillisOf(f.Duration("wait"))}
	if flagExists(c, "amount") {
		q.Amount = f.String("amount")
	}
	if flagExists(c, "final") {
		q.Final = f.Bool("final")
	}
	if flagExists(c, "ttl") {
		ttl, err := cli.PositiveDuration(c, "ttl")
		if err != nil {
			return err
		}
		q.TTL = ttl
	}
	if q.Key == "" {
		q.Key = newKey()
	}
	reply, err := ask(c, v, q)
	if err != nil {
		if errors.Is(err, api.ErrDaemonLost) || errors.Is(err, context.Canceled) {
			err = pay.Wrap(err, pay.CodeUnknown, "the "+v.Name+" was handed over but not answered", "start the box again and repeat with the same --key")
		}
		return api.WithExtra(err, "key", q.Key)
	}
	p := reply.Value
	if err := c.Answer(reply, func(w io.Writer) { printPayment(w, p, pay.RoleBox) }); err != nil {
		return err
	}
	return actExit(v.Name, p, q.Key)
}

// actExit turns what became of an action into the error, or none, of its command.
func actExit(what string, p api.Payment, key pay.IdempotencyKey) error {
	var err error
	switch a := p.Action; {
	case a == nil:
		return fmt.Errorf("%s of payment %s was not stored", what, text.Short(p.ID))
	case a.State == api.ActionDone:
		return nil
	case a.State == api.ActionEnded:
		err = pay.NewError(pay.CodeNotPaid, fmt.Sprintf("no more of payment %s is held: %s", text.Short(p.ID), a.Reason), "what was held before still is; ask again under a new key")
	case a.State == api.ActionRefused && a.Reason == pay.ReasonKeyUsed:
		err = pay.NewError(pay.CodeKeyUsed, fmt.Sprintf("the %s of payment %s was refused: its key was used for something else on this payment", what, text.Short(p.ID)), "repeat the first command exactly, or choose a new key")
	case a.State == api.ActionRefused:
		err = pay.NewError(pay.CodeConflict, fmt.Sprintf("the %s of payment %s was refused: %s", what, text.Short(p.ID), a.Reason), text.WhyRefused(a.Reason)+"; nothing was changed")
	default:
		err = pay.NewError(pay.CodeWaitPassed, fmt.Sprintf("no decision on the %s of %s yet", what, text.Short(p.ID)), "it stays asked for: repeat the command with the same --key to see what became of it")
	}
	return api.WithExtra(api.WithExtra(err, "key", key), "id", p.ID)
}
