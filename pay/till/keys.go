package till

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// keys is what belongs to keys that another box of the merchant used. A payment
// that another box asked for is found by the tag of its key in its first decision.
// A request of this box that came second at the registry is followed to the
// payment that has its key.
func (t *Till) keys() history.Feature {
	return history.Feature{
		Name: "keys",
		Mirrors: map[pay.Kind]history.EntryRule{
			pay.KindKeys:    history.Mirror(t.noteSecret),
			pay.KindKeyHeld: history.Mirror(noteHeld),
		},
		Spaces: rows.Spaces{secretRow.Space, taggedRows.Space},
	}
}

var (
	secretRow  = rows.NewSingle("s", "the secret with which the merchant's keys are named", rows.CBOR[pay.KeySecret]())
	taggedRows = rows.New("m", "the payment that a key of the merchant stands for, by its tag",
		rows.NewCodec("TAG", func(dst []byte, k pay.KeyTag) []byte { return append(dst, k[:]...) }, readTag), rows.CBOR[taggedRow]())
)

func readTag(raw []byte) (k pay.KeyTag, rest []byte, err error) {
	if len(raw) < len(k) {
		return k, nil, errors.New("tag is too short")
	}
	return pay.KeyTag(raw[:len(k)]), raw[len(k):], nil
}

// taggedRow is a payment and the tag of what was asked for.
type taggedRow struct {
	Payment pay.PaymentID `cbor:"1,keyasint"`
	Order   pay.OrderTag  `cbor:"2,keyasint"`
}

// noteSecret keeps the secret of this merchant.
func (t *Till) noteSecret(tx pay.WritableRows, _ pay.Fact, m pay.MerchantKeys) error {
	if m.Merchant != t.options.Merchant {
		return nil
	}
	return secretRow.Put(tx, m.Secret)
}

// noteTags keeps for which key the first decision on a payment was made. The
// first payment of a key counts.
func noteTags(tx pay.WritableRows, d pay.Decision) error {
	if d.Key == (pay.KeyTag{}) {
		return nil
	}
	if known, err := taggedRows.Has(tx, d.Key); known || err != nil {
		return err
	}
	return taggedRows.Put(tx, d.Key, taggedRow{Payment: d.Payment, Order: d.Order})
}

// noteHeld keeps which payment has the key of a request of this box.
func noteHeld(tx pay.WritableRows, _ pay.Fact, h pay.KeyHeld) error {
	r, ok, err := ownRows.Get(tx, h.Request)
	if err != nil || !ok || !r.Own || !r.Held.IsZero() {
		return err
	}
	r.Held, r.SameOrder = h.Payment, h.Same
	if err := ownRows.Put(tx, h.Request, r); err != nil || !h.Same {
		return err
	}
	req, ok, err := request(tx, h.Request)
	if err != nil || !ok {
		return err
	}
	first, _, err := ownRows.Get(tx, h.Payment)
	if err != nil {
		return err
	}
	first.Key = req.Key
	return ownRows.Put(tx, h.Payment, first)
}

// ofMerchant returns the payment that a key of the merchant stands for, whichever
// box asked, and whether the registry has told this box of one.
func ofMerchant(view pay.Rows, k pay.IdempotencyKey) (row taggedRow, secret pay.KeySecret, ok bool, err error) {
	if secret, ok, err = secretRow.Get(view); !ok || err != nil {
		return row, secret, false, err
	}
	row, ok, err = taggedRows.Get(view, secret.Key(k))
	return row, secret, ok, err
}

// repeatedElsewhere is repeated for a key that another box of the merchant used.
// Whom that box charged is not compared: words change.
func (t *Till) repeatedElsewhere(v View, now pay.Time, o Order) (Entry, bool, error) {
	tagged, secret, ok, err := ofMerchant(v, o.Key)
	if err != nil || !ok {
		return Entry{}, false, err
	}
	asked := pay.Opening{Request: pay.Request{Amount: o.Amount, Currency: o.Currency, Ref: o.Ref, TwoChannel: o.TwoChannel, TipMax: o.TipMax}, Hold: o.Hold, Later: o.Later, Bill: o.Bill, Fuel: o.Fuel}
	if secret.Order(asked) != tagged.Order {
		return Entry{}, false, keyUsed(tagged.Payment)
	}
	e, err := t.entryOf(v, now, tagged.Payment, o.Key)
	return e, err == nil, err
}

// keyUsed is the error for a key that stands for a payment of something else.
func keyUsed(id pay.PaymentID) error {
	return pay.NewCase(pay.CodeKeyUsed, "key_used", fmt.Sprintf("this key stands for payment %s, which asked for something else", id.Short()))
}

// entryOf returns the payment that a key stands for.
func (t *Till) entryOf(v View, now pay.Time, id pay.PaymentID, k pay.IdempotencyKey) (Entry, error) {
	rec, r, req, err := loadPayment(v, id)
	if err != nil {
		return Entry{}, err
	}
	e, err := t.queuedEntry(v, now, rec, r, req)
	e.Key = cmp.Or(k, e.Key)
	return e, err
}

// follow returns the payment under which this box shows another one: where
// another payment has the key of a request and was asked for the same, that one,
// if this box knows of it; else the payment itself.
func follow(view pay.Rows, r row, id pay.PaymentID) (pay.PaymentID, error) {
	if r.Held.IsZero() || !r.SameOrder {
		return id, nil
	}
	_, known, err := history.Get(view, r.Held)
	if known {
		id = r.Held
	}
	return id, err
}
