package history

import (
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

var incrementRows = rows.New("hi", "an increment of a hold, by the claim that asks for it: its offer, and its end",
	rows.Join(rows.ID[pay.PaymentID]("PAYMENT"), rows.ID[pay.FactID]("CLAIM")), rows.CBOR[incrementRow]())

// incrementRow is an increment as the registry's statements left it.
type incrementRow struct {
	Offer pay.FactID `cbor:"1,keyasint,omitzero"`
	End   pay.FactID `cbor:"2,keyasint,omitzero"`
}

// NoteIncrement keeps that a payer is asked for more. It reports whether that is new and
// stands. Its errors are the store's.
func NoteIncrement(tx pay.WritableRows, f pay.Fact, o pay.IncrementOffer) (stands bool, err error) {
	key := rows.Key(o.Payment, o.Claim)
	r, _, err := incrementRows.Get(tx, key)
	if err != nil || !r.Offer.IsZero() {
		return false, err
	}
	r.Offer = f.ID()
	return r.End.IsZero(), incrementRows.Put(tx, key, r)
}

// NoteIncrementEnd keeps what came of an increment. Its errors are the store's.
func NoteIncrementEnd(tx pay.WritableRows, f pay.Fact, e pay.IncrementEnd) error {
	key := rows.Key(e.Payment, e.Claim)
	r, _, err := incrementRows.Get(tx, key)
	if err != nil || !r.End.IsZero() {
		return err
	}
	r.End = f.ID()
	return incrementRows.Put(tx, key, r)
}

// Increment is an offer of more on a hold that stands, and its name.
type Increment struct {
	ID pay.FactID
	pay.IncrementOffer
}

// OpenIncrement returns the increment of a payment that stands, or nil. Its errors are
// the store's.
func OpenIncrement(view pay.Rows, id pay.PaymentID) (open *Increment, err error) {
	err = incrementRows.Each(view, rows.Under(incrementRows, id), func(_ rows.Pair[pay.PaymentID, pay.FactID], r incrementRow) error {
		if r.Offer.IsZero() || !r.End.IsZero() {
			return nil
		}
		f, ok, err := view.Fact(r.Offer)
		if err != nil || !ok {
			return err
		}
		o, err := pay.As[pay.IncrementOffer](f)
		open = &Increment{f.ID(), o}
		return err
	})
	return open, err
}

// IncrementEnded returns what came of the increment that a claim asked for; ok is false
// while it stands, or nothing is known of it. Its errors are the store's.
func IncrementEnded(view pay.Rows, id pay.PaymentID, claim pay.FactID) (e pay.IncrementEnd, ok bool, err error) {
	r, ok, err := incrementRows.Get(view, rows.Key(id, claim))
	if err != nil || !ok || r.End.IsZero() {
		return e, false, err
	}
	f, ok, err := view.Fact(r.End)
	if err != nil || !ok {
		return e, false, err
	}
	e, err = pay.As[pay.IncrementEnd](f)
	return e, err == nil, err
}
