package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/pay"
)

func demoCommand(ctx context.Context, io stdio) *cli.Command {
	return newLeaf(ctx, io, leaf{
		name: "demo", usage: "watch the whole system work, as separate processes on this machine",
		long: "A registry, a merchant's box, two wallets and two devices, with real QUIC and real stores;\nonly the air is simulated. Exit code 0 only if every check at the end holds.",
		flags: []cli.Flag{
			&cli.StringFlag{Name: "scenario", Value: "counter", Usage: "play story `NAME`; crowd, forecourt, offline, faults come later"},
			&cli.Int64Flag{Name: "seed", Value: 1, Usage: "seed `N` of what is random in the story"},
			&cli.BoolFlag{Name: "keep-running", Usage: "leave everything running afterwards, to try the other commands"},
			&cli.StringFlag{Name: "data", Usage: "keep the nodes in `DIR` (default: a temporary one)"},
		}, run: demo,
	})
}

const demoTimeout = 2 * time.Minute

func demo(c *call) error {
	switch s := c.flags.String("scenario"); s {
	case "counter":
	case "crowd", "forecourt", "offline", "faults":
		return pay.NewError(pay.CodeNotAvailable, fmt.Sprintf("scenario %s is not available in this version", s), "try --scenario counter")
	default:
		return pay.NewError(pay.CodeUsage, fmt.Sprintf("scenario %q is not known", printable(s)), "try --scenario counter")
	}
	dir := c.flags.String("data")
	if dir == "" {
		made, err := os.MkdirTemp("", "paybeacon-demo-")
		if err != nil {
			return pay.Wrap(err, pay.CodeConfig, "make a temporary directory", "name one with --data")
		}
		defer func() { _ = os.RemoveAll(made) }()
		dir = made
	}
	ctx, cancel := context.WithTimeout(c.ctx, demoTimeout)
	defer cancel()
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	s, err := newStage(ctx, exe, dir)
	if err != nil {
		return err
	}
	defer s.close()
	d := &counterDemo{stage: s, tell: newTeller(c), seed: c.flags.Int64("seed")}
	if err := d.play(); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := d.check(); err != nil {
		return err
	}
	if !c.flags.Bool("keep-running") {
		return nil
	}
	if err := d.morning(); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	d.tell.invite(s)
	<-c.ctx.Done()
	return nil
}
