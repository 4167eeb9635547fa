//go:build linux

package bluez

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/muka/go-bluetooth/bluez/profile/adapter"

	"github.com/paybeacon/paybeacon/ble"
)

const (
	// settleTime is how long a bluetoothd that just came back is given.
	settleTime = 500 * time.Millisecond
	// retryTime is the pause between attempts to begin anew.
	retryTime = time.Second
	// signalsQueued is the channel between the bus and the scan. What does not
	// fit waits in order in the handler of the connection.
	signalsQueued = 1024
)

// Scan calls each for every advert until ctx ends, and then returns nil. It
// fails when discovery cannot begin; later it heals itself. each must return
// quickly, because signals queue up behind it, and may not keep the advert's
// sections.
func (r *Radio) Scan(ctx context.Context, each func(ble.Advert)) error {
	// go-bluetooth hands every signal of its connection to every listener, and
	// godbus's own handler starts a goroutine a signal once a channel is full.
	conn, err := dbus.ConnectSystemBus(dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err != nil {
		return busError(err)
	}
	defer func() { _ = conn.Close() }() // nothing is written through it
	if err := r.match(conn); err != nil {
		return radioError("listen to BlueZ", err)
	}
	signals := make(chan *dbus.Signal, signalsQueued)
	conn.Signal(signals)

	m := &monitor{radio: r}
	defer m.end()
	defer r.stopDiscovery()
	if err := r.begin(m); err != nil {
		return err
	}
	return r.follow(ctx, signals, m, each)
}

// follow is the loop of Scan.
func (r *Radio) follow(ctx context.Context, signals <-chan *dbus.Signal, m *monitor, each func(ble.Advert)) error {
	again := time.NewTimer(time.Hour)
	again.Stop()
	defer again.Stop()
	var advert ble.Advert
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
			if err := r.begin(m); err != nil {
				r.log.Warn("begin to scan anew", "adapter", r.adapter, "error", err)
				again.Reset(retryTime)
			}
		case s, ok := <-signals:
			if !ok {
				return radioError("scan", errBusEnded)
			}
			switch read(s, r.path, &advert) {
			case advertHeard:
				advert.At = r.now()
				each(advert)
			case radioLost:
				r.log.Info("radio interrupted, scanning anew", "adapter", r.adapter, "signal", s.Name)
				again.Reset(settleTime)
			case nothing:
			}
		}
	}
}

// match asks for the signals of this adapter with a handful of rules; one rule
// a device would run into the bus's limit.
func (r *Radio) match(conn *dbus.Conn) error {
	for _, rule := range [][]dbus.MatchOption{
		{dbus.WithMatchSender(service), dbus.WithMatchInterface(ifaceProps), dbus.WithMatchMember("PropertiesChanged"), dbus.WithMatchPathNamespace(r.path)},
		{dbus.WithMatchSender(service), dbus.WithMatchInterface(ifaceTree), dbus.WithMatchArgPath(0, string(r.path)+"/")},
		{dbus.WithMatchSender(service), dbus.WithMatchInterface(ifaceTree), dbus.WithMatchArgPath(0, string(r.path))},
		{dbus.WithMatchSender(ifaceBus), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, service)},
	} {
		if err := conn.AddMatchSignal(rule...); err != nil {
			return fmt.Errorf("add match: %w", err)
		}
	}
	return nil
}

// begin does all that makes the adapter hear: power, filter, discovery and
// monitor. It may be repeated at any time.
func (r *Radio) begin(m *monitor) error {
	a, err := adapter.NewAdapter1FromAdapterID(r.adapter)
	if err != nil {
		return radioError("open adapter "+r.adapter, err)
	}
	defer a.Close()
	if err := powerOn(a); err != nil {
		return radioError("switch on adapter "+r.adapter, err)
	}
	// BlueZ keeps the filter for the life of the connection, so it is sent each
	// time. Any filter makes it report every strength; DuplicateData makes it
	// report the data with it.
	filter := map[string]any{"Transport": "le", "DuplicateData": true}
	if err := a.SetDiscoveryFilter(filter); err != nil {
		return radioError("set the discovery filter", err)
	}
	// The kernel asks whether a monitor is there only when a discovery begins,
	// and then again after ten seconds: so the monitor comes first.
	m.begin()
	if err := a.StartDiscovery(); err != nil && !isNamed(err, "org.bluez.Error.InProgress") {
		return radioError("start discovery", err)
	}
	return nil
}

func powerOn(a *adapter.Adapter1) error {
	v, err := a.GetProperty("Powered")
	if err != nil {
		return fmt.Errorf("read Powered: %w", err)
	}
	if on, ok := v.Value().(bool); ok && on {
		return nil
	}
	return a.SetPowered(true)
}

// stopDiscovery ends this process's share in the discovery. It may fail only
// where there is nothing left to stop.
func (r *Radio) stopDiscovery() {
	a, err := adapter.NewAdapter1FromAdapterID(r.adapter)
	if err == nil {
		defer a.Close()
		err = a.StopDiscovery()
	}
	if err != nil {
		r.log.Debug("stop discovery", "adapter", r.adapter, "error", err)
	}
}

// isNamed says that err is the D-Bus error of that name.
func isNamed(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == name
}
