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
		radio: r, each: each, dog: ble.NewWatchdog(r.limits.watchdog), work: newWork(r),
		again: time.NewTimer(0), pong: make(chan *dbus.Call, 8),
	}
	s.again.Stop()
	defer s.again.Stop()
	first := s.work.attempt(ctx, nil, ble.NoRemedy)
	s.ear, s.beat.Slow = first.ear, first.slow
	defer s.end(ctx)
	if first.err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return first.err
	}
	s.marker = r.startMarker(ctx)
	defer s.marker.wait()
	s.follow(ctx)
	return nil
}

// scan is one Scan under way. Its loop never waits for BlueZ: what asks BlueZ
// for anything is work, which goes on beside it.
type scan struct {
	radio  *Radio
	each   func(ble.Advert)
	dog    *ble.Watchdog
	work   *work
	marker *marker // nil without one
	ear    *ear    // nil while there is no bus

	advert ble.Advert // its sections are reused
	beat   ble.Beat   // what was heard since the last beat

	again  *time.Timer   // when to look after the adapter
	pause  time.Duration // before the next attempt after a failed one
	notice time.Time     // when an interference was last told

	pinged time.Time // when the bus was asked, by the real clock; zero when it has answered
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
				s.take(<-s.ear.arrivals())
			}
			s.step(ctx, at)
		case <-s.again.C:
			s.work.begin(ctx, s.ear, ble.NoRemedy)
		case o := <-s.work.done:
			s.judge(ctx, o)
		case a := <-s.ear.arrivals():
			if why := s.take(a); why != "" {
				s.fall(ctx, why)
			}
		case c := <-s.pong:
			if c.Err == nil && !s.pinged.IsZero() {
				s.beat.Lag = time.Since(s.pinged)
			}
			s.pinged = time.Time{}
		case <-s.ear.end():
			s.ear.close()
			s.ear, s.pinged = nil, time.Time{}
			s.fall(ctx, reason(errBusEnded))
			s.again.Reset(s.radio.limits.settle)
		}
	}
}

// take handles one signal. It returns why the radio does not listen any more,
// if the signal says so.
func (s *scan) take(a arrival) (down string) {
	r := s.radio
	switch read(a.signal, r.path, &s.advert) {
	case advertHeard:
		if s.marker.marks(&s.advert) {
			s.beat.Markers++
			return ""
		}
		s.beat.Adverts++
		s.advert.At = a.at
		s.each(s.advert)
	case lifeHeard:
		s.beat.Adverts++
	case adapterChanged, adapterCame, daemonCame:
		s.again.Reset(r.limits.settle)
	case adapterGone:
		return "adapter " + r.adapter + " is gone; waiting until it is back"
	case daemonGone:
		return "BlueZ has ended; waiting until it runs again"
	case nothing:
	}
	return ""
}

// step lets the watchdog judge what was heard since the last beat, does what it
// asks for and tells the health.
func (s *scan) step(ctx context.Context, at time.Time) {
	s.beat.At, s.beat.MarkerOn, s.beat.Lost = at, s.marker.isOn(), s.radio.lost.Load()
	if !s.pinged.IsZero() {
		s.beat.Lag = max(s.beat.Lag, time.Since(s.pinged))
	}
	v := s.dog.Step(s.beat)
	s.beat.Adverts, s.beat.Markers, s.beat.Lag = 0, 0, 0
	if v.Message != "" {
		s.radio.log.Warn(v.Message, "adapter", s.radio.adapter)
	}
	s.radio.health(v.Health)
	switch {
	case v.Remedy != ble.NoRemedy:
		s.work.begin(ctx, s.ear, v.Remedy)
	case s.beat.Slow != "" && s.beat.Down == "" && !s.work.busy:
		// The duplicate filter forgets when a discovery begins: where nothing
		// switches it off, a beacon is at least heard once a beat.
		s.work.begin(ctx, s.ear, ble.RestartDiscovery)
	}
	if s.work.monitor.released.Load() {
		s.again.Reset(s.radio.limits.retry)
	}
	if s.pinged.IsZero() && s.ear.ping(ctx, s.pong) {
		s.pinged = time.Now()
	}
}

// judge takes in what came of an attempt to listen.
func (s *scan) judge(ctx context.Context, o outcome) {
	r := s.radio
	if s.ear == nil {
		s.ear = o.ear
	}
	s.beat.Slow = o.slow
	if s.work.end(ctx, s.ear); ctx.Err() != nil {
		return
	}
	if o.err != nil {
		s.fall(ctx, reason(o.err))
		s.pause = min(max(2*s.pause, r.limits.retry), r.limits.retryMax)
		s.again.Reset(s.pause)
		return
	}
	s.pause = 0
	if s.beat.Down != "" {
		s.beat.Down = ""
		s.step(ctx, r.now())
		return
	}
	if now := r.now(); o.started && (s.notice.IsZero() || now.Sub(s.notice) >= noticeEvery) {
		s.notice = now
		r.log.Info("something ended the discovery; scanning anew", "adapter", r.adapter)
	}
}

// fall notes why the radio does not listen, and tells it at once if it is news.
func (s *scan) fall(ctx context.Context, why string) {
	if s.beat.Down != why {
		s.beat.Down = why
		s.step(ctx, s.radio.now())
	}
}

// end takes back what was begun. Whatever fails has ended by itself.
func (s *scan) end(ctx context.Context) {
	if o := s.work.wait(); s.ear == nil {
		s.ear = o.ear
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.radio.limits.answer)
	defer cancel()
	s.work.silence(ctx)
	s.ear.close()
}
