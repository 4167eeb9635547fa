package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// dirOf is the directory that --data names, or "".
func dirOf(c *call) dataDir { return dataDir(c.data()) }

// runNode runs the daemon of a directory until the context of the call ends.
// Standard output bears what it listens on and what happens to it.
func runNode(c *call, open func(ctx context.Context, s setting) (daemon, error)) error {
	defer outliveReaders()()
	s, err := newSetting(dirOf(c), c.err)
	if err != nil {
		return err
	}
	return runDaemon(c.ctx, s, daemonOptions{
		open: open,
		ready: func(r readyJSON) {
			if err := c.answer(r, func(w io.Writer) {
				r.Registry = "" // not tried yet: "down" would alarm
				printReady(w, r)
			}); err != nil {
				s.log.Warn("cannot say that the node is ready", "error", err)
			}
		},
		event: func(e eventJSON) error { return tellEvent(c, e) },
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
