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

// walletPresetCommand is `wallet preset`: how much fuel is wanted.
func walletPresetCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "preset", Usage: "say how much fuel a vehicle is to get",
		Long: "A station is told when the vehicle enters it, and gives no more. It stands until you change it.",
		Flags: []cli.Flag{
			cli.DataFlag(),
			&cli.StringFlag{Name: "device", Usage: "`ID` of the vehicle's device, or the beginning of it (default: the only one)"},
			&cli.StringFlag{Name: "litres", Usage: "at most `N` litres, or kWh"},
			&cli.StringFlag{Name: "amount", Usage: "at most for the `AMOUNT`"},
			&cli.BoolFlag{Name: "full", Usage: "as much as the tank takes"},
			&cli.BoolFlag{Name: "none", Usage: "take back what was said"},
		}, Run: walletPreset,
	})
}

func walletPreset(c *cli.Call) error {
	f := c.Flags
	reply, err := ask(c, api.VerbPreset, api.PresetRequest{
		Device: f.String("device"), Litres: f.String("litres"), Amount: f.String("amount"), Full: f.Bool("full"), None: f.Bool("none"),
	})
	if err != nil {
		return err
	}
	p := reply.Value
	printed := c.Answer(reply, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s (%s) gets %s.\n", text.Printable(p.Plate), text.Printable(string(p.Product)), presetWords(p))
	})
	switch {
	case p.Pending:
		return pay.NewError(pay.CodeWaitPassed, "the registry has not answered yet", "it stays asked for: run the same command again to see")
	case p.Reason != "":
		return pay.NewError(pay.CodeConflict, "the registry refused it: "+text.WhyRefused(p.Reason), "look at `paybeacon wallet devices`")
	}
	return printed
}

// presetWords returns how much a vehicle gets.
func presetWords(p api.Preset) string {
	switch {
	case p.Quantity != 0:
		return "at most " + text.FormatQuantity(p.Quantity) + " litres or kWh"
	case p.Amount != 0:
		return "fuel for at most " + text.FormatMoney(p.Amount, p.Currency)
	case p.Full:
		return "a full tank"
	default:
		return "what the attendant enters"
	}
}
