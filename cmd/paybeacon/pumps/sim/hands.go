package sim

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/pay"
)

// What people do at a pump. Each waits for a box that works the pumps, and returns once
// what happened is told to it. It fails with ErrNotRunning where the box has left, and
// with the error of ctx; then it may have happened all the same.

// Lift takes a nozzle off its hook; "" is the one of the product for which the pump is
// released, else the first. It fails with pumps.ErrProduct for a nozzle of another
// product, which then counts as hung.
func (f *Forecourt) Lift(ctx context.Context, n pay.PumpNumber, product pay.Product) error {
	return f.hand(ctx, n, func(p *pump, m *memory) error {
		switch {
		case product == "" && m.Release != nil:
			product = m.Release.Product
		case product == "":
			product = p.products[0]
		case !slices.Contains(p.products, product):
			return pumps.ErrProduct
		}
		switch {
		case m.Release != nil && m.Release.Product != product:
			return fmt.Errorf("it is released for %s: %w", m.Release.Product, pumps.ErrProduct)
		case m.Giving != nil && m.Lifted != product:
			return pumps.ErrBusy
		}
		m.Lifted = product
		return nil
	})
}

// Hang puts the nozzle back, which ends the session in which it was lifted.
func (f *Forecourt) Hang(ctx context.Context, n pay.PumpNumber) error {
	return f.hand(ctx, n, func(p *pump, m *memory) error {
		if m.Release != nil && (m.Lifted != "" || m.Giving != nil) {
			f.over(p, m, "")
		}
		m.Lifted = ""
		return nil
	})
}

// Fill gives fuel, as much as is wanted or as the pump may give, and returns how much that
// was. A nozzle that is not lifted yet is lifted first. It takes no time, and the meter
// says that it took as long as it would have; in real time it takes that long, and goes on
// when ctx ends. It fails with ErrNotReleased where the pump is released for nobody, with
// pumps.ErrProduct where another nozzle is lifted, and with pumps.ErrBusy where the pump
// gives already.
func (f *Forecourt) Fill(ctx context.Context, n pay.PumpNumber, wanted pay.Quantity, realtime bool) (pay.Quantity, error) {
	if err := wanted.Check(); err != nil {
		return 0, fmt.Errorf("fill at pump %d: %w", n, err)
	}
	p, err := f.reach(ctx, n)
	f.mu.Lock()
	var from, to pay.Quantity
	var of pumps.Transaction
	if err == nil {
		err = f.handed(p, func(m *memory) error {
			from, to, err = f.open(p, m, wanted, realtime)
			return err
		})
	}
	if err == nil && p.memory.Giving != nil {
		of = p.memory.Giving.Transaction
	}
	f.mu.Unlock()
	if err == nil && !realtime && to > from {
		err = f.stream(p, of, from, to)
	}
	if err == nil {
		err = f.await(ctx, p, func() bool {
			g := p.memory.Giving
			return (g == nil || g.Transaction != of || g.Given == g.Want) && p.told == p.queued
		})
	}
	if err != nil {
		return 0, fmt.Errorf("fill at pump %d: %w", n, err)
	}
	return f.gave(p, of, from, to), nil
}

// open begins to give, and returns what the meter says before and where it stops.
func (f *Forecourt) open(p *pump, m *memory, wanted pay.Quantity, realtime bool) (from, to pay.Quantity, err error) {
	if m.Release == nil {
		return 0, 0, ErrNotReleased
	}
	if m.Lifted = cmp.Or(m.Lifted, m.Release.Product); m.Lifted != m.Release.Product {
		return 0, 0, fmt.Errorf("it is released for %s: %w", m.Release.Product, pumps.ErrProduct)
	}
	now := f.now()
	if m.Giving == nil {
		m.begin(now)
	}
	g := m.Giving
	if g.Given != g.Want {
		return 0, 0, pumps.ErrBusy
	}
	add := min(wanted, m.Release.Most-g.Given)
	if g.Then = ""; p.fault == HangsUpEarly || p.fault == LosesPower {
		add, g.Then = (add+1)/2, p.fault
	}
	g.Want, g.Since = g.Given+add, now
	from, to = g.Given, g.Want
	if !realtime {
		// It is given before the meter says so, as with a meter that is read later.
		g.Took += g.runs(p.flow)
		g.Given = g.Want
	}
	return from, to, nil
}

// stream has the meter say how much was given, a step at a time, and then lets happen what
// happens when the pump stops.
func (f *Forecourt) stream(p *pump, of pumps.Transaction, from, to pay.Quantity) error {
	gives := func() bool { return p.memory.Giving != nil && p.memory.Giving.Transaction == of }
	for at := from; at < to; {
		at = min(at+f.options.MeterStep, to)
		f.mu.Lock()
		if gives() {
			f.queue(p, p.reading(at))
		}
		f.mu.Unlock()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !gives() {
		return nil
	}
	return f.change(p, func(m *memory) error { f.stopAt(p, m, f.now()); return nil })
}

// gave returns how much was given of what was wanted.
func (f *Forecourt) gave(p *pump, of pumps.Transaction, from, to pay.Quantity) pay.Quantity {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch g, e := p.memory.Giving, p.memory.Ended; {
	case g != nil && g.Transaction == of:
		return g.Given - from
	case e != nil && e.Transaction == of:
		return e.Given.Quantity - from
	default:
		return to - from
	}
}

// hand has a pump do what somebody does at it, and waits until that is told.
func (f *Forecourt) hand(ctx context.Context, n pay.PumpNumber, do func(*pump, *memory) error) error {
	p, err := f.reach(ctx, n)
	f.mu.Lock()
	var last uint64
	if err == nil {
		err = f.handed(p, func(m *memory) error { return do(p, m) })
		last = p.queued
	}
	f.mu.Unlock()
	if err == nil {
		err = f.await(ctx, p, func() bool { return p.told >= last })
	}
	if err != nil {
		return fmt.Errorf("at pump %d: %w", n, err)
	}
	return nil
}

// reach returns a pump, once it is worked.
func (f *Forecourt) reach(ctx context.Context, n pay.PumpNumber) (*pump, error) {
	p, err := f.find(n)
	if err != nil {
		return nil, err
	}
	select {
	case <-f.begun:
		return p, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// queueMax bounds the events of one pump that wait to be told. Chosen: far more than a
// person causes before a box has taken them in.
const queueMax = 256

// handed changes a pump's memory where somebody can be at it. mu is held.
func (f *Forecourt) handed(p *pump, do func(*memory) error) error {
	switch {
	case !f.running:
		return ErrNotRunning
	case p.offline() != "":
		return fmt.Errorf("%s: %w", p.offline(), pumps.ErrOffline)
	case len(p.queue) > queueMax:
		return pumps.ErrBusy
	default:
		return f.change(p, do)
	}
}

// await returns when something is so. mu is not held, but is while done runs.
func (f *Forecourt) await(ctx context.Context, p *pump, done func() bool) error {
	for {
		f.mu.Lock()
		so, running, moved := done(), f.running, p.moved
		f.mu.Unlock()
		switch {
		case so:
			return nil
		case !running:
			return ErrNotRunning
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// SetFault has a pump misbehave from now on, or no more.
func (f *Forecourt) SetFault(n pay.PumpNumber, fault Fault) error {
	if err := fault.check(); err != nil {
		return fmt.Errorf("fault of pump %d: %w", n, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.find(n)
	if err != nil {
		return err
	}
	was := p.offline()
	p.fault = fault
	if p.offline() != was {
		f.queue(p, reminders(p)...)
	}
	return nil
}
