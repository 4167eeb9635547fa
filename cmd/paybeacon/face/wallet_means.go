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

// walletMeansCommand is `wallet means`: what devices pay by, beside the account.
func walletMeansCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	name := &cli.StringFlag{Name: "name", Usage: "what you call it: `NAME`"}
	return cli.Group("means", "what this wallet pays by, beside its account",
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "add", Usage: "pay by an acquirer under a name",
			Long: "The token is what the provider made for you: for stripe the id of a payment method, pm_... or\n" +
				"cus_.../pm_..., for sim one of its names, such as sim-ok. Only the registry gets it. A card's number\n" +
				"is refused: it belongs on your provider's own page. Tie a device to it with wallet pair --means.",
			Flags: []cli.Flag{
				cli.DataFlag(), name,
				&cli.BoolFlag{Name: "account", Usage: "the closed-loop account, which devices without a means pay from too"},
				&cli.StringFlag{Name: "acquirer", Usage: "who moves the money: `sim|stripe`"},
				&cli.StringFlag{Name: "token-file", Usage: "read the provider's token from `FILE`, or - for standard input"},
			}, Run: walletMeansAdd,
		}),
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "list", Usage: "what this wallet pays by", Flags: []cli.Flag{cli.DataFlag()}, Run: walletMeansList}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "remove", Usage: "pay by it no more",
			Long:  "Devices that are tied to it pay no more until they are paired anew; payments that were approved go on.",
			Flags: []cli.Flag{cli.DataFlag(), name}, Run: walletMeansRemove,
		}),
	)
}

// meansRequest reads what is to be added.
func meansRequest(c *cli.Call) (q api.AddMeansRequest, err error) {
	q.Name, q.Acquirer = pay.Name(c.Flags.String("name")), pay.Acquirer(c.Flags.String("acquirer"))
	account, file := c.Flags.Bool("account"), c.Flags.String("token-file")
	switch {
	case q.Name == "":
		return q, pay.NewError(pay.CodeUsage, "--name is missing", "give it a name of your own, such as --name visa")
	case account == c.Flags.IsSet("acquirer"):
		return q, pay.NewError(pay.CodeUsage, "either --account or --acquirer says what it is", "write --account, or --acquirer sim or stripe with --token-file FILE")
	case account && file != "":
		return q, pay.NewError(pay.CodeUsage, "the account has no token", "leave --token-file out")
	case account:
		return q, nil
	case q.Acquirer.Check() != nil:
		return q, pay.NewError(pay.CodeUsage, fmt.Sprintf("there is no acquirer %q", text.Printable(string(q.Acquirer))), "write --acquirer sim or --acquirer stripe")
	case file == "":
		return q, pay.NewError(pay.CodeUsage, "--token-file is missing", "name the file with the token that your provider made, or - for standard input")
	}
	secret, err := secretFile(c, "token-file", file)
	q.Token = pay.Token(secret)
	return q, err
}

func walletMeansAdd(c *cli.Call) error {
	q, err := meansRequest(c)
	if err != nil {
		return err
	}
	return changeMeans(c, api.VerbAddMeans, q, api.MeansActive)
}

func walletMeansRemove(c *cli.Call) error {
	q := api.MeansRef{Name: pay.Name(c.Flags.String("name"))}
	if q.Name == "" {
		return pay.NewError(pay.CodeUsage, "--name is missing", "`paybeacon wallet means list` lists them")
	}
	return changeMeans(c, api.VerbEndMeans, q, api.MeansEnded)
}

// changeMeans asks for a change after which the means is to be in a state.
func changeMeans[Q any](c *cli.Call, verb api.Verb[Q, api.Means], q Q, want string) error {
	reply, err := ask(c, verb, q)
	if err != nil {
		return err
	}
	m := reply.Value
	printed := c.Answer(reply, func(w io.Writer) {
		printMeans(w, m)
		if m.State == api.MeansActive {
			_, _ = fmt.Fprintln(w, "Tie a device to it: paybeacon wallet pair --means NAME.")
		}
	})
	switch {
	case m.State == api.MeansPending:
		return pay.NewError(pay.CodeWaitPassed, "the registry has not answered yet", "the change stays asked for: look again with `paybeacon wallet means list`")
	case m.Reason == pay.ReasonNoAcquirer:
		return pay.NewError(pay.CodeConflict, "the registry does not call "+m.Acquirer, "ask who runs the registry: serve --acquirer "+m.Acquirer)
	case m.Reason != "" || m.State != want:
		return pay.NewError(pay.CodeConflict, "the registry refused the change: "+string(m.Reason), "look at `paybeacon wallet means list`")
	}
	return printed
}

func walletMeansList(c *cli.Call) error {
	reply, err := ask(c, api.VerbMeans, api.Nothing{})
	if err != nil {
		return err
	}
	list := reply.Value.Items
	return cli.AnswerList(c, list, func(w io.Writer) {
		if len(list) == 0 {
			_, _ = fmt.Fprintln(w, "No means: every device pays from the account.")
		}
		for _, m := range list {
			printMeans(w, m)
		}
	})
}

func printMeans(w io.Writer, m api.Means) {
	line := fmt.Sprintf("%s  %s  %s", text.Printable(string(m.Name)), text.Printable(m.Acquirer), m.State)
	if m.Test {
		line += "  TEST (play money)"
	}
	if m.Reason != "" {
		line += "  (refused: " + text.Printable(string(m.Reason)) + ")"
	}
	_, _ = fmt.Fprintln(w, line)
}
