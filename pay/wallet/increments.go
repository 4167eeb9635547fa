package wallet

import (
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// increments are what more a merchant asks for on a hold. Such an offer waits beside the
// others and is answered like them, by the id of its payment.
func (w *Wallet) increments() history.Feature {
	return history.Feature{
		Name: "increments",
		Mirrors: map[pay.Kind]history.EntryRule{
			pay.KindIncrementOffer: w.incrementOffered,
			pay.KindIncrementEnd:   history.Mirror(incrementEnded),
		},
		Refusals: map[pay.Kind]history.RefusalRule{pay.KindIncrementAnswer: history.Refused(incrementRefused)},
		Recalls:  map[pay.Kind]history.RecallRule{pay.KindIncrementAnswer: history.Recalled(w.incrementRecalled)},
		Spaces:   rows.Spaces{moreRows.Space},
	}
}

var moreRows = rows.New("i", "the answer that this wallet gave last to an increment", rows.ID[pay.PaymentID]("PAYMENT"), rows.CBOR[moreRow]())

// moreRow is the last answer to an increment of a payment. Fields may be added if they
// can be left out.
type moreRow struct {
	Offer  pay.FactID `cbor:"1,keyasint"`
	Answer answerRow  `cbor:"2,keyasint"`
	// Counted are the days on which increments before that one count as approved without
	// a person.
	Counted []day `cbor:"3,keyasint,omitempty"`
}

// incrementOffered takes in that a merchant asks for more, and answers where the rule
// covers the total.
func (w *Wallet) incrementOffered(tx pay.WritableRows, now pay.Time, f pay.Fact) (pay.Reaction, error) {
	o, err := pay.As[pay.IncrementOffer](f)
	if err != nil {
		return pay.Reaction{}, err
	}
	stands, err := history.NoteIncrement(tx, f, o)
	if err != nil || !stands {
		return pay.Reaction{}, err
	}
	rec, ok, err := history.Get(tx, o.Payment)
	if err != nil || !ok || !increases(rec, o) {
		return pay.Reaction{}, err
	}
	before, err := w.before(tx)
	if err != nil || before {
		return pay.Reaction{}, err
	}
	if err := openRows.Put(tx, o.Payment, struct{}{}); err != nil {
		return pay.Reaction{}, err
	}
	return w.byRuleMore(tx, now, rec, history.Increment{ID: f.ID(), IncrementOffer: o})
}

// increases reports whether an offer of more fits the hold that it is about.
func increases(rec history.Record, o pay.IncrementOffer) bool {
	d := rec.Payment.Decision
	return rec.Payment.State == pay.StateHeld && o.Merchant == d.Merchant && o.Currency == d.Currency && o.HoldUntil == d.HoldUntil &&
		o.Total == d.Sums.Held+o.Amount
}

// byRuleMore answers an increment if the rule covers its total.
func (w *Wallet) byRuleMore(tx pay.WritableRows, now pay.Time, rec history.Record, i history.Increment) (pay.Reaction, error) {
	verdict, by, covers, err := w.ruleFor(tx, now, ofTotal(rec.Payment, i).Decision)
	if err != nil || !covers {
		return pay.Reaction{}, err
	}
	if verdict == pay.Approve {
		if ok, err := mayApprove(tx); !ok || err != nil {
			return pay.Reaction{}, err
		}
	}
	_, f, err := w.signMore(tx, now, rec.Payment, i, verdict, by)
	if err != nil {
		return pay.Reaction{}, err
	}
	return pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, nil
}

// ofTotal is the payment as a rule looks at it that covers an increment, or does not:
// as if all that would be held were asked for anew, when the increment was.
func ofTotal(p pay.Payment, i history.Increment) pay.Payment {
	p.Decision.Amount, p.Decision.At = i.Total, i.At
	return p
}

// signMore makes the answer to an increment, and stores that it was given. What a rule
// approves counts on its day with the total, in place of what was approved before on
// that day.
func (w *Wallet) signMore(tx pay.WritableRows, now pay.Time, p pay.Payment, i history.Increment, v pay.Verdict, by pay.Rule) (answerRow, pay.Fact, error) {
	var days []day
	if v == pay.Approve && by != pay.ByHand {
		var err error
		if days, err = w.noteSpent(tx, now, ofTotal(p, i)); err != nil {
			return answerRow{}, pay.Fact{}, err
		}
	}
	f, err := pay.Sign(w.options.Key, pay.IncrementAnswer{More: i.More, Offer: i.ID, Verdict: v, By: by, Created: now})
	if err != nil {
		return answerRow{}, pay.Fact{}, fmt.Errorf("answer: %w", err)
	}
	a := answerRow{Answer: f.ID(), Verdict: v, By: by, Spent: days}
	return a, f, putMore(tx, i.Payment, i.ID, a)
}

// putMore keeps the last answer to an increment of a payment.
func putMore(tx pay.WritableRows, id pay.PaymentID, offer pay.FactID, a answerRow) error {
	r, _, err := moreRows.Get(tx, id)
	if err != nil {
		return err
	}
	for _, on := range r.Answer.Spent {
		if !slices.Contains(r.Counted, on) {
			r.Counted = append(r.Counted, on)
		}
	}
	r.Offer, r.Answer = offer, a
	return moreRows.Put(tx, id, r)
}

// releaseMore takes the last increment of a payment off what was approved without a
// person: nothing more is held. What was counted of the payment before counts again.
func releaseMore(tx pay.WritableRows, id pay.PaymentID, r *moreRow) error {
	if len(r.Answer.Spent) == 0 {
		return nil
	}
	first, _, err := answerRows.Get(tx, id)
	if err != nil {
		return err
	}
	rec, _, err := history.Get(tx, id)
	if err != nil {
		return err
	}
	d := rec.Payment.Decision
	for _, on := range r.Answer.Spent {
		key := rows.Key(on, id)
		if slices.Contains(first.Spent, on) || slices.Contains(r.Counted, on) {
			err = spentRows.Put(tx, key, spent{Merchant: d.Merchant, Amount: rec.Payment.Sums().Authorised(), Currency: d.Currency})
		} else {
			err = spentRows.Delete(tx, key)
		}
		if err != nil {
			return err
		}
	}
	r.Answer.Spent = nil
	return nil
}

// endedMore takes all increments of a payment off what was approved without a person: it
// has ended without money.
func endedMore(tx pay.WritableRows, id pay.PaymentID) error {
	r, ok, err := moreRows.Get(tx, id)
	if err != nil || !ok || len(r.Counted)+len(r.Answer.Spent) == 0 {
		return err
	}
	for _, on := range slices.Concat(r.Counted, r.Answer.Spent) {
		if err := spentRows.Delete(tx, rows.Key(on, id)); err != nil {
			return err
		}
	}
	r.Counted, r.Answer.Spent = nil, nil
	return moreRows.Put(tx, id, r)
}

// incrementEnded keeps what came of an increment.
func incrementEnded(tx pay.WritableRows, f pay.Fact, e pay.IncrementEnd) error {
	if err := history.NoteIncrementEnd(tx, f, e); err != nil || e.Reason == "" {
		return err
	}
	r, ok, err := moreRows.Get(tx, e.Payment)
	if err != nil || !ok || r.Offer != e.Offer || len(r.Answer.Spent) == 0 {
		return err
	}
	if err := releaseMore(tx, e.Payment, &r); err != nil {
		return err
	}
	return moreRows.Put(tx, e.Payment, r)
}

// openMore returns the increment of a payment that stands and fits, and the answer that
// this wallet gave to it; nil when there is none.
func openMore(view pay.Rows, rec history.Record) (i *history.Increment, a answerRow, err error) {
	if rec.Payment.State != pay.StateHeld {
		return nil, a, nil
	}
	i, err = history.OpenIncrement(view, rec.Payment.ID)
	if err != nil || i == nil || !increases(rec, i.IncrementOffer) {
		return nil, a, err
	}
	r, _, err := moreRows.Get(view, rec.Payment.ID)
	if r.Offer == i.ID {
		a = r.Answer
	}
	return i, a, err
}

// Stands returns nil when the payment whose id begins with the digits of id asks its payer
// what it asked for when somebody began to think about an answer: the increment with that
// id, zero for the payment's own offer. One id stands for the payment and, one after the
// other, for all its increments: without this an answer that took its time would be given
// to another amount. Its errors are those of Answer about the id, and CodeDecided.
func (w *Wallet) Stands(view pay.Rows, now pay.Time, id string, increment pay.FactID) error {
	e, err := w.Offer(view, now, id)
	if err != nil {
		return err
	}
	asks := pay.FactID{}
	if e.Increment != nil {
		asks = e.Increment.ID
	}
	if asks != increment {
		return pay.NewCase(pay.CodeDecided, "already_decided", fmt.Sprintf("what payment %s asked for then does not stand any more", e.ID.Short()))
	}
	return nil
}

// answerMore answers the increment of a payment. Its errors are those of Answer.
func (w *Wallet) answerMore(tx pay.WritableRows, now pay.Time, rec history.Record, v pay.Verdict, by pay.Rule) (Entry, pay.Reaction, error) {
	i, a, err := openMore(tx, rec)
	switch {
	case err != nil:
		return Entry{}, pay.Reaction{}, err
	case i == nil:
		return Entry{}, pay.Reaction{}, alreadyDecided(rec.Payment)
	case a.Verdict != "" && a.Refused == "":
		return Entry{}, pay.Reaction{}, pay.NewCase(pay.CodeDecided, "already_answered", fmt.Sprintf("the increment of payment %s is answered already: %s, by %s", rec.Payment.ID.Short(), a.Verdict, a.By))
	}
	if err = checkByPerson(rec.Payment, v, by); err == nil {
		err = w.checkRule(tx, now, ofTotal(rec.Payment, *i), v, by)
	}
	if err == nil && v == pay.Approve {
		err = history.Understands(tx)
	}
	if err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	a, f, err := w.signMore(tx, now, rec.Payment, *i, v, by)
	if err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	e := entryMore(entry(now, rec, answerRow{}), i, a)
	e.Queued = true
	return e, pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, nil
}

// entryMore adds the increment that stands, and the answer to it, to a payment.
func entryMore(e Entry, i *history.Increment, a answerRow) Entry {
	if i == nil {
		return e
	}
	e.Increment, e.Verdict, e.Refusal = i, a.Verdict, a.Refused
	if e.Answering = a.Verdict != "" && a.Refused == ""; e.Answering {
		e.By = a.By
	}
	return e
}

// incrementRefused notes that the registry refused the answer to an increment, which
// may then be answered again.
func incrementRefused(tx pay.WritableRows, claim pay.FactID, answer pay.IncrementAnswer, why pay.Reason) error {
	r, ok, err := moreRows.Get(tx, answer.Payment)
	if err != nil || !ok || r.Answer.Answer != claim || r.Answer.Refused != "" {
		return err
	}
	r.Answer.Refused = why
	if err := releaseMore(tx, answer.Payment, &r); err != nil {
		return err
	}
	return moreRows.Put(tx, answer.Payment, r)
}

// incrementRecalled takes in an answer that this wallet gave. All else is as with
// answerRecalled.
func (w *Wallet) incrementRecalled(tx pay.WritableRows, _ pay.Time, claim pay.FactID, a pay.IncrementAnswer) error {
	row := answerRow{Answer: claim, Verdict: a.Verdict, By: a.By}
	if a.Verdict == pay.Approve && a.By != pay.ByHand {
		said := pay.Decision{At: a.Created, Terms: pay.Terms{Merchant: a.Merchant, Amount: a.Total, Currency: a.Currency}}
		var err error
		if row.Spent, err = w.noteSpent(tx, a.Created, pay.Payment{ID: a.Payment, Decision: said}); err != nil {
			return err
		}
	}
	if err := pauseRecalled(tx); err != nil {
		return err
	}
	return putMore(tx, a.Payment, a.Offer, row)
}

// approvedMore reports whether a decision that holds more names an approval of this
// wallet.
func (w *Wallet) approvedMore(f pay.Fact, s history.Step) (bool, error) {
	a, err := pay.As[pay.IncrementAnswer](f)
	if err != nil {
		return false, err
	}
	d := s.Decision
	return a.Payment == d.Payment && a.Verdict == pay.Approve && a.Merchant == d.Merchant && a.Currency == d.Currency && a.HoldUntil == d.HoldUntil &&
		a.Amount == s.Moved.Held && a.Total == d.Sums.Held && f.Verify(w.options.Key.Public()) == nil, nil
}
