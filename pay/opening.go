package pay

import "fmt"

// A request may leave to later what a plain one has at once: the capture, and the
// amount, which then comes from a bill that the registry holds, or is set on the open
// request.
//
//	operator -------bill-----> all boxes of the merchant      number and amount
//	box ----must-request-----> registry: the bill's amount --offered--> both
//	box ----must-request-----> registry                       without an amount
//	    ----price------------> registry --offered--> both     the amount, once
//
// A request without an amount whose payer is not found, or which is withdrawn or gets no
// price in time, opens no payment: there is no amount that a decision could state. It is
// refused, and the reason says why.

// Opening is a request of which an older registry must not take the amount at once. It
// has a kind of its own, which such a registry refuses.
type Opening struct {
	Request
	// Hold is for how long the amount is held, from when the offer is made; 0: an approval
	// captures it.
	Hold Millis `cbor:"12,keyasint,omitempty"`
	// Later means that the amount, which is 0 here, comes with a Price.
	Later bool `cbor:"13,keyasint,omitempty"`
	// Bill means that the amount, which is 0 here, is that of the bill whose number is Ref.
	Bill bool `cbor:"14,keyasint,omitempty"`
	// Fuel is what the amount pays for, where it is fuel: with Hold, the amount is the
	// most that it may cost; with Later, it is the total.
	Fuel FuelTerms `cbor:"80,keyasint,omitzero"`
}

// Kind returns KindOpening.
func (Opening) Kind() Kind { return KindOpening }

// Check returns nil when every field is within its bounds.
func (o Opening) Check() error {
	switch {
	case o.plain():
		return fmt.Errorf("nothing in this request is new: it is a plain one")
	case o.Later && o.Bill:
		return fmt.Errorf("the amount comes later, and from a bill")
	case (o.Later || o.Bill) && o.Amount != 0:
		return fmt.Errorf("an amount is given, and is to come from elsewhere")
	case o.Bill && o.Ref == "":
		return fmt.Errorf("no bill is named")
	}
	if err := o.checkFuel(); err != nil {
		return err
	}
	if o.Hold != 0 {
		if err := CheckHold(o.Hold, o.TTL); err != nil {
			return err
		}
	}
	if !o.Later && !o.Bill {
		if err := o.Amount.CheckPayable(); err != nil {
			return err
		}
	}
	return o.checkRest()
}

// checkFuel returns nil when the request is for no fuel, or for fuel that is paid by a
// hold or afterwards, and then with the most that may be given.
func (o Opening) checkFuel() error {
	switch {
	case o.Fuel.IsZero():
		return nil
	case o.TipMax != 0:
		return fmt.Errorf("nobody gives a tip for fuel")
	case (o.Hold != 0) == o.Later:
		return fmt.Errorf("fuel is paid by a hold or afterwards")
	case o.Hold > FuelHoldMax(o.Fuel.Unit):
		return fmt.Errorf("a hold of %v for fuel is above %v", o.Hold.Std(), FuelHoldMax(o.Fuel.Unit).Std())
	case o.Later && o.Fuel.Most == 0:
		return fmt.Errorf("fuel that is paid afterwards has no limit")
	}
	return o.Fuel.Check()
}

func (o Opening) plain() bool { return o.Hold == 0 && !o.Later && !o.Bill }

// Open is for how long the request is open before there is an offer.
func (o Opening) Open() Millis {
	switch {
	case o.Later && !o.Fuel.IsZero():
		return FuelHoldMax(o.Fuel.Unit)
	case o.Later:
		return RequestTTLMax
	default:
		return o.TTL
	}
}

// OpeningOf returns the request that opens a payment, of either kind: a plain one has
// nothing but a request. It fails for facts of other kinds, as As does.
func OpeningOf(f Fact) (Opening, error) {
	if f.Kind() == KindOpening {
		return As[Opening](f)
	}
	r, err := As[Request](f)
	return Opening{Request: r}, err
}

// Body returns the request as it is signed.
func (o Opening) Body() Body {
	if o.plain() {
		return o.Request
	}
	return o
}

// Price is a claim that sets the amount of a request which was made without one.
type Price struct{ Action }

// Kind returns KindPrice.
func (Price) Kind() Kind { return KindPrice }

// Check returns nil when every field is within its bounds.
func (p Price) Check() error {
	if p.Final {
		return fmt.Errorf("a price is not final")
	}
	return firstError(p.Amount.CheckPayable(), p.check())
}

// Bill is the registry's statement that a merchant may charge an amount by its number.
type Bill struct {
	Merchant Scope    `cbor:"1,keyasint"`
	Number   string   `cbor:"2,keyasint"` // as a reference
	Amount   Amount   `cbor:"3,keyasint"`
	Currency Currency `cbor:"4,keyasint"`
	At       Time     `cbor:"5,keyasint"`
}

// Kind returns KindBill.
func (Bill) Kind() Kind { return KindBill }

// Check returns nil when every field is within its bounds.
func (b Bill) Check() error {
	if b.Number == "" {
		return fmt.Errorf("a bill has no number")
	}
	return firstError(b.Merchant.check("m/"), CheckRef(b.Number), b.Amount.CheckPayable(), b.Currency.Check(), b.At.check())
}
