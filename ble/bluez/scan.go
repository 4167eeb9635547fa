//go:build linux

package bluez

import (
	"context"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/paybeacon/paybeacon/ble"
)

// Scan calls each for every advert that carries data of a service or a
// manufacturer, until ctx ends, and then returns nil. It fails with
// pay.CodeRadio when it cannot begin; later it heals itself, and says through
// Options.Health how it is. each must return quickly, because signals queue up
// behind it, and may not keep the advert's sections.
func (r *Radio) Scan(ctx context.Context, each func(ble.Advert)) error {
	s := &scan{
		radio: r, each: each, dog: ble.NewWatchdog(r.limits.watchdog), monitor: &monitor{radio: r},
		again: time.NewTimer(0), pong: make(chan *dbus.Call, 8),
	}
	s.again.Stop()
	defer s.again.Stop()
	defer s.end(ctx)
	if _, err := s.begin(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	s.marker = r.startMarker(ctx)
	defer s.marker.wait()
	s.follow(ctx)
	return nil
}

// scan is one Scan under way.
type scan struct {
	radio   *Radio
	each    func(ble.Advert)
	dog     *ble.Watchdog
	monitor *monitor
	marker  *marker // nil without one
	ear     *ear    // nil while there is no bus

	advert ble.Advert // its sections are reused
	beat   ble.Beat   // what was heard since the last beat
	lost   uint64     // by the ears before this one
	told   ble.Health

	again  *time.Timer   // when to look after the adapter
	pause  time.Duration // before the next attempt after a failed one
	notice time.Time     // when an interference was last told

	pinged time.Time // when the bus was asked; zero when it has answered
	pong   chan *dbus.Call
}

// follow is the loop of Scan.
func (s *scan) follow(ctx context.Context) {
	beats, stop := s.radio.ticks(s.radio.limits.beat)
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-beats:
			// What waits already was heard before this beat.
			for range len(s.ear.arrivals()) {
				s.take(ctx, <-s.ear.arrivals())
			}
			s.step(ctx, at)
		case <-s.again.C:
			s.heal(ctx)
		case a := <-s.ear.arrivals():
			s.take(ctx, a)
		case c := <-s.pong:
			if c.Err == nil && !s.pinged.IsZero() {
				s.beat.Lag = s.radio.now().Sub(s.pinged)
			}
			s.pinged = time.Time{}
		case <-s.ear.end():
			s.lost += s.ear.drops()
			s.ear.close()
			s.ear, s.pinged = nil, time.Time{}
			s.fall(ctx, reason(errBusEnded))
			s.again.Reset(s.radio.limits.settle)
		}
	}
}

// take handles one signal.
func (s *scan) take(ctx context.Context, a arrival) {
	r := s.radio
	switch read(a.signal, r.path, &s.advert) {
	case advertHeard:
		if s.marker.marks(&s.advert) {
			s.beat.Markers++
			return
		}
		s.beat.Adverts++
		s.advert.At = a.at
		s.each(s.advert)
	case lifeHeard:
		s.beat.Adverts++
	case adapterChanged, adapterCame, daemonCame:
		s.again.Reset(r.limits.settle)
	case adapterGone:
		s.fall(ctx, "adapter "+r.adapter+" is gone; waiting until it is back")
	case daemonGone:
		s.fall(ctx, "BlueZ has ended; waiting until it runs again")
	case nothing:
	}
}

// step lets the watchdog judge what was heard since the last beat, does what it
// asks for and tells the health.
func (s *scan) step(ctx context.Context, at time.Time) {
	s.beat.At, s.beat.Slow, s.beat.MarkerOn = at, s.monitor.slow, s.marker.isOn()
	s.beat.Lost = s.lost + s.ear.drops()
	if !s.pinged.IsZero() {
		s.beat.Lag = max(s.beat.Lag, s.radio.now().Sub(s.pinged))
	}
	v := s.dog.Step(s.beat)
	s.beat.Adverts, s.beat.Markers, s.beat.Lag = 0, 0, 0
	if v.Said != "" {
		s.radio.log.Warn(v.Said, "adapter", s.radio.adapter)
	}
	s.told = v.Health
	s.radio.health(v.Health)
	if v.Remedy != ble.NoRemedy {
		s.remedy(ctx, v.Remedy)
	}
	if s.monitor.released.Load() {
		s.again.Reset(s.radio.limits.retry)
	}
	if s.pinged.IsZero() && s.ear.ping(ctx, s.pong) {
		s.pinged = s.radio.now()
	}
}
