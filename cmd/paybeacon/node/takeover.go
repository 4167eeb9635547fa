package node

import (
	"context"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/sync/link"
)

// A wallet that takes the place of a lost one inherits its devices. The registry
// maps them to the same scope as before; each device itself still answers the lost
// wallet alone until the new one shows it the registry's statement. That happens as
// soon as the device is reached, and again whenever it refuses this wallet.

// inherit has every device refreshed, and taken over thereby, once the feed has
// told which there are.
func (n *payer) inherit(ctx context.Context) error {
	if n.member.Replaces == "" {
		return nil
	}
	err := n.Watch(ctx, func() (bool, error) {
		return read(ctx, n.store, func(v *store.View) (bool, error) {
			r, ok, err := n.wallet.Replaces(v)
			if ok {
				n.Log.Info("took the place of another wallet", "node", r.Old.Short(), "since", r.At.String())
			}
			return ok, err
		})
	})
	if err == nil {
		n.refreshSoon()
	}
	if ctx.Err() != nil {
		err = nil // the end of the node is no error
	}
	return err
}

// withDevice has talk speak with a device of this wallet. One that refuses because
// it is bound to another wallet may be bound to one whose place this wallet has
// taken: it is shown the registry's statements, and talk runs once more. The error
// is that of talk.
func (n *payer) withDevice(ctx context.Context, d wallet.Device, talk func() error) error {
	refused := talk()
	if pay.CodeOf(refused) != pay.CodeBound {
		return refused
	}
	chain, err := read(ctx, n.store, func(v *store.View) (chain []link.Statement, err error) {
		list, err := n.wallet.Succession(v)
		for _, s := range list {
			chain = append(chain, link.Statement{Authority: s.Authority, Replaced: s.Fact})
		}
		return chain, err
	})
	if err != nil || len(chain) == 0 {
		return refused
	}
	if err := link.Succeed(ctx, link.Peer{Address: d.Link, Key: n.key, Device: d.ID}, chain); err != nil {
		n.Log.Warn("a device did not take this wallet in the place of the one before", "device", d.ID.Short(), "error", err)
		return refused
	}
	return talk()
}
