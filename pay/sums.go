package pay

import "fmt"

// Sums are what became of a payment's money. They are the sums after the
// decision that carries them, so that one decision is a whole receipt.
type Sums struct {
	Held     Amount `cbor:"20,keyasint,omitempty"` // can still be captured
	Captured Amount `cbor:"21,keyasint,omitempty"` // paid; not reduced by refunds
	Released Amount `cbor:"22,keyasint,omitempty"` // was held, and given back
	Refunded Amount `cbor:"23,keyasint,omitempty"` // was captured, and given back
}

// Authorised returns all that was ever authorised: held, captured and released.
func (s Sums) Authorised() Amount { return s.Held + s.Captured + s.Released }

// check returns nil when no sum is negative or above AmountMax, so that none
// overflows, and no more was refunded than captured.
func (s Sums) check() error {
	for _, sum := range []Amount{s.Held, s.Captured, s.Released, s.Refunded} {
		if sum < 0 || sum > AmountMax {
			return fmt.Errorf("sum %d is outside 0..%d", sum, int64(AmountMax))
		}
	}
	if s.Refunded > s.Captured {
		return fmt.Errorf("%d refunded of %d captured", s.Refunded, s.Captured)
	}
	return nil
}

// Plus returns the sums after moved, whose parts may be negative. It returns an
// error when a sum leaves its bounds.
func (s Sums) Plus(moved Sums) (Sums, error) {
	var err error
	add := func(a, b Amount) Amount {
		sum, bad := a.Add(b)
		if err == nil {
			err = bad
		}
		return sum
	}
	after := Sums{add(s.Held, moved.Held), add(s.Captured, moved.Captured), add(s.Released, moved.Released), add(s.Refunded, moved.Refunded)}
	if err == nil {
		err = after.check()
	}
	return after, err
}

// Minus returns how the sums changed since before.
func (s Sums) Minus(before Sums) Sums {
	return Sums{s.Held - before.Held, s.Captured - before.Captured, s.Released - before.Released, s.Refunded - before.Refunded}
}

// SumsAfter returns the sums after d. A capture that was signed before decisions
// carried sums is of the whole amount.
func (d Decision) SumsAfter() Sums {
	if d.State == StateCaptured && d.Sums == (Sums{}) {
		return Sums{Captured: d.Amount}
	}
	return d.Sums
}

// Authorised returns what the payer agreed to pay at most, increments included and a tip
// left out: the amount of the terms while nothing is authorised.
func (d Decision) Authorised() Amount { return max(d.Amount, d.SumsAfter().Authorised()-d.Tip) }

// Capturable returns what can still be captured: what is held, and nothing before the
// acquirer has authorised it.
func (d Decision) Capturable() Amount {
	if d.State == StateApproved {
		return 0
	}
	return d.SumsAfter().Held
}

// HasReceipt reports whether d makes a receipt: it shows what became of the
// money, by its state as by its sums.
func (d Decision) HasReceipt() bool {
	return d.State.HasReceipt() && d.State.allows(d.SumsAfter())
}

// Trend is what a decision does to one sum.
type Trend int8

// The trends.
const (
	Stays Trend = iota
	Grows
	Shrinks
	MayGrow // stays or grows
)

// matches reports whether a sum that changed by moved follows the trend.
func (t Trend) matches(moved Amount) bool {
	switch t {
	case Grows:
		return moved > 0
	case Shrinks:
		return moved < 0
	case MayGrow:
		return moved >= 0
	default:
		return moved == 0
	}
}

// Change is how a decision may change the sums of its payment. What is held,
// captured and released add up to what was authorised, which stays the same but
// where Authorises is set: there it becomes the amount of the terms and the tip; and
// where Increases is: there it grows.
type Change struct {
	Held, Captured, Released, Refunded Trend
	Authorises, Increases              bool
}

// leads reports whether the change leads from before to after on a payment whose payer
// agrees to this amount, tip included.
func (c Change) leads(before, after Sums, amount Amount) bool {
	moved := after.Minus(before)
	authorised := moved.Authorised() == 0
	switch {
	case c.Authorises:
		authorised = after.Authorised() == amount
	case c.Increases:
		authorised = moved.Authorised() > 0
	}
	return authorised && c.Held.matches(moved.Held) && c.Captured.matches(moved.Captured) && c.Released.matches(moved.Released) &&
		c.Refunded.matches(moved.Refunded)
}

// ofAllHeld returns how the sums change when the change concerns all that is held: a
// clock releases no part.
func (c Change) ofAllHeld(before Sums) (moved Sums) {
	if c.Held == Shrinks && c.Released == Grows {
		moved.Held, moved.Released = -before.Held, before.Held
	}
	return moved
}

// Released returns the arrow's change of the sums when all that is held is given back.
func (a Arrow) Released(before Sums) Sums { return a.Sums.ofAllHeld(before) }
