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

// WalletCommand is `wallet` and all below it: the payer's side.
func WalletCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	id := cli.IDFlag("payment `ID`, or an unambiguous beginning of it")
	amount := &cli.StringFlag{Name: "amount", Usage: "answer only if the offer is over this `AMOUNT`"}
	return cli.Group("wallet", "the payer's side",
		enrolCommand(ctx, io, pay.RoleWallet),
		walletRunCommand(ctx, io),
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "status", Usage: "balance, devices, connection", Flags: []cli.Flag{cli.DataFlag()}, Run: walletStatus}),
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "pending", Usage: "offers that wait for an answer", Flags: []cli.Flag{cli.DataFlag(), cli.LimitFlag("list at most `N`"), cli.BeforeFlag()}, Long: "wallet approve or decline answers one; unanswered it ends as expired. Where no rule of yours may\n" +
			"answer, \"asks\" says why; what is above the amount of a rule waits without a word.", Run: func(c *cli.Call) error {
			q, err := listQuery(c)
			if err != nil {
				return err
			}
			return listPayments(c, api.VerbPending, q, listed{"Nothing waits for an answer.", shopOf, "outcome unknown", pay.RoleWallet})
		}}),
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "approve", Usage: "pay an offer", Flags: []cli.Flag{
			cli.DataFlag(), id, amount, &cli.StringFlag{Name: "tip", Usage: "give a tip of this `AMOUNT`, where the offer takes one"},
		}, Long: "Where the amount is held, the tip is the most that the merchant may capture beyond it.", Run: func(c *cli.Call) error {
			return walletAnswer(c, pay.Approve)
		}}),
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "decline", Usage: "refuse an offer", Flags: []cli.Flag{
			cli.DataFlag(), id, amount, &cli.BoolFlag{Name: "cannot", Usage: "tell the merchant that you would pay and cannot, as without the device"},
		}, Run: func(c *cli.Call) error {
			return walletAnswer(c, pay.Decline)
		}}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "receipts", Usage: "payments that have ended, or one receipt as a file",
			Flags: []cli.Flag{
				cli.DataFlag(), id, &cli.StringFlag{Name: "to", Usage: "write the receipt of --id to `FILE`, or - for standard output"},
				cli.ForceFlag("receipt"), cli.LimitFlag("list at most `N`"), cli.BeforeFlag(),
			}, Run: walletReceipts,
		}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "devices", Usage: "devices that pay from this wallet, or where one is now",
			Flags: []cli.Flag{
				cli.DataFlag(), cli.IDFlag("device `ID`, or an unambiguous beginning of it"),
				&cli.StringFlag{Name: "link", Usage: "the device of --id is reached at `HOST:PORT` from now on"},
				&cli.StringFlag{Name: "learn-level", Usage: "learn how strong the device of --id is, and have it state that: `on|off`"},
				cli.LimitFlag("list at most `N`"), cli.BeforeFlag(),
			}, Long: "Phones differ by some 5 dB. With --learn-level on this wallet keeps what tills say of the device's\n" +
				"strength where you said the words or tapped; after 5 payments at 2 merchants or sites the device\n" +
				"states 4 dB more or less, or the same, from its next code on. With off all of that is forgotten.", Run: walletDevices,
		}),
		walletWordsCommand(ctx, io),
		walletRulesCommand(ctx, io),
		walletMandateCommand(ctx, io),
		walletMeansCommand(ctx, io),
		walletPresetCommand(ctx, io),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "pair", Usage: "bind a device to this wallet",
			Long: "The device shows its address and a PIN (paybeacon beacon run).",
			Flags: []cli.Flag{
				cli.DataFlag(),
				&cli.StringFlag{Name: "link", Usage: "the device's address, `HOST:PORT`"},
				&cli.StringFlag{Name: "pin", Usage: "the `PIN` that the device shows"},
				&cli.StringFlag{Name: "pin-file", Usage: "read the PIN from `FILE`, or - for standard input"},
				&cli.StringFlag{Name: "type", Usage: "what it is: `tag|phone|jack|voice` (default: what it says itself)"},
				&cli.StringFlag{Name: "vehicle", Usage: "the `VEHICLE` it rides in: plate=…,fuel=…,tank=…"},
				&cli.StringFlag{Name: "means", Usage: "`NAME` of the payment means it stands for"},
				&cli.StringFlag{Name: "qr", Usage: "what the device's QR code holds: `TEXT`"},
			}, Run: walletPair,
		}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "revoke", Usage: "end a device's binding at once",
			Flags: []cli.Flag{cli.DataFlag(), &cli.StringFlag{Name: "device", Usage: "`ID` of the device, or an unambiguous beginning of it"}}, Run: walletRevoke,
		}),
	)
}

