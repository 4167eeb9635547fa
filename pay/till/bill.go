package till

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// bills are what the merchant may charge by a number. The registry looks the amount up;
// that this box knows it too lets it say at once what is unknown or paid already.
func (t *Till) bills() history.Feature {
	return history.Feature{
		Name:    "bills",
		Mirrors: map[pay.Kind]history.EntryRule{pay.KindBill: history.Mirror(t.noteBill)},
		Spaces:  rows.Spaces{billRows.Space},
	}
}

var billRows = rows.New("b", "a bill of the merchant, and what this box opened by it", rows.Text[string]("NUMBER"), rows.CBOR[billRow]())

type billRow struct {
	Amount  pay.Amount    `cbor:"1,keyasint"`
	Payment pay.PaymentID `cbor:"2,keyasint,omitzero"` // the last that this box opened by it
}

// noteBill keeps a bill of this merchant.
func (t *Till) noteBill(tx pay.WritableRows, _ pay.Fact, b pay.Bill) error {
	if b.Merchant != t.options.Merchant || b.Currency != t.options.Currency {
		return nil
	}
	row, known, err := billRows.Get(tx, b.Number)
	if err != nil || known {
		return err
	}
	row.Amount = b.Amount
	return billRows.Put(tx, b.Number, row)
}

// checkBill returns a *pay.Error where an order is by a bill that this box does not
// know, with CodeNotFound, or by which it has opened a payment that is paid or may yet
// be, with CodeConflict.
func (t *Till) checkBill(v View, now pay.Time, o Order) error {
	if !o.Bill {
		return nil
	}
	row, known, err := billRows.Get(v, o.Ref)
	switch {
	case err != nil:
		return err
	case !known:
		return pay.NewCase(pay.CodeNotFound, "bill_unknown", "no bill of this merchant has that number")
	case row.Payment.IsZero():
		return nil
	}
	e, err := t.entryOf(v, now, row.Payment, "")
	if err == nil && e.Outcome() != pay.OutcomeNotPaid {
		err = pay.NewCase(pay.CodeConflict, "bill_used", fmt.Sprintf("payment %s is by that bill: it is %s", row.Payment.Short(), e.State()))
	}
	return err
}

// useBill keeps which payment this box opened by a bill.
func useBill(tx pay.WritableRows, req pay.Opening, id pay.PaymentID) error {
	if !req.Bill {
		return nil
	}
	row, _, err := billRows.Get(tx, req.Ref)
	if err != nil {
		return err
	}
	row.Payment = id
	return billRows.Put(tx, req.Ref, row)
}

// billed returns the amount of the bill that a request is by, as far as this box knows.
func billed(v pay.Rows, req pay.Opening) (pay.Amount, error) {
	if !req.Bill {
		return req.Amount, nil
	}
	row, _, err := billRows.Get(v, req.Ref)
	return row.Amount, err
}
