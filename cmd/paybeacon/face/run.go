package face

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
)

// runNode runs the daemon of a directory until the context of the call ends.
// Standard output bears what it listens on and what happens to it.
func runNode(c *cli.Call, open func(ctx context.Context, env node.Env) (node.Node, error)) error {
	defer outliveReaders()()
	env, err := node.ProcessEnv(dirOf(c), c.Err)
	if err != nil {
		return err
	}
	return node.Serve(c.Ctx, node.ServeOptions{
		Env:  env,
		Open: func(ctx context.Context) (node.Node, error) { return open(ctx, env) },
		Ready: func(r api.Ready) {
			if err := c.Answer(r, func(w io.Writer) {
				r.Registry = "" // not tried yet: "down" would alarm
				printReady(w, r)
			}); err != nil {
				env.Log.Warn("cannot say that the node is ready", "error", err)
			}
		},
		Event: func(e api.Event) error { return tellEvent(c, e) },
	})
}

// outliveReaders lets the process live when nobody reads its standard output or
// error any more, until stop: writing there fails then, like writing anywhere
// else. The signal is caught and not ignored, because what is ignored stays so in
// the owner's programs that a wallet starts.
func outliveReaders() (stop func()) {
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	return func() { signal.Stop(broken) }
}
