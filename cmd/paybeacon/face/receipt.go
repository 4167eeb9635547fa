package face

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// writeReceipt serves `till receipt` and `wallet receipts --to`: both sides
// write the same bytes.
func writeReceipt(c *cli.Call) error {
	to := c.Flags.String("to")
	if to == "" {
		return pay.NewError(pay.CodeUsage, "--to is missing", "name a file, or - for standard output")
	}
	q := api.PaymentRef{ID: c.Flags.String("id")}
	if flagExists(c, "key") {
		var err error
		if q, err = paymentQuery(c); err != nil {
			return err
		}
	} else if q.ID == "" {
		return pay.NewError(pay.CodeUsage, "--id is missing", "`paybeacon wallet receipts` lists the ids")
	}
	reply, err := ask(c, api.VerbReceipt, q)
	if err != nil {
		return err
	}
	r := reply.Value
	if err := putReceipt(c, to, r.Receipt); err != nil || to == "-" {
		return err
	}
	c.Acted()
	opened, err := pay.OpenReceipt(r.Receipt)
	if err != nil {
		return fmt.Errorf("check the receipt just written: %w", err)
	}
	j := receiptObject(to, opened)
	return c.Answer(j, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Receipt of %s written to %s. Check it anywhere with:\n  paybeacon receipt verify --root %s %s\n", text.Short(r.ID), to, opened.Root, to)
	})
}

// putReceipt writes a receipt's bytes to the place that --to names.
func putReceipt(c *cli.Call, to string, receipt []byte) error {
	out, err := datadir.Output{To: to, Stdout: c.Out, Force: c.Flags.Bool("force"), What: "receipt", Holds: holdsReceipt}.Open(c.Ctx)
	if err != nil {
		return err
	}
	_, err = out.Write(receipt)
	if err != nil {
		out.Discard()
	} else {
		err = out.Keep()
	}
	switch {
	case err != nil && to == "-":
		return fmt.Errorf("write receipt: %w", err)
	case err != nil:
		return datadir.CannotWrite(err, "write receipt", "name a file that you may write with --to")
	}
	return nil
}

// holdsReceipt reports whether a file is a receipt.
func holdsReceipt(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, pay.ReceiptBytesMax+1))
	if err != nil {
		return false
	}
	_, err = pay.OpenReceipt(raw)
	return err == nil
}

func flagExists(c *cli.Call, name string) bool {
	for _, f := range c.Flags.Command.Flags {
		for _, n := range f.Names() {
			if n == name {
				return true
			}
		}
	}
	return false
}

// ReceiptCommand is `receipt verify`: checking receipt files offline.
func ReceiptCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.Group("receipt", "check receipts",
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "verify", Usage: "check receipts offline, without asking anybody", Args: []string{"FILE..."},
			Long: "The root to trust comes from a node's directory or as a fingerprint. With neither, the receipt's\nown root is printed and the exit code is 4: it then only proves that the file is whole.",
			Flags: []cli.Flag{
				cli.DataFlag(),
				&cli.StringFlag{Name: "root", Usage: "trust this root `FINGERPRINT`"},
			},
			Run: receiptVerify,
		}))
}

func receiptVerify(c *cli.Call) error {
	if c.Flags.NArg() == 0 {
		return pay.NewError(pay.CodeUsage, "no FILE is named", "name the receipt files to check, or - for standard input")
	}
	root, err := trustedRoot(c)
	if err != nil {
		return err
	}
	var failed, missing, untrusted int
	for _, name := range c.Flags.Args().Slice() {
		r, gone := verifyFile(c, name, root)
		switch {
		case gone:
			missing++
		case !r.OK:
			failed++
		case !r.Trusted:
			untrusted++
		}
		if err := c.Answer(r, func(w io.Writer) { printReceipt(w, r) }); err != nil {
			return err
		}
	}
	all := c.Flags.NArg()
	switch verified := all - failed - missing - untrusted; {
	case verified > 0 && verified < all:
		return pay.NewError(pay.CodePartly, fmt.Sprintf("%d of %d receipts verify", verified, all), "look at the others one by one: each line says what is wrong with it")
	case missing == all:
		return pay.NewError(pay.CodeNotFound, text.Count(missing, "file")+" cannot be found", "check the name of the file"+tildeHint(c.Flags.Args().Slice()))
	case failed+missing > 0:
		return pay.NewError(pay.CodeNotTrusted, fmt.Sprintf("%d of %d receipts do not verify", failed+missing, all), "check the name of the file, or ask the other party for its copy: both hold the same bytes")
	case untrusted > 0:
		return pay.NewError(pay.CodeNotTrusted, "the receipt is whole, but nothing says that its root is to be trusted",
			"compare the root's fingerprint with your registry's and give it with --root, or name a node with --data")
	}
	return nil
}

