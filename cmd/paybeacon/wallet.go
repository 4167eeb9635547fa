package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/pay"
)

func walletCommand(ctx context.Context, io stdio) *cli.Command {
	id := idFlag("payment `ID`, or an unambiguous beginning of it")
	return group("wallet", "the payer's side",
		enrolCommand(ctx, io, pay.RoleWallet),
		walletRunCommand(ctx, io),
		newLeaf(ctx, io, leaf{name: "status", usage: "balance, devices, connection", flags: []cli.Flag{dataFlag()}, run: walletStatus}),
		newLeaf(ctx, io, leaf{name: "pending", usage: "offers that wait for an answer", flags: []cli.Flag{dataFlag()}, run: func(c *call) error {
			return listPayments(c, "pending", noQuery{}, "Nothing waits for an answer.", shopOf)
		}}),
		newLeaf(ctx, io, leaf{name: "approve", usage: "pay an offer", flags: []cli.Flag{dataFlag(), id}, run: func(c *call) error {
			return walletAnswer(c, pay.Approve)
		}}),
		newLeaf(ctx, io, leaf{name: "decline", usage: "refuse an offer", flags: []cli.Flag{dataFlag(), id}, run: func(c *call) error {
			return walletAnswer(c, pay.Decline)
		}}),
		newLeaf(ctx, io, leaf{
			name: "receipts", usage: "payments that have ended, or one receipt as a file",
			flags: []cli.Flag{
				dataFlag(), id, &cli.StringFlag{Name: "to", Usage: "write the receipt of --id to `FILE`, or - for standard output"},
				&cli.IntFlag{Name: "limit", Value: 50, Usage: "list at most `N`"},
			}, run: walletReceipts,
		}),
		newLeaf(ctx, io, leaf{
			name: "devices", usage: "devices that pay from this wallet, or where one is now",
			flags: []cli.Flag{
				dataFlag(), idFlag("device `ID`, or an unambiguous beginning of it"),
				&cli.StringFlag{Name: "link", Usage: "the device of --id is reached at `HOST:PORT` from now on"},
			}, run: walletDevices,
		}),
		newLeaf(ctx, io, leaf{
			name: "rules", usage: "what this wallet answers by itself, and from where on it needs the device",
			long: "With --two-channel-above the registry asks for the device's word on every payment above AMOUNT,\n" +
				"0 for all, none for none. To raise or lift that limit a device of this wallet must be in reach.",
			flags: []cli.Flag{
				dataFlag(), &cli.StringFlag{Name: "two-channel-above", Usage: "payments above `AMOUNT`, 0 or none, need the device too"},
			}, run: walletRules,
		}),
		newLeaf(ctx, io, leaf{
			name: "pair", usage: "bind a device to this wallet",
			long: "The device shows its address and a PIN (paybeacon beacon run).",
			flags: []cli.Flag{
				dataFlag(),
				&cli.StringFlag{Name: "link", Usage: "the device's address, `HOST:PORT`"},
				&cli.StringFlag{Name: "pin", Usage: "the `PIN` that the device shows"},
				&cli.StringFlag{Name: "pin-file", Usage: "read the PIN from `FILE`, or - for standard input"},
				&cli.StringFlag{Name: "type", Value: string(pay.TypeTag), Usage: "what it is: `tag|phone|jack|voice`"},
				&cli.StringFlag{Name: "vehicle", Usage: "the `VEHICLE` it rides in: plate=…,fuel=…,tank=…"},
				&cli.StringFlag{Name: "means", Usage: "`NAME` of the payment means it stands for"},
				&cli.StringFlag{Name: "qr", Usage: "what the device's QR code holds: `TEXT`"},
			}, run: walletPair,
		}),
		newLeaf(ctx, io, leaf{
			name: "revoke", usage: "end a device's binding at once",
			flags: []cli.Flag{dataFlag(), &cli.StringFlag{Name: "device", Usage: "`ID` of the device, or an unambiguous beginning of it"}}, run: walletRevoke,
		}),
	)
}

