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

// neighboursCommand is `admin neighbours` and all below it.
func neighboursCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	sites := cli.ListFlag("site", "one of the two places, given twice: its `SITE`, its merchant's name, or MERCHANT/SITE")
	const long = "Two places that hear one another's customers look like a place where codes are carried to\n" +
		"another: payments then need a person and the device. Declared neighbours need that no more. Both\n" +
		"merchants are told. Within one step of a device rules alone still pay at one of the two only."
	return cli.Group("neighbours", "places that hear one another's customers",
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "add", Usage: "declare two places to be neighbours", Long: long, Flags: []cli.Flag{cli.DataFlag(), sites}, Run: neighboursAdd}),
		cli.NewLeaf(ctx, io, cli.Leaf{Name: "list", Usage: "the declared neighbours", Flags: []cli.Flag{cli.DataFlag()}, Run: neighboursList}),
		cli.NewLeaf(ctx, io, cli.Leaf{
			Name: "remove", Usage: "end that two places are neighbours",
			Flags: []cli.Flag{cli.DataFlag(), cli.ListFlag("site", "one of the two places, given twice: its `SITE`, its merchant's name, or MERCHANT/SITE")}, Run: neighboursRemove,
		}),
	)
}

func neighboursAdd(c *cli.Call) error { return declareNeighbours(c, false) }

func neighboursRemove(c *cli.Call) error { return declareNeighbours(c, true) }

func declareNeighbours(c *cli.Call, end bool) error {
	sites := c.List("site")
	if len(sites) != 2 {
		return pay.NewError(pay.CodeUsage, fmt.Sprintf("--site is given %s, not twice", times(len(sites))), "name both places: --site A --site B")
	}
	reply, err := ask(c, api.VerbDeclareNeighbours, api.NeighboursRequest{A: sites[0], B: sites[1], End: end})
	if err != nil {
		return err
	}
	n := reply.Value
	return c.Answer(reply, func(w io.Writer) {
		what := "are neighbours: both merchants are told"
		if end {
			what = "are no neighbours"
		}
		_, _ = fmt.Fprintf(w, "%s and %s %s.\n", placeWords(n.A), placeWords(n.B), what)
	})
}

func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	default:
		return fmt.Sprintf("%d times", n)
	}
}

func placeWords(p api.Place) string {
	return fmt.Sprintf("%s, %s", text.Printable(string(p.Merchant)), text.Printable(string(p.Site)))
}

func neighboursList(c *cli.Call) error {
	reply, err := ask(c, api.VerbNeighbours, api.Nothing{})
	if err != nil {
		return err
	}
	list := reply.Value
	return cli.AnswerList(c, list.Items, func(w io.Writer) {
		if len(list.Items) == 0 {
			_, _ = fmt.Fprintln(w, "No neighbours are declared.")
		}
		for _, n := range list.Items {
			_, _ = fmt.Fprintf(w, "%s  and  %s  since %s\n", placeWords(n.A), placeWords(n.B), text.Moment(n.Since))
		}
	})
}
