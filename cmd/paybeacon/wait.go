package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/pay"
)

func waitCommand(ctx context.Context, io stdio) *cli.Command {
	return newLeaf(ctx, io, leaf{
		name: "wait", usage: "wait until a node is ready, a payer is near, or a payment has ended",
		flags: []cli.Flag{
			dataFlag(),
			&cli.StringFlag{Name: "for", Usage: "what to wait for: `ready|near|final`"},
			idFlag("payment `ID`, with --for final"),
			&cli.DurationFlag{Name: "timeout", Value: 10 * time.Second, Usage: "give up after `DUR`"},
		}, run: waitFor,
	})
}

func waitFor(c *call) error {
	if c.data() == "" {
		return pay.NewError(pay.CodeUsage, "--data is missing", "name the node's directory with --data or PAYBEACON_DATA")
	}
	timeout := c.flags.Duration("timeout")
	if timeout <= 0 {
		return pay.NewError(pay.CodeUsage, "--timeout is not above zero", "write it like --timeout 10s")
	}
	switch c.flags.String("for") {
	case "ready":
		return waitReady(c, timeout)
	case "near":
		var n nearbyJSON
		raw, err := ask(c.ctx, dirOf(c), "wait-near", waitQuery{Wait: pay.MillisOf(timeout)}, &n)
		if err != nil {
			return err
		}
		if err := c.answer(raw, func(w io.Writer) { printNearby(w, n) }); err != nil {
			return err
		}
		if n.Clear == nil {
			return pay.NewError(pay.CodeWaitPassed, "nobody is clearly near", "bring the device closer, or charge with --to HANDLE")
		}
		return nil
	case "final":
		id := c.flags.String("id")
		if id == "" {
			return pay.NewError(pay.CodeUsage, "--for final needs --id", "name the payment")
		}
		return watchPayment(c, waitQuery{ID: id, Wait: pay.MillisOf(timeout)}, nil, "")
	default:
		return pay.NewError(pay.CodeUsage, "--for is none of ready, near and final", "write --for ready, --for near or --for final")
	}
}

// readyPoll is how often a daemon is asked whether it is ready.
const readyPoll = 20 * time.Millisecond

// waitReady polls the control socket. It may run before the daemon, its socket
// or the directory exists; it opens no store and takes no lock.
func waitReady(c *call, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(c.ctx, timeout)
	defer cancel()
	body, err := json.Marshal(noQuery{})
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		raw, err := askDaemon(ctx, dirOf(c), "ready", body)
		if err == nil {
			var r readyJSON
			if err := json.Unmarshal(raw, &r); err != nil {
				return fmt.Errorf("read answer: %w", err)
			}
			return c.answer(raw, func(w io.Writer) { printReady(w, r) })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(c.ctx.Err(), context.Canceled) {
				return c.ctx.Err()
			}
			return pay.NewError(pay.CodeWaitPassed, fmt.Sprintf("no daemon on %s became ready within %v", c.data(), timeout), "look at what the daemon printed")
		}
	}
}

func printReady(w io.Writer, r readyJSON) {
	_, _ = fmt.Fprintf(w, "ready: %s %s", r.Role, r.Node[:10])
	for _, f := range [][2]string{{"quic", r.QUIC}, {"http", r.HTTP}, {"link", r.Link}, {"registry", r.Registry}} {
		if f[1] != "" {
			_, _ = fmt.Fprintf(w, "  %s %s", f[0], f[1])
		}
	}
	_, _ = fmt.Fprintln(w)
}
