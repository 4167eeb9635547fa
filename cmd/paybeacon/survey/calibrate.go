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
	"github.com/paybeacon/paybeacon/cmd/paybeacon/radio"
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
	tapSilent  = -120                    // the same at the places in front and behind
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

	// clearBelow is how much weaker than the median a device may be at its best and
	// still be clear, where nothing was heard beside it. Chosen: as tapMargin.
	clearBelow = tapMargin
	// besideMin is how much weaker a second beacon is at least that is taken for one
	// a metre away, in dB; with less the lane tells nobody apart. Measured: the least
	// lead at which the tracker names anybody.
	besideMin = ble.MarginDefault
	// touchBelow is how much weaker than the median an advert may be that counts as a
	// tap, touchApart how much stronger than a beacon a metre away it must be, in dB.
	// Measured: scatter of adverts at one place, and as ble.TapDefault is above
	// ble.ClearDefault.
	touchBelow = 3
	// isolationWorth is how many dB less from behind a lane should hear. Chosen:
	// what `paybeacon bench crowd` simulates, and a plate is expected to give.
	isolationWorth = 10
	touchApart     = ble.TapDefault - ble.ClearDefault
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
	Clear  pay.RSSI   `json:"clear"`
	Tap    pay.RSSI   `json:"tap"` // 0 for no taps
	// Beside is how strong a second beacon was meanwhile, if there was one, or the
	// same one a metre in front.
	Beside *pay.RSSI `json:"beside,omitempty"`
	// Behind is how strong the beacon was a metre behind, and Isolation by how many dB
	// less than a metre in front.
	Behind    *pay.RSSI `json:"behind,omitempty"`
	Isolation *int      `json:"isolation,omitempty"`
	// Capture is what of a capture that was listened to could not be played.
	Capture *captureJSON `json:"capture,omitempty"`
}

// CalibrateCommand is `scan calibrate`: finding --near, --far, --clear and --tap by
// tapping.
func CalibrateCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "calibrate", Usage: "find --near, --far, --clear and --tap for a lane by tapping a beacon",
		Long: "Hold a paired beacon where payers will hold theirs, for three seconds, take it an arm's length\n" +
			"and more away, and repeat. Suggested are --near 8 dB below the median, because phones differ by\n" +
			"as much, and --far 6 dB below that. Keep a second beacon a metre away, as the next in the queue\n" +
			"would: then --clear is set between the two. Without one --clear equals --near.\n" +
			"With --behind and one beacon it also asks for a place a metre in front and for one behind, where\n" +
			"nobody pays, and says by how many dB the antenna hears less there: with two ears, the first one.",
		Flags: []cli.Flag{
			cli.RadioFlag("listen with"), cli.LaneFlag(),
			&cli.IntFlag{Name: "taps", Value: 3, Usage: "how often to tap: `N`"},
			&cli.BoolFlag{Name: "behind", Usage: "measure as well how much less is heard from behind"},
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
	places := c.Flags.Bool("behind")
	t, ear := newTapper(want, places), &ear{air: radio.NewHearing(ble.TrackerOptions{Lane: lane}, l.Now), now: l.Now}
	err = l.Listen(c.Ctx, func(h ble.Health) { ear.air.Heed(h) }, ear.hear, func(ctx context.Context) error {
		_, _ = fmt.Fprintf(c.Err, "Hold the beacon at the till for three seconds, then take it away; %d times.\nListening for %v.\n", want, l.Limit)
		t.follow(ctx, ear, &progress{want: want, places: places, ends: l.Now().Add(l.Limit), said: l.Now()}, c.Err)
		return nil
	})
	switch {
	case err != nil:
	case c.Ctx.Err() != nil:
		err = c.Ctx.Err()
	case len(t.taps) < t.holds():
		err = t.missing(l.Limit, ear.unmeasured.Load())
	}
	if err = played.finish(c, err); err != nil {
		return err
	}
	done := t.calibration(lane)
	done.Capture = played.object()
	if done.Isolation != nil && *done.Isolation < isolationWorth {
		_, _ = fmt.Fprintf(c.Err, "From behind the antenna hears only %d dB less: with %d dB (simulated) the till\nwould name somebody else far less often than by any rule. Put a metal plate\nunder the counter, beneath and behind the antenna, and measure again.\n", *done.Isolation, isolationWorth)
	}
	if done.Beside != nil && done.Median-*done.Beside < besideMin {
		_, _ = fmt.Fprintf(c.Err, "The beacon beside it was only %d dB weaker, so the till will ask often:\nplace the antenna where payers hold theirs, away from the queue, with a metal plate towards it.\n", done.Median-*done.Beside)
	}
	if done.Tap == 0 {
		_, _ = fmt.Fprintf(c.Err, "--tap 0 turns taps off: for taps the beacon at the till has to be %d dB\nstronger than whatever is beside it, and stronger than --clear.\n", touchBelow+touchApart)
	}
	if done.Spread > tapSpread {
		_, _ = fmt.Fprintf(c.Err, "The taps differ by %d dB: hold it the same way each time\nand calibrate again if the till guesses wrongly.\n", done.Spread)
	}
	return c.Answer(done, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Median %d dBm. For lane %s:\n  --near %d --far %d --clear %d --tap %d\n", done.Median, text.Printable(string(done.Lane)), done.Near, done.Far, done.Clear, done.Tap)
		if done.Isolation != nil {
			_, _ = fmt.Fprintf(w, "Isolation %d dB: %d dBm a metre in front, %d dBm a metre behind.\n", *done.Isolation, *done.Beside, *done.Behind)
		}
	})
}

