package ocpp

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/firmware"
	"github.com/lorenzodonini/ocpp-go/ocppj"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/pay"
)

// Options say which station it is, and where its transactions are kept.
type Options struct {
	// File describes the station; see the package's tests for a whole one.
	File string
	// Folder exists, and holds the file of transactions. It belongs to one process.
	Folder string
	// Now is this side's clock; nil: the machine's.
	Now func() time.Time
	// Random draws idTags; nil: the machine's source.
	Random io.Reader
	// Answer is how long a charge point may take to answer; 0: 30 s.
	Answer time.Duration
}

// Station is the charge points of one station. It is a pumps.Forecourt.
type Station struct {
	options  Options
	endpoint ocppj.Endpoint
	listener net.Listener

	mu     sync.Mutex // guards what follows, and what points and connectors say of it
	room   *sync.Cond // on mu: events were told
	book   *book
	points map[string]*point
	pumps  map[pay.PumpNumber]*connector
	events []pumps.Event
	more   chan struct{} // holds one when events may be there
	failed error         // why nothing is durable any more

	conns sync.WaitGroup
	ended context.CancelFunc // ends Run
}

// point is one charge point.
type point struct {
	config     pointConfig
	connectors map[int]*connector
	broken     string        // why none of its connectors can be used, or ""
	socket     *socket       // the newest, or nil
	calls      chan struct{} // holds one while a call is on its way
	kick       chan struct{} // holds one when a run may have to be ended
}

// connector is one connector of a charge point.
type connector struct {
	config  connectorConfig
	point   *point
	status  core.ChargePointStatus // "": never told
	told    pay.Time               // when that was
	broken  string                 // why it cannot be used, or ""
	plugged bool

	toldOffline string // what was last told of it
	toldPlugged bool
}

// New reads the file of a station and what its folder holds, and listens. What is wrong
// with the file is a *pumps.ConfigError. Close frees it.
func New(o Options) (*Station, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Answer == 0 {
		o.Answer = answerMax
	}
	config, err := readStation(o.File)
	if err != nil {
		return nil, err
	}
	s := &Station{options: o, points: map[string]*point{}, pumps: map[pay.PumpNumber]*connector{}, more: make(chan struct{}, 1)}
	s.room = sync.NewCond(&s.mu)
	s.endpoint.SetDialect(ocpp.V16)
	s.endpoint.AddProfile(core.Profile)
	s.endpoint.AddProfile(firmware.Profile)
	for _, c := range config.points {
		s.add(c)
	}
	if s.book, err = openBook(o.Folder, o.Random); err != nil {
		return nil, err
	}
	if s.listener, err = net.Listen("tcp", config.listen); err != nil {
		return nil, errors.Join(fmt.Errorf("listen for charge points: %w", err), s.book.journal.close())
	}
	s.listener = newLimited(s.listener)
	if config.cert != nil {
		s.listener = tls.NewListener(s.listener, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*config.cert}})
	}
	return s, nil
}

// add makes a charge point and its connectors.
func (s *Station) add(c pointConfig) {
	p := &point{config: c, connectors: map[int]*connector{}, calls: make(chan struct{}, 1), kick: make(chan struct{}, 1)}
	s.points[c.id] = p
	for _, config := range c.connectors {
		one := &connector{config: config, point: p, toldOffline: notConnected}
		p.connectors[config.connector], s.pumps[config.pump] = one, one
	}
}

// Addr returns the address at which charge points connect, as HOST:PORT.
func (s *Station) Addr() string { return s.listener.Addr().String() }

// Close stops listening and closes the file of transactions. Run has returned before, or
// was not called.
func (s *Station) Close() error {
	err := s.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return errors.Join(err, s.book.journal.close())
}

// notConnected is why a pump is offline whose charge point has no connection.
const notConnected = "not connected"

// offline returns why the connector can be used by nobody, or "".
func (c *connector) offline() string {
	switch {
	case c.point.socket == nil:
		return notConnected
	case c.point.broken != "":
		return c.point.broken
	default:
		return c.broken
	}
}

// Pumps returns the connectors in the order of their pumps' numbers, as they are now.
func (s *Station) Pumps() []pumps.Pump {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []pumps.Pump
	for n, c := range s.pumps {
		p := pumps.Pump{Number: n, Products: []pay.Product{electric}, Unit: pay.UnitKilowattHour, Offline: c.offline(), Flow: c.config.flow}
		if c.plugged {
			p.Lifted = electric
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b pumps.Pump) int { return int(a.Number) - int(b.Number) })
	return all
}

// now returns this side's time.
func (s *Station) now() pay.Time { return pay.Time(s.options.Now().UnixMilli()) }

// tell queues an event. s.mu is held.
func (s *Station) tell(e pumps.Event) {
	if n := len(s.events); n > 0 && e.What == pumps.Metered {
		for i := n - 1; i >= 0 && s.events[i].What == pumps.Metered; i-- {
			if s.events[i].Pump == e.Pump {
				s.events[i] = e // only the newest of them counts
				return
			}
		}
	}
	s.events = append(s.events, e)
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// refresh tells what has changed of a connector. s.mu is held.
func (s *Station) refresh(c *connector) {
	event := func(what pumps.What) pumps.Event { return pumps.Event{What: what, Pump: c.config.pump} }
	if offline := c.offline(); offline != c.toldOffline {
		e := event(pumps.Failed)
		if e.Why = offline; offline == "" {
			e.What = pumps.Back
		}
		c.toldOffline = offline
		s.tell(e)
	}
	if c.plugged != c.toldPlugged {
		e := event(pumps.Hung)
		if c.plugged {
			e.What, e.Product = pumps.Lifted, electric
		}
		c.toldPlugged = c.plugged
		s.tell(e)
	}
}

// refreshAll does so for all connectors of a charge point. s.mu is held.
func (s *Station) refreshAll(p *point) {
	for _, config := range p.config.connectors {
		s.refresh(p.connectors[config.connector])
	}
}

// fail ends Run, because what is told can not be made durable any more. s.mu is held.
func (s *Station) fail(err error) {
	if s.failed == nil {
		s.failed = err
	}
	if s.ended != nil {
		s.ended()
	}
	s.room.Broadcast()
}
