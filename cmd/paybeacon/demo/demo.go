package demo

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// Command is the command that plays a story: `demo`.
func Command(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "demo", Usage: "watch the whole system work, as separate processes on this machine",
		Long: "Registry, boxes, wallets and devices, with real QUIC and real stores; only the air is simulated.\n" +
			"counter    two people pay, one declines, the registry dies and comes back, a thief replays a code\n" +
			"faults     a wormhole, a stolen phone, a stolen device, a code used twice, and what stops each\n" +
			"forecourt  three cars pay at pumps and a charge point, a fourth drives off, the registry dies\n" +
			"Exit code 0 only if every check at the end holds.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "scenario", Value: "counter", Usage: "play story `NAME`: counter, faults or forecourt; crowd, offline come later"},
			&cli.Int64Flag{Name: "seed", Value: 1, Usage: "seed `N` of what is random in the story"},
			&cli.BoolFlag{Name: "keep-running", Usage: "leave everything running afterwards, to try the other commands"},
			&cli.StringFlag{Name: "data", Usage: "keep the nodes in `DIR` (default: a temporary one)"},
		}, Run: demo,
	})
}

// demoTimeout ends a story that hangs. Chosen: ten times what it takes.
const demoTimeout = 2 * time.Minute

// scenario returns what makes the story of that name.
func scenario(name string) (func(*stage.Stage, *teller) story, error) {
	switch name {
	case "counter":
		return newCounterDemo, nil
	case "faults":
		return newFaultsDemo, nil
	case "forecourt":
		return newForecourtDemo, nil
	case "crowd", "offline", "conversation":
		return nil, pay.NewError(pay.CodeNotAvailable, fmt.Sprintf("scenario %s is not available in this version", name), "try --scenario counter, faults or forecourt")
	default:
		return nil, pay.NewError(pay.CodeUsage, fmt.Sprintf("scenario %q is not known", text.Printable(name)), "try --scenario counter, faults or forecourt")
	}
}

func demo(c *cli.Call) error {
	newStory, err := scenario(c.Flags.String("scenario"))
	if err != nil {
		return err
	}
	dir := c.Flags.String("data")
	if dir == "" {
		made, err := os.MkdirTemp("", "paybeacon-demo-")
		if err != nil {
			return pay.Wrap(err, pay.CodeConfig, "make a temporary directory", "name one with --data")
		}
		defer func() { _ = os.RemoveAll(made) }()
		dir = made
	}
	ctx, cancel := context.WithTimeout(c.Ctx, demoTimeout)
	defer cancel()
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	s, err := stage.New(ctx, exe, dir)
	if err != nil {
		return err
	}
	defer s.Close()
	tell := newTeller(c)
	d := newStory(s, tell)
	if err := d.play(); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := d.check(); err != nil {
		return err
	}
	if !c.Flags.Bool("keep-running") {
		return nil
	}
	if err := d.morning(); err != nil && c.Ctx.Err() == nil {
		return fmt.Errorf("demo: %w", err)
	}
	if c.Ctx.Err() == nil {
		who, commands := d.invitation()
		tell.invite(s, who, commands)
	}
	<-c.Ctx.Done()
	return nil
}
