package fuel_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

// selection returns who is selected in the session of a letter: for diesel, with a hold.
func selection(letter byte, standing fuel.Standing) fuel.Selection {
	return fuel.Selection{
		Session: fuel.Session{letter}, Visitor: fuel.Visitor{letter}, Handle: "amber-otter",
		Process: fuel.PreAuthFuel, Product: "diesel", Standing: standing,
	}
}

// after returns a pump after events that it must follow.
func after(t *testing.T, events ...fuel.Event) fuel.Pump {
	t.Helper()
	p := fuel.NewPump()
	for _, e := range events {
		next, c := p.Step(e)
		if c.Refused != "" {
			t.Fatalf("%s in %s: %s", e.What, p.State, c.Refused)
		}
		p = next
	}
	return p
}

// The events of the table below. A is the one selected first, B another, and S a session
// that is nobody's here.
var (
	liftDiesel = fuel.Event{What: fuel.Lifted, Product: "diesel"}
	liftPetrol = fuel.Event{What: fuel.Lifted, Product: "petrol95"}
	hang       = fuel.Event{What: fuel.Hung}
	guessB     = fuel.Event{What: fuel.Guessed, Guess: fuel.Guess{Visitor: fuel.Visitor{'B'}}}
	selectA    = fuel.Event{What: fuel.Selected, Selection: selection('A', fuel.Said)}
	showA      = fuel.Event{What: fuel.Selected, Selection: selection('A', fuel.Shown)}
	selectB    = fuel.Event{What: fuel.Selected, Selection: selection('B', fuel.Said)}
	releaseA   = fuel.Event{What: fuel.Released, Session: fuel.Session{'A'}, Held: true}
	releaseA0  = fuel.Event{What: fuel.Released, Session: fuel.Session{'A'}}
	releaseB   = fuel.Event{What: fuel.Released, Session: fuel.Session{'B'}, Held: true}
	beginA     = fuel.Event{What: fuel.Began, Session: fuel.Session{'A'}, Transaction: 1, Product: "diesel"}
	beginS     = fuel.Event{What: fuel.Began, Transaction: 9, Product: "diesel"}
	meterA     = fuel.Event{What: fuel.Metered, Session: fuel.Session{'A'}, Transaction: 1, Product: "diesel", Quantity: 500}
	endA       = fuel.Event{What: fuel.Ended, Session: fuel.Session{'A'}, Transaction: 1, Product: "diesel", Quantity: 900}
	endA0      = fuel.Event{What: fuel.Ended, Session: fuel.Session{'A'}, Transaction: 1, Product: "diesel"}
	endS       = fuel.Event{What: fuel.Ended, Transaction: 9, Product: "diesel", Quantity: 900}
	settleA    = fuel.Event{What: fuel.Settled, Transaction: 1}
	settleS    = fuel.Event{What: fuel.Settled, Transaction: 9}
	cancelA    = fuel.Event{What: fuel.Cancelled, Session: fuel.Session{'A'}}
	cancelB    = fuel.Event{What: fuel.Cancelled, Session: fuel.Session{'B'}}
	failed     = fuel.Event{What: fuel.Failed}
	back       = fuel.Event{What: fuel.Back}
)

// testdata/steps.txt says what each event does to a pump in each situation: the state it leads to, "=" where it
// changes nothing, "!" and why it is refused. "over" is whose session is over with nothing
// given, "stop" whom the pump is asked to stop, "doubt" why what it gave waits.
func TestEveryEventInEveryState(t *testing.T) {
	t.Parallel()
	pumps := []struct {
		name string
		p    fuel.Pump
	}{
		{"free", fuel.NewPump()},
		{"in_use", after(t, liftDiesel)},
		{"locked by A", after(t, selectA)},
		{"locked by A, shown", after(t, showA, liftDiesel)},
		{"locked by B, A ending", after(t, selectA, releaseA, selectB)},
		{"released to A", after(t, selectA, releaseA)},
		{"gives to A", after(t, selectA, releaseA, liftDiesel, beginA)},
		{"A cancelled", after(t, selectA, releaseA, cancelA)},
		{"gives to nobody", after(t, liftDiesel, beginS)},
		{"A to pay", after(t, selectA, releaseA, liftDiesel, beginA, endA)},
		{"nobody to pay", after(t, liftDiesel, endS)},
		{"A settled", after(t, selectA, releaseA, beginA, endA, settleA)},
		{"failed, gives to A", after(t, selectA, releaseA, liftDiesel, beginA, failed)},
	}
	events := []struct {
		name string
		e    fuel.Event
	}{
		{"lift diesel", liftDiesel}, {"lift petrol", liftPetrol}, {"hang", hang}, {"guess B", guessB},
		{"select A", selectA}, {"show A", showA}, {"select B", selectB},
		{"release A", releaseA}, {"release A, not held", releaseA0}, {"release B", releaseB},
		{"A begins", beginA}, {"stray begins", beginS}, {"A metered", meterA},
		{"A ends", endA}, {"A ends, nothing", endA0}, {"stray ends", endS},
		{"settle A", settleA}, {"settle stray", settleS}, {"cancel A", cancelA}, {"cancel B", cancelB},
		{"fail", failed}, {"back", back},
	}
	var b strings.Builder
	for _, p := range pumps {
		fmt.Fprintf(&b, "%s:\n", p.name)
		for _, e := range events {
			next, c := p.p.Step(e.e)
			fmt.Fprintf(&b, "  %-20s %s\n", e.name, shown(p.p, next, c))
			if c.Refused != "" && (next != p.p || c != fuel.Change{Refused: c.Refused}) {
				t.Errorf("%s, %s: refused as %s, and yet %+v became %+v with %+v", p.name, e.name, c.Refused, p.p, next, c)
			}
		}
	}
	want, err := os.ReadFile("testdata/steps.txt")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, b.String(), string(want))
}

