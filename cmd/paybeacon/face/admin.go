package face

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// AdminCommand is `admin` and all below it: looking after the registry.
func AdminCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.Group("admin", "look after the registry: invites, accounts, audit",
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "invite", Usage: "let one box or wallet enrol",
			Long: "Prints a URL with the registry's address, the root key's fingerprint and a secret that dies at\nfirst use.\n\n" +
				"With --replaces, the wallet named is revoked at once; nothing of it can be paid until the new\n" +
				"one has enrolled. Balance, receipts and devices are the new wallet's then.",
			Flags: []cli.Flag{
				cli.DataFlag(),
				&cli.StringFlag{Name: "role", Usage: "who may enrol: `box|wallet`"},
				&cli.StringFlag{Name: "name", Usage: "what people call it: `NAME`"},
				&cli.StringFlag{Name: "merchant", Usage: "whose box it is: `NAME` (default: the name)"},
				&cli.StringFlag{Name: "site", Usage: "where the box stands: `NAME` (default: the name)"},
				&cli.StringFlag{Name: "class", Value: classShop, Usage: "what the box is for: `shop|fuel`; a fuel box stands at pumps and is told which vehicles it hears"},
				&cli.StringFlag{Name: "address", Usage: "where nodes reach the registry: `HOST:PORT` (default: where it listens)"},
				&cli.DurationFlag{Name: "ttl", Value: pay.InviteTTLDefault.Std(), Usage: "how long it may be used: `DUR`"},
				&cli.StringFlag{Name: "replaces", Usage: "the lost wallet whose place a new one takes: `NODE`, its name or the beginning of its id"},
			}, Run: adminInvite,
		}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "topup", Usage: "put play money into a wallet's account",
			Flags: []cli.Flag{
				cli.DataFlag(),
				&cli.StringFlag{Name: "wallet", Usage: "whose account: the wallet's name, scope or node `ID`, or an unambiguous beginning of one"},
				&cli.StringFlag{Name: "amount", Usage: "decimal `AMOUNT`, such as 50.00"},
				keyFlag(),
			}, Run: adminTopup,
		}),
		payOutCommand(ctx, io),
		billCommand(ctx, io),
		moveBalanceCommand(ctx, io),
		settleCommand(ctx, io),
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "book", Usage: "all accounts and their balances", Flags: []cli.Flag{cli.DataFlag()}, Run: adminBook}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "audit", Usage: "recompute everything from the signed facts and compare",
			Long: "Checks the store byte by byte, verifies all signatures, and recomputes payments, accounts, nodes\n" +
				"and devices. On a terminal it shows how far it is. With the daemon running, payments go on. What\n" +
				"is not finished is no finding; what the registry has set aside is named apart from findings.\n\n" +
				"The daemon remembers an audit that found nothing, and the next one reads only the payments that\n" +
				"were decided on since; nodes, devices, keys, accounts and all sums are recomputed always. Rows of\n" +
				"older payments that were changed behind the program's back show with --full. It is also full when\n" +
				"none is remembered, the clock is in doubt, or anything new is not as it should be.\n" +
				"Exit code: 1 if there is a finding.",
			Flags: []cli.Flag{cli.DataFlag(), &cli.BoolFlag{Name: "full", Usage: "read all payments again"}}, Run: adminAudit,
		}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "retry", Usage: "try again what was set aside",
			Long: "What fails when a payment's time is up concerns that payment alone: it is set aside, its claims\n" +
				"are refused, and everything else goes on. It is tried again at each start, and by this command.\n" +
				"Exit code: 1 if something fails again.",
			Flags: []cli.Flag{cli.DataFlag(), &cli.StringFlag{Name: "id", Usage: "only what has this `ID` or an unambiguous beginning of it (default: all)"}}, Run: adminRetry,
		}),
		clockCommand(ctx, io),
		neighboursCommand(ctx, io),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "vouch", Usage: "have a wallet's new device trusted at once",
			Long: "A further device of a wallet can pay at once, and its word counts after a day only: whoever holds\n" +
				"a stolen phone would begin with pairing a device. If you know the owner and have seen phone and\n" +
				"device together, vouch for it: its word counts from now on. The wallet is told.",
			Flags: []cli.Flag{
				cli.DataFlag(),
				&cli.StringFlag{Name: "wallet", Usage: "whose device: the wallet's name, scope or node `ID`"},
				&cli.StringFlag{Name: "device", Usage: "`ID` of the device, as `paybeacon wallet devices` shows it, or the beginning of it"},
			}, Run: adminVouch,
		}),
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "nodes", Usage: "who is enrolled", Flags: []cli.Flag{cli.DataFlag()}, Run: adminNodes}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "revoke", Usage: "end a node's standing at once",
			Flags: []cli.Flag{cli.DataFlag(), &cli.StringFlag{Name: "node", Usage: "`ID` of the node, its name, or an unambiguous beginning of the id"}}, Run: adminRevoke,
		}),
	)
}

