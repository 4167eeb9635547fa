package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/pay"
)

// Run implements pumps.Forecourt. It fails when a pump cannot remember what it does, and
// when it runs already.
func (f *Forecourt) Run(ctx context.Context, tell func(pumps.Event)) error {
	f.mu.Lock()
	if f.running {
		f.mu.Unlock()
		return fmt.Errorf("work simulated pumps: they are worked already")
	}
	f.running = true
	for _, p := range f.pumps {
		f.queue(p, reminders(p)...)
	}
	f.mu.Unlock()
	f.begin()
	defer f.rest()
	for ctx.Err() == nil {
		if p, e, ok := f.next(); ok {
			tell(e)
			f.noteTold(p)
			continue
		}
		wait, err := f.pass()
		if err != nil {
			return fmt.Errorf("work simulated pumps: %w", err)
		}
		f.pause(ctx, wait)
	}
	return nil
}

// pause returns when there may be something to tell, at the latest after a time; 0: never.
func (f *Forecourt) pause(ctx context.Context, wait time.Duration) {
	var due <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-f.more:
	case <-due:
	}
}

// rest forgets what was not told: it is told again when the pumps are worked again.
func (f *Forecourt) rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = false
	for _, p := range f.pumps {
		p.queue, p.queued = nil, p.told
		p.notify()
	}
}

// next takes the event that is told next, of each pump in turn.
func (f *Forecourt) next() (*pump, pumps.Event, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range f.pumps {
		p := f.pumps[f.turn]
		f.turn = (f.turn + 1) % len(f.pumps)
		if len(p.queue) > 0 {
			e := p.queue[0]
			p.queue = p.queue[1:]
			return p, e, true
		}
	}
	return nil, pumps.Event{}, false
}

func (f *Forecourt) noteTold(p *pump) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.told++
	p.notify()
}

// queue has events told, where anybody is to be told. A reading of a meter takes the place
// of one before it that nobody heard. mu is held.
func (f *Forecourt) queue(p *pump, events ...pumps.Event) {
	if !f.running || len(events) == 0 {
		return
	}
	silent := p.offline() != "" // what happens meanwhile is told when it is back
	for _, e := range events {
		if silent && e.What != pumps.Failed {
			continue
		}
		if last := len(p.queue) - 1; e.What == pumps.Metered && last >= 0 && p.queue[last].What == pumps.Metered {
			p.queue[last] = e
			continue
		}
		p.queue = append(p.queue, e)
		p.queued++
	}
	select {
	case f.more <- struct{}{}:
	default:
	}
}

// pass lets the time pass until now, and returns after how long something happens next by
// itself; 0: nothing does.
func (f *Forecourt) pass() (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	var wait pay.Millis
	for _, p := range f.pumps {
		left, err := f.passAt(p, now)
		if err != nil {
			return 0, err
		}
		if left > 0 && (wait == 0 || left < wait) {
			wait = left
		}
	}
	return wait.Std(), nil
}

// passAt is pass for one pump.
func (f *Forecourt) passAt(p *pump, now pay.Time) (pay.Millis, error) {
	switch m := p.memory; {
	case m.OutUntil > now && m.OutUntil.Sub(now) <= pay.MillisOf(f.options.Outage): // else the clock was put back
		return m.OutUntil.Sub(now), nil
	case m.OutUntil != 0:
		return 0, f.change(p, func(m *memory) error { m.OutUntil = 0; return nil })
	case m.Giving == nil || m.Giving.Given == m.Giving.Want:
		return 0, nil
	}
	left := p.memory.Giving.Since.Add(p.memory.Giving.runs(p.flow)).Sub(now)
	if left > 0 {
		if now >= p.ticks || p.ticks.Sub(now) > pay.MillisOf(tick) { // or the clock was put back
			p.ticks = now.Add(pay.MillisOf(tick))
			f.queue(p, p.metered(now))
		}
		return min(left, p.ticks.Sub(now)), nil
	}
	return 0, f.change(p, func(m *memory) error { f.stopAt(p, m, now); return nil })
}

// stopAt notes that what was wanted is given, and lets happen what happens then.
func (f *Forecourt) stopAt(p *pump, m *memory, now pay.Time) {
	g := m.Giving
	g.Given, g.Took = g.at(g.Since.Add(g.runs(p.flow)), p.flow)
	g.Since = now
	switch g.Then {
	case HangsUpEarly:
		f.over(p, m, "")
		m.Lifted = ""
	case LosesPower:
		f.over(p, m, "the pump lost power while it gave")
		m.OutUntil = now.Add(pay.MillisOf(f.options.Outage))
	}
}

// reminders returns what the box may not have heard before either side stopped.
func reminders(p *pump) []pumps.Event {
	if why := p.offline(); why != "" {
		return []pumps.Event{{What: pumps.Failed, Pump: p.number, Why: why}}
	}
	events := []pumps.Event{{What: pumps.Back, Pump: p.number}}
	m := p.memory
	if m.Ended != nil {
		events = append(events, p.ended(*m.Ended))
	}
	events = append(events, p.nozzle(m.Lifted))
	if m.Giving != nil {
		events = append(events, p.began(m), pumps.Event{
			What: pumps.Metered, Pump: p.number, Product: m.Release.Product, Session: m.Release.Session,
			Transaction: m.Giving.Transaction, Given: pay.Delivery{Quantity: m.Giving.Given},
		})
	}
	return events
}

// between returns what is to be told of a pump whose memory changed.
func between(p *pump, was, is memory) []pumps.Event {
	var events []pumps.Event
	switch {
	case was.OutUntil == 0 && is.OutUntil != 0:
		return append(events, pumps.Event{What: pumps.Failed, Pump: p.number, Why: "it has no power"})
	case was.OutUntil != 0 && is.OutUntil == 0:
		return reminders(p)
	}
	if is.Lifted != was.Lifted && is.Lifted != "" {
		events = append(events, p.nozzle(is.Lifted))
	}
	if is.Giving != nil && was.Giving == nil {
		events = append(events, p.began(is))
	}
	if is.Ended != nil && was.Ended == nil {
		events = append(events, p.ended(*is.Ended))
	}
	if is.Lifted != was.Lifted && is.Lifted == "" {
		events = append(events, p.nozzle(""))
	}
	return events
}

func (p *pump) nozzle(lifted pay.Product) pumps.Event {
	if lifted == "" {
		return pumps.Event{What: pumps.Hung, Pump: p.number}
	}
	return pumps.Event{What: pumps.Lifted, Pump: p.number, Product: lifted}
}

func (p *pump) began(m memory) pumps.Event {
	return pumps.Event{What: pumps.Began, Pump: p.number, Product: m.Release.Product, Session: m.Release.Session, Transaction: m.Giving.Transaction}
}

func (p *pump) ended(e ended) pumps.Event {
	return pumps.Event{
		What: pumps.Ended, Pump: p.number, Product: e.Product, Session: e.Session, Transaction: e.Transaction,
		Given: e.Given, Total: e.Total, Doubt: e.Doubt,
	}
}

// metered returns what the meter says at a moment. The pump gives.
func (p *pump) metered(now pay.Time) pumps.Event {
	given, _ := p.memory.Giving.at(now, p.flow)
	return p.reading(given)
}

// reading returns what the meter says when so much was given.
func (p *pump) reading(given pay.Quantity) pumps.Event {
	e := p.began(p.memory)
	e.What, e.Given.Quantity = pumps.Metered, given
	if p.fault == MeterJumps && given > p.memory.Giving.Want/2 {
		e.Given.Quantity += jump
	}
	return e
}
