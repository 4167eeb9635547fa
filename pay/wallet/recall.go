package wallet

import (
	"github.com/paybeacon/paybeacon/pay"
)

// The rules for claims that this wallet made and does not hold any more, because
// its store is an older copy. They come before the entries of the feed that say
// what became of them, and one after the other as they were made.

// answerRecalled counts what was approved without a person on the day on which it was,
// by this wallet's clock of then. The rules are those of an older copy, too, and may hold
// one that its owner has removed since: they are paused until the owner has looked.
func (w *Wallet) answerRecalled(tx pay.WritableRows, _ pay.Time, claim pay.FactID, answer pay.Answer) (err error) {
	a := answerRow{Answer: claim, Verdict: answer.Verdict, By: answer.By, Tip: answer.Tip}
	if a.Verdict == pay.Approve && a.By != pay.ByHand {
		said := pay.Payment{ID: answer.Payment, Decision: pay.Decision{At: answer.Created, Terms: pay.Terms{Merchant: answer.Merchant, Amount: answer.Amount + answer.Tip, Currency: answer.Currency}}}
		if a.Spent, err = w.noteSpent(tx, answer.Created, said); err != nil {
			return err
		}
	}
	if err := pauseRecalled(tx); err != nil {
		return err
	}
	return answerRows.Put(tx, answer.Payment, a)
}

// pauseRecalled pauses the rules of an older copy, if there are any.
func pauseRecalled(tx pay.WritableRows) error {
	state, _, err := rulesRow.Get(tx)
	if err != nil || state.Count == 0 || state.Paused {
		return err
	}
	return setPause(tx, true, 0)
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
