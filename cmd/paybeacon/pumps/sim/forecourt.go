package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/pay"
)

// What errors of hands wrap, besides those of package pumps.
var (
	// ErrNotReleased means that the pump gives to nobody now.
	ErrNotReleased = errors.New("pumps/sim: the pump is not released")
	// ErrNotRunning means that no box works the pumps any more.
	ErrNotRunning = errors.New("pumps/sim: nobody works the pumps")
)

// Options say which pumps there are and where they remember what they do.
type Options struct {
	// File describes the pumps; see read. Where there is none: pumps 1 to 4, each with
	// diesel and petrol95.
	File string
	// Folder is where the pumps keep their files. It is made where it is missing, belongs
	// to this station alone, and no other process uses it.
	Folder string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// MeterStep is after how much a meter tells again; 0: a tenth of a litre.
	MeterStep pay.Quantity
	// Outage is for how long a pump is without power that loses it; 0: 5 s.
	Outage time.Duration
}

const (
	meterStepDefault pay.Quantity = 100
	outageDefault                 = 5 * time.Second
	// tick is how often a meter tells that runs in real time. Chosen: what a display
	// needs.
	tick = time.Second
)

// Forecourt is a station of simulated pumps. Its methods may be called from any number of
// goroutines.
type Forecourt struct {
	options Options
	pumps   []*pump // by their numbers
	more    chan struct{}

	begun   chan struct{} // closed when Run is called first
	begin   func()
	mu      sync.Mutex
	running bool
	turn    int // whose events are told next
}

var _ pumps.Forecourt = (*Forecourt)(nil)

// pump is one pump. Its fields below setup belong to the forecourt's mu.
type pump struct {
	setup
	path   string
	memory memory
	queue  []pumps.Event // to be told, in order; Metered only as the last of them
	queued uint64        // how many were ever queued, and told
	told   uint64
	ticks  pay.Time      // when the meter tells next that runs in real time
	moved  chan struct{} // closed when told or memory changed
}

// Open returns the pumps of a station as they were left. It fails with a
// *pumps.ConfigError for a file that is wrong, and when the folder cannot be used.
func Open(o Options) (*Forecourt, error) {
	setups, err := read(o.File)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MeterStep <= 0 {
		o.MeterStep = meterStepDefault
	}
	if o.Outage == 0 {
		o.Outage = outageDefault
	}
	if err := os.MkdirAll(o.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("open simulated pumps: %w", err)
	}
	f := &Forecourt{options: o, more: make(chan struct{}, 1), begun: make(chan struct{})}
	f.begin = sync.OnceFunc(func() { close(f.begun) })
	for _, s := range setups {
		p := &pump{setup: s, path: filepath.Join(o.Folder, fmt.Sprintf("pump-%d.json", s.number)), moved: make(chan struct{})}
		if p.memory, err = load(p.path); err != nil {
			return nil, fmt.Errorf("open simulated pumps: %w", err)
		}
		f.pumps = append(f.pumps, p)
	}
	return f, nil
}

// Close implements pumps.Forecourt. The pumps hold nothing at this side.
func (f *Forecourt) Close() error { return nil }

// Pumps implements pumps.Forecourt.
func (f *Forecourt) Pumps() []pumps.Pump {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]pumps.Pump, len(f.pumps))
	for i, p := range f.pumps {
		all[i] = pumps.Pump{
			Number: p.number, Products: slices.Clone(p.products), Unit: pay.UnitLitre, Lifted: p.memory.Lifted,
			Offline: p.offline(), Flow: p.flow,
		}
	}
	return all
}

// Release implements pumps.Forecourt.
func (f *Forecourt) Release(ctx context.Context, r pumps.Release) error {
	return f.ask(ctx, r.Pump, func(p *pump, m *memory) error {
		asked := release{Session: r.Session, Product: r.Product, Price: r.Price, Most: r.Most}
		switch {
		case m.Release != nil && *m.Release == asked, slices.Contains(m.Past, r.Session):
			return nil
		case !slices.Contains(p.products, r.Product):
			return pumps.ErrProduct
		case r.Session == (pumps.Session{}) || r.Most.Check() != nil || r.Price.Check() != nil:
			return fmt.Errorf("%+v is no release", r)
		case p.offline() != "":
			return pumps.ErrOffline
		case m.Release != nil || m.Ended != nil:
			return pumps.ErrBusy
		}
		m.Release = &asked
		return nil
	})
}

// Stop implements pumps.Forecourt.
func (f *Forecourt) Stop(ctx context.Context, n pay.PumpNumber, s pumps.Session) error {
	return f.ask(ctx, n, func(p *pump, m *memory) error {
		switch {
		case m.Release == nil || m.Release.Session != s:
			return nil
		case p.offline() != "":
			return pumps.ErrOffline
		}
		f.over(p, m, "")
		return nil
	})
}

// Settle implements pumps.Forecourt.
func (f *Forecourt) Settle(ctx context.Context, n pay.PumpNumber, t pumps.Transaction) error {
	return f.ask(ctx, n, func(p *pump, m *memory) error {
		switch {
		case m.Giving != nil && m.Giving.Transaction == t:
			return pumps.ErrBusy
		case m.Ended == nil || m.Ended.Transaction != t:
			return nil
		case p.offline() != "":
			return pumps.ErrOffline
		}
		m.Ended = nil
		return nil
	})
}

// ask has a pump do what the box asks for.
func (f *Forecourt) ask(ctx context.Context, n pay.PumpNumber, do func(*pump, *memory) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.find(n)
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("pump %d: %w: %w", n, pumps.ErrNoAnswer, ctx.Err())
	}
	if err := f.change(p, func(m *memory) error { return do(p, m) }); err != nil {
		return fmt.Errorf("pump %d: %w", n, err)
	}
	return nil
}

// find returns a pump by its number.
func (f *Forecourt) find(n pay.PumpNumber) (*pump, error) {
	i, ok := slices.BinarySearchFunc(f.pumps, n, func(p *pump, n pay.PumpNumber) int { return int(p.number) - int(n) })
	if !ok {
		return nil, fmt.Errorf("pump %d: %w", n, pumps.ErrUnknownPump)
	}
	return f.pumps[i], nil
}

// change changes what a pump remembers, durably, and queues what is to be told of it.
// Where do fails nothing is changed; where the disk does, nobody knows. mu is held.
func (f *Forecourt) change(p *pump, do func(*memory) error) error {
	before := p.memory
	m := before.copied()
	if err := do(&m); err != nil {
		return err
	}
	if reflect.DeepEqual(m, before) {
		return nil
	}
	if err := m.save(p.path); err != nil {
		// It may stand in the file all the same, where it is found by the next Open.
		return fmt.Errorf("remember: %w: %w", err, pumps.ErrNoAnswer)
	}
	p.memory = m
	f.queue(p, between(p, before, m)...)
	p.notify()
	return nil
}

// over ends a pump's session as it stands now.
func (f *Forecourt) over(p *pump, m *memory, doubt string) {
	var jumped pay.Quantity
	if p.fault == MeterJumps {
		jumped = jump
	}
	m.over(p.flow, f.now(), jumped, doubt)
}

func (f *Forecourt) now() pay.Time { return pay.TimeOf(f.options.Now()) }

// offline returns why nobody can use the pump, or "".
func (p *pump) offline() string {
	switch {
	case p.fault == Offline:
		return "it does not answer"
	case p.memory.OutUntil != 0:
		return "it has no power"
	default:
		return ""
	}
}

func (p *pump) notify() {
	close(p.moved)
	p.moved = make(chan struct{})
}
