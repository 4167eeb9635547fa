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

// billCommand is `admin bill` and all below it.
func billCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.Group("bill", "amounts that are charged by a number",
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "add", Usage: "let a merchant charge an amount by its number",
			Long: "The merchant's boxes charge it with `till charge --bill NUMBER`. A bill is paid once; the same command\n" +
				"again changes nothing.",
			Flags: []cli.Flag{
				cli.DataFlag(),
				&cli.StringFlag{Name: "number", Usage: "the bill's `NUMBER`: it is the reference on the receipt"},
				&cli.StringFlag{Name: "amount", Usage: "decimal `AMOUNT`, such as 50.00"},
				&cli.StringFlag{Name: "merchant", Usage: "the merchant's name or scope, or a node `ID` of one of its boxes"},
			}, Run: adminAddBill,
		}))
}

func adminAddBill(c *cli.Call) error {
	q := api.BillRequest{Number: c.Flags.String("number"), Amount: c.Flags.String("amount"), Merchant: c.Flags.String("merchant")}
	if q.Number == "" || q.Amount == "" || q.Merchant == "" {
		return pay.NewError(pay.CodeUsage, "--number, --amount and --merchant are needed", "write it like: paybeacon admin bill add --number 2026-117 --amount 50.00 --merchant 'Corner Cafe'")
	}
	reply, err := ask(c, api.VerbAddBill, q)
	if err != nil {
		return err
	}
	b := reply.Value
	return c.Answer(reply, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s may charge %s by bill %s\n", text.Printable(string(b.Name)), text.FormatMoney(b.Amount, b.Currency), text.Printable(b.Number))
	})
}
