package wallet

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
)

// answerRow is the answer that this wallet gave last. Fields may be added if
// they can be left out.
type answerRow struct {
	Answer  pay.FactID  `cbor:"1,keyasint"`
	Verdict pay.Verdict `cbor:"2,keyasint"`
	By      pay.Rule    `cbor:"3,keyasint"`
	Refused pay.Reason  `cbor:"4,keyasint,omitempty"` // the registry refused it
}

// sign makes the answer to an open offer, repeating its terms, and stores that
// it was given.
func (w *Wallet) sign(rows pay.WritableRows, now pay.Time, p pay.Payment, v pay.Verdict, by pay.Rule, code pay.AuthCode) (answerRow, pay.Fact, error) {
	f, err := pay.Sign(w.options.Key, pay.Answer{
		Payment: p.ID, Offer: p.LastID, Merchant: p.Decision.Merchant, Amount: p.Decision.Amount, Currency: p.Decision.Currency,
		Expires: p.Decision.Expires, Verdict: v, By: by, Created: now, Code: code,
	})
	if err != nil {
		return answerRow{}, pay.Fact{}, fmt.Errorf("answer: %w", err)
	}
	a := answerRow{Answer: f.ID(), Verdict: v, By: by}
	return a, f, answerRows.Put(rows, p.ID, a)
}

// Answer approves or declines the offer whose payment id begins with the digits
// of id, or the only one that is pending when id is "". It returns the answer,
// to be posted in the same transaction. by is pay.ByHand for a person. code is
// what the device of Witness gave, zero where one channel is enough. Its errors
// are *pay.Error: CodeDevice when a code is needed, CodeDecided when the offer is
// answered or the payment has ended, CodeNotFound when there is none, CodeUsage
// when several fit, CodeNotAllowed for an approval by a rule where a person is
// needed, CodeUpgrade for an approval as history.Understands says.
func (w *Wallet) Answer(rows pay.WritableRows, now pay.Time, id string, v pay.Verdict, by pay.Rule, code pay.AuthCode) (Entry, pay.Reaction, error) {
	if v != pay.Approve && v != pay.Decline {
		return Entry{}, pay.Reaction{}, pay.NewError(pay.CodeUsage, fmt.Sprintf("verdict %.20q is neither approve nor decline", string(v)), "approve or decline")
	}
	if err := checkBy(by); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	rec, err := meant(rows, id)
	if err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	p := rec.Payment
	if err := answerable(rows, p, v); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	if err := fits(p, v, by, code); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	a, f, err := w.sign(rows, now, p, v, by, code)
	if err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	e := entry(now, rec, a)
	e.Queued = true
	return e, pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, nil
}

// answerable returns a *pay.Error when the payment can have no such answer from
// this wallet, whatever the device says.
func answerable(rows pay.Rows, p pay.Payment, v pay.Verdict) error {
	a, answered, err := answerRows.Get(rows, p.ID)
	switch {
	case err != nil:
		return err
	case p.State != pay.StateOffered:
		return decided(p)
	case answered && a.Refused == "":
		return pay.NewError(pay.CodeDecided, fmt.Sprintf("payment %s is answered already: %s, by %s", p.ID.Short(), a.Verdict, a.By), "nothing was changed")
	case v == pay.Approve:
		return history.Understands(rows)
	default:
		return nil
	}
}

// meant returns the payment that an answer is about.
func meant(rows pay.Rows, id string) (history.Record, error) {
	if id != "" {
		return history.Find(rows, id)
	}
	open, err := pending(rows)
	switch {
	case err != nil:
		return history.Record{}, err
	case len(open) == 0:
		return history.Record{}, pay.NewError(pay.CodeNotFound, "no offer is pending", "offers show up in `paybeacon wallet pending`")
	case len(open) > 1:
		return history.Record{}, pay.NewError(pay.CodeUsage, fmt.Sprintf("%d offers are pending", len(open)), "name one of them with --id; `paybeacon wallet pending` lists them")
	}
	return open[0].rec, nil
}

// recover takes in an answer of this wallet that came down the feed: it is
// known already unless the wallet's store was lost since.
func (w *Wallet) recover(rows pay.WritableRows, f pay.Fact) error {
	a, err := pay.As[pay.Answer](f)
	if err != nil || f.Signer() != w.options.Key.ID() {
		return err
	}
	if ok, err := answerRows.Has(rows, a.Payment); ok || err != nil {
		return err
	}
	return answerRows.Put(rows, a.Payment, answerRow{Answer: f.ID(), Verdict: a.Verdict, By: a.By})
}

func answerRefused(rows pay.WritableRows, id pay.PaymentID, answer pay.FactID, why pay.Reason) error {
	a, ok, err := answerRows.Get(rows, id)
	if err != nil || !ok || a.Answer != answer || a.Refused != "" {
		return err
	}
	a.Refused = why
	return answerRows.Put(rows, id, a)
}
