package till_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
	"github.com/paybeacon/paybeacon/pay/till"
)

// station is a box at pumps with one vehicle.
type station struct {
	*world
	effects []pay.Effect
	links   map[pay.PaymentID]pay.Decision // the last decision on each payment
	prev    map[pay.PaymentID]pay.FactID
	number  fuel.Transaction
}

func newStation(t *testing.T, pumps bool) *station {
	s := &station{world: newWorld(t), links: map[pay.PaymentID]pay.Decision{}, prev: map[pay.PaymentID]pay.FactID{}}
	s.till = till.New(till.Options{Key: s.box, Merchant: merchant, MerchantName: "Cafe", Site: "Main hall", Currency: "EUR", Pumps: pumps})
	if _, err := s.till.SetFuelPrices(s.rows, []fuel.Posted{{Product: "diesel", Price: 1639}}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *station) car() fuel.Entry {
	return fuel.Entry{Visitor: fuel.Visitor{1}, Handle: "amber-otter", Code: pay.Code{1, 2, 3}, Vehicle: pay.Vehicle{Plate: "AB-C123", Product: "diesel", Tank: 55_000}, Heard: s.now}
}

func (s *station) take(r pay.Reaction) {
	s.publish(r)
	s.effects = append(s.effects, r.Effects...)
}

func (s *station) order(key string) till.FuelOrder {
	return till.FuelOrder{Key: pay.IdempotencyKey(key), Plate: "C123", Pump: 2, Amount: 6000}
}

func (s *station) selects(o till.FuelOrder) till.Fuelling {
	s.Helper()
	f, r, err := s.till.FuelSelect(s.rows, s.now, o, till.AtPump{Unit: pay.UnitLitre, Products: []pay.Product{"diesel"}}, s.car(), pay.EvidencePlate)
	if err != nil {
		s.Fatalf("select: %v", err)
	}
	s.take(r)
	return f
}

// decide has the registry decide on a payment.
func (s *station) decide(f till.Fuelling, state pay.State, change func(*pay.Decision)) {
	s.Helper()
	id := pay.PaymentID(f.ID)
	req, err := pay.OpeningOf(s.request(id))
	if err != nil {
		s.Fatal(err)
	}
	d, ok := s.links[id]
	if !ok {
		d = pay.Decision{Payment: id, Prev: pay.FactID(id), Terms: pay.Terms{
			Merchant: req.Merchant, MerchantName: "Cafe", Site: req.Site, Amount: req.Amount, Currency: req.Currency, Handle: req.Handle,
			Expires: start.Add(60 * second), Test: true, HoldUntil: s.now.Add(req.Hold), Evidence: req.Evidence, Fuel: req.Fuel, StepUp: pay.StepUpFuel, Payer: pay.PayerRef{1},
		}}
	} else {
		d.Prev = s.prev[id]
	}
	d.Seq, d.State, d.At, d.Claim, d.Reason = d.Seq+1, state, s.now, claim, ""
	if state == pay.StateOffered {
		d.Claim = pay.FactID(id)
	}
	if change != nil {
		change(&d)
	}
	fact := sign(s, s.working, d)
	s.links[id], s.prev[id] = d, fact.ID()
	s.deliver(fact)
}

// held has the registry hold the amount of a fuelling.
func (s *station) held(f till.Fuelling) {
	s.Helper()
	s.decide(f, pay.StateOffered, nil)
	s.decide(f, pay.StateHeld, func(d *pay.Decision) { d.By, d.Held = pay.ByHand, d.Amount })
}

// due moves everything on until nothing is due, as a box does.
func (s *station) due() {
	s.Helper()
	for range 10 {
		ids, err := s.till.OpenFuellings(s.rows)
		if err != nil {
			s.Fatal(err)
		}
		more := false
		for _, id := range ids {
			before := s.snapshot()
			pending, _, err := s.till.FuelPending(s.rows, s.now, id)
			if err != nil || before != s.snapshot() {
				s.Fatalf("looking wrote something, or failed: %v", err)
			}
			r, _, err := s.till.FuelDue(s.rows, s.now, id)
			if err != nil {
				s.Fatal(err)
			}
			if did := before != s.snapshot() || len(r.Publications)+len(r.Effects) > 0; did != pending {
				s.Fatalf("pending is %v, and something was done: %v", pending, did)
			}
			s.take(r)
			more = more || pending
		}
		if !more {
			return
		}
	}
	s.Fatal("it never comes to rest")
}

// answer has a pump answer the last effect of a kind.
func (s *station) answer(kind pay.EffectKind, refused string) {
	s.Helper()
	for i, e := range s.effects {
		if e.Kind == kind {
			s.effects = append(s.effects[:i:i], s.effects[i+1:]...)
			s.react(pay.EffectDone{Effect: e, Result: pay.Encode(till.PumpAnswer{Refused: refused})})
			return
		}
	}
	s.Fatalf("the pump was asked for %s, not for %s", s.asked(), kind)
}

// asked says what the pumps are asked for, and have not answered.
func (s *station) asked() string {
	var kinds []string
	for _, e := range s.effects {
		kinds = append(kinds, string(e.Kind))
	}
	return strings.Join(kinds, " ")
}

// told has the pump tell something about a fuelling.
func (s *station) told(f till.Fuelling, what fuel.What, q pay.Quantity) {
	s.Helper()
	e := till.PumpEvent{Pump: f.Pump, Event: fuel.Event{What: what, Product: "diesel", Quantity: q, Transaction: s.number}, Given: pay.Delivery{Quantity: q, Took: 60_000}}
	copy(e.Session[:], f.ID[:])
	r, err := s.till.PumpTold(s.rows, s.now, e)
	if err != nil {
		s.Fatal(err)
	}
	s.take(r)
}

// is compares how a fuelling and its pump stand, and what was claimed of its payment.
func (s *station) is(f till.Fuelling, want string) {
	s.Helper()
	now, err := s.till.ShowFuelling(s.rows, s.now, f.ID.String())
	if err != nil {
		s.Fatal(err)
	}
	p, err := s.till.Pump(s.rows, s.now, f.Pump)
	if err != nil {
		s.Fatal(err)
	}
	captures, voids := 0, 0
	for _, c := range s.facts {
		if a, ok := pay.ActionOf(c); ok && a.Payment == pay.PaymentID(f.ID) {
			switch c.Kind() {
			case pay.KindCapture, pay.KindPrice:
				captures++
			case pay.KindVoid:
				voids++
			}
		}
	}
	if got := fmt.Sprintf("%s %s; pump %s; %d totals, %d given back; asked: %s", now.State, now.Why, p.State, captures, voids, s.asked()); got != want {
		s.Errorf("got  %s\nwant %s", got, want)
	}
}

// A fuelling is stored before the pump is asked, and its total with what the pump told;
// each step again changes nothing.
func TestFuelling(t *testing.T) {
	t.Parallel()
	s := newStation(t, true)
	f := s.selects(s.order("k"))
	if again := s.selects(s.order("k")); again.ID != f.ID {
		t.Error("the same key selected twice")
	}
	_, _, err := s.till.FuelRepeated(s.rows, s.now, till.FuelOrder{Key: "k", Plate: "C123", Pump: 3, Amount: 6000})
	wantCode(t, err, pay.CodeKeyUsed)
	s.due()
	s.is(f, "selected ; pump locked; 0 totals, 0 given back; asked: ")
	s.acked()
	s.held(f)
	s.due()
	s.due()
	s.is(f, "released ; pump in_transaction; 0 totals, 0 given back; asked: pump-release")
	s.answer(till.EffectRelease, "")
	s.number = 7
	s.told(f, fuel.Began, 0)
	s.told(f, fuel.Metered, 10_000)
	s.is(f, "filling ; pump in_transaction; 0 totals, 0 given back; asked: ")
	s.told(f, fuel.Ended, 31_200)
	s.is(f, "complete ; pump free; 1 totals, 0 given back; asked: pump-settle")
	s.effects = nil
	s.told(f, fuel.Ended, 31_200) // the box died before the pump had forgotten it
	s.due()
	s.is(f, "complete ; pump free; 1 totals, 0 given back; asked: pump-settle")
	s.decide(f, pay.StateCaptured, func(d *pay.Decision) {
		d.Held, d.Captured, d.Released = 0, 5114, d.Amount-5114
		d.Delivery = pay.Delivery{Quantity: 31_200, Took: 60_000}
	})
	s.due()
	s.is(f, "paid ; pump free; 1 totals, 0 given back; asked: pump-settle")
}

// Nothing goes back before it is certain that nothing was given, and then it does, once.
func TestFuelThatIsNotGiven(t *testing.T) {
	t.Parallel()
	s := newStation(t, true)
	f := s.selects(s.order("refused"))
	s.acked()
	s.held(f)
	s.due()
	s.answer(till.EffectRelease, "pump_offline")
	s.due()
	s.due()
	s.is(f, "cancelled pump_offline; pump free; 0 totals, 1 given back; asked: ")

	f = s.selects(s.order("stopped"))
	s.acked()
	s.held(f)
	s.due()
	s.answer(till.EffectRelease, "")
	if _, r, err := s.till.FuelCancel(s.rows, s.now, f.ID.String()); err != nil {
		t.Fatal(err)
	} else {
		s.take(r)
	}
	s.due()
	s.is(f, "released by_merchant; pump in_transaction; 0 totals, 0 given back; asked: pump-stop")
	s.number = 8
	s.told(f, fuel.Ended, 0)
	s.due()
	s.due()
	s.is(f, "cancelled by_merchant; pump free; 0 totals, 1 given back; asked: pump-stop pump-settle")
	s.effects = nil

	// The stop came too late: what was given is charged.
	f = s.selects(s.order("too late"))
	s.acked()
	s.held(f)
	s.due()
	if _, r, err := s.till.FuelCancel(s.rows, s.now, f.ID.String()); err != nil {
		t.Fatal(err)
	} else {
		s.take(r)
	}
	s.number = 9
	s.told(f, fuel.Ended, 5_000)
	s.due()
	s.is(f, "complete by_merchant; pump free; 1 totals, 0 given back; asked: pump-release pump-stop pump-settle")
}

// A total that comes after the hold has ended is claimed all the same: the registry says
// that it is late, and then it is owed.
func TestFuelIsOwed(t *testing.T) {
	t.Parallel()
	s := newStation(t, true)
	f := s.selects(s.order("k"))
	s.acked()
	s.held(f)
	s.due()
	s.answer(till.EffectRelease, "")
	s.number = 7
	s.told(f, fuel.Began, 0)
	s.decide(f, pay.StateExpired, func(d *pay.Decision) {
		d.Claim, d.Reason = pay.FactID{}, pay.ReasonHoldOver
		d.Held, d.Released = 0, d.Amount
	})
	s.due()
	s.is(f, "filling ; pump in_transaction; 0 totals, 0 given back; asked: ")
	s.told(f, fuel.Ended, 10_000)
	s.due()
	s.is(f, "unpaid hold_over; pump free; 1 totals, 0 given back; asked: pump-settle")
	list, err := s.till.Fuellings(s.rows, s.now, 10, true)
	if err != nil || len(list) != 1 || !list[0].Owed() || list[0].Total != 1639 {
		t.Errorf("owed: %+v, %v", list, err)
	}
}

// A registry that drops what the amount pays for holds it for something else: the pump
// gives nothing, and the amount goes back.
func TestFuelUnderOtherTerms(t *testing.T) {
	t.Parallel()
	s := newStation(t, true)
	f := s.selects(s.order("k"))
	s.acked()
	s.decide(f, pay.StateOffered, func(d *pay.Decision) { d.Fuel, d.StepUp = pay.FuelTerms{}, "" })
	s.decide(f, pay.StateHeld, func(d *pay.Decision) { d.By, d.Held = pay.ByHand, d.Amount })
	s.due()
	s.is(f, "cancelled other_terms; pump free; 0 totals, 1 given back; asked: ")
}

// What a pump gave to nobody is owed, and charged to nobody, until the attendant selects
// who got it, who then pays afterwards.
func TestFuelGivenToNobody(t *testing.T) {
	t.Parallel()
	s := newStation(t, true)
	s.number = 3
	s.told(till.Fuelling{Pump: 2}, fuel.Ended, 10_000)
	list, err := s.till.Fuellings(s.rows, s.now, 10, true)
	if err != nil || len(list) != 1 || list[0].Given.Quantity != 10_000 || !list[0].Payment.ID.IsZero() {
		t.Fatalf("owed: %+v, %v", list, err)
	}
	_, _, err = s.till.FuelSelect(s.rows, s.now, s.order("held"), till.AtPump{Unit: pay.UnitLitre}, s.car(), pay.EvidencePlate)
	wantCode(t, err, pay.CodeConflict)
	s.rows = newRows() // a transaction that failed is undone
	s2 := newStation(t, true)
	s2.number = 3
	s2.told(till.Fuelling{Pump: 2}, fuel.Ended, 10_000)
	o := s2.order("later")
	o.PostPay = true
	f := s2.selects(o)
	s2.acked()
	s2.due()
	s2.due()
	s2.is(f, "complete ; pump ready_to_pay; 1 totals, 0 given back; asked: ")
}
