package survey

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/radio"
	"github.com/paybeacon/paybeacon/pay"
)

// TestScreenEnds ends the live table in each way there is. It leaves the
// terminal as it was, with the last table on it.
func TestScreenEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keys  string
		count int
		end   bool // by the context
	}{
		"q": {keys: "q"}, "ctrl-c": {keys: "\x03"}, "escape": {keys: "\x1b"}, "count": {count: 1}, "signal": {end: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, keys := io.Pipe()
			defer func() { _ = keys.Close() }()
			go func() { _, _ = io.WriteString(keys, c.keys) }() // ends with the pipe
			var out bytes.Buffer
			w := newWatching(radio.Spec{Kind: radio.Air, Path: "shop"}, ble.TrackerOptions{}, time.Now)
			nearTo(w.air, 1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.end {
				cancel()
			}
			if err := w.onScreen(ctx, &cli.Call{Ctx: ctx, Stdio: cli.Stdio{In: in, Out: &out, Err: io.Discard}}, c.count); err != nil {
				t.Fatal(err)
			}
			if text := out.String(); !strings.Contains(text[strings.LastIndex(text, "\x1b")+1:], " CLEAR ") {
				t.Errorf("the last table is missing in %q", text)
			}
		})
	}
}

func TestScreenFollowsTheWindow(t *testing.T) {
	t.Parallel()
	w := newWatching(radio.Spec{Kind: radio.Air, Path: "shop"}, ble.TrackerOptions{}, time.Now)
	m := &watchModel{watching: w, view: viewOptions{width: plainWidth, paint: plain}}
	m.Update(tea.WindowSizeMsg{Width: 61, Height: 13})
	if m.view.width != 61 || m.view.height != 13 {
		t.Errorf("the table is drawn for %d columns and %d lines", m.view.width, m.view.height)
	}
	nearTo(w.air, 1)
	if len(m.scene.Rows) != 0 {
		t.Fatal("it looked before it was asked to")
	}
	if _, next := m.Update(redraw{}); next == nil || len(m.scene.Rows) != 1 {
		t.Errorf("a redraw sees %d devices and asks for the next: %v", len(m.scene.Rows), next != nil)
	}
	if _, cmd := m.Update(tea.KeyPressMsg{Code: 'x', Text: "x"}); cmd != nil {
		t.Error("x does something")
	}
}

// nearTo lets a device be heard near by h, now.
func nearTo(h *radio.Hearing, code byte) {
	for n := range 30 {
		a := ble.Advert{At: time.Now().Add(time.Duration(n-30) * 100 * time.Millisecond)}
		a.SetRSSI(-45)
		a.Sections, _ = ble.ParsePayload(nil, ble.AppendEID(nil, pay.Code{code}, ble.PowerReference))
		h.Hear(a)
	}
}
