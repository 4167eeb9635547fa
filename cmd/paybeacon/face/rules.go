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

// walletRulesCommand is `wallet rules` and all below it.
func walletRulesCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	name := func() cli.Flag { return &cli.StringFlag{Name: "name", Usage: "what you call it: `NAME`"} }
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "rules", Usage: "what this wallet answers by itself, and from where on it needs the device",
		Long: "With --two-channel-above the registry asks for the device's word on every payment above AMOUNT,\n" +
			"0 for all, none for none. To raise or lift that limit a device of this wallet must be in reach.",
		Flags: []cli.Flag{
			cli.DataFlag(), &cli.StringFlag{Name: "two-channel-above", Usage: "payments above `AMOUNT`, 0 or none, need the device too"},
		}, Run: walletRules,
		Sub: []*cli.Command{
			cli.NewLeaf(ctx, io, cli.Leaf{
				Name: "add", Usage: "keep a rule by which this wallet approves without asking",
				Long: "An offer is approved where --approve covers it or one of the rules does, and only where you said\n" +
					"the words, tapped, came by plate or led beyond doubt. The receipt names the rule. What was approved\n" +
					"without you counts for the caps of all rules, from when there is one; a day is a local one of this\n" +
					"wallet. A merchant whom you have not paid by hand is asked about, unless the rule names the merchant.\n" +
					"Offers that wait already go on waiting for you. A rule of the same name is replaced. A tip counts for\n" +
					"all caps; of what is paid at once no rule gives one, as nobody has said how much.",
				Flags: []cli.Flag{
					cli.DataFlag(), name(),
					&cli.StringFlag{Name: "each", Usage: "at most `AMOUNT` for one payment"},
					&cli.StringFlag{Name: "day", Usage: "at most `AMOUNT` a day"},
					&cli.StringFlag{Name: "merchant-day", Usage: "at most `AMOUNT` a day at one merchant"},
					&cli.StringFlag{Name: "tip-max", Usage: "where the amount is held: let at most `AMOUNT` be captured beyond it, as a tip"},
					&cli.StringFlag{Name: "merchant", Usage: "only at this merchant: `NAME` or scope"},
					&cli.StringFlag{Name: "first-visit", Usage: "at merchants whom you never paid by hand: `ask|allow`", Value: api.FirstVisitAsk},
				}, Run: addRule,
			}),
			cli.NewLeaf(ctx, io, cli.Leaf{Name: "list", Usage: "the rules of this wallet's store", Flags: []cli.Flag{cli.DataFlag()}, Run: listRules}),
			cli.NewLeaf(ctx, io, cli.Leaf{Name: "remove", Usage: "end a rule at once", Flags: []cli.Flag{cli.DataFlag(), name()}, Run: removeRule}),
			cli.NewLeaf(ctx, io, cli.Leaf{
				Name: "pause", Usage: "approve nothing without asking, whatever the rules and --approve say",
				Flags: []cli.Flag{cli.DataFlag(), &cli.DurationFlag{Name: "for", Usage: "go on by itself after `DUR` (default: when you resume)"}}, Run: pauseRules,
			}),
			cli.NewLeaf(ctx, io, cli.Leaf{Name: "resume", Usage: "end a pause", Flags: []cli.Flag{cli.DataFlag()}, Run: resumeRules}),
		},
	})
}

func addRule(c *cli.Call) error {
	f := c.Flags
	q := api.RuleRequest{
		Name: f.String("name"), Merchant: f.String("merchant"), Each: f.String("each"), Day: f.String("day"),
		MerchantDay: f.String("merchant-day"), FirstVisit: f.String("first-visit"), TipMax: f.String("tip-max"),
	}
	if q.Name == "" || q.Each == "" {
		return pay.NewError(pay.CodeUsage, "--name or --each is missing", "write it like: paybeacon wallet rules add --name coffee --each 5.00 --day 20.00")
	}
	reply, err := ask(c, api.VerbAddRule, q)
	if err != nil {
		return err
	}
	return c.Answer(reply, func(w io.Writer) { printRule(w, "", reply.Value) })
}

func listRules(c *cli.Call) error {
	reply, err := ask(c, api.VerbListRules, api.Nothing{})
	if err != nil {
		return err
	}
	list := reply.Value.Items
	return cli.AnswerList(c, list, func(w io.Writer) {
		if len(list) == 0 {
			_, _ = fmt.Fprintln(w, "No rules. Add one with: paybeacon wallet rules add")
		}
		for _, r := range list {
			printRule(w, "", r)
		}
	})
}

