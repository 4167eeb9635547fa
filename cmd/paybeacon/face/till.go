package face

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

func TillCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	paymentID := cli.IDFlag("payment `ID`, or an unambiguous beginning of it")
	key := &cli.StringFlag{Name: "key", Usage: "name the payment by the `KEY` of its charge"}
	return cli.Group("till", "charge who is near, and see what became of it",
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "nearby", Usage: "who is near", Flags: []cli.Flag{cli.DataFlag()}, Run: tillNearby}),
		tillChargeCommand(ctx, io),
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "show", Usage: "one payment", Flags: []cli.Flag{cli.DataFlag(), paymentID, key}, Run: tillShow}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "list", Usage: "payments, newest first",
			Flags: []cli.Flag{cli.DataFlag(), &cli.IntFlag{Name: "limit", Value: 50, Usage: "at most `N` of them"}}, Run: tillList,
		}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "wait", Usage: "wait for the last word on a payment",
			Flags: []cli.Flag{cli.DataFlag(), paymentID, key, &cli.DurationFlag{Name: "wait", Value: 10 * time.Second, Usage: "watch for `DUR` at most"}},
			Run:   tillWait,
		}),
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "cancel", Usage: "withdraw a payment that nobody has approved", Flags: []cli.Flag{cli.DataFlag(), paymentID, key}, Run: tillCancel}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "receipt", Usage: "write a payment's receipt to a file",
			Flags: []cli.Flag{cli.DataFlag(), paymentID, key, &cli.StringFlag{Name: "to", Usage: "`FILE`, or - for standard output"}}, Run: writeReceipt,
		}),
	)
}

func tillNearby(c *cli.Call) error {
	reply, err := ask(c, api.VerbNearby, api.Nothing{})
	if err != nil {
		return err
	}
	n := reply.Value
	return c.Answer(reply, func(w io.Writer) { printNearby(w, n) })
}

func printNearby(w io.Writer, n api.Nearby) {
	tellRadio(w, n)
	if len(n.Candidates) == 0 {
		_, _ = fmt.Fprintln(w, "Nobody is near.")
		return
	}
	near := 0
	for _, cand := range n.Candidates {
		mark := " "
		if n.Clear != nil && *n.Clear == cand.Handle {
			mark = "*"
		}
		if cand.Near {
			near++
		}
		_, _ = fmt.Fprintf(w, "%s %-24s %4d dBm  lane %s\n", mark, cand.Handle, cand.RSSI, cand.Lane)
	}
	switch {
	case n.Clear != nil:
	case near > 1:
		_, _ = fmt.Fprintln(w, "Too close to call: charge with --to HANDLE.")
	default:
		_, _ = fmt.Fprintln(w, "Nobody is clearly near yet: look again in a moment, or charge with --to HANDLE.")
	}
}

// tellRadio says what is wrong with the radio, if anything is.
func tellRadio(w io.Writer, n api.Nearby) {
	switch {
	case n.Radio == api.RadioDeaf && n.RadioWhy != "":
		_, _ = fmt.Fprintf(w, "The radio is deaf: %s\n", text.Sentence(n.RadioWhy))
	case n.Radio == api.RadioDeaf:
		_, _ = fmt.Fprintln(w, "The radio is deaf: it hears nothing at all.")
	case n.RadioWhy != "":
		_, _ = fmt.Fprintf(w, "The radio hears, but: %s\n", text.Sentence(n.RadioWhy))
	}
}

func tillChargeCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "charge", Usage: "ask whoever is near for an amount",
		Long: "Without --wait it returns once the request is stored. With the same --key it never charges twice.",
		Flags: []cli.Flag{
			cli.DataFlag(),
			&cli.StringFlag{Name: "amount", Usage: "decimal `AMOUNT`, such as 12.50"},
			&cli.StringFlag{Name: "currency", Usage: "ISO 4217 `CODE` (default: the registry's)"},
			&cli.BoolFlag{Name: "nearest", Usage: "charge the one who is clearly nearest (the default)"},
			&cli.StringFlag{Name: "to", Usage: "charge the one shown as `HANDLE`"},
			&cli.StringFlag{Name: "ref", Usage: "order or bill number: `TEXT` for the receipt"},
			&cli.StringFlag{Name: "key", Usage: "your own `KEY` for this charge; repeat it to retry safely"},
			&cli.StringFlag{Name: "capture", Value: "auto", Usage: "take the money at once, or hold it: `auto|manual`"},
			&cli.BoolFlag{Name: "two-channel", Usage: "let the payer's device give its word too"},
			&cli.DurationFlag{Name: "ttl", Value: pay.RequestTTLDefault.Std(), Usage: "how long the payer may take: `DUR`"},
			&cli.DurationFlag{Name: "wait", Usage: "watch for the outcome for `DUR`"},
		},
		Run: tillCharge,
	})
}

func tillCharge(c *cli.Call) error {
	f := c.Flags
	switch {
	case f.String("capture") == "manual":
		return pay.NewError(pay.CodeNotAvailable, "--capture manual is not available in this version", "leave it out")
	case f.String("capture") != "auto":
		return pay.NewError(pay.CodeUsage, fmt.Sprintf("--capture %q is neither auto nor manual", text.Printable(f.String("capture"))), "leave it out, or write --capture auto")
	case f.Bool("nearest") && f.String("to") != "":
		return pay.NewError(pay.CodeUsage, "--nearest and --to exclude one another", "give one of them")
	case f.IsSet("to") && f.String("to") == "":
		return pay.NewError(pay.CodeUsage, "--to names nobody", "give a handle that `paybeacon till nearby` shows")
	case !f.IsSet("amount"):
		return pay.NewError(pay.CodeUsage, "--amount is missing", "write it like --amount 12.50")
	case f.IsSet("wait") && f.Duration("wait") <= 0:
		return pay.NewError(pay.CodeUsage, "--wait is not above zero", "write it like --wait 30s")
	case f.IsSet("key") && f.String("key") == "":
		return pay.NewError(pay.CodeUsage, "--key is empty", "give the charge a name of its own, or leave --key out")
	}
	q := api.ChargeRequest{
		Amount: f.String("amount"), Currency: f.String("currency"), To: pay.Handle(f.String("to")),
		Ref: f.String("ref"), Key: pay.IdempotencyKey(f.String("key")), TTL: pay.MillisOf(f.Duration("ttl")), TwoChannel: f.Bool("two-channel"),
	}
	if q.Key == "" {
		q.Key = pay.IdempotencyKey(ulid.MustNew(ulid.Now(), rand.Reader).String())
	}
	reply, err := ask(c, api.VerbCharge, q)
	if err != nil {
		if errors.Is(err, api.ErrDaemonLost) || errors.Is(err, context.Canceled) {
			err = pay.Wrap(err, pay.CodeUnknown, "charge was handed over but not answered",
				"do not charge anew: start the box again and repeat with the same --key")
		}
		return api.WithExtra(err, "key", q.Key)
	}
	p := reply.Value
	if !f.IsSet("wait") {
		if err := c.Answer(reply, func(w io.Writer) { printPayment(w, p) }); err != nil {
			return err
		}
		return chargeExit(c, p, q.Key, false)
	}
	return watchPayment(c, api.WaitRequest{ID: p.ID, Wait: pay.MillisOf(f.Duration("wait"))}, &p, q.Key)
}

