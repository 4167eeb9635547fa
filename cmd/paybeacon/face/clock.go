package face

import (
	"context"
	"fmt"
	"io"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
)

// clockCommand is `admin clock`.
func clockCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "clock", Usage: "what the registry thinks of its clock; --accept says that it is right",
		Long: "Between two settings of the clock, its time and how long the machine has run go on alike. A clock\n" +
			"that was set is in doubt: no payment is decided until it is right again, or until you say with\n" +
			"--accept that it is right as it stands. That is signed and kept.",
		Flags: []cli.Flag{cli.DataFlag(), &cli.BoolFlag{Name: "accept", Usage: "the clock is right as it stands now"}},
		Run:   adminClock,
	})
}

func adminClock(c *cli.Call) error {
	verb := api.VerbClock
	if c.Flags.Bool("accept") {
		verb = api.VerbAcceptClock
	}
	reply, err := ask(c, verb, api.Nothing{})
	if err != nil {
		return err
	}
	k := reply.Value
	return c.Answer(reply, func(w io.Writer) { printClock(w, k) })
}

func printClock(w io.Writer, k api.Clock) {
	switch {
	case k.Doubt:
		_, _ = fmt.Fprintf(w, "THE CLOCK IS IN DOUBT: %s.\n-> %s\n", text.Sentence(k.Message), text.Sentence(k.Hint))
	case k.Accepted:
		_, _ = fmt.Fprintf(w, "Accepted: it is %s, and the registry goes by that.\n", text.Moment(k.Wall))
	default:
		_, _ = fmt.Fprintf(w, "The clock is right as far as this machine can tell: %s.\n", text.Moment(k.Wall))
	}
	if n := k.Nodes; n != nil {
		_, _ = fmt.Fprintf(w, "Of %s, the clocks of %d agree with this machine's and %d with the registry's time. They set nothing.\n",
			text.Count(n.Connected, "connected node"), n.LikeWall, n.LikeTime)
	}
	if k.Last != nil {
		_, _ = fmt.Fprintf(w, "Before: %s.\n", text.Sentence(k.Last.Message))
	}
}
