//go:build linux

package bluez

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/sirupsen/logrus"

	"github.com/paybeacon/paybeacon/ble"
)

const (
	service    = "org.bluez"
	ifaceProps = "org.freedesktop.DBus.Properties"
	ifaceTree  = "org.freedesktop.DBus.ObjectManager"
	ifaceBus   = "org.freedesktop.DBus"

	ifaceAdapter = "org.bluez.Adapter1"
	ifaceDevice  = "org.bluez.Device1"

	// AdapterDefault is the adapter used where none is named.
	AdapterDefault = "hci0"

	// answerTime is how long bluetoothd may take to say that it has an adapter.
	answerTime = 5 * time.Second

	// objectRoot is where this process shows its own objects to BlueZ, those of
	// each adapter apart, because all radios share one connection.
	objectRoot = "/org/paybeacon"
)

// Options say which adapter to use.
type Options struct {
	// Adapter is such as "hci0"; empty means AdapterDefault.
	Adapter string
	// Marker is another adapter that broadcasts a sign of life for Adapter to
	// hear, such as "hci1"; empty means none.
	Marker string
	// Health is told how well the radio hears while Scan runs, from one goroutine
	// at a time; nil means that nobody wants to know.
	Health func(ble.Health)
	// Now stamps what is heard; nil is the system's clock.
	Now func() time.Time
	// Log is told when the radio heals itself or is slow; nil is silence.
	Log *slog.Logger
}

// Radio is one adapter. Its methods may be called at the same time.
type Radio struct {
	adapter string
	path    dbus.ObjectPath
	now     func() time.Time
	log     *slog.Logger
	objects atomic.Uint64 // numbers the objects shown to BlueZ
}

// Open checks that BlueZ runs and has the adapter. The library behind this
// package logs through logrus's process-wide logger; Open raises that one's
// level to errors. ctx bounds the check only.
func Open(ctx context.Context, o Options) (*Radio, error) {
	logrus.SetLevel(logrus.ErrorLevel)
	r := &Radio{adapter: cmp.Or(o.Adapter, AdapterDefault), now: o.Now, log: o.Log}
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.path = dbus.ObjectPath("/org/bluez/" + r.adapter)
	if !r.path.IsValid() {
		return nil, radioError("open adapter "+r.adapter, errAdapterName)
	}
	conn, err := dbus.SystemBus()
	if err != nil {
		return nil, busError(err)
	}
	// The stubs lose the name of an error here, so the first call does without.
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var properties map[string]dbus.Variant
	if err := conn.Object(service, r.path).CallWithContext(ctx, ifaceProps+".GetAll", 0, ifaceAdapter).Store(&properties); err != nil {
		return nil, openError(r.adapter, err)
	}
	return r, nil
}