func walletStatus(c *call) error {
	var s walletStatusJSON
	raw, err := ask(c.ctx, dirOf(c), "status", noQuery{}, &s)
	if err != nil {
		return err
	}
	return c.answer(raw, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s  balance %s  TEST (play money)\n", printable(string(s.Name)), formatMoney(s.Balance, s.Currency))
		_, _ = fmt.Fprintf(w, "  registry %s, %s, %s waiting\n", s.Registry, count(s.Devices, "device"), count(s.Pending, "offer"))
		if s.Approve != "" {
			_, _ = fmt.Fprintf(w, "  answers by --approve %s\n", printable(s.Approve))
		}
		for _, f := range s.Findings {
			_, _ = fmt.Fprintf(w, "  THIS DOES NOT FIT, ask who runs the registry: %s\n", printable(f))
		}
	})
}

func walletAnswer(c *call, v pay.Verdict) error {
	var p paymentJSON
	raw, err := ask(c.ctx, dirOf(c), "answer", answerQuery{ID: c.flags.String("id"), Verdict: v}, &p)
	if err != nil {
		return err
	}
	return c.answer(raw, func(w io.Writer) {
		printPayment(w, p)
		if !p.State.Ended() {
			_, _ = fmt.Fprintf(w, "You %sd; `paybeacon wallet receipts` shows what came of it.\n", v)
		}
	})
}

func walletReceipts(c *call) error {
	if c.flags.String("to") != "" {
		return writeReceipt(c)
	}
	if id := c.flags.String("id"); id != "" {
		var p paymentJSON
		raw, err := ask(c.ctx, dirOf(c), "show", idQuery{ID: id}, &p)
		if err != nil {
			return err
		}
		return c.answer(raw, func(w io.Writer) { printPayment(w, p) })
	}
	return listPayments(c, "receipts", listQuery{Limit: c.flags.Int("limit")}, "No receipts.", shopOf)
}

// shopOf is the other side as a payer sees it: who wants the money.
func shopOf(p paymentJSON) string { return printable(string(p.Merchant)) }

func walletDevices(c *call) error {
	id, link := c.flags.String("id"), c.flags.String("link")
	if (id == "") != (link == "") {
		return pay.NewError(pay.CodeUsage, "--id and --link go together", "write --id ID --link HOST:PORT to say where a device is now")
	}
	if id != "" {
		return moveDevice(c, moveQuery{ID: id, Link: link})
	}
	var list listAnswer[deviceJSON]
	if _, err := ask(c.ctx, dirOf(c), "devices", noQuery{}, &list); err != nil {
		return err
	}
	return answerList(c, list.Items, func(w io.Writer) {
		if len(list.Items) == 0 {
			_, _ = fmt.Fprintln(w, "No devices. Pair one with: paybeacon wallet pair")
		}
		for _, d := range list.Items {
			printDevice(w, d)
		}
	})
}

func moveDevice(c *call, q moveQuery) error {
	var d deviceJSON
	raw, err := ask(c.ctx, dirOf(c), "move", q, &d)
	if err != nil {
		return err
	}
	return c.answer(raw, func(w io.Writer) {
		printDevice(w, d)
		if d.Reachable != nil && !*d.Reachable {
			_, _ = fmt.Fprintln(w, "  kept, though nothing answers there now")
		}
	})
}

func walletRules(c *call) error {
	verb, q := "rules", any(noQuery{})
	if c.flags.IsSet("two-channel-above") {
		verb, q = "limit", limitQuery{Above: c.flags.String("two-channel-above")}
	}
	var r rulesJSON
	raw, err := ask(c.ctx, dirOf(c), verb, q, &r)
	if err != nil {
		return err
	}
	if err := c.answer(raw, func(w io.Writer) { printRules(w, r) }); err != nil {
		return err
	}
	switch {
	case verb == "rules":
		return nil
	case r.Pending:
		return pay.NewError(pay.CodeWaitPassed, "the registry has not answered yet", "the change stays asked for: look again with `paybeacon wallet rules`")
	case r.Refused != "":
		return pay.NewError(pay.CodeConflict, fmt.Sprintf("the registry refused the change: %s", r.Refused), "look at `paybeacon wallet rules` and try again")
	}
	return nil
}

func printRules(w io.Writer, r rulesJSON) {
	if r.Approve != "" {
		_, _ = fmt.Fprintf(w, "answers by --approve %s\n", printable(r.Approve))
	}
	switch {
	case r.TwoChannelAbove == nil:
		_, _ = fmt.Fprintln(w, "no limit of your own: the device is needed only where the merchant or the registry asks for it")
	case *r.TwoChannelAbove == 0:
		_, _ = fmt.Fprintln(w, "every payment needs the device too")
	default:
		_, _ = fmt.Fprintf(w, "payments above %s need the device too\n", formatMoney(*r.TwoChannelAbove, r.Currency))
	}
	if r.Pending {
		_, _ = fmt.Fprintln(w, "  a change waits for the registry")
	}
}

