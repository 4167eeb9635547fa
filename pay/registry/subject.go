package registry

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// LastDecision returns the last decision of a payment, and whether the registry
// knows the payment. It returns an error when the row cannot be read.
func (r *Registry) LastDecision(view pay.Rows, id pay.PaymentID) (pay.Decision, bool, error) {
	h, ok, err := paymentRows.Get(view, id)
	if err != nil {
		return pay.Decision{}, false, fmt.Errorf("read payment: %w", err)
	}
	return h.Decision, ok, nil
}
