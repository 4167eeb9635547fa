//go:build linux

package bluez

import (
	"context"
	"time"

	"github.com/muka/go-bluetooth/bluez/profile/adapter"

	"github.com/paybeacon/paybeacon/ble"
)

// work makes an adapter listen, one attempt at a time. It runs beside the loop
// that takes adverts, which a slow bluetoothd must not hold up.
type work struct {
	radio   *Radio
	monitor *monitor // touched by the attempt alone, but for released
	done    chan outcome

	// What follows is touched by the loop alone.
	busy   bool
	more   bool       // another attempt is wanted after this one
	remedy ble.Remedy // and with it this
}

// outcome is what came of an attempt.
type outcome struct {
	ear     *ear   // the one that was given, or a new one
	started bool   // discovery was not under way before, and no remedy ended it
	slow    string // as in ble.Beat
	err     error
}

func newWork(r *Radio) *work {
	return &work{radio: r, monitor: &monitor{radio: r}, done: make(chan outcome, 1)}
}

// begin starts an attempt whose outcome comes from done. While there is one
// under way, the next is noted.
func (w *work) begin(ctx context.Context, have *ear, remedy ble.Remedy) {
	if w.busy {
		w.more, w.remedy = true, max(w.remedy, remedy)
		return
	}
	w.busy = true
	go func() { w.done <- w.attempt(ctx, have, remedy) }()
}

// end notes that an outcome was taken, and begins what was noted meanwhile.
func (w *work) end(ctx context.Context, have *ear) {
	remedy, more := w.remedy, w.more
	w.busy, w.more, w.remedy = false, false, ble.NoRemedy
	if more && ctx.Err() == nil {
		w.begin(ctx, have, remedy)
	}
}

// wait waits for the attempt under way, if there is one.
func (w *work) wait() (o outcome) {
	if w.busy {
		o = <-w.done
		w.busy = false
	}
	return o
}

// attempt does all that makes the adapter hear: a connection for signals, power,
// filter, monitor and discovery, after the remedy if one is asked for. It may be
// repeated at any time.
func (w *work) attempt(ctx context.Context, have *ear, remedy ble.Remedy) outcome {
	o := outcome{ear: have}
	if o.ear == nil {
		if o.ear, o.err = w.radio.listen(ctx, withDevices); o.err != nil {
			return o
		}
	}
	if remedy != ble.NoRemedy {
		w.silence(ctx)
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

// discover starts the discovery and says whether it was not under way.
func (w *work) discover(ctx context.Context) (started bool, err error) {
	r := w.radio
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
	// The kernel asks whether a monitor is there only when a discovery begins,
	// and again ten seconds later: so the monitor comes first.
	w.monitor.begin(ctx)
	err = r.call(ctx, r.path, adapter.Adapter1Interface, "StartDiscovery")
	if err != nil && !isNamed(err, "org.bluez.Error.InProgress") {
		return false, radioError("start discovery", err)
	}
	return err == nil, nil
}

// silence ends monitor and discovery. Whatever fails has ended by itself.
func (w *work) silence(ctx context.Context) {
	w.monitor.end(ctx)
	if err := w.radio.call(ctx, w.radio.path, adapter.Adapter1Interface, "StopDiscovery"); err != nil {
		w.radio.log.Debug("stop discovery", "adapter", w.radio.adapter, "error", err)
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
