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

// broadcast is one payload that is kept on the air.
type broadcast struct {
	radio      *Radio
	properties map[string]*prop.Prop
	// changed is told when the payload comes on the air or goes.
	changed func(on bool)

	ear      *ear // nil while there is no bus
	conn     *dbus.Conn
	path     dbus.ObjectPath // of the object that BlueZ has; empty when silent
	released chan struct{}

	again *time.Timer
	pause time.Duration
	said  bool // that something is wrong
}

func (r *Radio) newBroadcast(payload []byte, interval time.Duration) (*broadcast, error) {
	p, err := advertisement(payload, interval)
	if err != nil {
		return nil, err
	}
	return &broadcast{radio: r, properties: p, changed: func(bool) {}}, nil
}

// run keeps the payload on the air until ctx ends.
func (b *broadcast) run(ctx context.Context) error {
	b.again = time.NewTimer(0)
	b.again.Stop()
	defer b.again.Stop()
	defer func() { b.ear.close() }()
	if err := b.put(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		if !b.radio.wasOnAir.Load() {
			return err
		}
		b.complain(err)
	}
	for {
		select {
		case <-ctx.Done():
			return b.take(ctx)
		case <-b.released:
			b.forget()
			b.complain(radioError("advertise", errReleased))
		case a := <-b.ear.arrivals():
			b.hear(ctx, a.signal)
		case <-b.ear.end():
			b.ear = nil
			b.forget()
			b.complain(radioError("advertise", errBusEnded))
		case <-b.again.C:
			if b.path != "" {
				continue
			}
			if err := b.put(ctx); err != nil && ctx.Err() == nil {
				b.complain(err)
			}
		}
	}
}

// hear handles a signal about the adapter or bluetoothd.
func (b *broadcast) hear(ctx context.Context, s *dbus.Signal) {
	var unused ble.Advert
	switch read(s, b.radio.path, &unused) {
	case daemonGone, adapterGone:
		b.drop(ctx)
		b.complain(radioError("advertise", errVanished))
	case daemonCame, adapterCame:
		// What came is new and knows of nothing, unless it was quicker to be
		// asked than to be announced.
		b.drop(ctx)
		b.again.Reset(b.radio.limits.settle)
	case adapterChanged:
		// Off, it may have dropped the advertisement; discoverable, it sends its
		// public address along. Either way this one ends.
		a, err := b.radio.state(ctx)
		if err != nil || !a.Powered || a.Discoverable {
			b.drop(ctx)
		}
		if b.path == "" {
			b.again.Reset(b.radio.limits.settle)
		}
	case nothing, advertHeard, lifeHeard:
	}
}

// drop takes the payload off the air where that is expected to have happened.
func (b *broadcast) drop(ctx context.Context) {
	if err := b.take(ctx); err != nil {
		b.radio.log.Debug("unregister advertisement", "adapter", b.radio.adapter, "error", err)
	}
}

// complain says once what is wrong and has put called again, ever later.
func (b *broadcast) complain(err error) {
	l := b.radio.limits
	b.pause = min(max(2*b.pause, l.retry), l.retryMax)
	b.again.Reset(b.pause)
	if !b.said {
		b.said = true
		b.radio.log.Warn("nothing is broadcast: "+reason(err), "adapter", b.radio.adapter)
	}
}

// put brings the payload on the air.
func (b *broadcast) put(ctx context.Context) (err error) {
	r := b.radio
	if b.ear == nil {
		if b.ear, err = r.listen(ctx, adapterOnly); err != nil {
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
		b.forget()
		return radioError("export advertisement", err)
	}
	// It is not given up half-way when ctx ends: it might come on the air with
	// nobody left to take it off.
	if err := r.call(context.WithoutCancel(ctx), r.path, advertising.LEAdvertisingManager1Interface, "RegisterAdvertisement", b.path, map[string]any{}); err != nil {
		// One that was not answered may yet come on the air.
		b.drop(ctx)
		return radioError("register advertisement", err)
	}
	r.wasOnAir.Store(true)
	b.pause = 0
	if b.said {
		b.said = false
		r.log.Info("broadcasting again", "adapter", r.adapter)
	}
	b.changed(true)
	return nil
}

// export shows the advertisement to BlueZ, under a path that is new each time.
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

// take takes the payload off the air.
func (b *broadcast) take(ctx context.Context) error {
	if b.path == "" {
		return nil
	}
	path := b.path
	defer b.forget()
	err := b.radio.call(context.WithoutCancel(ctx), b.radio.path, advertising.LEAdvertisingManager1Interface, "UnregisterAdvertisement", path)
	// What BlueZ, the adapter or the bus no longer knows is silent already.
	if err == nil || adviceFor(err) == absent || adviceFor(err) == noBlueZ || !b.conn.Connected() {
		return nil
	}
	return radioError("unregister advertisement", err)
}

// forget withdraws the object, which BlueZ does not have any more.
func (b *broadcast) forget() {
	if b.path == "" {
		return
	}
	withdraw(b.conn, b.path, advertising.LEAdvertisement1Interface)
	withdraw(b.conn, b.path, ifaceProps)
	b.path, b.released = "", nil
	b.changed(false)
}