// watchPayment waits until a payment has ended or the wait has passed, prints the
// payment as it then is and exits accordingly. known is what to print if the
// daemon goes away; nil where nothing is known yet.
func watchPayment(c *cli.Call, q api.WaitRequest, known *api.Payment, key pay.IdempotencyKey) error {
	reply, err := ask(c, api.VerbWait, q)
	switch {
	case err != nil && known != nil:
		return lostPayment(c, *known, key, err)
	case errors.Is(err, api.ErrDaemonLost), errors.Is(err, context.Canceled):
		return pay.Wrap(err, pay.CodeUnknown, "the outcome is not known", "do not charge anew: ask again once the box runs")
	case err != nil:
		return err
	}
	p := reply.Value
	if err := c.Answer(reply, func(w io.Writer) { printPayment(w, p) }); err != nil {
		return err
	}
	return chargeExit(c, p, p.Key, true)
}

// lostPayment prints a payment that was recorded, of which nobody here knows what
// became of it because of err.
func lostPayment(c *cli.Call, p api.Payment, key pay.IdempotencyKey, err error) error {
	p.Outcome, p.SafeToRetry = pay.OutcomeUnknown, false
	lost := pay.Wrap(err, pay.CodeUnknown, "outcome of payment "+p.ID[:10]+" is unknown",
		"do not charge anew: ask "+waitHint(c, p.ID)+" once the box runs again")
	if err := c.Answer(p, func(w io.Writer) { printPayment(w, p) }); err != nil {
		return err
	}
	return api.WithExtra(lost, "key", key)
}

// chargeExit turns a payment into the error, or none, that the contract's table
// asks for. waited says that --wait was given and has passed.
func chargeExit(c *cli.Call, p api.Payment, key pay.IdempotencyKey, waited bool) error {
	var err error
	switch p.Outcome {
	case pay.OutcomePaid:
		return nil
	case pay.OutcomePending:
		if !waited {
			return nil
		}
		err = pay.NewError(pay.CodeWaitPassed, fmt.Sprintf("payment %s is still %s", p.ID[:10], p.State),
			"the charge goes on: watch it with "+waitHint(c, p.ID))
	case pay.OutcomeNotPaid:
		err = pay.NewError(pay.CodeNotPaid, fmt.Sprintf("payment %s was not made: %s", p.ID[:10], text.Because(p.State, p.Reason)), "nothing was charged; you may charge again under a new key")
	default:
		err = pay.NewError(pay.CodeUnknown, fmt.Sprintf("outcome of payment %s is unknown", p.ID[:10]),
			"do not charge anew: ask "+waitHint(c, p.ID)+" when the registry is reachable again")
	}
	return api.WithExtra(api.WithExtra(err, "key", key), "id", p.ID)
}

// waitHint is what to type to watch a payment of this till.
func waitHint(c *cli.Call, id string) string {
	return fmt.Sprintf("`paybeacon till wait --data %s --id %s`", c.Data(), id[:10])
}

func printPayer(w io.Writer, p api.Payment) {
	if p.Payer != "" {
		_, _ = fmt.Fprintf(w, "  payer    %s\n", p.Payer)
	}
	if p.Ref != "" {
		_, _ = fmt.Fprintf(w, "  ref      %s\n", text.Printable(p.Ref))
	}
}

func printPayment(w io.Writer, p api.Payment) {
	test := ""
	if p.Test {
		test = "  TEST (play money)"
	}
	_, _ = fmt.Fprintf(w, "%s  %s  %s at %s, %s%s\n", p.ID[:10], text.FormatMoney(p.Amount, p.Currency), p.Merchant, p.Site, text.Because(p.State, p.Reason), test)
	printPayer(w, p)
	if p.By != "" {
		_, _ = fmt.Fprintf(w, "  answered %s\n", by(p.By))
	}
	printChannels(w, p)
	note := map[pay.Outcome]string{
		pay.OutcomePaid:    "paid",
		pay.OutcomeNotPaid: "not paid; you may charge again",
		pay.OutcomePending: "pending; do not charge again",
		pay.OutcomeUnknown: "UNKNOWN; do not charge again, ask later",
	}[p.Outcome]
	switch atTill := p.Key != ""; {
	case !atTill && p.Answering:
		note = "pending; the answer is on its way to the registry"
	case !atTill:
		note, _, _ = strings.Cut(note, ";") // a payer charges nobody
	case p.Queued:
		note += "; queued until the registry has it"
	}
	_, _ = fmt.Fprintf(w, "  outcome  %s\n", note)
	if p.Key != "" {
		_, _ = fmt.Fprintf(w, "  key      %s\n", text.Printable(string(p.Key)))
	}
}

