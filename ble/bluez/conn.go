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

// signalConn is a connection of our own to the system bus, for signals. The
// shared one of go-bluetooth delivers every signal to every listener, and
// godbus's own handlers either start a goroutine for each signal once a channel
// is full, or queue without a bound.
//
// Signals wait in a queue of fixed length. When it is full, the connection is
// not read, so that they wait in the bus, which has a bound of its own. When the
// reader takes no signal for readerWait, signals are dropped and counted.
type signalConn struct {
	conn       *dbus.Conn
	queue      chan arrival
	ended      chan struct{}
	lost       *atomic.Uint64 // of the radio
	now        func() time.Time
	readerWait time.Duration
	timer      *time.Timer
	stalled    bool // used only by the connection's reading goroutine
}

// arrival is a signal and when it arrived.
type arrival struct {
	at     time.Time
	signal *dbus.Signal
}

// scope selects the signals of an adapter that a signalConn receives.
type scope bool

const (
	adapterOnly scope = false
	withDevices scope = true
)

// listen opens a connection that receives the signals of this adapter. It uses
// four match rules at most; one rule for each device would exceed the bus's
// limit. It returns an error with pay.CodeRadio if there is no bus or the bus
// refuses a rule.
func (r *Radio) listen(ctx context.Context, what scope) (*signalConn, error) {
	e := &signalConn{
		queue: make(chan arrival, arrivalsQueued), ended: make(chan struct{}),
		lost: &r.lost, now: r.now, readerWait: r.limits.readerWait, timer: time.NewTimer(0),
	}
	e.timer.Stop()
	conn, err := dbus.ConnectSystemBus(dbus.WithSignalHandler(e))
	if err != nil {
		return nil, busError(err)
	}
	e.conn = conn
	ctx, cancel := context.WithTimeout(ctx, r.limits.answerMax)
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

// close ends the connection, if there is one. Nothing is written through it that
// could fail.
func (e *signalConn) close() {
	if e != nil {
		_ = e.conn.Close()
	}
}

// DeliverSignal is called by the connection for each signal, in order.
func (e *signalConn) DeliverSignal(_, _ string, s *dbus.Signal) {
	a := arrival{e.now(), s}
	select {
	case e.queue <- a:
		e.stalled = false
		return
	default:
	}
	if !e.stalled {
		e.timer.Reset(e.readerWait)
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
func (e *signalConn) Terminate() { close(e.ended) }

// arrivals delivers the signals in order. It is nil, and so delivers none,
// without a connection.
func (e *signalConn) arrivals() <-chan arrival {
	if e == nil {
		return nil
	}
	return e.queue
}

// done is closed when the connection has ended. It is nil without a connection.
func (e *signalConn) done() <-chan struct{} {
	if e == nil {
		return nil
	}
	return e.ended
}

// ping calls a method of the bus on this connection and reports whether it could.
// The answer comes behind all waiting signals, so the time that it takes is the
// time that they wait. The bus's own Ping is not usable: Debian's policy forbids
// it and would write a line to the journal for each attempt.
func (e *signalConn) ping(ctx context.Context, answer chan *dbus.Call) bool {
	if e == nil {
		return false
	}
	e.conn.BusObject().GoWithContext(ctx, ifaceBus+".GetId", 0, answer)
	return true
}