// shown returns what became of a pump in the words of the table.
func shown(before, next fuel.Pump, c fuel.Change) string {
	words := []string{string(next.State)}
	if c.Refused != "" {
		words = []string{"!" + string(c.Refused)}
	} else if next == before {
		words = []string{"="}
	}
	for _, w := range []struct {
		name string
		s    fuel.Session
	}{{"over", c.Over.Session}, {"stop", c.Stop}} {
		if w.s != (fuel.Session{}) {
			words = append(words, w.name+" "+string(w.s[0]))
		}
	}
	if next.Doubt != before.Doubt && next.Doubt != "" {
		words = append(words, "doubt "+string(next.Doubt))
	}
	return strings.Join(words, ", ")
}

func compare(t *testing.T, have, want string) {
	t.Helper()
	h, w := strings.Split(strings.TrimSpace(have), "\n"), strings.Split(strings.TrimSpace(want), "\n")
	for i := range max(len(h), len(w)) {
		var a, b string
		if i < len(h) {
			a = h[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if strings.TrimSpace(a) != strings.TrimSpace(b) {
			t.Errorf("line %d is %q, want %q", i+1, a, b)
		}
	}
	if t.Failed() {
		t.Log("\n" + have)
	}
}

// What a pump tells of a fuelling that waits for the attendant instead of being charged.
func TestDoubts(t *testing.T) {
	t.Parallel()
	ended := func(change func(*fuel.Event)) fuel.Event {
		e := endA
		change(&e)
		return e
	}
	meter := func(q pay.Quantity) fuel.Event {
		e := meterA
		e.Quantity = q
		return e
	}
	for name, c := range map[string]struct {
		events []fuel.Event
		state  fuel.State
		doubt  fuel.Doubt
	}{
		"none":                          {[]fuel.Event{meter(500), meter(500), meter(900), endA}, fuel.ReadyToPay, ""},
		"the meter goes back":           {[]fuel.Event{meter(500), meter(400), endA}, fuel.ReadyToPay, fuel.DoubtMeter},
		"and on again":                  {[]fuel.Event{meter(800), meter(400), meter(600), endA}, fuel.ReadyToPay, fuel.DoubtMeter},
		"it ends below what was told":   {[]fuel.Event{meter(901), endA}, fuel.ReadyToPay, fuel.DoubtMeter},
		"back, and it ends below":       {[]fuel.Event{meter(950), meter(0), endA}, fuel.ReadyToPay, fuel.DoubtMeter},
		"nothing, and the meter ran":    {[]fuel.Event{meter(500), endA0}, fuel.ReadyToPay, fuel.DoubtMeter},
		"nothing, and it did not":       {[]fuel.Event{meter(0), endA0}, fuel.Free, ""},
		"the pump does not know":        {[]fuel.Event{ended(func(e *fuel.Event) { e.Told = true })}, fuel.ReadyToPay, fuel.DoubtTold},
		"it does not even know whether": {[]fuel.Event{ended(func(e *fuel.Event) { e.Quantity, e.Told = 0, true })}, fuel.ReadyToPay, fuel.DoubtTold},
		"another product":               {[]fuel.Event{ended(func(e *fuel.Event) { e.Product = "petrol95" })}, fuel.ReadyToPay, fuel.DoubtProduct},
	} {
		p := after(t, append([]fuel.Event{selectA, releaseA, beginA}, c.events...)...)
		if p.State != c.state || p.Doubt != c.doubt {
			t.Errorf("%s: %s, %q; want %s, %q", name, p.State, p.Doubt, c.state, c.doubt)
		}
		if c.state == fuel.ReadyToPay {
			if p, _ = p.Step(settleA); p.State != fuel.Free || p.Doubt != "" || p.Given != 0 {
				t.Errorf("%s: settled it is %+v", name, p)
			}
		}
	}
	other := beginA
	other.Product = "petrol95"
	if p := after(t, selectA, releaseA, other, endA); p.Doubt != fuel.DoubtProduct {
		t.Errorf("begun with another product: %q", p.Doubt)
	}
}
