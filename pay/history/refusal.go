package history

import (
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

var refusalRows = rows.New("hr", "why the registry refused the last claim on a payment that somebody else made",
	rows.ID[pay.PaymentID]("PAYMENT"), rows.Text[pay.Reason]("REASON"))

// noteOthersRefusal keeps the refusal of a claim that this node did not make, on a
// payment that it knows.
func noteOthersRefusal(tx pay.WritableRows, r pay.Refusal) error {
	known, err := paymentRows.Has(tx, r.Payment)
	if err != nil || !known {
		return err
	}
	return refusalRows.Put(tx, r.Payment, r.Reason)
}

// OthersRefusal returns why the registry refused the last claim on a payment that
// somebody else made, or "". Its errors are the store's.
func OthersRefusal(view pay.Rows, id pay.PaymentID) (pay.Reason, error) {
	why, _, err := refusalRows.Get(view, id)
	return why, err
}
