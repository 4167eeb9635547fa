package history

import (
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// Last returns a payment as its last decision alone shows it, and whether it is known:
// what somebody looks at again and again who waits for its end. All of the record is as
// Get returns it, but for Payment.NotUnderstood. Its errors are those of Get.
func Last(view pay.Rows, id pay.PaymentID) (Record, bool, error) {
	r, ok, err := paymentRows.Get(view, id)
	if err != nil || !ok {
		return Record{}, false, inPayment(id, err)
	}
	rec := Record{Payment: pay.Open(pay.FactID(id)), Chain: r.Chain, Created: r.Created, Received: r.Received}
	if len(r.Chain) == 0 {
		return rec, true, nil
	}
	last := r.Chain[len(r.Chain)-1]
	d, err := decision(view, last)
	if err == nil && d.Payment != id {
		err = fmt.Errorf("decision %s is on another payment", last)
	}
	rec.Payment = pay.PaymentAt(last, d)
	return rec, err == nil, inPayment(id, err)
}

// Counts reports whether a decision on a payment was taken in: one that does not fit
// is a finding. Its errors are those of Get.
func Counts(view pay.Rows, id pay.PaymentID, decision pay.FactID) (bool, error) {
	r, _, err := paymentRows.Get(view, id)
	return slices.Contains(r.Chain, decision), inPayment(id, err)
}

// inPayment names the payment that an error is about; nil stays nil.
func inPayment(id pay.PaymentID, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read payment %s: %w", id.Short(), err)
}

// Wait is what somebody has to know of a payment who waits for its outcome.
type Wait struct {
	Shown pay.PaymentID // under which id it is shown
	// Deadline is when, by this node's clock, time running out changes the outcome; it
	// moves when the node receives more.
	Deadline pay.Time
	Over     bool // the outcome is not pending
}

// WaitFor returns how a payment stands at the moment that is shown as v. Of one that is
// held nothing more comes by itself for days.
func WaitFor(v View) Wait {
	return Wait{Shown: v.ID, Deadline: v.Deadline, Over: v.Outcome() != pay.OutcomePending || v.State() == pay.StateHeld}
}

// Decided reports whether a decision on a payment names a claim that is one of those
// looked for. Its errors are those of Get.
func Decided(view pay.Rows, id pay.PaymentID, is func(claim pay.FactID) bool) (bool, error) {
	r, _, err := paymentRows.Get(view, id)
	if err != nil {
		return false, inPayment(id, err)
	}
	for _, link := range r.Chain {
		d, err := decision(view, link)
		if err != nil {
			return false, inPayment(id, err)
		}
		if !d.Claim.IsZero() && is(d.Claim) {
			return true, nil
		}
	}
	return false, nil
}

// Walk calls fn for each payment, newest first, as its last decision alone shows it,
// until fn returns an error, which it returns. Its other errors are those of Get.
func Walk(view pay.Rows, fn func(Record) error) error {
	const atOnce = 256
	for within := newestRows.All(); ; {
		keys, err := newestRows.Keys(view, within, atOnce)
		if err != nil {
			return err
		}
		for _, key := range keys {
			rec, ok, err := Last(view, key.Second)
			if err == nil && !ok {
				err = fmt.Errorf("payment %s is listed and missing", key.Second.Short())
			}
			if err != nil {
				return err
			}
			if err := fn(rec); err != nil {
				return err
			}
		}
		if len(keys) < atOnce {
			return nil
		}
		within = newestRows.Behind(keys[atOnce-1])
	}
}

// Steps returns the decisions on a payment, oldest first, and what each moved. Its errors
// are those of Get.
func Steps(view pay.Rows, rec Record) (steps []Step, err error) {
	var before pay.Sums
	for _, id := range rec.Chain {
		d, err := decision(view, id)
		if err != nil {
			return nil, inPayment(rec.Payment.ID, err)
		}
		after := d.SumsAfter()
		steps = append(steps, Step{ID: id, Decision: d, Moved: after.Minus(before)})
		before = after
	}
	return steps, nil
}
