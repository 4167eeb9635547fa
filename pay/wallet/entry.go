package wallet

import (
	"cmp"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
)

// Entry is a payment as the payer sees it: the registry's decisions, and what this
// wallet answered. By is who answered: by the registry's decision, else by this
// wallet's answer.
type Entry struct {
	history.View
	Merchant pay.Scope
	Verdict  pay.Verdict // what this wallet answered, "" if it has not
	// Answering means that an answer was given and the registry has not decided.
	Answering bool
}

// openOffer is an offer that waits for an answer.
type openOffer struct {
	rec    history.Record
	answer answerRow // zero, or one that was refused
}

// Pending returns the offers that wait for an answer, oldest first, at most
// pay.ListMax. An offer stays until it is answered or the registry ends it,
// whatever the time is on this wallet's clock. Its errors are the store's.
func (w *Wallet) Pending(view pay.Rows, now pay.Time) ([]Entry, error) {
	list, err := pending(view)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(list))
	for _, o := range list {
		entries = append(entries, entry(now, o.rec, o.answer))
	}
	return entries, nil
}

func pending(view pay.Rows) (list []openOffer, err error) {
	ids, err := openRows.Keys(view, openRows.All(), pay.ListMax)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		rec, ok, err := history.Get(view, id)
		if err != nil {
			return nil, err
		}
		a, answered, err := answerRows.Get(view, id)
		if err != nil {
			return nil, err
		}
		if rec.Payment, err = withStepUp(view, rec.Payment); err != nil {
			return nil, err
		}
		if ok && rec.Payment.State == pay.StateOffered && (!answered || a.Refused != "") {
			list = append(list, openOffer{rec, a})
		}
	}
	slices.SortStableFunc(list, func(a, b openOffer) int { return cmp.Compare(a.rec.Created, b.rec.Created) })
	return list, nil
}

// Show returns the payment whose id begins with the given hexadecimal digits.
// Its errors are those of history.FindID.
func (w *Wallet) Show(v View, now pay.Time, id string) (Entry, error) {
	rec, err := history.Find(v, id)
	if err != nil {
		return Entry{}, err
	}
	return queuedEntry(v, now, rec)
}

// Look returns how the payment with an id stands for whoever waits for its outcome,
// by its last decision alone. Its errors are those of Show.
func (w *Wallet) Look(view pay.Rows, now pay.Time, id pay.PaymentID) (history.Wait, error) {
	rec, ok, err := history.Last(view, id)
	if err == nil && !ok {
		rec, err = history.Find(view, id.String())
	}
	return history.WaitFor(history.ViewOf(now, rec, 0)), err
}

// Offer returns the payment that an answer with these digits of an id, or with none,
// would be given to. Its errors are those of Answer about the id.
func (w *Wallet) Offer(view pay.Rows, now pay.Time, id string) (Entry, error) {
	rec, err := selectPayment(view, id)
	if err != nil {
		return Entry{}, err
	}
	a, _, err := answerRows.Get(view, rec.Payment.ID)
	return entry(now, rec, a), err
}

// Receipts returns a page of the payments that have a receipt, paid or not, newest
// first, and among them those that a newer registry took to a state which this
// program does not know; and whether more follow. Its errors are those of
// history.Newest.
func (w *Wallet) Receipts(v View, now pay.Time, p history.Page) (list []Entry, more bool, err error) {
	recs, more, err := history.Newest(v, p, func(rec history.Record) bool {
		return rec.Payment.State.HasReceipt() || rec.Payment.NotUnderstood
	})
	if err != nil {
		return nil, false, err
	}
	list = make([]Entry, 0, len(recs))
	for _, rec := range recs {
		e, err := queuedEntry(v, now, rec)
		if err != nil {
			return nil, false, err
		}
		list = append(list, e)
	}
	return list, more, nil
}

// Receipt returns the receipt file of the payment whose id begins with the
// given digits, and its full id: the same bytes that the merchant has. Its
// errors are those of Show and of history.Receipt.
func (w *Wallet) Receipt(view pay.Rows, id string) (pay.PaymentID, []byte, error) {
	rec, err := history.Find(view, id)
	if err != nil {
		return pay.PaymentID{}, nil, err
	}
	raw, err := history.Receipt(view, rec)
	return rec.Payment.ID, raw, err
}

// queuedEntry is entry with Queued.
func queuedEntry(v View, now pay.Time, rec history.Record) (Entry, error) {
	a, answered, err := answerRows.Get(v, rec.Payment.ID)
	if err == nil {
		rec.Payment, err = withStepUp(v, rec.Payment)
	}
	if err != nil {
		return Entry{}, err
	}
	e := entry(now, rec, a)
	if answered {
		e.Queued, err = v.Queued(a.Answer)
	}
	return e, err
}

// entry makes the view of a payment; a is zero when nobody has answered. A
// wallet knows payments only by their decisions, so the terms are theirs.
func entry(now pay.Time, rec history.Record, a answerRow) Entry {
	e := Entry{View: history.ViewOf(now, rec, 0), Merchant: rec.Payment.Decision.Merchant, Verdict: a.Verdict}
	e.Refusal = a.Refused
	if e.Answering = a.Verdict != "" && a.Refused == "" && !rec.Payment.State.Final(); e.Answering {
		e.By = a.By
	}
	return e
}
