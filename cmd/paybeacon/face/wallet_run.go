package face

import (
	"context"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
)

func walletRunCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "run", Usage: "run the wallet: take offers and answer them",
		Long: "--approve says who answers: ask leaves offers to you (wallet pending, approve, decline), none\n" +
			"declines all, all approves all, under:AMOUNT approves up to AMOUNT and asks above,\n" +
			"exec:COMMAND runs a shell command with the offer as JSON on its standard input: 0 approves,\n" +
			"1 declines, anything else asks.",
		Flags: []cli.Flag{
			cli.DataFlag(),
			&cli.StringFlag{Name: "server", Usage: "the registry at `HOST:PORT` (default: where it was at enrolment)"},
			&cli.StringFlag{Name: "approve", Value: "ask", Usage: "who answers: a `RULE` ask, none, all, under:AMOUNT, exec:COMMAND"},
		},
		Run: func(c *cli.Call) error {
			o := node.WalletOptions{Server: c.Flags.String("server"), Approve: c.Flags.String("approve")}
			return runNode(c, func(ctx context.Context, env node.Env) (node.Node, error) {
				o.Env = env
				return node.OpenWallet(ctx, o)
			})
		},
	})
}