func removeRule(c *cli.Call) error {
	q := api.RuleRef{Name: c.Flags.String("name")}
	if q.Name == "" {
		return pay.NewError(pay.CodeUsage, "--name is missing", "`paybeacon wallet rules list` shows the names")
	}
	reply, err := ask(c, api.VerbRemoveRule, q)
	if err != nil {
		return err
	}
	return c.Answer(reply, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Rule %s has ended.\n", text.Printable(reply.Value.Name))
	})
}

func pauseRules(c *cli.Call) error {
	return setPause(c, api.PauseRequest{For: pay.MillisOf(c.Flags.Duration("for"))})
}

func resumeRules(c *cli.Call) error { return setPause(c, api.PauseRequest{Resume: true}) }

func setPause(c *cli.Call, q api.PauseRequest) error {
	reply, err := ask(c, api.VerbPauseRules, q)
	if err != nil {
		return err
	}
	return c.Answer(reply, func(w io.Writer) { printRules(w, reply.Value) })
}

// printStandingRules says what the rules of the wallet's store approve.
func printStandingRules(w io.Writer, r api.Rules) {
	for _, s := range r.Rules {
		printRule(w, "rule ", s)
	}
	if len(r.Rules) > 0 {
		_, _ = fmt.Fprintf(w, "  %s approved without you today\n", text.FormatMoney(r.SpentToday, r.Currency))
	}
	switch {
	case r.PausedUntil != "":
		_, _ = fmt.Fprintf(w, "paused until %s: nothing is approved without you\n", text.Moment(r.PausedUntil))
	case r.Paused:
		_, _ = fmt.Fprintln(w, "paused: nothing is approved without you until paybeacon wallet rules resume")
	}
}

// printRule writes a rule as one line.
func printRule(w io.Writer, before string, r api.Rule) {
	parts := []string{"up to " + text.FormatMoney(r.Each, r.Currency)}
	if r.Day != nil {
		parts = append(parts, text.FormatMoney(*r.Day, r.Currency)+" a day")
	}
	if r.MerchantDay != nil {
		parts = append(parts, text.FormatMoney(*r.MerchantDay, r.Currency)+" a day at one merchant")
	}
	if r.TipMax > 0 {
		parts = append(parts, "with a tip of up to "+text.FormatMoney(r.TipMax, r.Currency)+" where that is held")
	}
	switch {
	case r.Merchant != "":
		parts = append(parts, "only at "+text.Printable(r.Merchant))
	case r.FirstVisit == api.FirstVisitAllow:
		parts = append(parts, "anywhere")
	default:
		parts = append(parts, "where you have paid by hand before")
	}
	_, _ = fmt.Fprintf(w, "%s%s: %s\n", before, text.Printable(r.Name), strings.Join(parts, ", "))
}

func walletRules(c *cli.Call) error {
	if c.Flags.IsSet("two-channel-above") {
		return changeLimit(c, api.LimitRequest{Above: c.Flags.String("two-channel-above")})
	}
	reply, err := ask(c, api.VerbRules, api.Nothing{})
	if err != nil {
		return err
	}
	return c.Answer(reply, func(w io.Writer) { printRules(w, reply.Value) })
}

func changeLimit(c *cli.Call, q api.LimitRequest) error {
	reply, err := ask(c, api.VerbLimit, q)
	if err != nil {
		return err
	}
	r := reply.Value
	printed := c.Answer(reply, func(w io.Writer) { printRules(w, r) })
	switch {
	case r.Pending:
		return pay.NewError(pay.CodeWaitPassed, "the registry has not answered yet", "the change stays asked for: look again with `paybeacon wallet rules`")
	case r.Refused != "":
		return pay.NewError(pay.CodeConflict, fmt.Sprintf("the registry refused the change: %s", r.Refused), "look at `paybeacon wallet rules` and try again")
	}
	return printed
}

func printRules(w io.Writer, r api.Rules) {
	if r.Approve != "" {
		_, _ = fmt.Fprintf(w, "answers by --approve %s\n", text.Printable(r.Approve))
		if r.Approve != "ask" && r.Approve != "none" {
			_, _ = fmt.Fprintln(w, "  only where you said the words, tapped, came by plate or led beyond doubt;\n  of other offers `wallet pending` says why you are asked")
		}
	}
	printStandingRules(w, r)
	switch {
	case r.TwoChannelAbove == nil:
		_, _ = fmt.Fprintln(w, "no limit of your own: the device is needed only where the merchant or the registry asks for it")
	case *r.TwoChannelAbove == 0:
		_, _ = fmt.Fprintln(w, "every payment needs the device too")
	default:
		_, _ = fmt.Fprintf(w, "payments above %s need the device too\n", text.FormatMoney(*r.TwoChannelAbove, r.Currency))
	}
	if r.Pending {
		_, _ = fmt.Fprintln(w, "  a change waits for the registry")
	}
}
