package node

import (
	"context"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/sync/link"
)

// A device's clock drifts, and what the registry knows of it grows old; a clock
// that was wrong when the device started leads its counter astray. While wallet
// and device are within reach of one another, the wallet hears the device's
// counter every linkPing. It has the registry take it anew about once a day, and at
// once when it is not where it should be or when the registry says that the clock
// ran off. Nobody has to think of it.

const (
	// refreshEvery is how old the registry's knowledge of a device may become. Chosen:
	// once a day, for somebody who comes home at changing hours.
	refreshEvery = 20 * time.Hour
	// linkPing is how often a wallet hears a device's counter on the link, and so
	// how soon one whose clock was led astray is set right once it is in reach.
	// Chosen: sooner than a person tries again, and one connection of the local
	// network costs both sides about a millisecond.
	linkPing = 5 * time.Second
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
		if err == nil {
			err = n.setLevels(ctx)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		timer := time.NewTimer(linkPing)
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

// refreshAll hears every device and refreshes those that are due or out of step. It returns how many of them were
// out of reach. done is when each was refreshed by this process: a device is not
// asked again sooner because the registry refused the last word, or because the
// wallet's clock is far ahead.
func (n *payer) refreshAll(ctx context.Context, all bool, done map[pay.DeviceID]time.Time) (left int, err error) {
	devices, err := n.allDevices(ctx)
	for _, d := range devices {
		lately := !done[d.ID].IsZero() && time.Since(done[d.ID]) < refreshEvery
		due := all || d.Inherited || !lately && n.store.Now().Sub(d.Said).Std() >= refreshEvery
		if d.State != pay.DeviceActive || d.Link == "" || d.Revoking {
			continue
		}
		if bad := n.hear(ctx, d, due); bad != nil {
			if due {
				left++
			}
			n.Log.Debug("a device could not be set right; it is tried again later", "device", d.ID.Short(), "error", bad)
			continue
		}
		if due {
			done[d.ID] = time.Now()
		}
	}
	return left, err
}

// hear has one device sign its counter, and publishes that as a mapping when it is
// asked to, or when the registry would not find the device's codes by what it
// knows. The mapping changes nothing but that. The owner may act while the device
// signs, and has the last word.
func (n *payer) hear(ctx context.Context, d wallet.Device, publish bool) error {
	ctx, cancel := context.WithTimeout(ctx, linkTryWait)
	defer cancel()
	if s := n.Standing(); s.Registry == api.RegistryOldCopy {
		return s.Refusal()
	}
	root, err := n.member.RootID()
	if err != nil {
		return err
	}
	return n.withDevice(ctx, d, func() error {
		_, err := link.Pair(ctx, link.PairOptions{
			Peer:     link.Peer{Address: d.Link, Key: n.key, Device: d.ID},
			Registry: root, Resolver: n.member.Resolver, Type: d.Type,
			Keep: func(p link.Paired) error {
				off, err := n.clockOff(ctx, d, p.Bind)
				if err != nil || (off == 0 && !publish && !carriesMore(p.Bind)) {
					return err
				}
				_, err = commit(ctx, n.store, func(tx *store.Tx) (wallet.Device, pay.Reaction, error) {
					return n.wallet.RefreshDevice(tx, tx.Now(), p.Bind)
				})
				if err == nil && off != 0 {
					n.Log.Warn("a device's clock was off; the registry is told", "device", d.ID.Short(), "by", off.Std())
				}
				return err
			},
		})
		return err
	})
}

// carriesMore reports whether a bind says more than the counter: the device forgets
// that once the wallet has it.
func carriesMore(bind []byte) bool {
	f, err := pay.Parse(bind)
	if err != nil {
		return false
	}
	b, err := pay.As[pay.Bind](f)
	return err == nil && b.Former != ""
}

// clockOff returns by how much a device's counter is ahead of where it should be by
// what the registry was told last, or 0 when the registry finds its codes. It notes
// that, for whoever asks about the device. While this node's own clock is in doubt
// nothing is said of another's.
func (n *payer) clockOff(ctx context.Context, d wallet.Device, bind []byte) (off pay.Millis, err error) {
	f, err := pay.Parse(bind)
	if err != nil {
		return 0, err
	}
	b, err := pay.As[pay.Bind](f)
	if err != nil || n.store.Clock().Doubt {
		return 0, err
	}
	err = n.store.View(ctx, func(v *store.View) error {
		counter, at, ok, err := n.wallet.Anchor(v, d.ID)
		if err != nil || !ok {
			return err
		}
		since := n.store.Now().Sub(at)
		off = (pay.Millis(b.Counter)-pay.Millis(counter))*1000 - since
		off = beyond(off, counterGrain+pay.DriftBase+max(since, -since)/1_000_000*pay.DriftPerMillion)
		return nil
	})
	n.clocks.note(d.ID, off)
	return off, err
}

// counterGrain is what whole seconds leave open between two readings of a counter.
const counterGrain pay.Millis = 1_000

// beyond returns off, or 0 when it is within most either way.
func beyond(off, most pay.Millis) pay.Millis {
	if off >= -most && off <= most {
		return 0
	}
	return off
}

// deviceClocks are by how much the clocks of devices were off when they were last
// heard on the link.
type deviceClocks struct {
	mu  sync.Mutex
	off map[pay.DeviceID]pay.Millis
}

func (c *deviceClocks) note(id pay.DeviceID, off pay.Millis) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if off == 0 {
		delete(c.off, id)
		return
	}
	if c.off == nil {
		c.off = make(map[pay.DeviceID]pay.Millis)
	}
	c.off[id] = off
}

func (c *deviceClocks) of(id pay.DeviceID) pay.Millis {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.off[id]
}
