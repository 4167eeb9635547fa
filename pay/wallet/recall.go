package wallet

import (
	"github.com/paybeacon/paybeacon/pay"
)

// The rules for claims that this wallet made and does not hold any more, because
// its store is an older copy. They come before the entries of the feed that say
// what became of them, and one after the other as they were made.

func answerRecalled(tx pay.WritableRows, _ pay.Time, claim pay.FactID, answer pay.Answer) error {
	return answerRows.Put(tx, answer.Payment, answerRow{Answer: claim, Verdict: answer.Verdict, By: answer.By})
}

func mappingRecalled(tx pay.WritableRows, _ pay.Time, claim pay.FactID, m pay.Mapping) error {
	r, _, err := deviceRows.Get(tx, m.Device)
	if err != nil {
		return err
	}
	if b, err := m.OpenBind(); err == nil {
		r.Type = b.Type
	}
	r.Vehicle, r.Means = m.Vehicle, m.Means
	r.Mapping, r.Mapped, r.Refused = claim, false, ""
	return deviceRows.Put(tx, m.Device, r)
}

// revokeRecalled leaves alone a revoke that was asked for since: the device ends by
// either.
func revokeRecalled(tx pay.WritableRows, _ pay.Time, claim pay.FactID, revoke pay.Revoke) error {
	r, ok, err := deviceRows.Get(tx, revoke.Device)
	if err != nil || !ok || r.Revoking {
		return err
	}
	r.Revoke, r.Revoking, r.Refused = claim, true, ""
	return deviceRows.Put(tx, revoke.Device, r)
}

func stepUpRecalled(tx pay.WritableRows, _ pay.Time, claim pay.FactID, _ pay.StepUpAbove) error {
	r, err := stepUpInForce(tx)
	if err != nil || r.Pending {
		return err
	}
	r.Asked, r.Pending, r.Refused = claim, true, ""
	return stepUpRows.Put(tx, r)
}
