package wallet

import (
	"cmp"
	"math"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
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
	answer answerRow          // zero, or one that was refused
	more   *history.Increment // that it is about, of a hold; nil: the payment itself
}

// Pending returns the offers that wait for an answer, oldest first. An offer stays
// until it is answered or the registry ends it, whatever the time is on this wallet's
// clock. Its errors are the store's.
func (w *Wallet) Pending(view pay.Rows, now pay.Time) ([]Entry, error) {
	list, _, err := pending(view, openRows.All(), math.MaxInt)
	return entriesOf(now, list), err
}

// PendingPage returns those of one page, oldest first, and the id behind which the next
// page begins, zero where nothing follows. The pages follow one another in the order of
// ids, so that one costs no more than what is on it. Its errors are those of
// history.Find for Before, and the store's.
func (w *Wallet) PendingPage(view pay.Rows, now pay.Time, p history.Page) (entries []Entry, next pay.PaymentID, err error) {
	within := openRows.All()
	if p.Before != "" {
		rec, err := history.Find(view, p.Before)
		if err != nil {
			return nil, next, err
		}
		within = openRows.Behind(rec.Payment.ID)
	}
	list, next, err := pending(view, within, pageLimit(p))
	return entriesOf(now, list), next, err
}

// pageLimit returns how many things a page holds at most.
func pageLimit(p history.Page) int {
	if p.Limit <= 0 {
		return pay.ListMax
	}
	return min(p.Limit, pay.ListMax)
}

func entriesOf(now pay.Time, list []openOffer) []Entry {
	entries := make([]Entry, 0, len(list))
	for _, o := range list {
		if o.more != nil {
			entries = append(entries, entryMore(entry(now, o.rec, answerRow{}), o.more, o.answer))
			continue
		}
		entries = append(entries, entry(now, o.rec, o.answer))
	}
	return entries
}

// pending returns up to limit offers of a range, oldest first, and the id behind which
// others follow, zero where none does.
func pending(view pay.Rows, within rows.Range, limit int) (list []openOffer, next pay.PaymentID, err error) {
	atOnce := min(limit, 127) + 1
	for {
		ids, err := openRows.Keys(view, within, atOnce)
		if err != nil {
			return nil, next, err
		}
		for _, id := range ids {
			o, waits, err := openAt(view, id)
			if err != nil {
				return nil, next, err
			}
			if !waits {
				continue
			}
			if len(list) == limit {
				next = list[limit-1].rec.Payment.ID
				break
			}
			list = append(list, o)
		}
		if len(ids) < atOnce || !next.IsZero() {
			break
		}
		within = openRows.Behind(ids[atOnce-1])
	}
	slices.SortStableFunc(list, func(a, b openOffer) int { return cmp.Compare(a.rec.Created, b.rec.Created) })
	return list, next, nil
}

// openAt returns an offer that may still be open, and whether it waits for an answer.
func openAt(view pay.Rows, id pay.PaymentID) (o openOffer, waits bool, err error) {
	rec, ok, err := history.Get(view, id)
	if err != nil {
		return o, false, err
	}
	if rec.Payment.State == pay.StateHeld {
		i, a, err := openMore(view, rec)
		return openOffer{rec, a, i}, ok && i != nil && (a.Verdict == "" || a.Refused != ""), err
	}
	a, answered, err := answerRows.Get(view, id)
	if err != nil {
		return o, false, err
	}
	if rec.Payment, err = withStepUp(view, rec.Payment); err != nil {
		return o, false, err
	}
	return openOffer{rec: rec, answer: a}, ok && rec.Payment.State == pay.StateOffered && (!answered || a.Refused != ""), nil
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
	e := entry(now, rec, a)
	if err == nil && rec.Payment.State == pay.StateHeld {
		i, more, bad := openMore(view, rec)
		e, err = entryMore(e, i, more), bad
	}
	return e, err
}

// Receipts returns a page of the payments that have a receipt, paid or not, newest
// first, and among them what is held, and those that a newer registry took to a state which this
// program does not know; and whether more follow. Its errors are those of
// history.Newest.
func (w *Wallet) Receipts(v View, now pay.Time, p history.Page) (list []Entry, more bool, err error) {
	recs, more, err := history.Newest(v, p, func(rec history.Record) bool {
		return rec.Payment.State.HasReceipt() || rec.Payment.State.IsAgreed() || rec.Payment.NotUnderstood
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
	if err == nil {
		e.OthersRefusal, err = history.OthersRefusal(v, e.ID)
	}
	if err != nil || rec.Payment.State != pay.StateHeld {
		return e, err
	}
	i, more, err := openMore(v, rec)
	if e = entryMore(e, i, more); err == nil && more.Verdict != "" {
		e.Queued, err = v.Queued(more.Answer)
	}
	return e, err
}

// entry makes the view of a payment; a is zero when nobody has answered. A
// wallet knows payments only by their decisions, so the terms are theirs.
func entry(now pay.Time, rec history.Record, a answerRow) Entry {
	e := Entry{View: history.ViewOf(now, rec, 0), Merchant: rec.Payment.Decision.Merchant, Verdict: a.Verdict}
	e.Refusal = a.Refused
	if e.Answering = a.Verdict != "" && a.Refused == "" && !rec.Payment.State.IsAgreed() && !rec.Payment.State.Final(); e.Answering {
		e.By, e.Tip = a.By, a.Tip
	}
	return e
}
