package stage

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/air"
	"github.com/paybeacon/paybeacon/pay"
)

// Thief stands in the simulated air, records every rotating code it hears, and
// can send the first ones again later. The demo and the tests use it.
type Thief struct {
	air    *air.Air
	cancel context.CancelFunc
	done   chan struct{}

	mu        sync.Mutex
	heard     int
	frames    []stolenFrame // one for each code, oldest first
	known     map[pay.Code]bool
	wormholes []*wormhole
}

// stolenFrame is a payload and the strength at which it was first heard.
type stolenFrame struct {
	payload []byte
	rssi    pay.RSSI
}

// wormhole is an accomplice in another air: what the thief hears at one
// strength, because he stands that near to his victim, is said there at once.
type wormhole struct {
	far    *air.Air
	victim pay.RSSI
	sent   int
}

const (
	// thiefFramesMax bounds what he records. Chosen: more codes than a story has.
	thiefFramesMax = 1_000
	// thiefInterval is how often he sends, and thiefRSSI how strong. Chosen: louder
	// than every honest beacon of the stories, and as one that is held to the box,
	// which is what a rule would answer.
	thiefInterval = 100 * time.Millisecond
	thiefRSSI     = pay.RSSI(-35)
)

// NewThief lets a thief into the air of dir. He listens until Close.
func NewThief(ctx context.Context, dir string) (*Thief, error) {
	a, err := air.Open(air.Options{Dir: dir, RSSI: thiefRSSI})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	t := &Thief{air: a, cancel: cancel, done: make(chan struct{}), known: map[pay.Code]bool{}}
	go func() {
		defer close(t.done)
		_ = a.Scan(ctx, t.hear)
	}()
	return t, nil
}

func (t *Thief) hear(a ble.Advert) {
	for _, s := range a.Sections {
		f, err := ble.ParseFrame(s)
		if err != nil || f.Kind != ble.EID {
			continue
		}
		t.mu.Lock()
		t.heard++
		if !t.known[f.Code] && len(t.frames) < thiefFramesMax {
			t.known[f.Code] = true
			t.frames = append(t.frames, stolenFrame{ble.AppendEID(nil, f.Code, f.Power), a.RSSI})
		}
		for _, w := range t.wormholes {
			if w.victim == a.RSSI && w.far.Send(a.Address, thiefRSSI, ble.AppendEID(nil, f.Code, f.Power)) == nil {
				w.sent++
			}
		}
		t.mu.Unlock()
	}
}

// Recorded returns how many adverts were heard.
func (t *Thief) Recorded() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.heard
}

// Codes returns how many different codes were heard.
func (t *Thief) Codes() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.frames)
}

// Replay sends the i-th code it recorded again and again until stop is called.
func (t *Thief) Replay(ctx context.Context, i int) (stop func()) {
	return t.advertise(ctx, t.air, i)
}

// ReplayIn is replay in the air of another place.
func (t *Thief) ReplayIn(ctx context.Context, dir string, i int) (stop func(), err error) {
	there, err := air.Open(air.Options{Dir: dir, RSSI: thiefRSSI})
	if err != nil {
		return nil, err
	}
	silence := t.advertise(ctx, there, i)
	return func() { silence(); _ = there.Close() }, nil
}

func (t *Thief) advertise(ctx context.Context, in *air.Air, i int) (stop func()) {
	t.mu.Lock()
	frame := t.frames[i].payload
	t.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = in.Advertise(ctx, frame, thiefInterval)
	}()
	return func() { cancel(); <-done }
}

// Of returns which code was heard at that strength last, for replay, or -1.
func (t *Thief) Of(victim pay.RSSI) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.frames) - 1; i >= 0; i-- {
		if t.frames[i].rssi == victim {
			return i
		}
	}
	return -1
}

// Carry opens a wormhole: whatever is heard at the strength of the victim is
// also in the air of dir, until stop is called, which returns how many adverts
// went through.
func (t *Thief) Carry(dir string, victim pay.RSSI) (stop func() int, err error) {
	far, err := air.Open(air.Options{Dir: dir, RSSI: thiefRSSI})
	if err != nil {
		return nil, err
	}
	w := &wormhole{far: far, victim: victim}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wormholes = append(t.wormholes, w)
	return func() int {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.wormholes = slices.DeleteFunc(t.wormholes, func(other *wormhole) bool { return other == w })
		_ = far.Close()
		return w.sent
	}, nil
}

// Close ends the thief.
func (t *Thief) Close() {
	t.cancel()
	<-t.done
	_ = t.air.Close()
}
