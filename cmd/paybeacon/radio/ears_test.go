package radio

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

func TestTwoEarsAreReadStrictly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"bluez:hci0+bluez:hci1", "bluez:hci0+bluez:hci1"},
		{"bluez+bluez:hci1", "bluez:hci0+bluez:hci1"},
		{"bluez:hci1+bluez", "bluez:hci1+bluez:hci0"},
		{"bluez:hci0,marker=hci2+bluez:hci1", "bluez:hci0,marker=hci2+bluez:hci1"},
		{"air:a+air:b", "air:a+air:b"},
		{"air:a+replay:b", "air:a+replay:b"},
		{"air:a+b", "air:a+b"}, // a folder's name is its own affair
		{"air:a+bluezoo", "air:a+bluezoo"},
		{"replay:c++.jsonl+replay:d", "replay:c++.jsonl+replay:d"},
		{"bluez+bluez", "both ears are bluez:hci0"},
		{"bluez:hci0,marker=hci1+bluez:hci0", "both ears are"},
		{"air:a+air:a", "both ears are air:a"},
		{"bluez:hci0+bluez:hci1+bluez:hci2", "two ears at most"},
		{"air:a+air:b+air:c", "two ears at most"},
		{"bluez:hci0,marker=hci1+bluez:hci1", "has no marker"},
		{"bluez:hci0+bluez:hci1,marker=hci2", "has no marker"},
		{"bluez:hci0+bluez:", "is no adapter's name"},
		{"bluez:hci0+hci1", "is no adapter's name"},
		{"air:a+air:", "is not known"},
		{"+air:a", "--radio is missing"},
	} {
		spec, err := Parse(c.text)
		got := spec.String()
		if err != nil {
			got = err.Error()
			if pay.CodeOf(err) != pay.CodeUsage || api.Describe(err).Hint == "" {
				t.Errorf("%q: %+v", c.text, api.Describe(err))
			}
		} else if again, err := Parse(got); err != nil || again.String() != got {
			t.Errorf("%q: %q is read as %q, %v", c.text, got, again, err)
		}
		if err == nil && got != c.want || err != nil && !strings.Contains(got, c.want) {
			t.Errorf("%q: have %q, want %q", c.text, got, c.want)
		}
	}
}

// played is an ear that is told what to hear.
type played struct {
	adverts chan ble.Advert
	fails   chan error
}

func newPlayed() *played { return &played{make(chan ble.Advert), make(chan error)} }

func (p *played) Scan(ctx context.Context, each func(ble.Advert)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case a := <-p.adverts:
			each(a)
		case err := <-p.fails:
			return err
		}
	}
}

// pair starts two ears that hear what is played, and keeps their last health.
func pair(t *testing.T) (first, second *played, heard map[ble.Ear]int, last func() ble.Health, end func() error) {
	t.Helper()
	first, second, heard = newPlayed(), newPlayed(), map[ble.Ear]int{}
	health := make(chan ble.Health, 1000)
	e := &ears{
		first: Radio{Scanner: first, Close: func() {}}, second: Radio{Scanner: second, Close: func() {}}, quiet: time.Now(),
		spec:    Spec{Kind: Air, Path: "a", Second: &Spec{Kind: Replay, Path: t.TempDir() + "/gone"}},
		options: Options{Now: time.Now, Log: slog.New(slog.DiscardHandler), Health: func(h ble.Health) { health <- h }},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Scan(ctx, func(a ble.Advert) { heard[a.Ear]++ }) }()
	last = func() (h ble.Health) {
		synctest.Wait()
		for {
			select {
			case h = <-health:
			default:
				return h
			}
		}
	}
	return first, second, heard, last, func() error { cancel(); return <-done }
}

// TestAnEarFallsSilent: a second ear that hears nothing while the first one hears is
// deaf after ten seconds, says so, and is not once it hears again.
func TestAnEarFallsSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, second, heard, last, end := pair(t)
		for n := range 200 {
			first.adverts <- ble.Advert{At: time.Now()}
			if n < 50 {
				second.adverts <- ble.Advert{At: time.Now()}
			}
			time.Sleep(100 * time.Millisecond)
		}
		if h := last(); !h.SecondDeaf || h.Deaf || h.Rate < 9 || h.Rate > 11 || !strings.Contains(h.Why, "(replay:") || !strings.Contains(h.Why, "the first one decides alone") {
			t.Errorf("silent: %+v", h)
		}
		if heard[ble.FirstEar] != 200 || heard[ble.SecondEar] != 50 {
			t.Errorf("heard %v", heard)
		}
		second.adverts <- ble.Advert{At: time.Now()}
		time.Sleep(2 * time.Second)
		if h := last(); h.SecondDeaf || h.Why != "" {
			t.Errorf("heard again: %+v", h)
		}
		time.Sleep(time.Minute) // nobody is there: that is no deafness
		if h := last(); h.SecondDeaf || h.Deaf {
			t.Errorf("nobody there: %+v", h)
		}
		if err := end(); err != nil {
			t.Error(err)
		}
	})
}

// TestASecondEarFails: the first one goes on alone and says why; when the first one
// fails, so do both.
func TestASecondEarFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, second, heard, last, end := pair(t)
		second.fails <- errors.New("it was pulled out")
		if h := last(); !h.SecondDeaf || !strings.Contains(h.Why, "is deaf: it was pulled out; the first one decides alone") {
			t.Errorf("failed: %+v", h)
		}
		time.Sleep(3 * earRetry) // the capture in its place is not there
		first.adverts <- ble.Advert{At: time.Now()}
		synctest.Wait()
		if h := last(); !h.SecondDeaf || heard[ble.FirstEar] != 1 {
			t.Errorf("failed for good: %+v, heard %v", h, heard)
		}
		first.fails <- errors.New("the other one as well")
		if err := end(); err == nil || err.Error() != "the other one as well" {
			t.Errorf("first failed: %v", err)
		}
	})
}

// TestHealthOfTwoEars: what each says becomes one sentence.
func TestHealthOfTwoEars(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first, second ble.Health
		want          string
		deaf, second2 bool
	}{
		"both hear":      {ble.Health{Rate: 3}, ble.Health{Rate: 4}, "", false, false},
		"second deaf":    {ble.Health{}, ble.Health{Deaf: true, Why: "adapter hci1 is gone"}, "the second ear (bluez:hci1) is deaf: adapter hci1 is gone; the first one decides alone", false, true},
		"first deaf":     {ble.Health{Deaf: true, Why: "adapter hci0 is gone"}, ble.Health{}, "adapter hci0 is gone; the second ear (bluez:hci1) still lists who is there, and nobody is charged as the nearest", true, false},
		"both deaf":      {ble.Health{Deaf: true, Why: "no bus"}, ble.Health{Deaf: true, Why: "no bus"}, "no bus; the second ear (bluez:hci1) is deaf: no bus; the first one decides alone", true, true},
		"second is slow": {ble.Health{}, ble.Health{Why: "it loses adverts"}, "the second ear (bluez:hci1): it loses adverts", false, false},
	} {
		var got ble.Health
		e := &ears{
			spec:    Spec{Kind: BlueZ, Adapter: "hci0", Second: &Spec{Kind: BlueZ, Adapter: "hci1"}},
			options: Options{Now: time.Now, Health: func(h ble.Health) { got = h }},
		}
		e.heed(ble.FirstEar, c.first)
		e.heed(ble.SecondEar, c.second)
		if got.Why != c.want || got.Deaf != c.deaf || got.SecondDeaf != c.second2 || got.Rate != c.first.Rate {
			t.Errorf("%s: %+v, want %q", name, got, c.want)
		}
	}
}
