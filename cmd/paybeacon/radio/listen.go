package radio

import (
	"context"
	"log/slog"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/replay"
)

// Listener hears advertisements for a while, and needs no node.
type Listener struct {
	Radio Spec
	Now   func() time.Time
	Log   *slog.Logger
	// Limit ends it by itself; 0 means never.
	Limit time.Duration
	// Capture is called once with what was found in a recorded capture, if Radio is
	// one; nil means that the log says what of it cannot be played.
	Capture func(replay.Report)
}

// Listen opens the radio, feeds each advertisement to hear and runs show beside it.
// It ends when show returns, when the time is over or when it is interrupted,
// all of which are no errors, and when the radio fails, which is one.
func (l Listener) Listen(ctx context.Context, health func(ble.Health), hear func(ble.Advert), show func(ctx context.Context) error) error {
	r, err := Open(ctx, l.Radio, Options{Now: l.Now, Log: l.Log, RSSI: Silent, Health: health, Capture: l.Capture})
	if err != nil {
		return err
	}
	defer r.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if l.Limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, l.Limit)
		defer cancel()
	}
	scanned := make(chan error, 1)
	go func() {
		scanned <- r.Scanner.Scan(ctx, hear)
		cancel()
	}()
	shown := show(ctx)
	cancel()
	if err := <-scanned; err != nil {
		return err
	}
	return shown
}
