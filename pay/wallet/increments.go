package wallet

import (
	"fmt"

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
			pay.KindIncrementEnd:   history.Mirror(history.NoteIncrementEnd),
		},
		Refusals: map[pay.Kind]history.RefusalRule{pay.KindIncrementAnswer: history.Refused(incrementRefused)},
		Recalls:  map[pay.Kind]history.RecallRule{pay.KindIncrementAnswer: history.Recalled(incrementRecalled)},
		Spaces:   rows.Spaces{moreRows.Space},
	}
}

var moreRows = rows.New("i", "the answer that this wallet gave last to an increment", rows.ID[pay.PaymentID]("PAYMENT"), rows.CBOR[moreRow]())

// moreRow is the last answer to an increment of a payment. Fields may be added if they
// can be left out.
type moreRow struct {
	Offer  pay.FactID `cbor:"1,keyasint"`
	Answer answerRow  `cbor:"2,keyasint"`
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
// as if all that would be held were asked for anew.
func ofTotal(p pay.Payment, i history.Increment) pay.Payment {
	p.Decision.Amount = i.Total
	return p
}

// signMore makes the answer to an increment, and stores that it was given. What a rule
// approves counts on its day with the total, in place of what was approved before on
// that day.
func (w *Wallet) signMore(tx pay.WritableRows, now pay.Time, p pay.Payment, i history.Increment, v pay.Verdict, by pay.Rule) (answerRow, pay.Fact, error) {
	if v == pay.Approve && by != pay.ByHand {
		if _, err := w.noteSpent(tx, now, ofTotal(p, i)); err != nil {
			return answerRow{}, pay.Fact{}, err
		}
	}
	f, err := pay.Sign(w.options.Key, pay.IncrementAnswer{More: i.More, Offer: i.ID, Verdict: v, By: by, Created: now})
	if err != nil {
		return answerRow{}, pay.Fact{}, fmt.Errorf("answer: %w", err)
	}
	a := answerRow{Answer: f.ID(), Verdict: v, By: by}
	return a, f, moreRows.Put(tx, i.Payment, moreRow{Offer: i.ID, Answer: a})
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
	return moreRows.Put(tx, answer.Payment, r)
}

// incrementRecalled takes in an answer that this wallet gave.
func incrementRecalled(tx pay.WritableRows, _ pay.Time, claim pay.FactID, a pay.IncrementAnswer) error {
	return moreRows.Put(tx, a.Payment, moreRow{Offer: a.Offer, Answer: answerRow{Answer: claim, Verdict: a.Verdict, By: a.By}})
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
