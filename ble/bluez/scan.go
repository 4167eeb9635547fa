//go:build linux

package bluez

import (
	"context"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/paybeacon/paybeacon/ble"
)

// Scan calls each for every advert that carries data of a service or a
// manufacturer, until ctx ends, and then returns nil. It returns an error with
// pay.CodeRadio if it cannot begin. Afterwards it recovers from failures itself,
// and reports its state through Options.Health. each must return quickly,
// because signals queue up behind it, and must not keep the advert's sections.
func (r *Radio) Scan(ctx context.Context, each func(ble.Advert)) error {
	s := &scan{
		radio: r, each: each, watchdog: ble.NewWatchdog(r.limits.watchdog), attempts: newAttempts(r),
		attemptTimer: time.NewTimer(0), pong: make(chan *dbus.Call, 8),
	}
	s.attemptTimer.Stop()
	defer s.attemptTimer.Stop()
	first := s.attempts.attempt(ctx, nil, ble.NoRemedy)
	s.signals, s.beat.Slow = first.signals, first.slow
	defer s.stop(ctx)
	if first.err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return first.err
	}
	s.marker = r.startMarker(ctx)
	defer s.marker.wait()
	s.loop(ctx)
	return nil
}

// scan is the state of one Scan. Its loop never waits for BlueZ: attempts makes
// the calls to BlueZ in a goroutine beside it.
type scan struct {
	radio    *Radio
	each     func(ble.Advert)
	watchdog *ble.Watchdog
	attempts *attempts
	marker   *marker     // nil without one
	signals  *signalConn // nil while there is no bus

	advert ble.Advert // its sections are reused
	beat   ble.Beat   // what was heard since the beat before

	attemptTimer *time.Timer   // fires when the next attempt is due
	pause        time.Duration // before the next attempt after a failed one
	noticeAt     time.Time     // when the log last mentioned an interference

	pinged time.Time // when the unanswered ping was sent, by the system's clock; zero if none
	pong   chan *dbus.Call
}

// loop receives signals, beats and outcomes until ctx ends.
func (s *scan) loop(ctx context.Context) {
	beats, stop := s.radio.ticks(s.radio.limits.beatInterval)
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-beats:
			// The adverts that wait in the queue were heard before this beat.
			for range len(s.signals.arrivals()) {
				s.handle(<-s.signals.arrivals())
			}
			s.step(ctx, at)
		case <-s.attemptTimer.C:
			s.attempts.begin(ctx, s.signals, ble.NoRemedy)
		case o := <-s.attempts.done:
			s.finishAttempt(ctx, o)
		case a := <-s.signals.arrivals():
			if why := s.handle(a); why != "" {
				s.setDown(ctx, why)
			}
		case c := <-s.pong:
			if c.Err == nil && !s.pinged.IsZero() {
				s.beat.Lag = time.Since(s.pinged)
			}
			s.pinged = time.Time{}
		case <-s.signals.done():
			s.signals.close()
			s.signals, s.pinged = nil, time.Time{}
			s.setDown(ctx, retryReason(errBusEnded))
			s.attemptTimer.Reset(s.radio.limits.settleDelay)
		}
	}
}

// handle handles one signal. It returns a sentence if the signal means that the
// radio does not listen any more, and "" otherwise.
func (s *scan) handle(a arrival) (down string) {
	r := s.radio
	switch readSignal(a.signal, r.path, &s.advert) {
	case advertHeard:
		if s.marker.matches(&s.advert) {
			s.beat.Markers++
			return ""
		}
		s.beat.Adverts++
		s.advert.At = a.at
		s.each(s.advert)
	case otherHeard:
		s.beat.Adverts++
	case adapterChanged, adapterAdded, daemonStarted:
		s.attemptTimer.Reset(r.limits.settleDelay)
	case adapterRemoved:
		return "adapter " + r.adapter + " is gone; waiting until it is back"
	case daemonStopped:
		return "BlueZ has ended; waiting until it runs again"
	case noEvent:
	}
	return ""
}

// step passes the beat to the watchdog, begins the remedy that it requests,
// reports the health and pings the bus.
func (s *scan) step(ctx context.Context, at time.Time) {
	s.beat.At, s.beat.MarkerOn, s.beat.Lost = at, s.marker.isOn(), s.radio.lost.Load()
	if !s.pinged.IsZero() {
		s.beat.Lag = max(s.beat.Lag, time.Since(s.pinged))
	}
	v := s.watchdog.Step(s.beat)
	s.beat.Adverts, s.beat.Markers, s.beat.Lag = 0, 0, 0
	if v.Message != "" {
		s.radio.log.Warn(v.Message, "adapter", s.radio.adapter)
	}
	s.radio.health(v.Health)
	switch {
	case v.Remedy != ble.NoRemedy:
		s.attempts.begin(ctx, s.signals, v.Remedy)
	case s.beat.Slow != "" && s.beat.Down == "" && !s.attempts.busy:
		// A discovery that begins clears the duplicate filter. Without a monitor,
		// which switches the filter off, a beacon is heard at least once a beat.
		s.attempts.begin(ctx, s.signals, ble.RestartDiscovery)
	}
	if s.attempts.monitor.released.Load() {
		s.attemptTimer.Reset(s.radio.limits.retry)
	}
	if s.pinged.IsZero() && s.signals.ping(ctx, s.pong) {
		s.pinged = time.Now()
	}
}

// finishAttempt handles the outcome of an attempt to listen.
func (s *scan) finishAttempt(ctx context.Context, o outcome) {
	r := s.radio
	if s.signals == nil {
		s.signals = o.signals
	}
	s.beat.Slow = o.slow
	if s.attempts.finish(ctx, s.signals); ctx.Err() != nil {
		return
	}
	if o.err != nil {
		s.setDown(ctx, retryReason(o.err))
		s.pause = min(max(2*s.pause, r.limits.retry), r.limits.retryMax)
		s.attemptTimer.Reset(s.pause)
		return
	}
	s.pause = 0
	if s.beat.Down != "" {
		s.beat.Down = ""
		s.step(ctx, r.now())
		return
	}
	if now := r.now(); o.started && (s.noticeAt.IsZero() || now.Sub(s.noticeAt) >= noticeInterval) {
		s.noticeAt = now
		r.log.Info("something ended the discovery; scanning anew", "adapter", r.adapter)
	}
}

// setDown records why the radio does not listen, and reports a new reason at
// once.
func (s *scan) setDown(ctx context.Context, why string) {
	if s.beat.Down != why {
		s.beat.Down = why
		s.step(ctx, s.radio.now())
	}
}

// stop ends attempt, monitor, discovery and connection. A failure means that
// they have ended already.
func (s *scan) stop(ctx context.Context) {
	if o := s.attempts.wait(); s.signals == nil {
		s.signals = o.signals
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.radio.limits.answerMax)
	defer cancel()
	s.attempts.stopListening(ctx)
	s.signals.close()
}
