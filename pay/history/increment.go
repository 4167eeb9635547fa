package history

import (
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

var incrementRows = rows.New("hi", "the increments of a hold: their claims, offers and ends",
	rows.ID[pay.PaymentID]("PAYMENT"), rows.CBOR[[]incrementRow]())

// incrementRow is an increment as the registry's statements left it. A payment has at
// most pay.IncrementsMax.
type incrementRow struct {
	Claim pay.FactID `cbor:"1,keyasint"`
	Offer pay.FactID `cbor:"2,keyasint,omitzero"`
	End   pay.FactID `cbor:"3,keyasint,omitzero"`
}

// noteIncrement changes the row of the increment that a claim asked for, if change does
// anything. Beyond pay.IncrementsMax a registry says more than it may, and nothing is
// kept.
func noteIncrement(tx pay.WritableRows, id pay.PaymentID, claim pay.FactID, change func(*incrementRow) bool) error {
	list, _, err := incrementRows.Get(tx, id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(r incrementRow) bool { return r.Claim == claim })
	if i < 0 {
		if len(list) >= pay.IncrementsMax {
			return nil
		}
		i, list = len(list), append(list, incrementRow{Claim: claim})
	}
	if !change(&list[i]) {
		return nil
	}
	return incrementRows.Put(tx, id, list)
}

// NoteIncrement keeps that a payer is asked for more. It reports whether that is new and
// stands. Its errors are the store's.
func NoteIncrement(tx pay.WritableRows, f pay.Fact, o pay.IncrementOffer) (stands bool, err error) {
	err = noteIncrement(tx, o.Payment, o.Claim, func(r *incrementRow) bool {
		fresh := r.Offer.IsZero()
		if fresh {
			r.Offer, stands = f.ID(), r.End.IsZero()
		}
		return fresh
	})
	return stands, err
}

// NoteIncrementEnd keeps what came of an increment. Its errors are the store's.
func NoteIncrementEnd(tx pay.WritableRows, f pay.Fact, e pay.IncrementEnd) error {
	return noteIncrement(tx, e.Payment, e.Claim, func(r *incrementRow) bool {
		fresh := r.End.IsZero()
		if fresh {
			r.End = f.ID()
		}
		return fresh
	})
}

// Increment is an offer of more on a hold that stands, and its name.
type Increment struct {
	ID pay.FactID
	pay.IncrementOffer
}

// OpenIncrement returns the increment of a payment that stands, or nil. Its errors are
// the store's.
func OpenIncrement(view pay.Rows, id pay.PaymentID) (*Increment, error) {
	list, _, err := incrementRows.Get(view, id)
	i := slices.IndexFunc(list, func(r incrementRow) bool { return !r.Offer.IsZero() && r.End.IsZero() })
	if err != nil || i < 0 {
		return nil, err
	}
	f, ok, err := view.Fact(list[i].Offer)
	if err != nil || !ok {
		return nil, err
	}
	o, err := pay.As[pay.IncrementOffer](f)
	return &Increment{f.ID(), o}, err
}

// IncrementEnded returns what came of the increment that a claim asked for; ok is false
// while it stands, or nothing is known of it. Its errors are the store's.
func IncrementEnded(view pay.Rows, id pay.PaymentID, claim pay.FactID) (e pay.IncrementEnd, ok bool, err error) {
	list, _, err := incrementRows.Get(view, id)
	i := slices.IndexFunc(list, func(r incrementRow) bool { return r.Claim == claim && !r.End.IsZero() })
	if err != nil || i < 0 {
		return e, false, err
	}
	f, ok, err := view.Fact(list[i].End)
	if err != nil || !ok {
		return e, false, err
	}
	e, err = pay.As[pay.IncrementEnd](f)
	return e, err == nil, err
}
