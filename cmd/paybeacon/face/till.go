package face

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// TillCommand is `till` and all below it: charging who is near.
func TillCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	paymentID := cli.IDFlag("payment `ID`, or an unambiguous beginning of it")
	key := &cli.StringFlag{Name: "key", Usage: "name the payment by the `KEY` of its charge"}
	leaves := []*cli.Command{
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "nearby", Usage: "who is near", Flags: []cli.Flag{cli.DataFlag()}, Run: tillNearby}),
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "status", Usage: "registry, radio and what waits", Flags: []cli.Flag{cli.DataFlag()}, Run: tillStatus}),
		tillChargeCommand(ctx, io),
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "show", Usage: "one payment", Flags: []cli.Flag{cli.DataFlag(), paymentID, key}, Run: tillShow}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "list", Usage: "payments, newest first",
			Flags: []cli.Flag{cli.DataFlag(), cli.LimitFlag("at most `N` of them"), cli.BeforeFlag()}, Run: tillList,
		}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "wait", Usage: "wait for the last word on a payment",
			Flags: []cli.Flag{cli.DataFlag(), paymentID, key, &cli.DurationFlag{Name: "wait", Value: 10 * time.Second, Usage: "watch for `DUR` at most"}},
			Run:   tillWait,
		}),
		cli.NewLeaf(ctx, io, tillReportLeaf()),
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "cancel", Usage: "withdraw a payment that nobody has approved", Flags: []cli.Flag{cli.DataFlag(), paymentID, key}, Run: tillCancel}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "receipt", Usage: "write a payment's receipt to a file",
			Flags: []cli.Flag{cli.DataFlag(), paymentID, key, &cli.StringFlag{Name: "to", Usage: "`FILE`, or - for standard output"}, cli.ForceFlag("receipt")}, Run: writeReceipt,
		}),
	}
	return cli.Group("till", "charge who is near, and see what became of it", append(append(leaves, actCommands(ctx, io)...), fuelCommand(ctx, io))...)
}

func tillNearby(c *cli.Call) error {
	reply, err := ask(c, api.VerbNearby, api.Nothing{})
	if err != nil {
		return err
	}
	n := reply.Value
	return c.Answer(reply, func(w io.Writer) { printNearby(w, n) })
}

func tillChargeCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "charge", Usage: "ask whoever is near for an amount",
		Long: "Without --wait it returns once the request is stored. With the same --key it never charges twice.\n" +
			"On a terminal it asks who the payer is where the nearest is too close to call: by the words that\n" +
			"the payer's wallet shows (`paybeacon wallet words`), their beginning, or a number of the list.\n" +
			"No rule of the payer answers who was chosen by a number.\n" +
			"With --tip-max the payer may add a tip when approving, and signs it with the amount. With --capture\n" +
			"manual that tip is a bound: till capture --amount takes up to as much beyond the amount.",
		Flags: []cli.Flag{
			cli.DataFlag(),
			&cli.StringFlag{Name: "amount", Usage: "decimal `AMOUNT`, such as 12.50; later: `till price` sets it"},
			&cli.StringFlag{Name: "bill", Usage: "charge the amount of the bill with this `NUMBER`"},
			&cli.StringFlag{Name: "currency", Usage: "ISO 4217 `CODE` (default: the registry's)"},
			&cli.BoolFlag{Name: "nearest", Usage: "charge the one who is clearly nearest (the default)"},
			&cli.StringFlag{Name: "to", Usage: "charge the one shown as these `WORDS`, or the only one that begins so"},
			&cli.StringFlag{Name: "ref", Usage: "order or bill number: `TEXT` for the receipt"},
			&cli.StringFlag{Name: "key", Usage: "your own `KEY` for this charge; repeat it to retry safely"},
			&cli.StringFlag{Name: "capture", Value: api.CaptureAuto, Usage: "take the money at once, or hold it: `auto|manual`"},
			&cli.StringFlag{Name: "hold", Value: "7d", Usage: "with --capture manual: how long it is held: `DUR`, such as 7d or 2h"},
			&cli.BoolFlag{Name: "two-channel", Usage: "let the payer's device give its word too"},
			&cli.StringFlag{Name: "tip-max", Usage: "let the payer add a tip of at most this `AMOUNT`"},
			&cli.BoolFlag{Name: "ask", Usage: "where that is too close to call, ask even if this is no terminal"},
			&cli.DurationFlag{Name: "ttl", Value: pay.RequestTTLDefault.Std(), Usage: "how long the payer may take: `DUR`"},
			&cli.DurationFlag{Name: "wait", Usage: "watch for the outcome for `DUR`"},
		},
		Run: tillCharge,
	})
}