func printDevice(w io.Writer, d deviceJSON) {
	extra := ""
	if d.Vehicle != "" {
		extra += "  " + printable(string(d.Vehicle))
	}
	if d.Means != "" {
		extra += "  means " + printable(string(d.Means))
	}
	if d.Link != "" && d.State != pay.DeviceRevoked {
		extra += "  link " + printable(d.Link)
	}
	if d.Reason != "" {
		extra += "  (" + string(d.Reason) + ")"
	}
	if d.TrustedFrom != "" && d.State == pay.DeviceActive {
		extra += "  its word counts from " + moment(d.TrustedFrom)
	}
	_, _ = fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%s  %-6s %-8s%s", d.ID[:10], d.Kind, d.State, extra), " "))
}

func walletPair(c *call) error {
	f := c.flags
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
	kind := pay.DeviceType(f.String("type"))
	if err := kind.Check(); err != nil {
		return pay.Wrap(err, pay.CodeUsage, "read --type", "write --type tag, phone, jack or voice")
	}
	q := pairQuery{Link: target.Link, PIN: pin, Type: kind, Vehicle: pay.Name(f.String("vehicle")), Means: pay.Name(f.String("means"))}
	if !target.Device.IsZero() {
		q.Device = target.Device.String()
	}
	var d deviceJSON
	raw, err := ask(c.ctx, dirOf(c), "pair", q, &d)
	if err != nil {
		return err
	}
	if err := c.answer(raw, func(w io.Writer) {
		printDevice(w, d)
		if d.State == pay.DeviceActive {
			_, _ = fmt.Fprintln(w, "Paired. A till that hears it asks this wallet: `paybeacon wallet pending`.")
		}
	}); err != nil {
		return err
	}
	switch d.State {
	case pay.DeviceActive:
		return nil
	case pay.DevicePending:
		return pay.NewError(pay.CodeWaitPassed, "the registry has not answered yet", "the mapping stays asked for: look again with `paybeacon wallet devices`")
	default:
		return pay.NewError(pay.CodeConflict, fmt.Sprintf("the registry refused the device: %s", d.Reason), "revoke it in the wallet that owns it first")
	}
}

// secretFlag reads a one-time secret from --NAME or from the file of
// --NAME-file.
func secretFlag(c *call, name string) (string, error) {
	value, file := c.flags.String(name), c.flags.String(name+"-file")
	switch {
	case value != "" && file != "":
		return "", pay.NewError(pay.CodeUsage, fmt.Sprintf("--%s and --%s-file exclude one another", name, name), "give one of them")
	case file == "":
		return value, nil
	}
	const secretBytesMax = 4 << 10
	r := c.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", pay.Wrap(err, pay.CodeUsage, "read --"+name+"-file", "name a file that you may read")
		}
		defer func() { _ = f.Close() }()
		r = f
	}
	raw, err := io.ReadAll(io.LimitReader(r, secretBytesMax))
	if err != nil {
		return "", pay.Wrap(err, pay.CodeUsage, "read --"+name+"-file", "name a file that you may read")
	}
	secret := strings.TrimSpace(string(raw))
	if secret == "" {
		return "", pay.NewError(pay.CodeUsage, "read --"+name+"-file: "+printable(file)+" is empty", "look whether the command that was to fill it failed")
	}
	return secret, nil
}

func walletRevoke(c *call) error {
	q := deviceQuery{ID: c.flags.String("device")}
	if q.ID == "" {
		return pay.NewError(pay.CodeUsage, "--device is missing", "`paybeacon wallet devices` lists them")
	}
	var d deviceJSON
	raw, err := ask(c.ctx, dirOf(c), "revoke", q, &d)
	if err != nil {
		return err
	}
	if err := c.answer(raw, func(w io.Writer) { printDevice(w, d) }); err != nil {
		return err
	}
	if d.State != pay.DeviceRevoked {
		return pay.NewError(pay.CodeWaitPassed, "the registry has not confirmed the revocation yet", "it is queued and takes effect when the registry is reached: `paybeacon wallet devices`")
	}
	return nil
}
