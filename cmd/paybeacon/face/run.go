package face

import (
	"context"
	"io"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
)

// runNode runs the daemon of a directory until the context of the call ends.
// Standard output bears what it listens on and what happens to it.
func runNode(c *cli.Call, open func(ctx context.Context, env process.Env) (node.Node, error)) error {
	return runTelling(c, open, func(list []api.Event) error { return tellEvents(c, list) })
}

// runTelling is runNode with words of its own for what happens; tell is nil where
// nothing of it is told.
func runTelling(c *cli.Call, open func(ctx context.Context, env process.Env) (node.Node, error), tell func([]api.Event) error) error {
	c.OutliveOutput()
	env, err := process.EnvOf(dirOf(c), c.Err)
	if err != nil {
		return err
	}
	return node.Serve(c.Ctx, node.ServeOptions{
		Env:  env,
		Open: func(ctx context.Context) (node.Node, error) { return open(ctx, env) },
		Ready: func(r api.Ready) {
			if err := c.Answer(r, func(w io.Writer) {
				r.Standing = api.Standing{} // not tried yet: "down" would alarm
				printReady(w, r)
			}); err != nil {
				env.Log.Warn("cannot say that the node is ready", "error", err)
			}
		},
		Events: tell,
	})
}
