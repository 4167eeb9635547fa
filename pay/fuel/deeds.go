package fuel

// deed is what an arrow does to a pump beside its state, and what else follows.
type deed func(p *Pump, e Event, c *Change)

// each returns the deed that does several, in order.
func each(ds ...deed) deed {
	return func(p *Pump, e Event, c *Change) {
		for _, d := range ds {
			d(p, e, c)
		}
	}
}

func lift(p *Pump, e Event, _ *Change)  { p.Lifted = e.Product }
func hang(p *Pump, _ Event, _ *Change)  { p.Lifted = "" }
func guess(p *Pump, e Event, _ *Change) { p.Guess = e.Guess }
func fail(p *Pump, _ Event, _ *Change)  { p.Before = p.State }

// raise takes in better evidence for whoever is selected.
func raise(p *Pump, e Event, _ *Change) {
	p.Selected.Standing = max(p.Selected.Standing, e.Selection.Standing)
}

func choose(p *Pump, e Event, _ *Change) { p.Selected, p.Guess = e.Selection, Guess{} }

// supplant selects somebody else instead of one for whom the pump was not released.
func supplant(p *Pump, e Event, c *Change) {
	c.Over = p.Selected
	choose(p, e, c)
}

// supplantReleased selects somebody else instead of one for whom the pump was released.
func supplantReleased(p *Pump, e Event, c *Change) {
	if !p.Selected.IsZero() {
		cancelReleased(p, e, c)
	}
	choose(p, e, c)
}

func cancel(p *Pump, _ Event, c *Change) {
	c.Over, p.Selected = p.Selected, Selection{}
}

// cancelReleased has the pump asked to stop. Until it says that it has given nothing, it
// may give to the one that was selected.
func cancelReleased(p *Pump, _ Event, c *Change) {
	p.Ending, p.Selected = p.Selected, Selection{}
	c.Stop = p.Ending.Session
}

func begin(p *Pump, e Event, _ *Change) {
	p.Transaction = e.Transaction
	if !p.Selected.fits(e.Product) {
		p.doubt(DoubtProduct)
	}
}

// beginUnasked takes in that the pump gives to the one selected, and was not asked to.
func beginUnasked(p *Pump, e Event, c *Change) {
	begin(p, e, c)
	p.doubt(DoubtNotReleased)
}

// beginEnding takes back that somebody else was selected: the pump gives to the one before.
func beginEnding(p *Pump, e Event, c *Change) {
	c.Over, p.Selected, p.Ending = p.Selected, p.Ending, Selection{}
	begin(p, e, c)
}

// beginStray takes in that the pump gives to somebody for whom it was not released.
func beginStray(p *Pump, e Event, c *Change) {
	switch {
	case p.Selected.IsZero():
	case p.State == InTransaction:
		cancelReleased(p, e, c)
	default:
		cancel(p, e, c)
	}
	p.Transaction = e.Transaction
	p.doubt(DoubtNotReleased)
}

func begun(*Pump, Event, *Change) {}

// metered takes in how much was given so far.
func metered(p *Pump, e Event, _ *Change) {
	if e.Quantity < p.Given {
		p.doubt(DoubtMeter)
	}
	p.Given = max(p.Given, e.Quantity)
}

func end(p *Pump, e Event, _ *Change) {
	if e.Quantity < p.Given {
		p.doubt(DoubtMeter)
	}
	if !p.Selected.fits(e.Product) {
		p.doubt(DoubtProduct)
	}
	if e.Told {
		p.doubt(DoubtTold)
	}
	p.Given = e.Quantity
}

// endEmpty takes in that a session is over in which nothing was given.
func endEmpty(p *Pump, e Event, c *Change) {
	cancel(p, e, c)
	p.clear()
}

// endEnding takes in that the one before was given nothing.
func endEnding(p *Pump, _ Event, c *Change) {
	c.Over, p.Ending = p.Ending, Selection{}
}

func settle(p *Pump, _ Event, _ *Change) {
	p.Settled, p.Selected = p.Transaction, Selection{}
	p.clear()
}

func (p *Pump) clear() { p.Transaction, p.Given, p.Doubt = 0, 0, "" }

// doubt notes why the transaction is to be looked at. The first reason stands.
func (p *Pump) doubt(d Doubt) {
	if p.Doubt == "" {
		p.Doubt = d
	}
}
