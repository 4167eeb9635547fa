// Package history is what a box and a wallet know of payments: the registry's
// decisions, as they came down the node's feed, folded into rows of the node's
// role.
//
// # The idea
//
// A row holds which decisions are in a payment's chain and when this node last
// received one. The state is not stored: each reading folds the facts anew through
// pay.Payment.Next, so that what is shown is what was signed. A decision that does
// not follow changes nothing and is kept as a finding; if the one before it comes
// later, it is taken in then. So the same decisions lead to the same payments in
// any order and however often they come.
//
// What a role does with its node's feed is a list of features (see Feature): the
// rules by kind of fact, for entries and for refused claims. What is the same at
// box and wallet is here: authorities, refusals that stand in the feed, kinds
// that this program does not know, and the view of a payment.
//
// # Layout
//
// The package owns the role's rows whose key begins with 'h'. Ids are raw bytes;
// numbers and moments are written as in package rows.
//
//	ha WORKING FROM FACT  an authority by the working key that it names
//	hi PAYMENT            the increments of a hold: their claims, offers and ends
//	hk                    the kinds of facts that were taken in as they came
//	hp PAYMENT            a payment: created, received, chain
//	hs AT FACT            the registry's statements on the account, newest first
//	hr PAYMENT            why the last claim of somebody else on it was refused
//	ht CREATED PAYMENT    the payments, newest first
//	hu KIND               the first fact of a critical kind that is not understood
//	hx PAYMENT SEQ FACT   a finding: why the decision does not follow
//
// # Guarantees
//
// The same fact twice changes nothing. Foreign input never makes an error: an
// error means that the store is broken.
package history

