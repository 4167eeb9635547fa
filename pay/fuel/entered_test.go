package fuel_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

const (
	noon  pay.Time = 1_795_000_000_000
	leave          = pay.Time(pay.FuelLeave)
)

// heard returns what the registry says of a visitor's code that was heard at a moment.
func heard(visitor, code byte, at pay.Time) fuel.Entry {
	return fuel.Entry{
		Visitor: fuel.Visitor{visitor}, Code: pay.Code{code}, Handle: "amber-otter", Device: pay.TypeJack, Heard: at,
		Vehicle: pay.Vehicle{Plate: "AB 12", Product: "diesel"},
	}
}

// visitors returns who is on the list, in its order.
func visitors(e *fuel.Entered, now pay.Time) string {
	var b []byte
	for _, o := range e.List(now) {
		b = append(b, o.Visitor[0])
	}
	return string(b)
}

func wantVisitors(t *testing.T, e *fuel.Entered, now pay.Time, want string) {
	t.Helper()
	if got := visitors(e, now); got != want {
		t.Fatalf("at +%v the list is %q, want %q", now.Sub(noon).Std(), got, want)
	}
}

func TestEnteredInOrderUntilTheyLeave(t *testing.T) {
	t.Parallel()
	var e fuel.Entered
	e.Hear(noon, heard('b', 1, noon))
	e.Hear(noon+1_000, heard('a', 2, noon+1_000))
	wantVisitors(t, &e, noon+1_000, "ba")
	if !e.Again(noon+60_000, pay.Code{1}, "teal-wren", "pump-1", noon+60_000) || e.Again(noon+60_000, pay.Code{9}, "teal-wren", "pump-1", noon+60_000) {
		t.Fatal("a known code is to be asked for, or an unknown one is not")
	}
	if b, ok := e.ByCode(noon+60_000, pay.Code{1}); !ok || b.Since != noon || b.Heard != noon+60_000 || b.Handle != "teal-wren" || b.Lane != "pump-1" {
		t.Fatalf("heard again: %+v, %v", b, ok)
	}
	wantVisitors(t, &e, noon+1_000+leave-1, "ba")
	wantVisitors(t, &e, noon+1_000+leave, "b")
	wantVisitors(t, &e, noon+60_000+leave, "")
	if _, ok := e.ByVisitor(noon+60_000+leave, fuel.Visitor{'b'}); ok {
		t.Fatal("who has left is found")
	}
	e.Hear(noon+2*leave, heard('b', 3, noon+2*leave))
	if b, _ := e.ByVisitor(noon+2*leave, fuel.Visitor{'b'}); b.Since != noon+2*leave {
		t.Fatalf("who comes back entered at %v", b.Since)
	}
}

func TestRotationIsTheSameVehicle(t *testing.T) {
	t.Parallel()
	e := fuel.Entered{Leave: 120_000}
	e.Hear(noon, heard('a', 1, noon))
	next := heard('a', 2, noon+64_000)
	next.Preset = pay.Preset{Full: true}
	e.Hear(noon+64_000, next)
	a, ok := e.ByCode(noon+64_000, pay.Code{2})
	if _, old := e.ByCode(noon+64_000, pay.Code{1}); old || !ok || a.Since != noon || !a.Preset.Full {
		t.Fatalf("after a rotation: %+v, by the old code %v", a, old)
	}
	wantVisitors(t, &e, noon+64_000, "a")
	// What the registry said of an older sighting comes late.
	e.Hear(noon+70_000, heard('a', 1, noon+10_000))
	if a, _ = e.ByVisitor(noon+70_000, fuel.Visitor{'a'}); a.Code != (pay.Code{2}) || a.Heard != noon+64_000 {
		t.Fatalf("an older sighting took the place of a newer one: %+v", a)
	}
	wantVisitors(t, &e, noon+64_000+120_000, "")
}

func TestEnteredForgets(t *testing.T) {
	t.Parallel()
	var e fuel.Entered
	e.Hear(noon, heard('a', 1, noon))
	e.Hear(noon, heard('b', 2, noon))
	e.ForgetCode(pay.Code{1})
	wantVisitors(t, &e, noon, "b")
	e.Forget(fuel.Visitor{'b'})
	wantVisitors(t, &e, noon, "")
	// What was heard too long ago does not enter, however late the registry answers.
	e.Hear(noon, heard('c', 3, noon-leave))
	wantVisitors(t, &e, noon, "")
	// What claims to be heard later than now is heard now.
	e.Hear(noon, heard('d', 4, noon+86_400_000))
	wantVisitors(t, &e, noon+leave-1, "d")
	wantVisitors(t, &e, noon+leave, "")
	// A clock that is put back by hours keeps nobody on the list for hours.
	wantVisitors(t, &e, noon-leave, "")
}

func TestEnteredIsBounded(t *testing.T) {
	t.Parallel()
	var e fuel.Entered
	for i := range 3 * pay.EnteredMax {
		o := heard(0, 0, noon+pay.Time(i))
		o.Visitor, o.Code = fuel.Visitor{byte(i), byte(i >> 8)}, pay.Code{byte(i), byte(i >> 8)}
		e.Hear(noon+pay.Time(i), o)
	}
	list := e.List(noon + 3*pay.EnteredMax)
	if len(list) != pay.EnteredMax || list[0].Since != noon+2*pay.EnteredMax {
		t.Fatalf("%d are listed, the first since +%d", len(list), list[0].Since.Sub(noon))
	}
}

// TestNobodyIsListedWhoLeft hears anybody at any time, also with a clock that goes back:
// each visitor stands on the list once, in order, and nobody whom nobody heard for as long
// as FuelLeave.
func TestNobodyIsListedWhoLeft(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var e fuel.Entered
		last := map[byte]pay.Time{}
		now := noon
		for range rapid.IntRange(1, 50).Draw(t, "sightings") {
			now += pay.Time(rapid.Int64Range(-60_000, 400_000).Draw(t, "later"))
			visitor := rapid.SampledFrom([]byte("abcd")).Draw(t, "visitor")
			at := now - pay.Time(rapid.Int64Range(0, 30_000).Draw(t, "ago"))
			e.Hear(now, heard(visitor, rapid.Byte().Draw(t, "code"), at))
			last[visitor] = max(last[visitor], at)
			seen := map[byte]bool{}
			var before pay.Time
			for _, o := range e.List(now) {
				v := o.Visitor[0]
				if seen[v] || o.Since < before || o.Since > o.Heard || now.Sub(last[v]) >= pay.FuelLeave {
					t.Fatalf("%c at %v: listed %v, since %v, heard %v, last %v", v, now, seen[v], o.Since, o.Heard, last[v])
				}
				seen[v], before = true, o.Since
			}
		}
	})
}
