package wallet

import (
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

var heldRows = rows.New("f", "a payment that holds money of the account", rows.ID[pay.PaymentID]("PAYMENT"), rows.CBOR[heldRow]())

// heldRow is what a payment holds. Fields may be added if they can be left out.
type heldRow struct {
	Amount   pay.Amount   `cbor:"1,keyasint"`
	Currency pay.Currency `cbor:"2,keyasint"`
}

// Held returns what of the balance open payments hold, as far as this wallet's feed goes:
// it is there, and cannot be spent. Like the balance it is for display. Its errors are the
// store's.
func (w *Wallet) Held(view pay.Rows, c pay.Currency) (sum pay.Amount, err error) {
	err = heldRows.Scan(view, heldRows.All(), 0, func(_ pay.PaymentID, h heldRow) bool {
		if h.Currency == c {
			sum += h.Amount
		}
		return true
	})
	return sum, err
}

// noteHeld keeps what a payment holds after a decision.
func noteHeld(tx pay.WritableRows, d pay.Decision) error {
	if held := d.SumsAfter().Held; held > 0 {
		return heldRows.Put(tx, d.Payment, heldRow{Amount: held, Currency: d.Currency})
	}
	return heldRows.Delete(tx, d.Payment)
}