// printChannels says why the device has to speak too, and what is in the way.
func printChannels(w io.Writer, p api.Payment) {
	if p.Demand == "" {
		return
	}
	_, _ = fmt.Fprintf(w, "  channels two: %s\n", text.WhyTwoChannels(p.Demand))
	if p.Demand.NeedsPerson() && p.Key == "" && !p.State.Ended() {
		_, _ = fmt.Fprintf(w, "  BEWARE   %s\n", text.Beware(p.Merchant, p.Site))
	}
	if p.Problem != "" {
		_, _ = fmt.Fprintf(w, "  problem  %s\n", text.Printable(p.Problem))
	}
}

func by(r pay.Rule) string {
	if r == pay.ByHand {
		return "by hand"
	}
	return "by the rule " + string(r)
}

func paymentQuery(c *cli.Call) (api.PaymentRef, error) {
	q := api.PaymentRef{ID: c.Flags.String("id"), Key: pay.IdempotencyKey(c.Flags.String("key"))}
	if (q.ID == "") == (q.Key == "") {
		return q, pay.NewError(pay.CodeUsage, "name the payment by one of --id and --key", "`paybeacon till list` shows ids; the key is the one that till charge printed")
	}
	return q, nil
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
	return c.Answer(reply, func(w io.Writer) { printPayment(w, p) })
}

func tillList(c *cli.Call) error {
	return listPayments(c, api.VerbList, api.ListRequest{Limit: c.Flags.Int("limit")}, "No payments.", func(p api.Payment) string { return string(p.Payer) })
}

// listPayments prints a line for each payment; other says who the other side
// is, as whoever reads the list sees it.
func listPayments[Q any](c *cli.Call, v api.Verb[Q, api.List[api.Payment]], q Q, none string, other func(api.Payment) string) error {
	reply, err := ask(c, v, q)
	if err != nil {
		return err
	}
	list := reply.Value.Items
	return cli.AnswerList(c, list, func(w io.Writer) {
		if len(list) == 0 {
			_, _ = fmt.Fprintln(w, none)
		}
		for _, p := range list {
			_, _ = fmt.Fprintf(w, "%s  %s  %14s  %-20s  %s\n", p.ID[:10], text.Moment(p.Created), text.FormatMoney(p.Amount, p.Currency), other(p), text.Because(p.State, p.Reason))
			if p.State.Ended() {
				continue
			}
			if atTill := p.Key != ""; !atTill { // what a payer compares before the answer
				printPayer(w, p)
			}
			printChannels(w, p)
		}
	})
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
	const wait = 10 * time.Second
	reply, err := ask(c, api.VerbCancel, api.WaitRequest{ID: q.ID, Key: q.Key, Wait: pay.MillisOf(wait)})
	if err != nil {
		return err
	}
	p := reply.Value
	if err := c.Answer(reply, func(w io.Writer) { printPayment(w, p) }); err != nil {
		return err
	}
	switch {
	case p.State == pay.StateCancelled:
		return nil
	case p.State.Ended():
		return pay.NewError(pay.CodeConflict, fmt.Sprintf("payment %s was already %s when the cancel arrived", p.ID[:10], p.State), "nothing was changed")
	default:
		return pay.NewError(pay.CodeWaitPassed, fmt.Sprintf("no decision on the cancel of %s yet", p.ID[:10]), "it stays asked for: "+waitHint(c, p.ID))
	}
}
