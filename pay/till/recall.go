package till

import (
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
)

// requestRecalled takes in a request that this box made and does not hold any
// more. Its key stands for it from now on: another payment that the box has begun
// under that key since, without knowing better, is refused by the registry.
func requestRecalled(tx pay.WritableRows, now pay.Time, claim pay.Fact) error {
	req, err := pay.OpeningOf(claim)
	if err != nil {
		return err
	}
	id := pay.PaymentID(claim.ID())
	if _, err := history.Begin(tx, now, claim.ID(), req.Created); err != nil {
		return err
	}
	if err := keyRows.Put(tx, req.Key, id); err != nil {
		return err
	}
	return ownRows.Put(tx, id, row{Own: true, Recalled: true, Manual: req.Hold != 0})
}

// cancelRecalled takes in a cancel that this box made.
func cancelRecalled(tx pay.WritableRows, _ pay.Time, claim pay.FactID, c pay.Cancel) error {
	r, ok, err := ownRows.Get(tx, c.Payment)
	if err != nil || !ok || len(r.Cancel) > 0 {
		return err
	}
	r.Cancel = claim[:]
	return ownRows.Put(tx, c.Payment, r)
}
