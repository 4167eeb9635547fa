package face

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// walletMandateCommand is `wallet mandate` and all below it.
func walletMandateCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.Group("mandate", "agree beforehand to payments that nobody is asked about",
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "add", Usage: "let a merchant be paid within bounds, without an offer",
			Long: "The registry pays at once what a mandate covers, before any rule and though --approve is none: where\n" +
				"you said the words, tapped or came by plate, or led beyond doubt. Payment and receipt name it. You\n" +
				"are asked all the same where your code was heard at two places, where two channels are needed, and\n" +
				"from the second payment on in one step of your device (64 s). What is given back of a hold is free\n" +
				"again, a refund is not. A new phone takes no mandate over.",
			Flags: []cli.Flag{
				cli.DataFlag(),
				&cli.StringFlag{Name: "to", Usage: "whom: the `MERCHANT`'s name as offers show it, or class:fuel"},
				&cli.StringFlag{Name: "device", Usage: "only with the device `ID`, or an unambiguous beginning of it"},
				&cli.StringFlag{Name: "each", Usage: "at most `AMOUNT` for one payment, or at least and at most: 1.00..5.00"},
				&cli.StringFlag{Name: "day", Usage: "at most `AMOUNT` a day, as days are here now"},
				&cli.StringFlag{Name: "budget", Usage: "at most `AMOUNT` in all"},
				&cli.StringFlag{Name: "count", Usage: "at most `N` payments"},
				&cli.StringFlag{Name: "until", Value: "30d", Usage: "`WHEN` it ends: 30d, 12h, a date or RFC 3339, at most 400d"},
				&cli.StringFlag{Name: "means", Usage: "only with devices that pay by the means `NAME`"},
			}, Run: addMandate,
		}),
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "list", Usage: "all mandates, and what is left of them", Flags: []cli.Flag{cli.DataFlag(), cli.IDFlag("only the mandate `ID`, or an unambiguous beginning of it")}, Run: listMandates}),
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "end", Usage: "end a mandate at once", Flags: []cli.Flag{cli.DataFlag(), cli.IDFlag("mandate `ID`, or an unambiguous beginning of it")}, Run: endMandate}),
	)
}

func addMandate(c *cli.Call) error {
	f := c.Flags
	q := api.MandateRequest{
		To: f.String("to"), Device: f.String("device"), Each: f.String("each"), Day: f.String("day"), Budget: f.String("budget"),
		Until: f.String("until"), Means: pay.Name(f.String("means")),
	}
	const example = "write it like: paybeacon wallet mandate add --to 'Corner Cafe' --each 5.00 --day 15.00"
	if q.To == "" || q.Each == "" {
		return pay.NewError(pay.CodeUsage, "--to or --each is missing", example)
	}
	if q.Day == "" && q.Budget == "" && f.String("count") == "" {
		return pay.NewError(pay.CodeUsage, "one of --day, --budget and --count is needed", example)
	}
	if n := f.String("count"); n != "" {
		if _, err := fmt.Sscanf(n+"\n", "%d\n", &q.Count); err != nil || q.Count == 0 {
			return pay.NewError(pay.CodeUsage, fmt.Sprintf("--count %q is no number of payments", text.Printable(n)), "write a number from 1 on")
		}
	}
	return changeMandate(c, api.VerbAddMandate, q, false)
}

func endMandate(c *cli.Call) error {
	q := api.MandateRef{ID: c.Flags.String("id")}
	if q.ID == "" {
		return pay.NewError(pay.CodeUsage, "--id is missing", "`paybeacon wallet mandate list` shows the ids")
	}
	return changeMandate(c, api.VerbEndMandate, q, true)
}

// changeMandate asks for a change, after which the mandate is to have ended or to stand.
func changeMandate[Q any](c *cli.Call, verb api.Verb[Q, api.Mandate], q Q, end bool) error {
	reply, err := ask(c, verb, q)
	if err != nil {
		return err
	}
	m := reply.Value
	printed := c.Answer(reply, func(w io.Writer) { printMandate(c, w, m) })
	switch {
	case m.State == "pending":
		return pay.NewError(pay.CodeWaitPassed, "the registry has not answered yet", "it stays asked for: look again with `paybeacon wallet mandate list`")
	case m.Reason == pay.ReasonUnknownMerchant:
		return pay.NewError(pay.CodeNotFound, "the registry knows no merchant "+text.Printable(m.To), "write the name exactly as its offers and receipts show it")
	case (m.State == "ended") != end && (end || m.Reason != ""):
		return pay.NewError(pay.CodeConflict, "the registry refused it: "+text.Printable(string(m.Reason)), "look at `paybeacon wallet mandate list`")
	}
	return printed
}

func listMandates(c *cli.Call) error {
	reply, err := ask(c, api.VerbMandates, api.Nothing{})
	if err != nil {
		return err
	}
	list := reply.Value.Items
	if id := strings.ToLower(c.Flags.String("id")); id != "" {
		var only []api.Mandate
		for _, m := range list {
			if strings.HasPrefix(m.ID, id) {
				only = append(only, m)
			}
		}
		if list = only; len(list) == 0 {
			return pay.NewError(pay.CodeNotFound, "no mandate has an id that begins with "+text.Printable(id), "`paybeacon wallet mandate list` shows the ids")
		}
	}
	return cli.AnswerList(c, list, func(w io.Writer) {
		if len(list) == 0 {
			_, _ = fmt.Fprintln(w, "No mandates: every payment is offered.")
		}
		for _, m := range list {
			printMandate(c, w, m)
		}
	})
}

// printMandate writes a mandate as one line, and what is left of it as another.
func printMandate(c *cli.Call, w io.Writer, m api.Mandate) {
	money := func(a pay.Amount) string { return text.FormatMoney(a, m.Currency) }
	each := "up to " + money(m.Each)
	if m.EachMin > 0 {
		each = text.FormatAmount(m.EachMin, m.Currency) + " to " + money(m.Each)
	}
	line := fmt.Sprintf("%s  %-7s  %s for %s, until %s", listedID(c, m.ID), m.State, each, text.Printable(m.To), text.Moment(m.Until))
	if m.Device != "" {
		line += ", with device " + text.Short(m.Device)
	}
	if m.Means != "" {
		line += ", by " + text.Printable(string(m.Means))
	}
	if m.Reason != "" {
		line += "  (" + text.Printable(string(m.Reason)) + ")"
	}
	_, _ = fmt.Fprintln(w, line)
	left := []string{fmt.Sprintf("%s in %s so far", money(m.Spent), text.Count(int(m.Payments), "payment"))}
	if m.Budget != nil {
		left = append(left, fmt.Sprintf("%s left of %s", money(*m.BudgetLeft), money(*m.Budget)))
	}
	if m.Day != nil {
		left = append(left, fmt.Sprintf("%s left of %s today", money(*m.DayLeft), money(*m.Day)))
	}
	if m.Count != nil {
		left = append(left, fmt.Sprintf("%d of %s left", *m.CountLeft, text.Count(int(*m.Count), "payment")))
	}
	_, _ = fmt.Fprintf(w, "            %s\n", strings.Join(left, ", "))
}
