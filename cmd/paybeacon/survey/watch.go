package survey

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/pay"
)

// WatchCommand is `scan watch`: a live table of what is on the air.
func WatchCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	flags := []cli.Flag{cli.RadioFlag("listen with")}
	flags = append(flags, cli.NearFlags()...)
	flags = append(flags, cli.ForFlag("end after `DUR`"), &cli.IntFlag{Name: "count", Usage: "end after `N` seconds' pictures", DefaultText: "no end"})
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "watch", Usage: "a live table of what is on the air, for walking about with a beacon",
		Long: "It needs no node and charges nobody. Strengths are those that decide: normalised to a beacon of\n" +
			"-59 dBm at 1 m. The trace beside each shows the last 16 seconds. The names are drawn anew at\n" +
			"each start: at the till the same beacon has another. q or ctrl-c ends it.",
		Flags: flags, Run: watch,
	})
}

func watch(c *cli.Call) error {
	screen := !c.JSON && cli.IsTerminal(c.Out) && isTerminalIn(c.In)
	log := slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if screen {
		log = slog.New(slog.DiscardHandler) // it would run over the table; health says the same
	}
	l, played, err := newListener(c, log)
	if err != nil {
		return err
	}
	count, err := cli.PositiveCount(c)
	if err != nil {
		return err
	}
	o, err := cli.TrackerOptions(c, "")
	if err != nil {
		return err
	}
	w := newWatching(l.Radio, o, l.Now)
	show := func(ctx context.Context) error { return w.tell(ctx, c, count) }
	if screen {
		show = func(ctx context.Context) error { return w.onScreen(ctx, c, count) }
	}
	err = played.finish(c, l.Listen(c.Ctx, w.heed, w.hear, show))
	if o := played.object(); c.JSON && err == nil && o != nil {
		return cli.PrintJSON(c.Out, o)
	}
	return err
}

// isTerminalIn reports whether keys can be read.
func isTerminalIn(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && cli.IsTerminal(f)
}

// tell prints the air once a second, until ctx ends or count times.
func (w *watching) tell(ctx context.Context, c *cli.Call, count int) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		s := w.scene()
		if err := tellScene(c, s); err != nil {
			return err
		}
		if n == count {
			return nil
		}
	}
}

func tellScene(c *cli.Call, s watchScene) error {
	if !c.JSON {
		_, err := fmt.Fprintf(c.Out, "%s\n", watchView(s, viewOptions{width: plainWidth, paint: plain}))
		return err
	}
	for _, r := range s.Rows {
		if err := cli.PrintJSON(c.Out, watchObject(r, s.At)); err != nil {
			return err
		}
	}
	for _, b := range s.Statics {
		if err := cli.PrintJSON(c.Out, sightingObject(b, s.At)); err != nil {
			return err
		}
	}
	return cli.PrintJSON(c.Out, airJSON{
		V: 1, Type: "air", At: pay.TimeOf(s.At).String(), Radio: api.RadioWord(s.Health.Deaf), RadioWhy: s.Health.Why,
		AdvertsPerSecond: api.RoundRate(s.Health.Rate), AdvertsLost: s.Health.Lost, Candidates: len(s.Rows), Sightings: len(s.Statics),
		WithoutStrength: s.Unmeasured,
	})
}

// watchJSON is one candidate at one moment.
type watchJSON struct {
	V        int        `json:"v"`
	Type     string     `json:"type"`
	At       string     `json:"at"`
	Handle   pay.Handle `json:"handle"`
	RSSI     pay.RSSI   `json:"rssi"`
	Near     bool       `json:"near"`
	Clear    bool       `json:"clear"`
	Best     pay.RSSI   `json:"best"` // by which it may be clear
	Tapped   bool       `json:"tapped"`
	Pending  bool       `json:"pending"`
	Since    string     `json:"since"`
	Age      pay.Millis `json:"age_ms"`
	Interval pay.Millis `json:"interval_ms"`
}

func watchObject(r ble.Row, now time.Time) watchJSON {
	return watchJSON{
		V: 1, Type: "watch", At: pay.TimeOf(now).String(), Handle: r.Handle, RSSI: r.RSSI, Near: r.Near, Clear: r.Clear, Best: r.Best, Tapped: r.Tapped, Pending: r.Pending,
		Since: r.Since.String(), Age: max(0, pay.TimeOf(now).Sub(r.Heard)), Interval: pay.MillisOf(r.Interval),
	}
}

// sightingJSON is something else on the air, which cannot be charged.
type sightingJSON struct {
	V       int        `json:"v"`
	Type    string     `json:"type"`
	At      string     `json:"at"`
	Kind    string     `json:"kind"`
	ID      string     `json:"id,omitempty"`
	Address string     `json:"address"`
	RSSI    *pay.RSSI  `json:"rssi"` // null where the controller did not know
	Age     pay.Millis `json:"age_ms"`
	Rate    float64    `json:"adverts_per_second"`
}

func sightingObject(b ble.Sighting, now time.Time) sightingJSON {
	s := sightingJSON{
		V: 1, Type: "sighting", At: pay.TimeOf(now).String(), Kind: b.Kind.String(), ID: fmt.Sprintf("%x", b.ID), Address: b.Address.String(),
		Age: max(0, pay.MillisOf(now.Sub(b.Last))), Rate: api.RoundRate(b.Rate),
	}
	if b.HasRSSI {
		s.RSSI = &b.RSSI
	}
	return s
}

// airJSON ends each second.
type airJSON struct {
	V                int     `json:"v"`
	Type             string  `json:"type"`
	At               string  `json:"at"`
	Radio            string  `json:"radio"`
	RadioWhy         string  `json:"radio_why"`
	AdvertsPerSecond float64 `json:"adverts_per_second"`
	AdvertsLost      uint64  `json:"adverts_lost"`
	Candidates       int     `json:"candidates"`
	Sightings        int     `json:"sightings"`
	WithoutStrength  uint64  `json:"adverts_without_strength"` // since the beginning
}
