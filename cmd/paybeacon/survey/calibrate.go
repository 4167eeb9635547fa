package survey

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// How a lane is calibrated: a person holds a beacon where payers will hold
// theirs, takes it away, and does so again. Each time is a tap; the median of
// the taps is how strong "held at the till" is on this lane, with this case
// around this adapter.
const (
	// tapMargin is how much weaker than the median a device may be and still be
	// near. Phones differ by 6 to 10 dB from one another, and a device at 1.5 m
	// is some 14 dB weaker than one at 0.3 m: 8 dB lets the weaker phones in and
	// keeps the next in the queue out.
	tapMargin pay.RSSI = 8
	// farBelow keeps the two thresholds apart as the tracker's own are.
	farBelow = ble.NearDefault - ble.FarDefault

	// How a tap is told from its surroundings. Chosen: a device that is laid on the box
	// is at least 10 dB stronger than one in a hand beside it.
	tapQuiet   = -90                     // what silence counts as
	tapRise    = 10                      // dB above the quiet before it that begin a tap
	tapFall    = 8                       // dB below its strongest that end it
	tapHeld    = time.Second             // a tap that lasts this long is whole
	tapSilence = 1500 * time.Millisecond // so is one that is heard no more
	tapPoll    = 100 * time.Millisecond  // between two looks at the air
	// tapSpread is how many dB apart taps may lie before that is mentioned. Chosen:
	// phones of one kind differ by less.
	tapSpread = 12

	// tapsMax and calibrateTime bound one calibration. Chosen: more than anybody does
	// by hand.
	tapsMax       = 20
	calibrateTime = time.Minute
)

type calibrationJSON struct {
	V      int        `json:"v"`
	Type   string     `json:"type"`
	Lane   pay.Lane   `json:"lane"`
	Taps   []pay.RSSI `json:"taps"`
	Median pay.RSSI   `json:"median"`
	Spread int        `json:"spread"` // between the weakest and the strongest tap, in dB
	Near   pay.RSSI   `json:"near"`
	Far    pay.RSSI   `json:"far"`
	// Capture is what of a capture that was listened to could not be played.
	Capture *captureJSON `json:"capture,omitempty"`
}

// CalibrateCommand is `scan calibrate`: finding --near and --far by tapping.
func CalibrateCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "calibrate", Usage: "find --near and --far for a lane by tapping a beacon at the till",
		Long: "Hold a paired beacon where payers will hold theirs, for three seconds, take it an arm's length\n" +
			"and more away, and repeat. Suggested are --near 8 dB below the median, because phones differ by\n" +
			"as much, and --far 6 dB below that. Only the strongest device counts, so use one.",
		Flags: []cli.Flag{
			cli.RadioFlag("listen with"), cli.LaneFlag(),
			&cli.IntFlag{Name: "taps", Value: 3, Usage: "how often to tap: `N`"},
			&cli.DurationFlag{Name: "for", Value: calibrateTime, Usage: "give up after `DUR`"},
		}, Run: calibrate,
	})
}

func calibrate(c *cli.Call) error {
	l, played, err := newListener(c, slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	lane, err := cli.Lane(c)
	if err != nil {
		return err
	}
	want := c.Flags.Int("taps")
	if want < 1 || want > tapsMax {
		return pay.NewError(pay.CodeUsage, fmt.Sprintf("--taps is outside 1..%d", tapsMax), "leave it out: three taps are enough")
	}
	t, ear := newTapper(), &ear{air: node.NewHearing(ble.TrackerOptions{Lane: lane}, l.Now), now: l.Now}
	err = l.Listen(c.Ctx, func(h ble.Health) { ear.air.Heed(h) }, ear.hear, func(ctx context.Context) error {
		_, _ = fmt.Fprintf(c.Err, "Hold the beacon at the till for three seconds, then take it away; %d times. Listening for %v.\n", want, l.Limit)
		t.follow(ctx, ear, &progress{want: want, ends: l.Now().Add(l.Limit), said: l.Now()}, c.Err)
		return nil
	})
	switch {
	case err != nil:
	case c.Ctx.Err() != nil:
		err = c.Ctx.Err()
	case len(t.taps) < want:
		err = t.missing(want, l.Limit, ear.unmeasured.Load())
	}
	if err = played.finish(c, err); err != nil {
		return err
	}
	done := t.calibration(lane)
	done.Capture = played.object()
	if done.Spread > tapSpread {
		_, _ = fmt.Fprintf(c.Err, "The taps differ by %d dB: hold it the same way each time and calibrate again if the till guesses wrongly.\n", done.Spread)
	}
	return c.Answer(done, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Median %d dBm. For lane %s:\n  --near %d --far %d\n", done.Median, text.Printable(string(done.Lane)), done.Near, done.Far)
	})
}