func walletStatus(c *cli.Call) error {
	reply, err := ask(c, api.VerbStatus, api.Nothing{})
	if err != nil {
		return err
	}
	s := reply.Value
	return c.Answer(reply, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s  balance %s%s  TEST (play money)\n", text.Printable(string(s.Name)), text.FormatMoney(s.Balance, s.Currency), heldOf(s.Held, s.Available, s.Currency))
		printUnheard(w, "balance", s.Unheard)
		printStanding(w, "  ", s.Standing)
		_, _ = fmt.Fprintf(w, "  %s, %s waiting\n", text.Count(s.Devices, "device"), text.Count(s.Pending, "offer"))
		if s.Approve != "" {
			_, _ = fmt.Fprintf(w, "  answers by --approve %s\n", text.Printable(s.Approve))
		}
		switch {
		case s.RulesPaused:
			_, _ = fmt.Fprintln(w, "  rules are paused: nothing is approved without you")
		case s.Rules > 0:
			_, _ = fmt.Fprintf(w, "  answers by %s of its own\n", text.Count(s.Rules, "rule"))
		}
		if s.Replaces != "" {
			_, _ = fmt.Fprintf(w, "  in the place of wallet %s since %s\n", s.Replaces[:10], text.Moment(s.ReplacesSince))
		}
		printStatements(w, s.Statements)
		for _, f := range s.Findings {
			_, _ = fmt.Fprintf(w, "  THIS DOES NOT FIT, ask who runs the registry: %s\n", text.Sentence(f))
		}
	})
}

// heldOf says what of a balance open payments hold, if anything.
func heldOf(held, available pay.Amount, c pay.Currency) string {
	if held == 0 {
		return ""
	}
	return fmt.Sprintf(", %s of it held, %s available", text.FormatMoney(held, c), text.FormatMoney(available, c))
}

func walletAnswer(c *cli.Call, v pay.Verdict) error {
	q := api.AnswerRequest{ID: c.Flags.String("id"), Amount: c.Flags.String("amount"), Verdict: v, Cannot: c.Flags.Bool("cannot")}
	if c.Flags.IsSet("tip") {
		if q.Tip = c.Flags.String("tip"); q.Tip == "" {
			return pay.NewError(pay.CodeAmount, "--tip is empty", "leave it out to give none, or write it like --tip 1.50")
		}
	}
	reply, err := ask(c, api.VerbAnswer, q)
	if err != nil {
		return err
	}
	p := reply.Value
	return c.Answer(reply, func(w io.Writer) {
		printPayment(w, p, pay.RoleWallet)
		if !p.State.Final() {
			_, _ = fmt.Fprintf(w, "You %sd; `paybeacon wallet receipts` shows what came of it.\n", v)
		}
	})
}

func walletReceipts(c *cli.Call) error {
	if c.Flags.String("to") != "" {
		return writeReceipt(c)
	}
	if c.Flags.Bool("force") {
		return pay.NewError(pay.CodeUsage, "--force goes with --to", "leave it out, or name a file with --to")
	}
	if id := c.Flags.String("id"); id != "" {
		reply, err := ask(c, api.VerbShow, api.PaymentRef{ID: id})
		if err != nil {
			return err
		}
		p := reply.Value
		warnOpen(c, p)
		return c.Answer(reply, func(w io.Writer) { printPayment(w, p, pay.RoleWallet) })
	}
	q, err := listQuery(c)
	if err != nil {
		return err
	}
	return listPayments(c, api.VerbReceipts, q, listed{"No receipts.", shopOf, "outcome unknown", pay.RoleWallet})
}

// shopOf is the other side as a payer sees it: who wants the money.
func shopOf(p api.Payment) string { return text.Printable(string(p.Merchant)) }

func walletDevices(c *cli.Call) error {
	id, link := c.Flags.String("id"), c.Flags.String("link")
	if c.Flags.IsSet("learn-level") {
		return learnLevel(c, id)
	}
	if (id == "") != (link == "") {
		return pay.NewError(pay.CodeUsage, "--id and --link go together", "write --id ID --link HOST:PORT to say where a device is now")
	}
	if id != "" {
		return moveDevice(c, api.MoveRequest{ID: id, Link: link})
	}
	q, err := listQuery(c)
	if err != nil {
		return err
	}
	reply, err := ask(c, api.VerbDevices, q)
	if err != nil {
		return err
	}
	list := reply.Value
	warnStanding(c, list.Standing)
	defer tellMore(c, list.Next)
	return cli.AnswerList(c, list.Items, func(w io.Writer) {
		if len(list.Items) == 0 {
			_, _ = fmt.Fprintln(w, "No devices. Pair one with: paybeacon wallet pair")
		}
		for _, d := range list.Items {
			printDevice(c, w, d)
		}
	})
}

