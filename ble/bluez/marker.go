//go:build linux

package bluez

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"sync/atomic"

	"github.com/paybeacon/paybeacon/ble"
)

const (
	// companyTest is the company identifier that the Bluetooth SIG reserves for
	// tests; a product needs its own. Published: Bluetooth Assigned Numbers,
	// company identifiers.
	companyTest = 0xFFFF
	// markerBytes is the length of a marker's content. Chosen: "pbm1" and eight
	// random bytes, so that two boxes never send the same.
	markerBytes = 12
)

// marker is an advertisement that another adapter of this machine broadcasts. A
// radio that does not hear it is deaf, even where nobody else advertises. Its
// content is random and new with each start, so that it does not identify the
// box.
type marker struct {
	content []byte
	on      atomic.Bool
	done    chan struct{}
}

// startMarker broadcasts a marker until ctx ends, if Options.Marker names an
// adapter. If that adapter fails, the log says so once, and the scan goes on.
func (r *Radio) startMarker(ctx context.Context) *marker {
	if r.marker == "" {
		return nil
	}
	m := &marker{content: make([]byte, markerBytes), done: make(chan struct{})}
	copy(m.content, "pbm1")
	_, _ = rand.Read(m.content[4:]) // it never fails
	sender := newRadio(Options{Adapter: r.marker, Now: r.now, Log: slog.New(slog.DiscardHandler)})
	sender.limits, sender.rfkill = r.limits, r.rfkill
	go func() {
		defer close(m.done)
		m.run(ctx, r, sender)
	}()
	return m
}

func (m *marker) run(ctx context.Context, listener, sender *Radio) {
	payload, err := ble.AppendPayload(nil, []ble.Section{{Kind: ble.ManufacturerData, ID: companyTest, Data: m.content}})
	if err != nil {
		panic("bluez: internal error: a marker that is no payload")
	}
	logged := false
	for pause := sender.limits.retry; ; pause = min(2*pause, sender.limits.retryMax) {
		b, err := sender.newBroadcast(payload, markerInterval)
		if err != nil {
			panic("bluez: internal error: a marker that cannot be broadcast")
		}
		b.changed = m.on.Store
		if sender.adapter == listener.adapter {
			err = errSameAdapter
		} else {
			err = b.run(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		if !logged {
			logged = true
			listener.log.Warn("no marker: "+retryReason(err), "adapter", sender.adapter)
		}
		if !waitFor(ctx, pause) {
			return
		}
	}
}

// wait waits until the marker is off the air and its goroutine has ended.
func (m *marker) wait() {
	if m != nil {
		<-m.done
	}
}

// isOn reports whether the marker is on the air.
func (m *marker) isOn() bool { return m != nil && m.on.Load() }

// matches reports whether an advert is the marker.
func (m *marker) matches(a *ble.Advert) bool {
	if m == nil {
		return false
	}
	for _, s := range a.Sections {
		if s.Kind == ble.ManufacturerData && s.ID == companyTest && bytes.Equal(s.Data, m.content) {
			return true
		}
	}
	return false
}
