package node

import (
	"context"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/sync/link"
)

// What a wallet has learned of a device's level goes to the device over the link, and
// only there. A device is told when that has changed, and once by each process and
// every refreshEvery, because it may have been started with another power.

// levelRetry is after how long a device that was not reached is told again. Chosen:
// nothing depends on it at once.
const levelRetry = 30 * time.Second

// levelTries are when devices are told next, at the earliest, and what of what was
// learned they were told. Only one goroutine uses it.
type levelTries map[pay.DeviceID]struct {
	level pay.Level
	next  time.Time
}

// learnLevel turns on or off that the level of a device is learned. Nothing is
// collected before the device has answered, so one that cannot do that says so; to turn
// it off no device is needed.
func (n *payer) learnLevel(ctx context.Context, q api.LearnLevelRequest) (api.Device, error) {
	d, err := read(ctx, n.store, func(v *store.View) (wallet.Device, error) { return n.wallet.Device(v, q.ID) })
	if err != nil {
		return api.Device{}, err
	}
	var after pay.Millis
	if on := q.Learn && !d.Level.Learn; on {
		switch {
		case d.State != pay.DeviceActive:
			return api.Device{}, pay.NewError(pay.CodeConflict, "device "+d.ID.Short()+" does not pay from this wallet", "`paybeacon wallet devices` shows its state")
		case d.Link == "":
			return api.Device{}, pay.NewError(pay.CodeDevice, "this wallet does not know where its link is", "say where: "+moveHint(d))
		}
		if after, err = n.setLevel(ctx, d, d.Level.Level); err != nil {
			return api.Device{}, err
		}
	}
	err = n.store.Do(ctx, func(tx *store.Tx) (err error) {
		if d, err = n.wallet.LearnLevel(tx, d.ID, q.Learn); err != nil || after == 0 {
			return err
		}
		return n.wallet.LevelSet(tx, d.ID, d.Level.Level, tx.Now(), after, false)
	})
	return deviceObject(d), err
}

// setLevel tells one device.
func (n *payer) setLevel(ctx context.Context, d wallet.Device, l pay.Level) (after pay.Millis, err error) {
	ctx, cancel := context.WithTimeout(ctx, linkTryWait)
	defer cancel()
	err = n.withDevice(ctx, d, func() (err error) {
		after, err = link.SetLevel(ctx, link.Peer{Address: d.Link, Key: n.key, Device: d.ID}, l)
		return err
	})
	return after, err
}

// setLevels tells the devices that are due. Its errors are the store's.
func (n *payer) setLevels(ctx context.Context) error {
	list, err := read(ctx, n.store, func(v *store.View) ([]wallet.LevelToSet, error) { return n.wallet.LevelsToSet(v) })
	for _, l := range list {
		if err == nil {
			err = n.setLevelIfDue(ctx, l)
		}
	}
	return err
}

func (n *payer) setLevelIfDue(ctx context.Context, l wallet.LevelToSet) error {
	last, tried := n.levels[l.Device]
	if tried && last.level == l.Level && time.Now().Before(last.next) {
		return nil
	}
	d, err := read(ctx, n.store, func(v *store.View) (wallet.Device, error) { return n.wallet.Device(v, l.Device.String()) })
	if err != nil || d.Link == "" || d.State != pay.DeviceActive {
		return err
	}
	after, bad := n.setLevel(ctx, d, l.Level)
	last.level, last.next = l.Level, time.Now().Add(refreshEvery)
	fixed := pay.CodeOf(bad) == pay.CodeNotAvailable
	if bad != nil {
		last.next = time.Now().Add(levelRetry)
		n.Log.Debug("a device was not told its level; it is told later", "device", d.ID.Short(), "error", bad)
	}
	if n.levels == nil {
		n.levels = levelTries{}
	}
	n.levels[l.Device] = last
	if bad != nil && !fixed || bad == nil && l.Same && after == 0 {
		return nil
	}
	return n.store.Do(ctx, func(tx *store.Tx) error {
		return n.wallet.LevelSet(tx, l.Device, l.Level, tx.Now(), after, fixed)
	})
}