import (
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// Record is one payment as its decisions left it.
type Record struct {
	Payment  pay.Payment
	Chain    []pay.FactID // the decisions, oldest first
	Created  pay.Time     // when it was asked for; for display, and the order of lists
	Received pay.Time     // this node's clock when it last received something new
}

// Step is a decision that a fold took in.
type Step struct {
	ID       pay.FactID
	Decision pay.Decision
	Moved    pay.Sums // how the decision changed the payment's sums
}

// step returns the step from one payment to the next.
func step(before, next pay.Payment) Step {
	return Step{ID: next.LastID, Decision: next.Decision, Moved: next.Sums().Minus(before.Sums())}
}

type row struct {
	Created  pay.Time     `cbor:"1,keyasint"`
	Received pay.Time     `cbor:"2,keyasint"`
	Chain    []pay.FactID `cbor:"3,keyasint,omitempty"`
}

const (
	// straysAtOnce bounds the findings that one fold looks at. Chosen: several
	// decisions on one place in one chain are a fault of the registry.
	straysAtOnce = 8
)

// Begin notes a payment that a request opened and on which there may be no
// decision yet. A payment that is known already stays as it is. Its errors are the
// store's.
func Begin(tx pay.WritableRows, now pay.Time, request pay.FactID, created pay.Time) (Record, error) {
	rec, ok, err := Get(tx, pay.PaymentID(request))
	if ok || err != nil {
		return rec, err
	}
	rec = Record{Payment: pay.Open(request), Created: created, Received: now}
	return rec, put(tx, rec, true)
}

// Get returns a payment, and whether it is known. An error means that the store is
// broken or damaged: foreign facts cause none.
func Get(view pay.Rows, id pay.PaymentID) (Record, bool, error) {
	r, ok, err := paymentRows.Get(view, id)
	if err != nil || !ok {
		return Record{}, false, inPayment(id, err)
	}
	rec := Record{Payment: pay.Open(pay.FactID(id)), Chain: r.Chain, Created: r.Created, Received: r.Received}
	for _, link := range r.Chain {
		d, err := decision(view, link)
		if err == nil {
			rec.Payment, err = again(rec.Payment, link, d)
		}
		if err != nil {
			return Record{}, false, inPayment(id, err)
		}
	}
	return rec, true, nil
}

// again takes in a decision that was taken in before. Another version of this
// program may have done that, which knew other states: what does not follow by
// the arrows of this one is not understood, and no reason to stop.
func again(p pay.Payment, id pay.FactID, d pay.Decision) (pay.Payment, error) {
	next, err := p.Next(id, d)
	if err != nil {
		next, err = p.Linked(id, d)
		next.NotUnderstood = true
	}
	return next, err
}

func decision(view pay.Rows, id pay.FactID) (pay.Decision, error) {
	f, ok, err := view.Fact(id)
	if err != nil {
		return pay.Decision{}, err
	}
	if !ok {
		return pay.Decision{}, fmt.Errorf("decision %s is named and missing", id)
	}
	return pay.As[pay.Decision](f)
}

func put(tx pay.WritableRows, rec Record, fresh bool) error {
	if fresh {
		if err := newestRows.Put(tx, newestKey{First: rec.Created, Second: rec.Payment.ID}, struct{}{}); err != nil {
			return err
		}
	}
	return paymentRows.Put(tx, rec.Payment.ID, row{Created: rec.Created, Received: rec.Received, Chain: rec.Chain})
}

// Fold takes in the decision d, whose stored fact has the given id, and then
// those that waited for it. It returns the payment as it then is and what was
// taken in: nothing when d was known or does not follow, which leaves the payment
// as it was. Its errors are those of Get.
func Fold(tx pay.WritableRows, now pay.Time, id pay.FactID, d pay.Decision) (Record, []Step, error) {
	rec, known, err := Get(tx, d.Payment)
	if err != nil || slices.Contains(rec.Chain, id) {
		return rec, nil, err
	}
	if !known {
		rec = Record{Payment: pay.Open(pay.FactID(d.Payment)), Created: d.At}
	}
	next, err := rec.Payment.Next(id, d)
	if err != nil {
		return rec, nil, AddFinding(tx, id, d, err.Error())
	}
	first := step(rec.Payment, next)
	rec.take(id, next)
	steps, err := takeWaiting(tx, &rec)
	if err != nil {
		return rec, nil, err
	}
	rec.Received = now
	if d.Seq > 2 { // what was refused before it is of no interest any more
		if err := refusalRows.Delete(tx, d.Payment); err != nil {
			return rec, nil, err
		}
	}
	return rec, append([]Step{first}, steps...), put(tx, rec, !known)
}

func (rec *Record) take(id pay.FactID, next pay.Payment) {
	rec.Payment, rec.Chain = next, append(slices.Clip(rec.Chain), id)
}

// takeWaiting takes in findings that follow the last decision. It ends because
// each one taken in lengthens the chain, and chains are short.
func takeWaiting(tx pay.WritableRows, rec *Record) (steps []Step, err error) {
	for {
		key, d, ok, err := waiting(tx, rec.Payment)
		if err != nil || !ok {
			return steps, err
		}
		id := key.Second.Second
		next, err := rec.Payment.Next(id, d)
		if err != nil {
			return steps, err
		}
		steps = append(steps, step(rec.Payment, next))
		rec.take(id, next)
		if err := findingRows.Delete(tx, key); err != nil {
			return steps, err
		}
	}
}

// waiting returns a finding that follows the last decision of p. On a healthy node
// there are no findings at all, which its store knows without looking.
func waiting(view pay.Rows, p pay.Payment) (key findingKey, d pay.Decision, ok bool, err error) {
	if some, err := findingRows.Keys(view, findingRows.All(), 1); err != nil || len(some) == 0 {
		return key, d, false, err
	}
	next, behind := findingOf(p.ID, p.Seq+1, pay.FactID{}), findingOf(p.ID, p.Seq+2, pay.FactID{})
	keys, err := findingRows.Keys(view, findingRows.Between(next, behind), straysAtOnce)
	if err != nil {
		return key, d, false, err
	}
	for _, key := range keys {
		id := key.Second.Second
		if d, err = decision(view, id); err != nil {
			return key, d, false, err
		}
		if _, err := p.Next(id, d); err == nil {
			return key, d, true, nil
		}
	}
	return key, d, false, nil
}

// Deadline returns when, by this node's clock, the last decision is overdue. It is
// counted from when the node received the one before it, so that a wrong clock does
// not matter; ttl is the life of the request, for a payment without a decision.
func (rec Record) Deadline(ttl pay.Millis) pay.Time {
	longest := pay.RequestTTLMax
	if d := rec.Payment.Decision; rec.Payment.Seq > 0 {
		ttl = d.Expires.Sub(d.At)
		if d.State == pay.StateHeld {
			longest = pay.HoldMax + pay.CaptureGrace
			ttl = d.HoldUntil.Add(pay.CaptureGrace).Sub(d.At)
		}
	}
	return rec.Received.Add(min(max(ttl, 0), longest) + pay.LastDecisionGrace)
}

// Page is a part of a list: up to Limit payments, held within 1..pay.ListMax, behind
// the one whose id begins with the digits of Before, or from the newest on.
type Page struct {
	Limit  int
	Before string
}

// Newest returns the payments of a page that keep accepts, newest first, and whether
// more follow; a nil keep accepts all. Its errors are those of Get and, about Before,
// of Find.
func Newest(view pay.Rows, p Page, keep func(Record) bool) (list []Record, more bool, err error) {
	const atOnce = 128
	limit := min(max(p.Limit, 1), pay.ListMax)
	rest := newestRows.All()
	if p.Before != "" {
		rec, err := Find(view, p.Before)
		if err != nil {
			return nil, false, err
		}
		rest = newestRows.Behind(newestKey{First: rec.Created, Second: rec.Payment.ID})
	}
	for {
		keys, err := newestRows.Keys(view, rest, atOnce)
		if err != nil {
			return nil, false, err
		}
		for _, key := range keys {
			rec, err := listed(view, key.Second)
			if err != nil {
				return nil, false, err
			}
			if keep != nil && !keep(rec) {
				continue
			}
			if len(list) == limit {
				return list, true, nil
			}
			list = append(list, rec)
		}
		if len(keys) < atOnce {
			return list, false, nil
		}
		rest = newestRows.Behind(keys[atOnce-1])
	}
}

// listed returns a payment that another row names.
func listed(view pay.Rows, id pay.PaymentID) (Record, error) {
	rec, ok, err := Get(view, id)
	if err == nil && !ok {
		err = fmt.Errorf("payment %s is listed and missing", id.Short())
	}
	return rec, err
}
