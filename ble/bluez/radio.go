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

	// objectRoot is where this process shows its own objects to BlueZ.
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
	marker  string
	path    dbus.ObjectPath
	health  func(ble.Health)
	now     func() time.Time
	log     *slog.Logger
	limits  limits
	rfkill  string // the kernel's folder
	// ticks makes the beats of the watchdog.
	ticks func(time.Duration) (beats <-chan time.Time, stop func())
	// lost counts the signals that had to be dropped.
	lost atomic.Uint64
	// wasOnAir says that an advertisement was accepted once: from then on
	// Advertise heals itself instead of failing.
	wasOnAir atomic.Bool
}

// objects numbers what this process shows to BlueZ: all radios of a process
// share go-bluetooth's connection, and with it the paths on it.
var objects atomic.Uint64

// Open checks that BlueZ runs and has the adapter. The library behind this
// package logs through logrus's process-wide logger; Open raises that one's
// level to errors. ctx bounds the check only.
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

// state reads what BlueZ says of the adapter.
func (r *Radio) state(ctx context.Context) (ble.Adapter, error) {
	p, err := r.properties(ctx, r.path, adapter.Adapter1Interface)
	if err != nil {
		return ble.Adapter{}, err
	}
	return r.describe(r.adapter, p), nil
}

// powerOn switches the adapter on if it is off, and returns its state before.
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