func adminInvite(c *cli.Call) error {
	f := c.Flags
	role := pay.Role(f.String("role"))
	switch {
	case role != pay.RoleBox && role != pay.RoleWallet:
		return pay.NewError(pay.CodeUsage, "--role is neither box nor wallet", "write --role box or --role wallet")
	case role == pay.RoleWallet && (f.String("merchant") != "" || f.String("site") != ""):
		return pay.NewError(pay.CodeUsage, "--merchant and --site are for boxes", "leave them out")
	}
	class, err := boxClass(f.String("class"))
	if err == nil && class != "" && role != pay.RoleBox {
		err = pay.NewError(pay.CodeUsage, "--class is for boxes", "leave it out")
	}
	if err != nil {
		return err
	}
	name := pay.Name(f.String("name"))
	if name == "" && f.String("merchant") != "" {
		name = pay.Name(f.String("merchant"))
	}
	replaces := f.String("replaces")
	if replaces != "" && role != pay.RoleWallet {
		return pay.NewError(pay.CodeUsage, "--replaces is for wallets", hintReplaceBox)
	}
	if name == "" && replaces == "" { // else the name stays
		name = pay.Name(role)
	}
	ttl, err := cli.PositiveDuration(c, "ttl")
	if err != nil {
		return err
	}
	q := api.InviteRequest{
		Role: role, Name: name, Merchant: pay.Name(f.String("merchant")), Site: pay.Name(f.String("site")), Class: class,
		Address: f.String("address"), TTL: ttl, Replaces: replaces,
	}
	reply, err := ask(c, api.VerbInvite, q)
	if err != nil {
		return err
	}
	i := reply.Value
	tellWarnings(c, i.Warnings)
	return c.Answer(reply, func(w io.Writer) {
		showQR(c, w, i.Invite)
		_, _ = fmt.Fprintln(w, i.Invite)
		if i.Replaces != "" {
			_, _ = fmt.Fprintf(c.Err, "Wallet %s (%s) is revoked. Until the new one has enrolled nothing of it can be paid.\n", text.Printable(string(i.Name)), i.Replaces[:10])
		}
		switch {
		case i.Role != pay.RoleBox:
		case i.Boxes == 0:
			_, _ = fmt.Fprintf(c.Err, "New merchant %s.\n", text.Printable(string(i.Merchant)))
		default:
			_, _ = fmt.Fprintf(c.Err, "Joins %s (%s).\n", text.Printable(string(i.Merchant)), boxes(i.Boxes))
		}
		enrol := "paybeacon " + map[pay.Role]string{pay.RoleBox: "scan", pay.RoleWallet: "wallet"}[role] + " enrol --data DIR"
		_, _ = fmt.Fprintf(c.Err, "For one %s, until %s. Use it once, as it is or from a file:\n  %s --invite 'URL'\n  %s --invite-file FILE\n",
			role, text.Moment(i.Expires), enrol, enrol)
	})
}

// classShop is how people write that a box is for any shop.
const classShop = "shop"

// boxClass returns the class that a person wrote.
func boxClass(s string) (pay.BoxClass, error) {
	switch s {
	case classShop, "":
		return "", nil
	case string(pay.ClassFuel):
		return pay.ClassFuel, nil
	default:
		return "", pay.NewError(pay.CodeUsage, fmt.Sprintf("there is no class %q of boxes", text.Printable(s)), "write --class shop or --class fuel")
	}
}

// boxes returns how many boxes there are, in words.
func boxes(n int) string {
	if n == 1 {
		return "1 box"
	}
	return fmt.Sprintf("%d boxes", n)
}

// tellWarnings says what there is to look at, beside the answer.
func tellWarnings(c *cli.Call, list []api.Warning) {
	for _, x := range list {
		if c.JSON {
			_ = cli.PrintJSON(c.Err, x) // the answer bears it too
			continue
		}
		_, _ = fmt.Fprintf(c.Err, "Warning: %s.\n  %s.\n", x.Message, x.Hint)
	}
}

// hintReplaceBox says what takes the place of a lost box.
const hintReplaceBox = "a lost box needs none: end it with paybeacon admin revoke, then invite another with the same --merchant and --site"

func adminTopup(c *cli.Call) error {
	f := c.Flags
	q := api.TopUpRequest{Wallet: f.String("wallet"), Amount: f.String("amount")}
	if q.Wallet == "" || q.Amount == "" {
		return pay.NewError(pay.CodeUsage, "--wallet or --amount is missing", "write it like: paybeacon admin topup --wallet ada --amount 50.00")
	}
	reply, err := askKeyed(c, api.VerbTopUp, &q, &q.Key)
	if err != nil {
		return err
	}
	t := reply.Value
	return c.Answer(reply, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s of play money put into the account of %s\n", text.FormatMoney(t.Amount, t.Currency), text.Printable(q.Wallet))
	})
}

func adminBook(c *cli.Call) error {
	reply, err := ask(c, api.VerbBook, api.Nothing{})
	if err != nil {
		return err
	}
	list := reply.Value
	return cli.AnswerList(c, list.Items, func(w io.Writer) { printBook(c, w, list.Items) })
}

