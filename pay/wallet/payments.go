package wallet

import (
	"errors"
	"fmt"
	"math"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// payments is the life of a payment as the payer sees it: an offer arrives, the
// owner or the owner's rule answers it, a decision ends it.
func (w *Wallet) payments() history.Feature {
	return history.Feature{
		Name:     "payments",
		Mirrors:  map[pay.Kind]history.EntryRule{pay.KindDecision: w.decided},
		Refusals: map[pay.Kind]history.RefusalRule{pay.KindAnswer: history.Refused(answerRefused)},
		Recalls:  map[pay.Kind]history.RecallRule{pay.KindAnswer: history.Recalled(w.answerRecalled)},
		Spaces:   rows.Spaces{answerRows.Space, openRows.Space},
	}
}

// OpenOffers is what the keys of the rows begin with that name offers which may
// still be open.
const OpenOffers byte = 'q'

var (
	answerRows = rows.New("n", "the answer that this wallet gave last", rows.ID[pay.PaymentID]("PAYMENT"), rows.CBOR[answerRow]())
	openRows   = rows.New(string(OpenOffers), "an offer that may still be open", rows.ID[pay.PaymentID]("PAYMENT"), rows.None())
)

// answerRow is the answer that this wallet gave last. Fields may be added if
// they can be left out.
type answerRow struct {
	Answer  pay.FactID  `cbor:"1,keyasint"`
	Verdict pay.Verdict `cbor:"2,keyasint"`
	By      pay.Rule    `cbor:"3,keyasint"`
	Refused pay.Reason  `cbor:"4,keyasint,omitempty"` // the registry refused it
	Spent   []day       `cbor:"5,keyasint,omitempty"` // the days on which it counts as approved without a person
	Tip     pay.Amount  `cbor:"6,keyasint,omitempty"` // that it gives
}

// extra is what an answer carries beside its verdict.
type extra struct {
	code   pay.AuthCode // of the device
	cannot bool         // the wallet declines because it cannot approve
	tip    pay.Amount   // that it gives beyond the amount
}

// sign makes the answer to an open offer, repeating its terms, and stores that
// it was given.
func (w *Wallet) sign(tx pay.WritableRows, now pay.Time, p pay.Payment, v pay.Verdict, by pay.Rule, with extra) (answerRow, pay.Fact, error) {
	f, err := pay.Sign(w.options.Key, pay.Answer{
		Payment: p.ID, Offer: p.LastID, Merchant: p.Decision.Merchant, Amount: p.Decision.Amount, Currency: p.Decision.Currency,
		Expires: p.Decision.Expires, Verdict: v, By: by, Created: now, Code: with.code, Cannot: with.cannot,
		HoldUntil: p.Decision.HoldUntil, Tip: with.tip,
	})
	if err != nil {
		return answerRow{}, pay.Fact{}, fmt.Errorf("answer: %w", err)
	}
	a := answerRow{Answer: f.ID(), Verdict: v, By: by, Tip: with.tip}
	if v == pay.Approve && by != pay.ByHand {
		if a.Spent, err = w.noteSpent(tx, now, withTip(p, with.tip)); err != nil {
			return a, f, err
		}
	}
	return a, f, answerRows.Put(tx, p.ID, a)
}

// Answer approves or declines the offer whose payment id begins with the digits
// of id, or the only one that is pending when id is "". It returns the answer,
// to be published in the same transaction. by is pay.ByHand for a person. code is
// what the device of Witness gave, zero where one channel is enough. Its errors
// are *pay.Error: CodeDevice when a code is needed, CodeDecided when the offer is
// answered or the payment has ended, CodeNotFound when there is none, CodeUsage
// when several are possible or code is not asked for, CodeNotAllowed for an
// approval by a rule where a person is needed, and for an approval those of
// history.Understands.
func (w *Wallet) Answer(tx pay.WritableRows, now pay.Time, id string, v pay.Verdict, by pay.Rule, code pay.AuthCode) (Entry, pay.Reaction, error) {
	return w.answer(tx, now, id, v, by, extra{code: code})
}

// CannotAnswer declines as Answer does, and tells the merchant that the payer did not
// choose to: the device that is needed cannot give its word.
func (w *Wallet) CannotAnswer(tx pay.WritableRows, now pay.Time, id string, by pay.Rule) (Entry, pay.Reaction, error) {
	return w.answer(tx, now, id, pay.Decline, by, extra{cannot: true})
}

func (w *Wallet) answer(tx pay.WritableRows, now pay.Time, id string, v pay.Verdict, by pay.Rule, with extra) (Entry, pay.Reaction, error) {
	if v != pay.Approve && v != pay.Decline {
		return Entry{}, pay.Reaction{}, pay.NewCase(pay.CodeUsage, "verdict_unknown", fmt.Sprintf("verdict %.20q is neither approve nor decline", string(v)))
	}
	if err := checkBy(by); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	rec, err := selectPayment(tx, id)
	if err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	p := rec.Payment
	if p.State == pay.StateHeld && with.tip == 0 {
		return w.answerMore(tx, now, rec, v, by)
	}
	if err := checkTip(tx, p, v, with.tip); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	if err := answerable(tx, p, v); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	if err := checkApproval(p, v, by, with.code); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	if err := w.checkRule(tx, now, withTip(p, with.tip), v, by); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	a, f, err := w.sign(tx, now, p, v, by, with)
	if err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	e := entry(now, rec, a)
	e.Queued = true
	return e, pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, nil
}

// answerable returns a *pay.Error when the payment can have no such answer from
// this wallet, with or without a device.
func answerable(view pay.Rows, p pay.Payment, v pay.Verdict) error {
	a, answered, err := answerRows.Get(view, p.ID)
	switch {
	case err != nil:
		return err
	case p.State != pay.StateOffered:
		return alreadyDecided(p)
	case answered && a.Refused == "":
		return pay.NewCase(pay.CodeDecided, "already_answered", fmt.Sprintf("payment %s is answered already: %s, by %s", p.ID.Short(), a.Verdict, a.By))
	case v == pay.Approve:
		return history.Understands(view)
	default:
		return nil
	}
}

// selectPayment returns the payment whose id begins with the digits, or the only
// pending one when there are none. Its errors are those of Answer.
func selectPayment(view pay.Rows, id string) (history.Record, error) {
	if id != "" {
		rec, err := history.Find(view, id)
		if err == nil {
			rec.Payment, err = withStepUp(view, rec.Payment)
		}
		return rec, err
	}
	open, _, err := pending(view, openRows.All(), math.MaxInt)
	switch {
	case err != nil:
		return history.Record{}, err
	case len(open) == 0:
		return history.Record{}, pay.NewCase(pay.CodeNotFound, "no_offer", "no offer is pending")
	case len(open) > 1:
		return history.Record{}, pay.NewCase(pay.CodeUsage, "several_offers", fmt.Sprintf("%d offers are pending", len(open)))
	}
	return open[0].rec, nil
}

// answerRefused notes that the registry refused the answer to an offer, which
// may then be answered again.
func answerRefused(tx pay.WritableRows, claim pay.FactID, answer pay.Answer, why pay.Reason) error {
	a, ok, err := answerRows.Get(tx, answer.Payment)
	if err != nil || !ok || a.Answer != claim || a.Refused != "" {
		return err
	}
	a.Refused = why
	if err := releaseSpent(tx, answer.Payment, &a); err != nil {
		return err
	}
	return answerRows.Put(tx, answer.Payment, a)
}

// decided folds a decision and books what it and those that waited for it moved.
// The rule answers only when the payment is open after all of them.
func (w *Wallet) decided(tx pay.WritableRows, now pay.Time, f pay.Fact) (pay.Reaction, error) {
	d, err := pay.As[pay.Decision](f)
	if err != nil {
		return pay.Reaction{}, err
	}
	rec, steps, err := history.Fold(tx, now, f.ID(), d)
	if err != nil || len(steps) == 0 {
		return pay.Reaction{}, err
	}
	before, err := w.before(tx)
	if err != nil {
		return pay.Reaction{}, err
	}
	for _, s := range steps {
		if err := w.moved(tx, s, rec.Created, rec.Payment.NotUnderstood || before); err != nil {
			return pay.Reaction{}, err
		}
	}
	if rec.Payment.Outcome(pay.Local{}) == pay.OutcomeNotPaid {
		if err := endedUnpaid(tx, d.Payment); err != nil {
			return pay.Reaction{}, err
		}
	}
	if rec.Payment.State != pay.StateOffered || before {
		return pay.Reaction{}, openRows.Delete(tx, d.Payment)
	}
	if err := openRows.Put(tx, d.Payment, struct{}{}); err != nil {
		return pay.Reaction{}, err
	}
	if err := touchChallenge(tx, rec.Payment); err != nil {
		return pay.Reaction{}, err
	}
	return w.byRule(tx, now, rec)
}

// moved books what left the account, and what came back to it: nothing, where an acquirer
// moves the money. A decision that
// authorises money by an approval which this wallet did not give is booked all
// the same, and recorded as a finding. notMine means that this cannot be told: newer
// states are in the chain, or another wallet answered for the scope then. asked is
// when the payment was asked for.
func (w *Wallet) moved(tx pay.WritableRows, s history.Step, asked pay.Time, notMine bool) error {
	d := s.Decision
	if s.Moved.Authorised() > 0 && !notMine {
		if err := w.authorised(tx, s, asked); err != nil {
			return err
		}
	}
	if !d.Mandate.IsZero() && s.Moved.Released > 0 {
		if err := giveBack(tx, d); err != nil {
			return err
		}
	}
	if d.Acquirer != pay.AcquirerNone {
		return nil
	}
	if s.Moved.Held != 0 {
		if err := noteHeld(tx, d); err != nil {
			return err
		}
	}
	if by := s.Moved.Refunded - s.Moved.Captured; by != 0 {
		return addBalance(tx, d.Currency, by)
	}
	return nil
}

// authorised holds a decision that authorises money against what this wallet signed.
func (w *Wallet) authorised(tx pay.WritableRows, s history.Step, asked pay.Time) error {
	d := s.Decision
	if !d.Mandate.IsZero() && d.Claim == d.Mandate { // a hold may grow by an answer later
		why, err := w.byMandate(tx, d)
		if err != nil || why == nil {
			return err
		}
		return history.AddFinding(tx, s.ID, d, "captured by a mandate that does not cover it: "+why.Error())
	}
	given, err := w.approved(tx, s)
	switch {
	case err != nil:
		return err
	case !given:
		return history.AddFinding(tx, s.ID, d, "captured without an approval of this wallet")
	}
	if err := w.noteLevel(tx, d, asked); err != nil {
		return err
	}
	return noteVisited(tx, d)
}

// approved reports whether a decision names an approval of its payment that this
// wallet signed. It need not be the last answer: an older copy of the store may have
// answered twice.
func (w *Wallet) approved(view pay.Rows, s history.Step) (bool, error) {
	d := s.Decision
	f, ok, err := view.Fact(d.Claim)
	switch {
	case err != nil || !ok:
		return false, err
	case f.Kind() == pay.KindIncrementAnswer:
		return w.approvedMore(f, s)
	case f.Kind() != pay.KindAnswer:
		return false, nil
	}
	a, err := pay.As[pay.Answer](f)
	if err != nil {
		return false, err
	}
	return a.Payment == d.Payment && a.Verdict == pay.Approve && a.Merchant == d.Merchant && a.Amount == d.Amount &&
		a.Currency == d.Currency && a.HoldUntil == d.HoldUntil && a.Tip == d.Tip && f.Verify(w.options.Key.Public()) == nil, nil
}

// endedUnpaid takes an approval off what was approved without a person: no money moved.
func endedUnpaid(tx pay.WritableRows, id pay.PaymentID) error {
	if err := endedMore(tx, id); err != nil {
		return err
	}
	a, ok, err := answerRows.Get(tx, id)
	if err != nil || !ok || len(a.Spent) == 0 {
		return err
	}
	if err := releaseSpent(tx, id, &a); err != nil {
		return err
	}
	return answerRows.Put(tx, id, a)
}

// byRule answers an open offer if the rule covers it and it has no answer.
func (w *Wallet) byRule(tx pay.WritableRows, now pay.Time, rec history.Record) (pay.Reaction, error) {
	var err error
	if rec.Payment, err = withStepUp(tx, rec.Payment); err != nil {
		return pay.Reaction{}, err
	}
	verdict, by, covers, err := w.ruleFor(tx, now, rec.Payment.Decision)
	if err != nil || !covers {
		return pay.Reaction{}, err
	}
	if answered, err := answerRows.Has(tx, rec.Payment.ID); answered || err != nil {
		return pay.Reaction{}, err
	}
	if verdict == pay.Approve {
		if rec.Payment.Decision.Method() == pay.MethodTwoChannel {
			return pay.Reaction{}, nil // see RuleNeedsWitness
		}
		if ok, err := mayApprove(tx); !ok || err != nil {
			return pay.Reaction{}, err
		}
	}
	tip, err := w.tipByRule(tx, now, rec.Payment, by)
	if err != nil {
		return pay.Reaction{}, err
	}
	_, f, err := w.sign(tx, now, rec.Payment, verdict, by, extra{tip: tip})
	if err != nil {
		return pay.Reaction{}, err
	}
	return pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, nil
}

// alreadyDecided returns the error for a payment that cannot be answered any
// more.
func alreadyDecided(p pay.Payment) error {
	return pay.NewCase(pay.CodeDecided, "already_decided", fmt.Sprintf("payment %s is decided already: it is %s", p.ID.Short(), p.State))
}

// mayApprove reports whether this wallet may approve by itself: pay.CodeUpgrade
// is no error here, but a reason to leave the offer to a person.
func mayApprove(view pay.Rows) (bool, error) {
	err := history.Understands(view)
	var known *pay.Error
	if errors.As(err, &known) && known.Code == pay.CodeUpgrade {
		return false, nil
	}
	return err == nil, err
}
