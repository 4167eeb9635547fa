package main

import (
	"context"

	"github.com/urfave/cli/v2"
)

func walletRunCommand(ctx context.Context, io stdio) *cli.Command {
	return newLeaf(ctx, io, leaf{
		name: "run", usage: "run the wallet: take offers and answer them",
		long: "--approve says who answers: ask leaves offers to you (wallet pending, approve, decline), none\n" +
			"declines all, all approves all, under:AMOUNT approves up to AMOUNT and asks above,\n" +
			"exec:COMMAND runs a shell command with the offer as JSON on its standard input: 0 approves,\n" +
			"1 declines, anything else asks.",
		flags: []cli.Flag{
			dataFlag(),
			&cli.StringFlag{Name: "server", Usage: "the registry at `HOST:PORT` (default: where it was at enrolment)"},
			&cli.StringFlag{Name: "approve", Value: "ask", Usage: "who answers: a `RULE` ask, none, all, under:AMOUNT, exec:COMMAND"},
		},
		run: func(c *call) error {
			o := walletOptions{server: c.flags.String("server"), approve: c.flags.String("approve")}
			return runNode(c, func(ctx context.Context, s setting) (daemon, error) { return openWallet(ctx, s, o) })
		},
	})
}