// openOf says what open payments hold of an account, or for it.
func openOf(a api.Account) string {
	var parts []string
	if a.Held != 0 {
		parts = append(parts, text.FormatMoney(a.Held, a.Currency)+" held")
	}
	if a.Promised != 0 {
		parts = append(parts, text.FormatMoney(a.Promised, a.Currency)+" promised")
	}
	return strings.Join(parts, ", ")
}

func printBook(c *cli.Call, w io.Writer, accounts []api.Account) {
	rows := make([][]string, 0, len(accounts))
	for _, a := range accounts {
		name := string(a.Name)
		if name == "" {
			name = a.Account
		}
		rows = append(rows, []string{a.Kind, text.Printable(name), text.FormatMoney(a.Balance, a.Currency), openOf(a)})
	}
	for _, line := range cli.Table(cli.Columns(c.Out), []cli.Column{{Keep: true}, {}, {Right: true, Keep: true}, {Keep: true}}, rows) {
		_, _ = fmt.Fprintln(w, line)
	}
}

func adminRetry(c *cli.Call) error {
	reply, err := ask(c, api.VerbRetry, api.RetryRequest{ID: c.Flags.String("id")})
	if err != nil {
		return err
	}
	list, left := reply.Value.Items, 0
	for _, a := range list {
		if !a.Cleared {
			left++
		}
	}
	err = cli.AnswerList(c, list, func(w io.Writer) {
		if len(list) == 0 {
			_, _ = fmt.Fprintln(w, "Nothing is set aside.")
		}
		for _, a := range list {
			switch {
			case !a.Cleared:
				_, _ = fmt.Fprintf(w, "%s.\n", node.AsideSentence(a))
			case a.State != "":
				_, _ = fmt.Fprintf(w, "%s %s is no longer set aside: %s.\n", text.Printable(a.Kind), text.Printable(a.ID), a.State)
			default:
				_, _ = fmt.Fprintf(w, "%s %s is no longer set aside.\n", text.Printable(a.Kind), text.Printable(a.ID))
			}
		}
	})
	if left == 0 {
		return err
	}
	return pay.NewError(pay.CodeFailed, "still set aside: "+text.Count(left, "subject"), "the log of serve says where it fails; a newer paybeacon may know better, and tries again when it starts")
}

func adminVouch(c *cli.Call) error {
	q := api.VouchRequest{Wallet: c.Flags.String("wallet"), Device: c.Flags.String("device")}
	if q.Wallet == "" || q.Device == "" {
		return pay.NewError(pay.CodeUsage, "--wallet or --device is missing", "write it like: paybeacon admin vouch --wallet ada --device 3f2a91c0d4")
	}
	reply, err := ask(c, api.VerbVouch, q)
	if err != nil {
		return err
	}
	v := reply.Value
	return c.Answer(reply, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Device %s of %s is vouched for: its word counts from now on.\n", v.Device[:10], text.Printable(q.Wallet))
	})
}

func adminNodes(c *cli.Call) error {
	reply, err := ask(c, api.VerbNodes, api.Nothing{})
	if err != nil {
		return err
	}
	list := reply.Value
	return cli.AnswerList(c, list.Items, func(w io.Writer) {
		if len(list.Items) == 0 {
			_, _ = fmt.Fprintln(w, "No nodes. Make an invite with: paybeacon admin invite")
		}
		rows := make([][]string, 0, len(list.Items))
		for _, n := range list.Items {
			state := "away"
			switch {
			case n.Replaced:
				state = "replaced"
			case n.Revoked:
				state = "revoked"
			case n.Connected:
				state = "connected"
			}
			switch {
			case n.PutBack != nil:
				state += ", holds more than this registry"
			case n.RivalSince != "":
				state += ", runs twice"
			}
			rows = append(rows, []string{listedID(c, n.ID), string(n.Role), text.Printable(string(n.Name)), state, text.Printable(string(n.Merchant))})
		}
		lines := cli.Table(cli.Columns(c.Out), []cli.Column{{Keep: true}, {Keep: true}, {}, {Keep: true}, {}}, rows)
		for i, n := range list.Items {
			_, _ = fmt.Fprintln(w, lines[i])
			for _, e := range n.Earshot {
				if e.Place != nil && !n.Revoked {
					_, _ = fmt.Fprintf(w, "            customers are heard at %s too: %s\n", placeWords(*e.Place), text.Count(int(e.Codes), "code"))
				}
			}
		}
	})
}

func adminRevoke(c *cli.Call) error {
	q := api.NodeRef{Node: c.Flags.String("node")}
	if q.Node == "" {
		return pay.NewError(pay.CodeUsage, "--node is missing", "`paybeacon admin nodes` lists them")
	}
	reply, err := ask(c, api.VerbRevokeNode, q)
	if err != nil {
		return err
	}
	n := reply.Value
	return c.Answer(reply, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s %s (%s) is revoked: its connection is closed and it pays and charges no more.\n", n.Role, text.Printable(string(n.Name)), text.Short(n.ID))
	})
}
