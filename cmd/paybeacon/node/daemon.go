package node

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/events"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
)

// Node is an opened data directory: the registry, a box, a wallet or a device.
// Whoever opens one closes it.
type Node interface {
	// Run does what the node does by itself, until ctx ends. It returns nil then,
	// and the error of the first part that fails before.
	Run(ctx context.Context) error
	// Ready is where the node listens. It does so from its opening on.
	Ready() api.Ready
	// Verbs are what the node can be asked. Those that only read are answered
	// without Run, too.
	Verbs() api.Verbs
	Close()
}

// ServeOptions say which node is served, and who is told what it does.
type ServeOptions struct {
	Env process.Env
	// Open opens the node, once its directory is locked.
	Open func(ctx context.Context) (Node, error)
	// Ready is called once, when the node's sockets are open.
	Ready func(api.Ready)
	// Events is called with what happens from then on, in order. After an error
	// it is not called any more, and the node goes on. It may be nil.
	Events func([]api.Event) error
}

// eventful is a node that has something to tell while it runs.
type eventful interface{ eventLog() *events.Log }

// Serve is a node's daemon: it locks the directory, opens the node, answers on its
// control socket and runs it until ctx ends, which is no error. Its errors are those
// of Make, Lock, Open and ListenControl, and that of the first part that fails.
func Serve(ctx context.Context, o ServeOptions) error {
	dir := o.Env.Dir
	if err := dir.Make(); err != nil {
		return err
	}
	unlock, err := dir.Lock(ctx, datadir.LockWaitDaemon)
	if err != nil {
		return err
	}
	defer unlock()
	n, err := o.Open(ctx)
	if err != nil {
		return err
	}
	defer n.Close()
	control, err := datadir.ListenControl(dir)
	if err != nil {
		return err
	}
	// Whoever is told may connect: the sockets are open and the parts below
	// answer in a moment.
	o.Ready(n.Ready())
	parts, running := errgroup.WithContext(ctx)
	if e, ok := n.(eventful); ok && o.Events != nil {
		from, err := e.eventLog().Now(running)
		if err != nil {
			return err
		}
		parts.Go(func() error { return e.eventLog().Tell(running, from, o.Events, o.Env.Log) })
	}
	parts.Go(func() error { return n.Run(running) })
	parts.Go(func() error { return api.Serve(running, control, n.Verbs(), o.Env.Log) })
	err = parts.Wait()
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}