func trustedRoot(c *cli.Call) (pay.NodeID, error) {
	if s := c.Flags.String("root"); s != "" {
		id, err := pay.ParseNodeID(s)
		if err != nil {
			return id, pay.Wrap(err, pay.CodeUsage, "read --root", "give the 64 hexadecimal digits of the root's fingerprint")
		}
		return id, nil
	}
	if c.Data() == "" {
		return pay.NodeID{}, nil
	}
	return dirOf(c).Root()
}

// errNoFile is the problem of a receipt whose file does not exist.
var errNoFile = errors.New("there is no such file")

// verifyFile checks one file; gone reports whether there is none.
func verifyFile(c *cli.Call, name string, root pay.NodeID) (checked api.Receipt, gone bool) {
	raw, err := readBounded(c, name)
	if err == nil {
		var r pay.Receipt
		if r, err = pay.OpenReceipt(raw); err == nil {
			j := receiptObject(name, r)
			j.OK = root.IsZero() || r.Root == root
			j.Trusted = !root.IsZero() && r.Root == root
			if !j.OK {
				j.Problem = "signed under another root than the one you trust"
			}
			return j, false
		}
	}
	if gone = errors.Is(err, fs.ErrNotExist); gone {
		err = errNoFile
	}
	return api.Receipt{V: 1, Type: "receipt", File: name, Problem: err.Error()}, gone
}

// tildeHint says where a name begins with ~ that no shell has expanded.
func tildeHint(names []string) string {
	if slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "~") }) {
		return "; a shell expands ~ only where it is not quoted"
	}
	return ""
}

func readBounded(c *cli.Call, name string) ([]byte, error) {
	r := c.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read receipt: %w", err)
		}
		defer func() { _ = f.Close() }()
		r = f
	}
	raw, err := io.ReadAll(io.LimitReader(r, pay.ReceiptBytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("read receipt: %w", err)
	}
	return raw, nil
}

func receiptObject(file string, r pay.Receipt) api.Receipt {
	d := r.Decision
	sums := d.SumsAfter()
	who, why := d.Shown()
	return api.Receipt{
		V: 1, Type: "receipt", File: file, OK: true, Root: r.Root.String(), ID: d.Payment.String(),
		State: d.State.Shown(), Reason: why, Amount: d.Authorised(), Held: sums.Held, Captured: sums.Captured, Refunded: sums.Refunded, TipMax: d.TipMax, TipAgreed: d.Tip, Tip: d.TipTaken(), Currency: d.Currency, Merchant: d.MerchantName, Site: d.Site,
		By: who, Method: d.Method(), Demand: d.StepUp, Evidence: d.Evidence, Certain: d.Certain, Ref: d.Ref, At: d.At.String(), Test: d.Test, Fuel: api.NewFuel(d.Fuel, d.Delivery), AuthorityU: r.Authority.Until.String(),
	}
}

func printReceipt(w io.Writer, r api.Receipt) {
	if r.Problem == errNoFile.Error() {
		_, _ = fmt.Fprintf(w, "%s: NOT checked: %s\n", text.Printable(r.File), r.Problem)
		return
	}
	if r.Root == "" {
		_, _ = fmt.Fprintf(w, "%s: NOT a valid receipt: %s\n", text.Printable(r.File), text.Printable(r.Problem))
		return
	}
	verdict := "valid"
	switch {
	case !r.OK:
		verdict = "NOT trusted: " + r.Problem
	case !r.Trusted:
		verdict = "whole, root not checked"
	}
	_, _ = fmt.Fprintf(w, "%s: %s\n", text.Printable(r.File), verdict)
	test := ""
	if r.Test {
		test = "  TEST (play money)"
	}
	state := string(r.State)
	if r.Reason != "" {
		state += " (" + string(r.Reason) + ")"
	}
	_, _ = fmt.Fprintf(w, "  %s  %s to %s at %s%s\n", state, text.FormatMoney(r.Amount, r.Currency), text.Printable(string(r.Merchant)), text.Printable(string(r.Site)), test)
	if r.Held > 0 {
		_, _ = fmt.Fprintf(w, "  held     %s of it, when this was decided\n", text.FormatMoney(r.Held, r.Currency))
	}
	printSums(w, r.State, r.Currency, r.Amount, r.Captured, r.Tip, r.Refunded)
	printFuel(w, r.Fuel, r.Currency)
	if r.Ref != "" {
		_, _ = fmt.Fprintf(w, "  ref      %s\n", text.Printable(r.Ref))
	}
	if r.Evidence != "" {
		_, _ = fmt.Fprintf(w, "  found    %s\n", text.FoundBy(r.Evidence, r.Certain))
	}
	if r.By != "" {
		_, _ = fmt.Fprintf(w, "  answered %s\n", by(r.By))
	}
	if r.Demand != "" {
		_, _ = fmt.Fprintf(w, "  channels two: %s\n", text.WhyTwoChannels(r.Demand))
	}
	_, _ = fmt.Fprintf(w, "  decided  %s\n  payment  %s\n  root     %s\n", r.At, r.ID, r.Root)
}
