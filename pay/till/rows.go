package till

import (
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

var (
	keyRows = rows.New("k", "the payment that an idempotency key stands for; keys never expire",
		rows.Text[pay.IdempotencyKey]("KEY"), rows.ID[pay.PaymentID]("PAYMENT"))
	ownRows = rows.New("o", "what this box asked for and was refused about a payment",
		rows.ID[pay.PaymentID]("PAYMENT"), rows.CBOR[row]())
)

// row is what this box asked for about a payment, and was refused. Fields may be
// added if they can be left out.
type row struct {
	Own           bool       `cbor:"1,keyasint,omitempty"` // this box asked for it
	To            pay.Handle `cbor:"3,keyasint,omitempty"` // the literal --to, "" for --nearest
	Manual        bool       `cbor:"4,keyasint,omitempty"`
	Withdrawn     bool       `cbor:"6,keyasint,omitempty"` // Cancel travels with the request
	Cancel        []byte     `cbor:"7,keyasint,omitempty"` // the id of the last cancel
	Refused       pay.Reason `cbor:"8,keyasint,omitempty"` // of the request
	CancelRefused pay.Reason `cbor:"9,keyasint,omitempty"` // of the last cancel
	// Held is the payment that has the key of this request, which came later;
	// SameOrder, whether that one was asked for the same.
	Held      pay.PaymentID `cbor:"10,keyasint,omitzero"`
	SameOrder bool          `cbor:"11,keyasint,omitempty"`
	// Key is the key of another box's payment, for which this box asked later.
	Key pay.IdempotencyKey `cbor:"12,keyasint,omitempty"`
	// Recalled means that the request was handed back by the registry: what was
	// given as --to is not known any more.
	Recalled bool `cbor:"13,keyasint,omitempty"`
}

func (r row) cancelled() bool { return len(r.Cancel) > 0 && r.CancelRefused == "" }

// keyMayHavePaid reports whether the refusal of the request leaves open what
// became of the charge. The registry knows the key by another request, which this
// box made before its store was lost and which may have been paid; or it gave no
// reason for its refusal. Neither makes it safe to charge again. Where the registry
// has said which payment has the key, nothing is open once this box knows it.
func (r row) keyMayHavePaid() bool {
	if !r.Held.IsZero() {
		return r.SameOrder
	}
	return r.Refused == pay.ReasonKeyUsed || r.Refused == pay.ReasonTooMany
}

// conflicts reports whether the key of the request stands for a payment of
// something else, so that the request has ended.
func (r row) conflicts() bool { return !r.Held.IsZero() && !r.SameOrder }
