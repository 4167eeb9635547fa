package wallet

import (
	"cmp"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
)

// Entry is a payment as the payer sees it: the registry's decisions, and beside
// them what this wallet answered.
type Entry struct {
	ID       pay.PaymentID
	Payment  pay.Payment
	Local    pay.Local
	Amount   pay.Amount
	Currency pay.Currency
	Merchant pay.Scope
	Shop     pay.Name // the merchant's name
	Site     pay.Name
	Handle   pay.Handle // the two words that the cashier sees too
	Ref      string
	Verdict  pay.Verdict // what this wallet answered, "" if it has not
	By       pay.Rule    // who answered: as the registry said, else as this wallet did
	Reason   pay.Reason  // why it ended without money moving
	Refusal  pay.Reason  // why the registry refused the answer; that changed nothing
	// Answering says that an answer was given and the registry has not decided.
	Answering bool
	Queued    bool // the registry has not acknowledged the answer
	Created   pay.Time
	Expires   pay.Time // when the offer ends, by the registry's clock
	// Deadline is when, by this wallet's clock, the outcome becomes unknown
	// unless the last word has come.
	Deadline pay.Time
	Test     bool // play money
	// Demand says who demands that the device speaks too, and why; "" for nobody.
	Demand pay.StepUp
}

// State returns the state under which the payment is shown.
func (e Entry) State() pay.State { return e.Payment.Shown(e.Local) }

// Outcome returns what the payer may rely on.
func (e Entry) Outcome() pay.Outcome { return e.Payment.Outcome(e.Local) }

// open is an offer that waits for an answer.
type open struct {
	rec    history.Record
	answer answerRow // zero, or one that was refused
}

// Pending returns the offers that wait for an answer, oldest first, at most
// pay.ListMax. An offer stays until it is answered or the registry ends it,
// whatever this wallet's clock says.
func (w *Wallet) Pending(rows pay.Rows, now pay.Time) ([]Entry, error) {
	list, err := pending(rows)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(list))
	for _, o := range list {
		entries = append(entries, entry(now, o.rec, o.answer))
	}
	return entries, nil
}

func pending(rows pay.Rows) (list []open, err error) {
	ids, err := openRows.Keys(rows, openRows.All(), pay.ListMax)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		rec, ok, err := history.Get(rows, id)
		if err != nil {
			return nil, err
		}
		a, answered, err := answerRows.Get(rows, id)
		if err != nil {
			return nil, err
		}
		if ok && rec.Payment.State == pay.StateOffered && (!answered || a.Refused != "") {
			list = append(list, open{rec, a})
		}
	}
	slices.SortStableFunc(list, func(a, b open) int { return cmp.Compare(a.rec.Created, b.rec.Created) })
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

// Receipts returns up to limit payments that have ended, paid or not, newest
// first; limit is held within 1..pay.ListMax.
func (w *Wallet) Receipts(v View, now pay.Time, limit int) ([]Entry, error) {
	recs, err := history.Newest(v, limit, func(rec history.Record) bool { return rec.Payment.State.Ended() })
	if err != nil {
		return nil, err
	}
	list := make([]Entry, 0, len(recs))
	for _, rec := range recs {
		e, err := queuedEntry(v, now, rec)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// Receipt returns the receipt file of the payment whose id begins with the
// given digits, and its full id: the same bytes that the merchant has. Its
// errors are those of Show and of history.Receipt.
func (w *Wallet) Receipt(rows pay.Rows, id string) (pay.PaymentID, []byte, error) {
	rec, err := history.Find(rows, id)
	if err != nil {
		return pay.PaymentID{}, nil, err
	}
	raw, err := history.Receipt(rows, rec)
	return rec.Payment.ID, raw, err
}

func queuedEntry(v View, now pay.Time, rec history.Record) (Entry, error) {
	a, answered, err := answerRows.Get(v, rec.Payment.ID)
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
	p, d := rec.Payment, rec.Payment.Decision
	e := Entry{
		ID: p.ID, Payment: p, Amount: d.Amount, Currency: d.Currency, Merchant: d.Merchant, Shop: d.MerchantName, Site: d.Site,
		Handle: d.Handle, Ref: d.Ref, Verdict: a.Verdict, By: d.By, Reason: d.Reason, Refusal: a.Refused,
		Answering: a.Verdict != "" && a.Refused == "" && !p.State.Ended(),
		Created:   rec.Created, Expires: d.Expires, Deadline: rec.Deadline(0), Test: d.Test, Demand: d.StepUp,
	}
	if e.Answering {
		e.By = a.By
	}
	e.Local.TimeUp = !p.State.Ended() && now >= e.Deadline
	return e
}
