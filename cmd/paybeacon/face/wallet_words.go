package face

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

func walletWordsCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "words", Usage: "what a till calls each of my devices now",
		Long: "Say the words when the till asks who is to pay: paybeacon till charge --to WORDS. They come\n" +
			"from the code that the device broadcasts and change with it; a till takes words that it has\n" +
			"shown for two minutes more.",
		Flags: []cli.Flag{cli.DataFlag()}, Run: walletWords,
	})
}

// walletWords prints the words of each device, and for one that could not be asked why.
// It ends with E_PARTLY where that is some of them, and with E_DEVICE where it is all.
func walletWords(c *cli.Call) error {
	reply, err := ask(c, api.VerbWords, api.Nothing{})
	if err != nil {
		return err
	}
	list := reply.Value.Items
	silent := 0
	for _, w := range list {
		if w.Handle == "" {
			silent++
		}
	}
	printed := cli.AnswerList(c, list, func(w io.Writer) {
		if len(list) == 0 {
			_, _ = fmt.Fprintln(w, "No devices. Pair one with: paybeacon wallet pair")
		}
		for _, d := range list {
			printWords(c, w, d)
		}
	})
	switch {
	case silent == 0:
		return printed
	case silent == len(list):
		return pay.NewError(pay.CodeDevice, "no device could be asked", list[0].Hint)
	default:
		return pay.NewError(pay.CodePartly, fmt.Sprintf("%d of %s could not be asked", silent, text.Count(len(list), "device")), "the list says why")
	}
}

func printWords(c *cli.Call, w io.Writer, d api.Words) {
	if d.Handle == "" {
		_, _ = fmt.Fprintf(w, "%s  %-6s %s\n  %s\n", listedID(c, d.Device), d.Kind, text.Sentence(d.Message), text.Printable(d.Hint))
		return
	}
	_, _ = fmt.Fprintf(w, "%s  %-6s %s (%v left)\n  or %s if the till shows three words\n", listedID(c, d.Device), d.Kind,
		text.Printable(string(d.Handle)), d.Stays.Std().Round(time.Second), text.Printable(string(d.Three)))
}
