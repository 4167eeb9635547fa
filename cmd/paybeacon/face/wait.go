package face

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/pay"
)

// WaitCommand is `wait`: until a node is ready, a payer is near or a payment has ended.
func WaitCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "wait", Usage: "wait until a node is ready, a payer is near, or a payment has ended",
		Flags: []cli.Flag{
			cli.DataFlag(),
			&cli.StringFlag{Name: "for", Usage: "what to wait for: `ready|near|final`"},
			cli.IDFlag("payment `ID`, with --for final"),
			&cli.DurationFlag{Name: "timeout", Value: 10 * time.Second, Usage: "give up after `DUR`"},
		}, Run: waitFor,
	})
}

func waitFor(c *cli.Call) error {
	if c.Data() == "" {
		return pay.NewError(pay.CodeUsage, "--data is missing", "name the node's directory with --data or PAYBEACON_DATA")
	}
	timeout := c.Flags.Duration("timeout")
	if timeout <= 0 {
		return pay.NewError(pay.CodeUsage, "--timeout is not above zero", "write it like --timeout 10s")
	}
	switch c.Flags.String("for") {
	case "ready":
		return waitReady(c, timeout)
	case "near":
		reply, err := ask(c, api.VerbWaitNear, api.WaitRequest{Wait: pay.MillisOf(timeout)})
		if err != nil {
			return err
		}
		n := reply.Value
		if err := c.Answer(reply, func(w io.Writer) { printNearby(w, n) }); err != nil {
			return err
		}
		if n.Clear == nil {
			return pay.NewError(pay.CodeWaitPassed, "nobody is clearly near", "bring the device closer, or charge with --to WORDS")
		}
		return nil
	case "final":
		id := c.Flags.String("id")
		if id == "" {
			return pay.NewError(pay.CodeUsage, "--for final needs --id", "name the payment")
		}
		return watchPayment(c, api.WaitRequest{ID: id, Wait: pay.MillisOf(timeout)}, nil, "")
	default:
		return pay.NewError(pay.CodeUsage, "--for is none of ready, near and final", "write --for ready, --for near or --for final")
	}
}

// readyPoll is how often a daemon is asked whether it is ready. Chosen: nobody
// notices it.
const readyPoll = 20 * time.Millisecond

// waitReady polls the control socket. It may run before the daemon, its socket
// or the directory exists; it opens no store and takes no lock.
func waitReady(c *cli.Call, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(c.Ctx, timeout)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		reply, err := node.AskDaemon(ctx, dirOf(c), api.VerbReady, api.Nothing{})
		if err == nil {
			return c.Answer(reply, func(w io.Writer) { printReady(w, reply.Value) })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(c.Ctx.Err(), context.Canceled) {
				return c.Ctx.Err()
			}
			return pay.NewError(pay.CodeWaitPassed, fmt.Sprintf("no daemon on %s became ready within %v", c.Data(), timeout), "look at what the daemon printed")
		}
	}
}
