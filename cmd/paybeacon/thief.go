package main

import (
	"context"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/air"
	"github.com/paybeacon/paybeacon/pay"
)

// thief stands in the simulated air, records every rotating code it hears, and
// can send the first ones again later. The demo and the tests use it.
type thief struct {
	air    *air.Air
	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	heard  int
	frames [][]byte // one payload for each code, oldest first
	known  map[pay.Code]bool
}

const (
	thiefFramesMax = 1_000
	thiefInterval  = 100 * time.Millisecond
	thiefRSSI      = pay.RSSI(-45)
)

func newThief(ctx context.Context, dir string) (*thief, error) {
	a, err := air.Open(air.Options{Dir: dir, RSSI: thiefRSSI})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	t := &thief{air: a, cancel: cancel, done: make(chan struct{}), known: map[pay.Code]bool{}}
	go func() {
		defer close(t.done)
		_ = a.Scan(ctx, t.hear)
	}()
	return t, nil
}

func (t *thief) hear(a ble.Advert) {
	for _, s := range a.Sections {
		f, err := ble.ParseFrame(s)
		if err != nil || f.Kind != ble.EID {
			continue
		}
		t.mu.Lock()
		t.heard++
		if !t.known[f.Code] && len(t.frames) < thiefFramesMax {
			t.known[f.Code] = true
			t.frames = append(t.frames, ble.AppendEID(nil, f.Code, f.Power))
		}
		t.mu.Unlock()
	}
}

// recorded returns how many adverts were heard.
func (t *thief) recorded() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.heard
}

// codes returns how many different codes were heard.
func (t *thief) codes() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.frames)
}

// replay sends the i-th code it recorded again and again until stop is called.
func (t *thief) replay(ctx context.Context, i int) (stop func()) {
	t.mu.Lock()
	frame := t.frames[i]
	t.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = t.air.Advertise(ctx, frame, thiefInterval)
	}()
	return func() { cancel(); <-done }
}

func (t *thief) close() {
	t.cancel()
	<-t.done
	_ = t.air.Close()
}