func tillCharge(c *cli.Call) error {
	f := c.Flags
	switch {
	case f.IsSet("hold") && f.String("capture") != api.CaptureManual:
		return pay.NewError(pay.CodeUsage, "--hold is for --capture manual", "add it, or leave out --hold")
	case f.String("capture") != api.CaptureAuto && f.String("capture") != api.CaptureManual:
		return pay.NewError(pay.CodeUsage, fmt.Sprintf("--capture %q is neither auto nor manual", text.Printable(f.String("capture"))), "leave it out, or write --capture auto")
	case f.Bool("nearest") && f.String("to") != "":
		return pay.NewError(pay.CodeUsage, "--nearest and --to exclude one another", "give one of them")
	case f.Bool("ask") && f.String("to") != "":
		return pay.NewError(pay.CodeUsage, "--ask and --to exclude one another", "give one of them")
	case f.IsSet("to") && f.String("to") == "":
		return pay.NewError(pay.CodeUsage, "--to names nobody", "give a handle that `paybeacon till nearby` shows")
	case f.IsSet("bill") && (f.IsSet("amount") || f.IsSet("ref")):
		return pay.NewError(pay.CodeUsage, "--bill stands in the place of --amount and --ref", "give the bill alone, or an amount")
	case f.IsSet("tip-max") && f.String("tip-max") == "":
		return pay.NewError(pay.CodeAmount, "--tip-max is empty", "leave it out, or write it like --tip-max 3.00")
	case f.IsSet("bill") && f.String("bill") == "":
		return pay.NewError(pay.CodeUsage, "--bill names none", "give the number that `paybeacon admin bill add` was given")
	case !f.IsSet("amount") && !f.IsSet("bill"):
		return pay.NewError(pay.CodeUsage, "--amount is missing", "write it like --amount 12.50")
	}
	ttl, err := cli.PositiveDuration(c, "ttl")
	if err != nil {
		return err
	}
	q := api.ChargeRequest{
		Amount: f.String("amount"), Bill: f.String("bill"), Currency: f.String("currency"), To: pay.Handle(f.String("to")),
		Ref: f.String("ref"), Key: pay.IdempotencyKey(f.String("key")), TTL: ttl, TwoChannel: f.Bool("two-channel"), TipMax: f.String("tip-max"),
	}
	if q.Later = q.Amount == "later"; q.Later {
		q.Amount = ""
	}
	if q.Key == "" {
		q.Key = newKey()
	}
	if f.String("capture") == api.CaptureManual {
		if q.Hold, err = text.ParseSpan(f.String("hold")); err != nil {
			return err
		}
	}
	wait := f.Duration("wait")
	q.Wait = pay.MillisOf(wait)
	var recorded *api.Payment // while its outcome is waited for
	var tell func(json.RawMessage)
	if wait > 0 {
		tell = func(raw json.RawMessage) {
			if note, ok := api.ReadNote[api.Recorded](raw); ok {
				c.Acted()
				recorded = &note.Payment
			}
		}
	}
	reply, err := chargeAsking(c, q, tell)
	if err != nil && recorded != nil {
		return lostPayment(c, *recorded, q.Key, err)
	}
	if err != nil {
		if errors.Is(err, api.ErrDaemonLost) || errors.Is(err, context.Canceled) {
			err = pay.Wrap(err, pay.CodeUnknown, "charge was handed over but not answered",
				"do not charge anew: start the box again and repeat with the same --key")
		}
		return api.WithExtra(err, "key", q.Key)
	}
	p := reply.Value
	if wait > 0 && (recorded != nil || p.Outcome != pay.OutcomePending) {
		return answerWaited(c, reply)
	}
	if wait == 0 {
		printed := c.Answer(reply, func(w io.Writer) { printPayment(w, p, pay.RoleBox) })
		return cmp.Or(chargeExit(c, p, q.Key, false), printed)
	}
	return watchPayment(c, api.WaitRequest{ID: p.ID, Wait: q.Wait}, &p, q.Key) // a daemon of old has not waited
}

func tillShow(c *cli.Call) error {
	q, err := paymentQuery(c)
	if err != nil {
		return err
	}
	reply, err := ask(c, api.VerbShow, q)
	if err != nil {
		return err
	}
	p := reply.Value
	warnOpen(c, p)
	return c.Answer(reply, func(w io.Writer) { printPayment(w, p, pay.RoleBox) })
}

func tillList(c *cli.Call) error {
	q, err := listQuery(c)
	if err != nil {
		return err
	}
	return listPayments(c, api.VerbList, q, listed{"No payments.", func(p api.Payment) string { return string(p.Payer) }, "outcome UNKNOWN: do not charge again, ask later", pay.RoleBox})
}

func tillWait(c *cli.Call) error {
	q, err := paymentQuery(c)
	if err != nil {
		return err
	}
	return watchPayment(c, api.WaitRequest{ID: q.ID, Key: q.Key, Wait: pay.MillisOf(c.Flags.Duration("wait"))}, nil, "")
}

func tillCancel(c *cli.Call) error {
	q, err := paymentQuery(c)
	if err != nil {
		return err
	}
	reply, err := ask(c, api.VerbCancel, api.WaitRequest{ID: q.ID, Key: q.Key, Wait: pay.MillisOf(actWait)})
	if err != nil {
		return err
	}
	p := reply.Value
	printed := c.Answer(reply, func(w io.Writer) { printPayment(w, p, pay.RoleBox) })
	switch {
	case p.State == pay.StateCancelled:
		return printed
	case p.State.Final():
		return pay.NewError(pay.CodeConflict, fmt.Sprintf("payment %s was already %s when the cancel arrived", text.Short(p.ID), p.State), "nothing was changed")
	case p.Refusal != "":
		return pay.NewError(pay.CodeConflict, fmt.Sprintf("payment %s was already %s when the cancel arrived", text.Short(p.ID), p.State), "nothing was changed: "+waitHint(c, p.ID))
	default:
		return pay.NewError(pay.CodeWaitPassed, fmt.Sprintf("no decision on the cancel of %s yet", text.Short(p.ID)), "it stays asked for: "+waitHint(c, p.ID))
	}
}
