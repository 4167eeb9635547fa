//go:build linux

package bluez

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/muka/go-bluetooth/bluez/profile/adapter"
)

// ear is a connection of our own to the system bus, for signals. The shared one
// of go-bluetooth hands every signal to every listener; godbus's own handlers
// either start a goroutine a signal once a channel is full or queue without a
// bound.
//
// Signals wait in a queue of fixed length. When it is full the connection is
// not read, so that they wait in the bus, which has a bound of its own. When
// the reader takes nothing at all for a while, signals are dropped and counted.
type ear struct {
	conn     *dbus.Conn
	queue    chan arrival
	ended    chan struct{}
	lost     *atomic.Uint64 // of the radio
	now      func() time.Time
	patience time.Duration
	timer    *time.Timer
	stalled  bool // touched by the connection's reading goroutine alone
}

// arrival is a signal and when it came.
type arrival struct {
	at     time.Time
	signal *dbus.Signal
}

// scope says which signals of an adapter are wanted.
type scope bool

const (
	adapterOnly scope = false
	withDevices scope = true
)

// listen asks for the signals of this adapter with a handful of rules; one rule
// a device would run into the bus's limit.
func (r *Radio) listen(ctx context.Context, what scope) (*ear, error) {
	e := &ear{
		queue: make(chan arrival, arrivalsQueued), ended: make(chan struct{}),
		lost: &r.lost, now: r.now, patience: r.limits.patience, timer: time.NewTimer(0),
	}
	e.timer.Stop()
	conn, err := dbus.ConnectSystemBus(dbus.WithSignalHandler(e))
	if err != nil {
		return nil, busError(err)
	}
	e.conn = conn
	ctx, cancel := context.WithTimeout(ctx, r.limits.answer)
	defer cancel()
	sender := dbus.WithMatchSender(service)
	properties := []dbus.MatchOption{sender, dbus.WithMatchInterface(ifaceProps), dbus.WithMatchMember("PropertiesChanged")}
	rules := [][]dbus.MatchOption{
		{sender, dbus.WithMatchInterface(ifaceTree), dbus.WithMatchArgPath(0, string(r.path))},
		{dbus.WithMatchSender(ifaceBus), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, service)},
	}
	if what == withDevices {
		rules = append(rules, append(properties, dbus.WithMatchPathNamespace(r.path)),
			[]dbus.MatchOption{sender, dbus.WithMatchInterface(ifaceTree), dbus.WithMatchMember("InterfacesAdded"), dbus.WithMatchArgPath(0, string(r.path)+"/")})
	} else {
		rules = append(rules, append(properties, dbus.WithMatchObjectPath(r.path), dbus.WithMatchArg(0, adapter.Adapter1Interface)))
	}
	for _, rule := range rules {
		if err := conn.AddMatchSignalContext(ctx, rule...); err != nil {
			e.close()
			return nil, radioError("listen to BlueZ", fmt.Errorf("add match: %w", err))
		}
	}
	return e, nil
}

// close ends the connection. Nothing is written through it that could fail.
func (e *ear) close() {
	if e != nil {
		_ = e.conn.Close()
	}
}

// DeliverSignal is called by the connection for each signal, in order.
func (e *ear) DeliverSignal(_, _ string, s *dbus.Signal) {
	a := arrival{e.now(), s}
	select {
	case e.queue <- a:
		e.stalled = false
		return
	default:
	}
	if !e.stalled {
		e.timer.Reset(e.patience)
		defer e.timer.Stop()
		select {
		case e.queue <- a:
			return
		case <-e.ended:
		case <-e.timer.C:
			e.stalled = true
		}
	}
	e.lost.Add(1)
}

// Terminate is called when the connection ends, by whichever side.
func (e *ear) Terminate() { close(e.ended) }

// arrivals is what came, in order; nil, and so nothing, without an ear.
func (e *ear) arrivals() <-chan arrival {
	if e == nil {
		return nil
	}
	return e.queue
}

// end is closed when the connection has ended.
func (e *ear) end() <-chan struct{} {
	if e == nil {
		return nil
	}
	return e.ended
}

// ping asks the bus for an answer on this connection. It stands in line behind
// all signals, so its time is how late they are. The bus's own Ping will not do:
// Debian's rules forbid it, and each attempt would leave a line in the journal.
func (e *ear) ping(ctx context.Context, answer chan *dbus.Call) bool {
	if e == nil {
		return false
	}
	e.conn.BusObject().GoWithContext(ctx, ifaceBus+".GetId", 0, answer)
	return true
}
