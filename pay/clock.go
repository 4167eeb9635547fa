package pay

// ClockAccepted is the registry's record that its operator said that its clock was
// right, after the clock had been in doubt: from At on it goes by that clock. It
// explains why what the registry signs next may be dated before what it signed
// before. It stands in the registry's own scope.
type ClockAccepted struct {
	At     Time `cbor:"1,keyasint"` // what the accepted clock shows
	Before Time `cbor:"2,keyasint"` // what the registry's time was at that moment
	Since  Time `cbor:"3,keyasint"` // from when on the clock was in doubt, by the time before
}

// Kind returns KindClock.
func (ClockAccepted) Kind() Kind { return KindClock }

// Check returns nil when every field is within its bounds.
func (c ClockAccepted) Check() error {
	return firstError(c.At.check(), c.Before.check(), c.Since.check())
}

func (c ClockAccepted) signedAt() Time { return c.At }
