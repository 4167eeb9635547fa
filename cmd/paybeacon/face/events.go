package face

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/events"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/pay"
)

const (
	// eventsShown is how many past events are printed without --since. Chosen: a
	// screen of them.
	eventsShown = 20
	// eventsWait is how long one question to the daemon waits for an event. Chosen:
	// seldom enough to cost nothing.
	eventsWait = 20 * time.Second
)

// EventsCommand is `events tail`: what happens to a node.
func EventsCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.Group("events", "what happens to a node", cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "tail", Usage: "print what happened, and what happens next",
		Long: "Payments and devices are read from the node's own history, with or without its daemon; what\n" +
			"its radio did is told by the running daemon, which keeps the last 256 of those. A registry shows\n" +
			"those of all its nodes, and who enrolled, since this version of paybeacon first ran there. Each\n" +
			"event bears a cursor: --since with the last one you have seen goes on behind it, and 0 is the\n" +
			"beginning.",
		Flags: []cli.Flag{
			cli.DataFlag(),
			&cli.StringFlag{Name: "since", Usage: fmt.Sprintf("everything behind `CURSOR` (default: the last %d events)", eventsShown)},
			&cli.BoolFlag{Name: "follow", Usage: "go on with what happens next, until interrupted"},
			&cli.IntFlag{Name: "count", Usage: "end after `N` events", DefaultText: "no end"},
		},
		Run: eventsTail,
	}))
}

func eventsTail(c *cli.Call) error {
	f := c.Flags
	count := f.Int("count")
	if f.IsSet("count") && count <= 0 {
		return pay.NewError(pay.CodeUsage, "--count is not above zero", "write it like --count 10")
	}
	q := api.EventsRequest{Since: f.String("since"), Last: eventsShown, Limit: count}
	if count > 0 && count < events.PageMax {
		q.Last = count
	}
	if q.Since != "" {
		if _, err := events.ParseCursor(q.Since); err != nil {
			return err
		}
	}
	t := eventTail{Call: c, left: count, bounded: count > 0}
	err := t.run(q, f.Bool("follow"))
	if errors.Is(err, context.Canceled) && c.Ctx.Err() != nil {
		err = nil // being interrupted is how following ends
	}
	return err
}

// eventTail prints events until there are no more, or none are left to print.
type eventTail struct {
	*cli.Call
	bounded bool
	left    int
}

func (t *eventTail) run(q api.EventsRequest, follow bool) error {
	for {
		a, err := t.ask(q, follow)
		if err != nil {
			return err
		}
		for _, e := range a.Items {
			if err := tellEvent(t.Call, e); err != nil {
				return err
			}
			if t.left--; t.bounded && t.left == 0 {
				return nil
			}
		}
		if !follow && (q.Since == "" || len(a.Items) == 0) {
			return nil
		}
		q = api.EventsRequest{Since: a.Cursor}
		if follow {
			q.Wait = pay.MillisOf(eventsWait)
		}
	}
}

// ask puts one question. Following needs a daemon: without one nothing happens
// that could be told.
func (t *eventTail) ask(q api.EventsRequest, follow bool) (api.Events, error) {
	if !follow || t.Data() == "" {
		reply, err := ask(t.Call, api.VerbEvents, q)
		return reply.Value, err
	}
	reply, err := node.AskDaemon(t.Ctx, dirOf(t.Call), api.VerbEvents, q)
	if errors.Is(err, api.ErrNoDaemon) {
		err = pay.NewError(pay.CodeNotRunning, fmt.Sprintf("no daemon runs on %s, so nothing new will happen", t.Data()),
			"start it: "+node.StartHint(dirOf(t.Call))+"; or leave --follow out")
	}
	return reply.Value, err
}
