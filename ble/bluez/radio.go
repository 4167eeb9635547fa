//go:build linux

package bluez

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/muka/go-bluetooth/bluez/profile/adapter"

	"github.com/paybeacon/paybeacon/ble"
)

const (
	// AdapterDefault is the adapter used where none is named.
	AdapterDefault = "hci0"

	// objectRoot is the path below which this process exports its objects.
	objectRoot = "/org/paybeacon"
)

// Options configure a Radio.
type Options struct {
	// Adapter is the name of the adapter, such as "hci0"; empty means
	// AdapterDefault.
	Adapter string
	// Marker is the name of another adapter, such as "hci1", that broadcasts a
	// marker for Adapter to hear; empty means none.
	Marker string
	// Health is called with the radio's health while Scan runs, from one
	// goroutine at a time; nil means no reports.
	Health func(ble.Health)
	// Now gives the time of an advert; nil means the system's clock.
	Now func() time.Time
	// Log receives failures, recoveries and slow radios; nil means no log.
	Log *slog.Logger
}

// Radio is one adapter. Its methods may be called at the same time.
type Radio struct {
	adapter string
	marker  string
	path    dbus.ObjectPath
	health  func(ble.Health)
	now     func() time.Time
	log     *slog.Logger
	limits  limits
	rfkill  string // rfkillDir, or a test's folder
	// ticks makes the beats of the watchdog.
	ticks func(time.Duration) (beats <-chan time.Time, stop func())
	// lost counts the signals that were dropped.
	lost atomic.Uint64
	// wasOnAir reports whether an advertisement was ever accepted. Since then
	// Advertise retries instead of failing.
	wasOnAir atomic.Bool
}

// objects numbers the objects that this process exports: all radios of a process
// share go-bluetooth's connection, and with it the paths.
var objects atomic.Uint64

// Open checks that BlueZ runs and has the adapter, and returns its radio. ctx
// bounds the check only. It returns an error with pay.CodeRadio for a bad name,
// a missing bus, BlueZ or adapter, and a bluetoothd that does not answer. The
// library behind this package logs through logrus's process-wide logger; Open
// limits that logger to errors.
func Open(ctx context.Context, o Options) (*Radio, error) {
	r := newRadio(o)
	if !isAdapterName(r.adapter) || r.marker != "" && !isAdapterName(r.marker) {
		return nil, radioError("open adapter "+printable(r.adapter), errAdapterName)
	}
	if _, err := connection(); err != nil {
		return nil, busError(err)
	}
	if _, err := r.state(ctx); err != nil {
		return nil, radioError("open adapter "+r.adapter, err)
	}
	return r, nil
}

func newRadio(o Options) *Radio {
	r := &Radio{
		adapter: cmp.Or(o.Adapter, AdapterDefault), marker: o.Marker, health: o.Health, now: o.Now, log: o.Log,
		limits: defaultLimits(), rfkill: rfkillDir, ticks: tick,
	}
	r.path = dbus.ObjectPath(pathRoot + r.adapter)
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.health == nil {
		r.health = func(ble.Health) {}
	}
	return r
}

func tick(every time.Duration) (<-chan time.Time, func()) {
	t := time.NewTicker(every)
	return t.C, t.Stop
}

// state reads the state of the adapter from BlueZ. Its errors are those of
// properties.
func (r *Radio) state(ctx context.Context) (ble.Adapter, error) {
	p, err := r.properties(ctx, r.path, adapter.Adapter1Interface)
	if err != nil {
		return ble.Adapter{}, err
	}
	return r.describe(r.adapter, p), nil
}

// powerOn switches the adapter on if it is off, and returns the state that it had
// before. It returns an error with pay.CodeRadio if BlueZ or rfkill prevents it.
func (r *Radio) powerOn(ctx context.Context) (ble.Adapter, error) {
	a, err := r.state(ctx)
	if err != nil {
		return a, radioError("open adapter "+r.adapter, err)
	}
	if a.Powered {
		return a, nil
	}
	if a.Blocked {
		return a, radioError("switch on adapter "+r.adapter, errBlocked)
	}
	if err := r.setPowered(ctx, true); err != nil {
		return a, radioError("switch on adapter "+r.adapter, err)
	}
	return a, nil
}

func (r *Radio) setPowered(ctx context.Context, on bool) error {
	err := r.setProperty(ctx, r.path, adapter.Adapter1Interface, "Powered", on)
	if err != nil && on && r.isBlocked(r.adapter) {
		return errors.Join(errBlocked, err)
	}
	return err
}