// listQuery reads which part of a list is asked for.
func listQuery(c *cli.Call) (api.ListRequest, error) {
	limit, err := cli.Limit(c)
	return api.ListRequest{Limit: limit, Before: c.Flags.String("before")}, err
}

func moveDevice(c *cli.Call, q api.MoveRequest) error {
	reply, err := ask(c, api.VerbMove, q)
	if err != nil {
		return err
	}
	d := reply.Value
	return c.Answer(reply, func(w io.Writer) {
		printDevice(c, w, d)
		if d.Reachable != nil && !*d.Reachable {
			_, _ = fmt.Fprintln(w, "  kept, though nothing answers there now")
		}
	})
}

func printDevice(c *cli.Call, w io.Writer, d api.Device) {
	extra := ""
	if d.Vehicle != "" {
		extra += "  " + text.Printable(string(d.Vehicle))
	}
	if d.Means != "" {
		extra += "  means " + text.Printable(string(d.Means))
	}
	if d.Link != "" && d.State != pay.DeviceRevoked {
		extra += "  link " + text.Printable(d.Link)
	}
	if d.Reason != "" {
		extra += "  (" + string(d.Reason) + ")"
	}
	if d.Vouched != "" && d.State == pay.DeviceActive {
		extra += "  vouched for by the operator since " + text.Moment(d.Vouched)
	}
	if d.TrustedFrom != "" && d.State == pay.DeviceActive {
		extra += "  its word counts from " + text.Moment(d.TrustedFrom)
	}
	if d.ClockMessage != "" {
		extra += "  " + text.Sentence(d.ClockMessage)
	}
	if l := levelWords(d.Level); l != "" && d.State != pay.DeviceRevoked {
		extra += "  " + text.Sentence(l)
	}
	_, _ = fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%s  %-6s %-8s%s", listedID(c, d.ID), d.Kind, d.State, extra), " "))
}

func walletPair(c *cli.Call) error {
	f := c.Flags
	pin, err := secretFlag(c, "pin")
	if err != nil {
		return err
	}
	target := pay.PairingText{Link: f.String("link")}
	if qr := f.String("qr"); qr != "" {
		if target.Link != "" || pin != "" {
			return pay.NewError(pay.CodeUsage, "--qr stands for --link and --pin", "give either the QR code's text or the other two")
		}
		if target, err = pay.ParsePairingText(qr); err != nil {
			return err
		}
		pin = target.PIN.String()
	}
	if target.Link == "" {
		return pay.NewError(pay.CodeUsage, "--link is missing", "the device shows its address and a PIN: paybeacon beacon run")
	}
	kind, err := deviceType(c)
	if err != nil {
		return err
	}
	if err := api.CheckVehicle(f.String("vehicle")); err != nil {
		return err
	}
	q := api.PairRequest{Link: target.Link, PIN: pin, Type: kind, Vehicle: pay.Name(f.String("vehicle")), Means: pay.Name(f.String("means"))}
	if !target.Device.IsZero() {
		q.Device = target.Device.String()
	}
	reply, err := ask(c, api.VerbPair, q)
	if err != nil {
		return err
	}
	d := reply.Value
	printed := c.Answer(reply, func(w io.Writer) {
		printDevice(c, w, d)
		if d.State == pay.DeviceActive {
			_, _ = fmt.Fprintln(w, "Paired. A till that hears it asks this wallet: `paybeacon wallet pending`.")
		}
	})
	switch d.State {
	case pay.DeviceActive:
		return printed
	case pay.DevicePending:
		return pay.NewError(pay.CodeWaitPassed, "the registry has not answered yet", "the mapping stays asked for: look again with `paybeacon wallet devices`")
	default:
		return pay.NewError(pay.CodeConflict, fmt.Sprintf("the registry refused the device: %s", d.Reason), "revoke it in the wallet that owns it first")
	}
}

func walletRevoke(c *cli.Call) error {
	q := api.DeviceRef{ID: c.Flags.String("device")}
	if q.ID == "" {
		return pay.NewError(pay.CodeUsage, "--device is missing", "`paybeacon wallet devices` lists them")
	}
	reply, err := ask(c, api.VerbRevokeDevice, q)
	if err != nil {
		return err
	}
	d := reply.Value
	printed := c.Answer(reply, func(w io.Writer) { printDevice(c, w, d) })
	if d.State != pay.DeviceRevoked {
		return pay.NewError(pay.CodeWaitPassed, "the registry has not confirmed the revocation yet", "it is queued and takes effect when the registry is reached: `paybeacon wallet devices`")
	}
	return printed
}