// missing says why there are fewer taps than asked for.
func (t *tapper) missing(waited time.Duration, unmeasured uint64) error {
	message := fmt.Sprintf("%d of %d taps heard within %v", min(len(t.taps), t.want), t.want, waited)
	if len(t.taps) >= t.want {
		message = fmt.Sprintf("all taps heard within %v, but not the place %s", waited, []string{"a metre in front", "behind"}[len(t.taps)-t.want])
	}
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
	air        *radio.Hearing
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
	l.rssi, l.heard, l.beside = strongest(e.air.Watch(l.at), l.at)
	return l
}

// follow looks at the strongest device until there are enough taps or ctx ends, and
// says on talk how it goes.
func (t *tapper) follow(ctx context.Context, e *ear, p *progress, talk io.Writer) {
	tick := time.NewTicker(tapPoll)
	defer tick.Stop()
	for len(t.taps) < t.holds() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l := e.look()
		t.step(l.at, l.rssi, l.heard)
		t.besides(l)
		if s := p.step(t, l); s != "" {
			_, _ = fmt.Fprintln(talk, s)
		}
	}
}

// strongest returns the strength, as the tracker decides by it, of the strongest
// device that is being heard, and the best strength of the next one, if any.
func strongest(rows []ble.Row, now time.Time) (rssi pay.RSSI, heard bool, beside *pay.RSSI) {
	first := -1
	for i, r := range rows {
		if now.Sub(r.Heard.Std()) < tapSilence && (!heard || r.RSSI > rssi) {
			rssi, heard, first = r.RSSI, true, i
		}
	}
	for i, r := range rows {
		if i != first && !r.Pending && now.Sub(r.Heard.Std()) < tapSilence && (beside == nil || r.Best > *beside) {
			beside = &r.Best
		}
	}
	return rssi, heard, beside
}

// besides takes in what was heard beside a beacon that is held at the till.
func (t *tapper) besides(l look) {
	if t.held && l.beside != nil && len(t.taps) < t.want {
		t.beside = append(t.beside, *l.beside)
	}
}

// tapper finds taps in a strength that is looked at again and again.
type tapper struct {
	want   int  // taps
	places bool // after them a place in front and one behind

	taps  []pay.RSSI // and after them the places
	heard bool       // anything at all

	held    bool
	quiet   pay.RSSI // the weakest since the last tap
	begun   time.Time
	samples []pay.RSSI
	peak    pay.RSSI
	beside  []pay.RSSI // during all taps
}

func newTapper(want int, places bool) *tapper {
	return &tapper{want: want, places: places, quiet: tapQuiet}
}

// holds is how often the beacon has to be held somewhere.
func (t *tapper) holds() int {
	if t.places {
		return t.want + 2
	}
	return t.want
}

// silent is what silence counts as: at a place away from the till every beacon that
// appears is held there, however weak.
func (t *tapper) silent() pay.RSSI {
	if len(t.taps) >= t.want {
		return tapSilent
	}
	return tapQuiet
}

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
			t.quiet = t.silent()
		}
	case t.held:
		t.peak = max(t.peak, rssi)
		t.samples = append(t.samples, rssi)
	case !heard:
		t.quiet = t.silent()
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
	box := t.taps
	if t.places {
		box = box[:t.want]
	}
	m := median(box)
	near := min(m-tapMargin, ble.NearMax)
	done := calibrationJSON{
		V: 1, Type: "calibration", Lane: lane, Taps: box, Median: m, Spread: int(slices.Max(box)) - int(slices.Min(box)),
		Near: near, Far: near - farBelow, Clear: min(m-clearBelow, ble.NearMax-1), Tap: ble.TapDefault,
	}
	besides := t.beside
	if t.places && len(t.taps) == t.holds() {
		front, behind := t.taps[t.want], t.taps[t.want+1]
		isolation := int(front) - int(behind)
		besides, done.Behind, done.Isolation = []pay.RSSI{front}, &behind, &isolation
	}
	if len(besides) > 0 {
		beside := median(besides)
		done.Beside = &beside
		// Between the two, and never so strong that the one at the till misses it.
		done.Clear = max(done.Clear, min(pay.RSSI((int(m)+int(beside)+1)/2), m-touchBelow, ble.NearMax-1))
		done.Tap = 0
		if int(m)-touchBelow-int(beside) >= int(touchApart) {
			done.Tap = min(m-touchBelow, ble.NearMax)
		}
	}
	if done.Tap != 0 && done.Tap <= done.Clear {
		done.Tap = min(m-touchBelow, ble.NearMax)
	}
	if done.Tap <= done.Clear {
		done.Tap = 0
	}
	return done
}
