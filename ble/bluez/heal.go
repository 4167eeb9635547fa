//go:build linux

package bluez

import (
	"context"
	"time"

	"github.com/muka/go-bluetooth/bluez/profile/adapter"

	"github.com/paybeacon/paybeacon/ble"
)

// begin does all that makes the adapter hear: a connection for signals, power,
// filter, discovery and monitor. It may be repeated at any time, and says
// whether discovery was not under way before.
func (s *scan) begin(ctx context.Context) (started bool, err error) {
	r := s.radio
	if s.ear == nil {
		if s.ear, err = r.listen(ctx, withDevices); err != nil {
			return false, err
		}
	}
	if _, err := r.powerOn(ctx); err != nil {
		return false, err
	}
	// BlueZ keeps the filter for the life of the connection, so it is sent each
	// time. Any filter makes it report every strength; DuplicateData makes it
	// report the data with it.
	filter := map[string]any{"Transport": "le", "DuplicateData": true}
	if err := r.call(ctx, r.path, adapter.Adapter1Interface, "SetDiscoveryFilter", filter); err != nil {
		return false, radioError("set the discovery filter", err)
	}
	err = r.call(ctx, r.path, adapter.Adapter1Interface, "StartDiscovery")
	if started = err == nil; !started && !isNamed(err, "org.bluez.Error.InProgress") {
		return false, radioError("start discovery", err)
	}
	s.monitor.begin(ctx)
	return started, nil
}

// end takes back what begin did. Whatever fails has ended by itself.
func (s *scan) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.radio.limits.answer)
	defer cancel()
	s.monitor.end(ctx)
	s.stopDiscovery(ctx)
	s.ear.close()
}

func (s *scan) stopDiscovery(ctx context.Context) {
	if err := s.radio.call(ctx, s.radio.path, adapter.Adapter1Interface, "StopDiscovery"); err != nil {
		s.radio.log.Debug("stop discovery", "adapter", s.radio.adapter, "error", err)
	}
}

// heal makes sure that the adapter listens, and tries again later if it cannot.
func (s *scan) heal(ctx context.Context) {
	r := s.radio
	started, err := s.begin(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return
		}
		s.fall(ctx, reason(err))
		s.retry()
		return
	}
	s.pause = 0
	if s.beat.Down != "" {
		s.beat.Down = ""
		s.step(ctx, r.now())
		return
	}
	if now := r.now(); started && (s.notice.IsZero() || now.Sub(s.notice) >= noticeEvery) {
		s.notice = now
		r.log.Info("something ended the discovery; scanning anew", "adapter", r.adapter)
	}
}

// retry has heal called again, ever later.
func (s *scan) retry() {
	l := s.radio.limits
	s.pause = min(max(2*s.pause, l.retry), l.retryMax)
	s.again.Reset(s.pause)
}

// fall notes why the radio does not listen, and tells it at once if it is news.
func (s *scan) fall(ctx context.Context, why string) {
	if s.beat.Down == why {
		return
	}
	s.beat.Down = why
	s.step(ctx, s.radio.now())
}

// remedy does what the watchdog asked for against deafness.
func (s *scan) remedy(ctx context.Context, what ble.Remedy) {
	s.monitor.end(ctx)
	s.stopDiscovery(ctx)
	var err error
	if what == ble.PowerCycle {
		err = s.radio.setPowered(ctx, false)
	}
	if err == nil {
		_, err = s.begin(ctx)
	}
	if err != nil && ctx.Err() == nil {
		s.fall(ctx, reason(err))
		s.retry()
	}
}

// waitFor waits until d is over, and says whether ctx is not.
func waitFor(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
