package fuel_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

// What must hold of every row of the table, whatever rows come.
func TestTableIsSound(t *testing.T) {
	t.Parallel()
	ends := slices.Concat(fuel.States(), []fuel.State{fuel.Stay, fuel.Rest, fuel.Former})
	entered := map[fuel.State]bool{fuel.Free: true}
	for _, a := range fuel.Arrows() {
		if len(a.From) == 0 || !slices.Contains(fuel.Whats(), a.On) || (a.To == "") == (a.Refuse == "") || (a.To != "" && !slices.Contains(ends, a.To)) {
			t.Errorf("no arrow: %+v", a)
		}
		for _, s := range a.From {
			if s.Check() != nil {
				t.Errorf("an arrow from %q", s)
			}
		}
		entered[a.To] = true
	}
	for _, s := range fuel.States() {
		if !entered[s] {
			t.Errorf("no way leads to %s", s)
		}
	}
}

// drawEvent draws an event about one of a few sessions, transactions and products.
func drawEvent(t *rapid.T) fuel.Event {
	session := func(label string) fuel.Session {
		return fuel.Session{rapid.SampledFrom([]byte{0, 'A', 'B', 'C'}).Draw(t, label)}
	}
	product := rapid.SampledFrom([]pay.Product{"", "diesel", "petrol95"}).Draw(t, "product")
	return fuel.Event{
		What:        rapid.SampledFrom(fuel.Whats()).Draw(t, "what"),
		Product:     product,
		Session:     session("session"),
		Transaction: fuel.Transaction(rapid.IntRange(0, 3).Draw(t, "transaction")),
		Quantity:    pay.Quantity(rapid.SampledFrom([]int64{-1, 0, 0, 500, 900}).Draw(t, "quantity")),
		Told:        rapid.IntRange(0, 9).Draw(t, "told") == 0,
		Held:        rapid.Bool().Draw(t, "held"),
		Selection: fuel.Selection{
			Session: session("selected"), Product: product, Standing: fuel.Standing(rapid.IntRange(0, 3).Draw(t, "standing")),
			Process: rapid.SampledFrom([]fuel.Process{fuel.PostPay, fuel.PreAuth, fuel.PreAuthFuel, "later"}).Draw(t, "process"),
		},
		Guess: fuel.Guess{Visitor: fuel.Visitor(session("guess"))},
	}
}

// standing returns the states that what a pump holds allows.
func standing(p fuel.Pump) []fuel.State {
	nobody := p.Selected.IsZero() && p.Ending.IsZero()
	switch {
	case p.Transaction != 0:
		return []fuel.State{fuel.InTransaction, fuel.ReadyToPay}
	case !p.Selected.IsZero():
		return []fuel.State{fuel.Locked, fuel.InTransaction}
	case !nobody:
		return []fuel.State{fuel.InTransaction}
	case p.Lifted != "":
		return []fuel.State{fuel.InUse}
	default:
		return []fuel.State{fuel.Free}
	}
}

// history is what a station has seen of its sessions.
type history struct {
	released, over map[fuel.Session]bool
	ended          map[fuel.Session]bool // with something given, without a doubt
}

// note takes in a step, and fails where it wrongs somebody who is selected.
func (h history) note(t *rapid.T, before, next fuel.Pump, e fuel.Event, c fuel.Change) {
	if e.What == fuel.Released && c.Refused == "" {
		h.released[e.Session] = true
	}
	if s := c.Over.Session; s != (fuel.Session{}) {
		if h.over[s] || h.ended[s] {
			t.Fatalf("session %c is over with nothing given, and it was over or given to before", s[0])
		}
		if next.Selected.Session == s || next.Ending.Session == s {
			t.Fatalf("session %c is over and still at the pump", s[0])
		}
		h.over[s] = true
	}
	stood := before.State
	if stood == fuel.OutOfOrder {
		stood = before.Before
	}
	now := next.State
	if now == fuel.OutOfOrder {
		now = next.Before
	}
	if s := next.Selected.Session; now == fuel.ReadyToPay && stood != fuel.ReadyToPay && next.Doubt == "" {
		if !h.released[s] || h.over[s] {
			t.Fatalf("session %v is to pay without a doubt: released %v, over %v", s, h.released[s], h.over[s])
		}
		h.ended[s] = true
	}
}

// TestWhateverHappens has anything happen at a pump. What it holds and its state always
// fit; what is refused changes nothing; what happens twice changes nothing the second
// time; whoever is to pay without a doubt was released and is not over; nobody's hold goes
// back twice, or while the pump may still give to them.
func TestWhateverHappens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := fuel.NewPump()
		h := history{map[fuel.Session]bool{}, map[fuel.Session]bool{}, map[fuel.Session]bool{}}
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			e := drawEvent(t)
			if s := e.Selection.Session; e.What == fuel.Selected && (h.over[s] || h.ended[s]) {
				continue // a session is drawn anew each time
			}
			next, c := p.Step(e)
			if c.Refused != "" && next != p {
				t.Fatalf("%s: refused as %s, and %+v became %+v", e.What, c.Refused, p, next)
			}
			at := next
			if at.State == fuel.OutOfOrder {
				at.State = at.Before
			} else if at.Before != "" {
				t.Fatalf("%s is not out of order and comes back to %s", at.State, at.Before)
			}
			if !slices.Contains(standing(at), at.State) {
				t.Fatalf("%s of %+v: state %s does not fit %+v", e.What, p, at.State, next)
			}
			if twice, again := next.Step(e); twice != next || !again.Over.IsZero() || again.Stop != (fuel.Session{}) {
				t.Fatalf("%s twice: %+v became %+v, with %+v", e.What, next, twice, again)
			}
			h.note(t, p, next, e, c)
			p = next
		}
	})
}
