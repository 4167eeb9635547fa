//go:build linux

package bluez

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
	"github.com/muka/go-bluetooth/bluez/profile/advertising"

	"github.com/paybeacon/paybeacon/ble"
)

// broadcast keeps one payload on the air.
type broadcast struct {
	radio      *Radio
	properties map[string]*prop.Prop
	// changed is called when the payload comes on the air and when it goes off.
	changed func(on bool)

	signals  *signalConn // nil without a bus
	conn     *dbus.Conn
	path     dbus.ObjectPath // of the exported object; empty when nothing is on the air
	released chan struct{}

	retryTimer    *time.Timer
	pause         time.Duration
	failureLogged bool // since the payload was last on the air
}

func (r *Radio) newBroadcast(payload []byte, interval time.Duration) (*broadcast, error) {
	p, err := advertisement(payload, interval)
	if err != nil {
		return nil, err
	}
	return &broadcast{radio: r, properties: p, changed: func(bool) {}}, nil
}

// run keeps the payload on the air until ctx ends. Its errors are those of
// Advertise.
func (b *broadcast) run(ctx context.Context) error {
	b.retryTimer = time.NewTimer(0)
	b.retryTimer.Stop()
	defer b.retryTimer.Stop()
	defer func() { b.signals.close() }()
	if err := b.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		if !b.radio.wasOnAir.Load() {
			return err
		}
		b.retryLater(err)
	}
	for {
		select {
		case <-ctx.Done():
			return b.stop(ctx)
		case <-b.released:
			b.withdraw()
			b.retryLater(radioError("advertise", errReleased))
		case a := <-b.signals.arrivals():
			b.handle(ctx, a.signal)
		case <-b.signals.done():
			b.signals = nil
			b.withdraw()
			b.retryLater(radioError("advertise", errBusEnded))
		case <-b.retryTimer.C:
			if b.path != "" {
				continue
			}
			if err := b.start(ctx); err != nil && ctx.Err() == nil {
				b.retryLater(err)
			}
		}
	}
}

// handle handles a signal about the adapter or bluetoothd.
func (b *broadcast) handle(ctx context.Context, s *dbus.Signal) {
	var unused ble.Advert
	switch readSignal(s, b.radio.path, &unused) {
	case daemonStopped, adapterRemoved:
		b.stopQuietly(ctx)
		b.retryLater(radioError("advertise", errVanished))
	case daemonStarted, adapterAdded:
		// A new adapter or bluetoothd has no advertisement, unless it accepted this
		// one before its own signal arrived; then it is registered again.
		b.stopQuietly(ctx)
		b.retryTimer.Reset(b.radio.limits.settleDelay)
	case adapterChanged:
		// An adapter that is off may have dropped the advertisement, and a
		// discoverable one sends its public address with it. Either way it ends.
		a, err := b.radio.state(ctx)
		if err != nil || !a.Powered || a.Discoverable {
			b.stopQuietly(ctx)
		}
		if b.path == "" {
			b.retryTimer.Reset(b.radio.limits.settleDelay)
		}
	case noEvent, advertHeard, otherHeard:
	}
}

// stopQuietly is stop for a payload that is probably off the air already: an
// error only goes to the debug log.
func (b *broadcast) stopQuietly(ctx context.Context) {
	if err := b.stop(ctx); err != nil {
		b.radio.log.Debug("unregister advertisement", "adapter", b.radio.adapter, "error", err)
	}
}

// retryLater logs err, if it is the first failure since the payload was on the
// air, and plans the next start after a pause that doubles.
func (b *broadcast) retryLater(err error) {
	l := b.radio.limits
	b.pause = min(max(2*b.pause, l.retry), l.retryMax)
	b.retryTimer.Reset(b.pause)
	if !b.failureLogged {
		b.failureLogged = true
		b.radio.log.Warn("nothing is broadcast: "+retryReason(err), "adapter", b.radio.adapter)
	}
}

// start puts the payload on the air. It returns an error with pay.CodeRadio if
// there is no bus or adapter, the adapter is discoverable, or BlueZ refuses.
func (b *broadcast) start(ctx context.Context) (err error) {
	r := b.radio
	if b.signals == nil {
		if b.signals, err = r.listen(ctx, adapterOnly); err != nil {
			return err
		}
	}
	before, err := r.powerOn(ctx)
	if err != nil {
		return err
	}
	if before.Discoverable {
		return radioError("advertise", errDiscoverable)
	}
	if err := b.export(); err != nil {
		b.withdraw()
		return radioError("export advertisement", err)
	}
	// The call is not cancelled when ctx ends, because the advertisement could
	// still come on the air, and nothing would end it.
	if err := r.call(context.WithoutCancel(ctx), r.path, advertising.LEAdvertisingManager1Interface, "RegisterAdvertisement", b.path, map[string]any{}); err != nil {
		// A call that was not answered in time may still put it on the air.
		b.stopQuietly(ctx)
		return radioError("register advertisement", err)
	}
	r.wasOnAir.Store(true)
	b.pause = 0
	if b.failureLogged {
		b.failureLogged = false
		r.log.Info("broadcasting again", "adapter", r.adapter)
	}
	b.changed(true)
	return nil
}

// export exports the advertisement object for BlueZ, under a path that is new
// each time.
func (b *broadcast) export() error {
	conn, err := connection()
	if err != nil {
		return err
	}
	b.conn = conn
	b.path = dbus.ObjectPath(fmt.Sprintf("%s/advertisement%d", objectRoot, objects.Add(1)))
	b.released = make(chan struct{}, 1)
	return errors.Join(
		export(conn, advertisementCalls{b.released}, b.path, advertising.LEAdvertisement1Interface),
		exportProperties(conn, b.path, prop.Map{advertising.LEAdvertisement1Interface: b.properties}))
}

// stop takes the payload off the air. It returns an error with pay.CodeRadio if
// BlueZ still runs and does not confirm that.
func (b *broadcast) stop(ctx context.Context) error {
	if b.path == "" {
		return nil
	}
	path := b.path
	defer b.withdraw()
	err := b.radio.call(context.WithoutCancel(ctx), b.radio.path, advertising.LEAdvertisingManager1Interface, "UnregisterAdvertisement", path)
	// If BlueZ, the adapter or the bus is gone, so is the advertisement.
	if err == nil || adviceFor(err) == absent || adviceFor(err) == noBlueZ || !b.conn.Connected() {
		return nil
	}
	return radioError("unregister advertisement", err)
}

// withdraw removes the object from the bus, after BlueZ has dropped it.
func (b *broadcast) withdraw() {
	if b.path == "" {
		return
	}
	withdraw(b.conn, b.path, advertising.LEAdvertisement1Interface)
	withdraw(b.conn, b.path, ifaceProps)
	b.path, b.released = "", nil
	b.changed(false)
}