// missing says why there are fewer taps than asked for.
func (t *tapper) missing(want int, waited time.Duration, unmeasured uint64) error {
	message := fmt.Sprintf("%d of %d taps heard within %v", len(t.taps), want, waited)
	switch {
	case !t.heard && unmeasured > 0:
		return pay.NewError(pay.CodeWaitPassed, fmt.Sprintf("%s: %d adverts came without a strength", message, unmeasured), "listen with another radio: this one does not know how strong it hears")
	case !t.heard:
		return pay.NewError(pay.CodeWaitPassed, message+", and no beacon at all", "check with `paybeacon scan watch` that it is heard; only a paired beacon broadcasts")
	case t.held:
		return pay.NewError(pay.CodeWaitPassed, message+"; the last one did not end", "take the beacon away after each tap, out of reach of the till")
	default:
		return pay.NewError(pay.CodeWaitPassed, message, "take more time with --for, and hold the beacon still for three seconds each time")
	}
}

// ear is what a calibration hears with.
type ear struct {
	air        *node.Hearing
	now        func() time.Time
	unmeasured atomic.Uint64 // adverts without a strength
}

func (e *ear) hear(a ble.Advert) {
	if !a.HasRSSI {
		e.unmeasured.Add(1)
	}
	e.air.Hear(a)
}

func (e *ear) look() look {
	l := look{at: e.now(), health: e.air.Health(), unmeasured: e.unmeasured.Load()}
	l.rssi, l.heard = strongest(e.air.Watch(l.at), l.at)
	return l
}

// follow looks at the strongest device until there are enough taps or ctx ends, and
// says on talk how it goes.
func (t *tapper) follow(ctx context.Context, e *ear, p *progress, talk io.Writer) {
	tick := time.NewTicker(tapPoll)
	defer tick.Stop()
	for len(t.taps) < p.want {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l := e.look()
		t.step(l.at, l.rssi, l.heard)
		if s := p.step(t, l); s != "" {
			_, _ = fmt.Fprintln(talk, s)
		}
	}
}

// strongest returns the strength, as the tracker decides by it, of the
// strongest device that is being heard.
func strongest(rows []ble.Row, now time.Time) (rssi pay.RSSI, heard bool) {
	for _, r := range rows {
		if now.Sub(r.Heard.Std()) < tapSilence && (!heard || r.RSSI > rssi) {
			rssi, heard = r.RSSI, true
		}
	}
	return rssi, heard
}

// tapper finds taps in a strength that is looked at again and again.
type tapper struct {
	taps  []pay.RSSI
	heard bool // anything at all

	held    bool
	quiet   pay.RSSI // the weakest since the last tap
	begun   time.Time
	samples []pay.RSSI
	peak    pay.RSSI
}

func newTapper() *tapper { return &tapper{quiet: tapQuiet} }

// step takes in one look.
func (t *tapper) step(now time.Time, rssi pay.RSSI, heard bool) {
	t.heard = t.heard || heard
	switch {
	case t.held && (!heard || rssi <= t.peak-tapFall):
		t.held = false
		if now.Sub(t.begun) >= tapHeld {
			t.taps = append(t.taps, plateau(t.samples, t.peak))
		}
		if t.quiet = rssi; !heard {
			t.quiet = tapQuiet
		}
	case t.held:
		t.peak = max(t.peak, rssi)
		t.samples = append(t.samples, rssi)
	case !heard:
		t.quiet = tapQuiet
	case rssi < t.quiet+tapRise:
		t.quiet = min(t.quiet, rssi)
	default:
		t.held, t.begun, t.peak, t.samples = true, now, rssi, append(t.samples[:0], rssi)
	}
}

// plateau is the median of what was heard while the beacon was held, without
// its coming and going.
func plateau(samples []pay.RSSI, peak pay.RSSI) pay.RSSI {
	var held []pay.RSSI
	for _, s := range samples {
		if s > peak-tapFall/2 {
			held = append(held, s)
		}
	}
	return median(held)
}

// median returns the middle, of two the weaker.
func median(list []pay.RSSI) pay.RSSI {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[(len(sorted)-1)/2]
}

func (t *tapper) calibration(lane pay.Lane) calibrationJSON {
	m := median(t.taps)
	near := min(m-tapMargin, ble.NearMax)
	return calibrationJSON{
		V: 1, Type: "calibration", Lane: lane, Taps: t.taps, Median: m, Spread: int(slices.Max(t.taps)) - int(slices.Min(t.taps)),
		Near: near, Far: near - farBelow,
	}
}
