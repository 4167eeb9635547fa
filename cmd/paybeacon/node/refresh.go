package node

import (
	"context"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/sync/link"
)

// A device's clock drifts, and what the registry knows of it grows old. While
// wallet and device are within reach of one another, the wallet has the device
// sign its counter anew about once a day, and at once when the registry says
// that the clock ran off. Nobody has to think of it.

const (
	// refreshEvery is how old the registry's knowledge of a device may become. Chosen:
	// once a day, for somebody who comes home at changing hours.
	refreshEvery = 20 * time.Hour
	// refreshRetry is how often a device is looked for that was out of reach. Chosen:
	// it costs one connection.
	refreshRetry = 15 * time.Minute
)

// refreshSoon asks for a refresh of all devices, whatever their age.
func (n *payer) refreshSoon() {
	select {
	case n.stale <- struct{}{}:
	default: // it is asked for already
	}
}

// refreshDevices keeps the registry's knowledge of this wallet's devices fresh
// until ctx ends.
func (n *payer) refreshDevices(ctx context.Context) error {
	done := map[pay.DeviceID]time.Time{}
	for all := false; ; {
		err := n.WaitUp(ctx) // fails only when ctx ended
		left := 0
		if err == nil {
			left, err = n.refreshAll(ctx, all, done)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		timer := time.NewTimer(refreshRetry)
		select {
		case <-timer.C:
			all = all && left > 0 // what was asked for and out of reach stays asked for
		case <-n.stale:
			all = true
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

// refreshAll refreshes every device that is due and returns how many of them were
// out of reach. done is when each was refreshed by this process: a device is not
// asked again sooner because the registry refused the last word, or because the
// wallet's clock is far ahead.
func (n *payer) refreshAll(ctx context.Context, all bool, done map[pay.DeviceID]time.Time) (left int, err error) {
	devices, err := n.allDevices(ctx)
	for _, d := range devices {
		lately := !done[d.ID].IsZero() && time.Since(done[d.ID]) < refreshEvery
		due := all || d.Inherited || !lately && n.store.Now().Sub(d.Said).Std() >= refreshEvery
		if d.State != pay.DeviceActive || d.Link == "" || d.Revoking || !due {
			continue
		}
		if bad := n.refresh(ctx, d); bad != nil {
			left++
			n.Log.Debug("a device could not be set right; it is tried again later", "device", d.ID.Short(), "error", bad)
			continue
		}
		done[d.ID] = time.Now()
	}
	return left, err
}

// refresh has one device sign its counter and posts it as a mapping, which
// changes nothing but what the registry knows of the device's clock. The owner
// may speak while the device does, and has the last word.
func (n *payer) refresh(ctx context.Context, d wallet.Device) error {
	root, err := n.member.rootID()
	if err != nil {
		return err
	}
	return n.withDevice(ctx, d, func() error {
		_, err := link.Pair(ctx, link.PairOptions{
			Peer:     link.Peer{Address: d.Link, Key: n.key, Device: d.ID},
			Registry: root, Resolver: n.member.Resolver, Type: d.Type,
			Keep: func(p link.Paired) error {
				_, err := commit(ctx, n.store, func(tx *store.Tx) (wallet.Device, pay.Reaction, error) {
					return n.wallet.RefreshDevice(tx, tx.Now(), p.Bind)
				})
				return err
			},
		})
		return err
	})
}
