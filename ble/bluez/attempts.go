//go:build linux

package bluez

import (
	"context"
	"time"

	"github.com/muka/go-bluetooth/bluez/profile/adapter"

	"github.com/paybeacon/paybeacon/ble"
)

// attempts makes an adapter listen, one attempt at a time. An attempt runs beside
// the loop that receives adverts, so that a slow bluetoothd does not delay them.
type attempts struct {
	radio   *Radio
	monitor *monitor // used only by the attempt, except released
	done    chan outcome

	// The fields below are used only by the loop.
	busy   bool
	again  bool       // another attempt follows this one
	remedy ble.Remedy // of that other attempt
}

// outcome is the result of an attempt.
type outcome struct {
	signals *signalConn // the given connection, or a new one
	started bool        // no discovery was running before, and no remedy had ended it
	slow    string      // as in ble.Beat
	err     error
}

func newAttempts(r *Radio) *attempts {
	return &attempts{radio: r, monitor: &monitor{radio: r}, done: make(chan outcome, 1)}
}

// begin starts an attempt; done delivers its outcome. If one is running, another
// follows it.
func (w *attempts) begin(ctx context.Context, have *signalConn, remedy ble.Remedy) {
	if w.busy {
		w.again, w.remedy = true, max(w.remedy, remedy)
		return
	}
	w.busy = true
	go func() { w.done <- w.attempt(ctx, have, remedy) }()
}

// finish records that an outcome was received, and begins the attempt that was
// to follow, if any.
func (w *attempts) finish(ctx context.Context, have *signalConn) {
	remedy, more := w.remedy, w.again
	w.busy, w.again, w.remedy = false, false, ble.NoRemedy
	if more && ctx.Err() == nil {
		w.begin(ctx, have, remedy)
	}
}

// wait waits for the running attempt, if there is one.
func (w *attempts) wait() (o outcome) {
	if w.busy {
		o = <-w.done
		w.busy = false
	}
	return o
}

// attempt does everything that an adapter needs to listen: a connection for
// signals, power, filter, monitor and discovery. It begins with the remedy, if
// there is one. It may be repeated at any time.
func (w *attempts) attempt(ctx context.Context, have *signalConn, remedy ble.Remedy) outcome {
	o := outcome{signals: have}
	if o.signals == nil {
		if o.signals, o.err = w.radio.listen(ctx, withDevices); o.err != nil {
			return o
		}
	}
	if remedy != ble.NoRemedy {
		w.stopListening(ctx)
	}
	if remedy == ble.PowerCycle {
		if err := w.radio.setPowered(ctx, false); err != nil {
			o.err = radioError("switch off adapter "+w.radio.adapter, err)
			return o
		}
	}
	o.started, o.err = w.discover(ctx)
	o.started = o.started && remedy == ble.NoRemedy
	o.slow = w.monitor.slow
	return o
}

// discover starts the discovery, and reports whether none was running before. It
// returns an error with pay.CodeRadio if BlueZ refuses a step.
func (w *attempts) discover(ctx context.Context) (started bool, err error) {
	r := w.radio
	if _, err := r.powerOn(ctx); err != nil {
		return false, err
	}
	// BlueZ keeps the filter as long as the connection, so it is set each time.
	// With any filter BlueZ reports every strength; with DuplicateData it reports
	// the data as well.
	filter := map[string]any{"Transport": "le", "DuplicateData": true}
	if err := r.call(ctx, r.path, adapter.Adapter1Interface, "SetDiscoveryFilter", filter); err != nil {
		return false, radioError("set the discovery filter", err)
	}
	// The kernel checks for a monitor only when a discovery begins, and again ten
	// seconds later; so the monitor is registered first.
	w.monitor.start(ctx)
	err = r.call(ctx, r.path, adapter.Adapter1Interface, "StartDiscovery")
	if err != nil && !isNamed(err, "org.bluez.Error.InProgress") {
		return false, radioError("start discovery", err)
	}
	return err == nil, nil
}

// stopListening ends monitor and discovery. A failure means that they have ended
// already.
func (w *attempts) stopListening(ctx context.Context) {
	w.monitor.stop(ctx)
	if err := w.radio.call(ctx, w.radio.path, adapter.Adapter1Interface, "StopDiscovery"); err != nil {
		w.radio.log.Debug("stop discovery", "adapter", w.radio.adapter, "error", err)
	}
}

// waitFor waits for d. It reports false if ctx ended first.
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
