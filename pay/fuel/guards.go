package fuel

// Guard is a named condition of an arrow.
type Guard struct {
	Name  string
	holds func(p Pump, e Event) bool
}

// Which session, transaction or selection an event is about.
var (
	isSelected     = &Guard{"it is the one selected", func(p Pump, e Event) bool { return e.Session != Session{} && e.Session == p.Selected.Session }}
	isNotSelected  = not("it is not the one selected", isSelected)
	isEnding       = &Guard{"it is the one before", func(p Pump, e Event) bool { return e.Session != Session{} && e.Session == p.Ending.Session }}
	isCurrent      = &Guard{"it is this transaction", func(p Pump, e Event) bool { return p.Transaction != 0 && e.Transaction == p.Transaction }}
	isSettled      = &Guard{"it is settled", func(p Pump, e Event) bool { return e.Transaction != 0 && e.Transaction == p.Settled }}
	noTransaction  = &Guard{"it has no number", func(_ Pump, e Event) bool { return e.Transaction == 0 }}
	gaveUnnumbered = both("it gave, and has no number", noTransaction, not("", gaveNothing))
	sameSelection  = &Guard{"selected already", func(p Pump, e Event) bool {
		same := e.Selection
		same.Standing = p.Selected.Standing
		return same == p.Selected && e.Selection.check() == nil
	}}
	// A session that stands for somebody is nobody else's.
	noSelection = &Guard{"it is none", func(p Pump, e Event) bool {
		return e.Selection.check() != nil || e.Selection.Session == p.Selected.Session || e.Selection.Session == p.Ending.Session
	}}
)

// How the pump stands, and what was given.
var (
	somebody    = &Guard{"somebody is selected", func(p Pump, _ Event) bool { return !p.Selected.IsZero() }}
	oneIsEnding = &Guard{"one before is ending", func(p Pump, _ Event) bool { return !p.Ending.IsZero() }}
	gives       = &Guard{"it gives", func(p Pump, _ Event) bool { return p.Transaction != 0 }}
	gaveNothing = &Guard{"nothing was given", func(_ Pump, e Event) bool { return e.Quantity <= 0 && !e.Told }}
	notHeld     = &Guard{"nothing is held", func(p Pump, e Event) bool { return p.Selected.Process != PostPay && !e.Held }}
	betterKnown = &Guard{"another is known better", func(p Pump, e Event) bool { return p.Selected.Standing > e.Selection.Standing }}

	noNozzle    = &Guard{"no product", func(_ Pump, e Event) bool { return e.Product == "" }}
	wrongNozzle = &Guard{"another product", func(p Pump, e Event) bool { return !p.Selected.fits(e.Product) }}
	wrongLifted = &Guard{"another product is lifted", func(p Pump, e Event) bool { return !e.Selection.fits(p.Lifted) }}
	noProduct   = &Guard{"no product", func(_ Pump, e Event) bool { return e.Selection.Process == PreAuthFuel && e.Selection.Product == "" }}

	selectedGets       = both("it gives to the one selected", isSelected, gives)
	selectedGotNothing = both("the one selected got nothing", isSelected, gaveNothing)
	endingGotNothing   = both("the one before got nothing", isEnding, gaveNothing)
	givesAndNothing    = both("it gives, and nothing was given", gives, gaveNothing)
	// What the meter told before counts, too.
	currentGaveNothing = &Guard{"nothing was given in it", func(p Pump, e Event) bool {
		return isCurrent.holds(p, e) && gaveNothing.holds(p, e) && p.Given == 0
	}}
)

// both returns the guard that holds where two do.
func both(name string, a, b *Guard) *Guard {
	return &Guard{name, func(p Pump, e Event) bool { return a.holds(p, e) && b.holds(p, e) }}
}

// not returns the guard that holds where another does not.
func not(name string, g *Guard) *Guard {
	return &Guard{name, func(p Pump, e Event) bool { return !g.holds(p, e) }}
}
