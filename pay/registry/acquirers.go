package registry

import (
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// acquirerCalls are the calls to those who move money outside: an effect asks for each, in
// the transaction that decides it, and what came of it is stated before it is acted on. One
// call on a payment is in flight at a time; the payment stays as it is meanwhile.
//
//	approval -> authorise -> held, or capture -> captured; or failed
//	capture, void, refund of the merchant -> the same -> decision, or refusal
//	the end of a hold, what failed half-way -> void, and nothing waits for it
var acquirerCalls = feature{
	name:      "acquirer calls",
	publishes: []pay.Kind{pay.KindAcquirerAnswer, pay.KindContradiction},
	done:      map[pay.EffectKind]func(*turn, pay.EffectDone) error{EffectAcquirer: (*turn).answered},
	audit:     inspectAcquirers,
	spaces:    rows.Spaces{flightRows.Space, answeredRows.Space, contradictionRows.Space},
}

// EffectAcquirer is the kind of effects that are calls to an acquirer.
const EffectAcquirer pay.EffectKind = "acquirer"

var (
	flightRows   = rows.New("fl/", "the call to an acquirer that has no answer yet", rows.ID[pay.PaymentID]("PAYMENT"), rows.CBOR[flightRow]())
	answeredRows = rows.New("fk/", "what an acquirer answered to the call of a key", rows.Text[acquirer.Key]("KEY"), rows.ID[pay.FactID]("FACT"))
	// contradictionRows are kept for ever: they are few, or the acquirer is not called much
	// longer.
	contradictionRows = rows.New("fc/", "an acquirer gave the call of a key two answers", rows.Text[acquirer.Key]("KEY"), rows.ID[pay.FactID]("FACT"))
)

// flightRow is the call on a payment that has no answer yet.
type flightRow struct {
	Verb acquirer.Verb `cbor:"1,keyasint"`
	// Claim is who asks for it: the payer's answer, or an action of the merchant.
	Claim  pay.FactID `cbor:"2,keyasint"`
	Amount pay.Amount `cbor:"3,keyasint"`
	// Auth is the answer that authorised what is captured at once.
	Auth pay.FactID `cbor:"4,keyasint,omitzero"`
}

// AcquirerCall is the body of an effect: a call, and all that has to be known to make it.
type AcquirerCall struct {
	Acquirer pay.Acquirer  `cbor:"1,keyasint"`
	Means    pay.FactID    `cbor:"2,keyasint"` // the claim that holds the token
	Claim    pay.FactID    `cbor:"3,keyasint"` // that asks for the call
	Call     acquirer.Call `cbor:"4,keyasint"`
}

// CallOf returns the call that an effect asks for. It fails for an effect of another kind
// and for one that this registry cannot have asked for.
func CallOf(e pay.Effect) (c AcquirerCall, err error) {
	if e.Kind != EffectAcquirer {
		return c, fmt.Errorf("effect is a %q, not a call to an acquirer", string(e.Kind))
	}
	err = pay.Decode(e.Body, &c)
	if err == nil {
		err = c.Call.Check()
	}
	if err == nil && (e.Subject != c.Call.Payment.Subject() || c.Acquirer == pay.AcquirerNone || c.Call.Key != acquirer.KeyOf(c.Call.Payment, c.Claim, c.Call.Verb)) {
		err = errors.New("it is about another payment, or its key is another's")
	}
	if err != nil {
		return c, fmt.Errorf("read call to an acquirer: %w", err)
	}
	return c, nil
}

// flight returns the call on a payment that has no answer yet. Of a payment from an
// account there is none, and no row is read.
func (t *turn) flight(h paymentRow) (f flightRow, flying bool, err error) {
	if h.Decision.Acquirer == pay.AcquirerNone {
		return f, false, nil
	}
	return flightRows.Get(t.rows, h.Decision.Payment)
}

// fly asks for a call on a payment that waits for the answer. of is the authorisation that
// the call is of, "" for a call to authorise.
func (t *turn) fly(h paymentRow, f flightRow, of acquirer.Reference) error {
	if err := t.ask(h, f.Verb, f.Claim, f.Amount, of); err != nil {
		return err
	}
	return flightRows.Put(t.rows, h.Decision.Payment, f)
}

// giveBack asks for what is authorised to be released, and nothing waits for the answer:
// the payment has ended, and what nobody captures lapses by itself.
func (t *turn) giveBack(h paymentRow, claim, auth pay.FactID, amount pay.Amount) error {
	of, err := t.referenceOf(auth)
	if err != nil {
		return err
	}
	return t.ask(h, acquirer.Void, claim, amount, of)
}

// referenceOf returns the acquirer's name for what it authorised, from its answer, which may
// be the one that is taken in at the moment: a hold can be over by then.
func (t *turn) referenceOf(auth pay.FactID) (acquirer.Reference, error) {
	for _, p := range t.out.Publications {
		if p.Fact.ID() == auth {
			a, err := pay.As[pay.AcquirerAnswer](p.Fact)
			return acquirer.Reference(a.Reference), err
		}
	}
	a, ok, err := fact[pay.AcquirerAnswer](t.rows, auth)
	if err == nil && !ok {
		err = errors.New("the answer that authorised a payment is missing")
	}
	return acquirer.Reference(a.Reference), err
}

// ask asks for a call. of is as with fly.
func (t *turn) ask(h paymentRow, v acquirer.Verb, claim pay.FactID, amount pay.Amount, of acquirer.Reference) error {
	d := h.Decision
	c := AcquirerCall{Acquirer: d.Acquirer, Means: h.Means, Claim: claim, Call: acquirer.Call{
		Verb: v, Key: acquirer.KeyOf(d.Payment, claim, v), Payment: d.Payment, Amount: amount, Currency: d.Currency, Of: of, Asked: t.now,
	}}
	if err := c.Call.Check(); err != nil {
		return fmt.Errorf("ask the acquirer about payment %s: %w", d.Payment.Short(), err)
	}
	t.out.Effects = append(t.out.Effects, pay.Effect{Kind: EffectAcquirer, Subject: d.Payment.Subject(), Body: pay.Encode(c)})
	return nil
}

// moveByAcquirer asks the acquirer for an action of the merchant that is possible. What is
// to be refunded is set aside of the merchant's money meanwhile.
func (t *turn) moveByAcquirer(h paymentRow, moved pay.Sums) error {
	f := flightOf(t.in.Fact, moved)
	of, err := t.referenceOf(h.Auth)
	if err != nil {
		return err
	}
	if f.Verb == acquirer.Refund {
		err = book.Reserve(t.rows, h.money(), f.Amount)
		switch {
		case errors.Is(err, book.ErrInsufficient):
			return t.refuse(pay.ReasonInsufficientFunds, h.Decision.Payment, h.Wallet)
		case errors.Is(err, pay.ErrOverflow):
			return t.refuse(pay.ReasonAccountFull, h.Decision.Payment, h.Wallet)
		case err != nil:
			return err
		}
	}
	return t.fly(h, f, of)
}

// flightOf returns the call for an action of the merchant that changes the sums so.
func flightOf(action pay.Fact, moved pay.Sums) flightRow {
	switch action.Kind() {
	case pay.KindCapture:
		return flightRow{Verb: acquirer.Capture, Claim: action.ID(), Amount: moved.Captured}
	case pay.KindVoid:
		return flightRow{Verb: acquirer.Void, Claim: action.ID(), Amount: moved.Released}
	default:
		return flightRow{Verb: acquirer.Refund, Claim: action.ID(), Amount: moved.Refunded}
	}
}

// answered acts on what an acquirer answered, once. An answer that does not fit its call,
// or that the book cannot take, sets the payment aside.
func (t *turn) answered(in pay.EffectDone) error {
	c, err := CallOf(in.Effect)
	if err != nil {
		return err
	}
	if len(in.Result) == 0 {
		return t.neverAsked(c)
	}
	var a acquirer.Answer
	if err = pay.Decode(in.Result, &a); err == nil {
		err = a.Check(c.Call)
	}
	if err != nil {
		return fmt.Errorf("read the answer of an acquirer: %w", err)
	}
	said, fresh, err := t.stateAnswer(c, a)
	if err != nil || !fresh {
		return err
	}
	id := c.Call.Payment
	h, ok, err := paymentRows.Get(t.rows, id)
	if err == nil && !ok {
		err = fmt.Errorf("payment %s was called about and is missing", id.Short())
	}
	if err != nil {
		return err
	}
	f, flying, err := t.flight(h)
	if err != nil || !flying || f.Verb != c.Call.Verb || f.Claim != c.Claim {
		if err != nil {
			return err
		}
		return t.answeredLate(h, c, a, said) // nothing waits for it
	}
	if err := flightRows.Delete(t.rows, id); err != nil {
		return err
	}
	if h.Decision.State == pay.StateApproved {
		err = t.approvedBy(&h, f, a, said)
	} else {
		err = t.actedBy(&h, f, a)
	}
	if err != nil {
		return err
	}
	return t.expire(&h) // its time may have come meanwhile
}

// stateAnswer states what an acquirer answered; fresh is false when the call has an answer
// already. Another one is not believed, and stated as a contradiction.
func (t *turn) stateAnswer(c AcquirerCall, a acquirer.Answer) (said pay.FactID, fresh bool, err error) {
	body := pay.AcquirerAnswer{
		Payment: c.Call.Payment, Claim: c.Claim, Acquirer: c.Acquirer, Verb: string(c.Call.Verb), Amount: c.Call.Amount, Currency: c.Call.Currency,
		Approved: a.Approved, Reference: string(a.Reference), Reason: a.Reason, At: t.now,
	}
	before, known, err := answeredRows.Get(t.rows, c.Call.Key)
	if err != nil {
		return said, false, err
	}
	if !known {
		if said, err = t.publish(body, pay.ScopeRegistry); err != nil {
			return said, false, err
		}
		return said, true, answeredRows.Put(t.rows, c.Call.Key, said)
	}
	first, ok, err := fact[pay.AcquirerAnswer](t.rows, before)
	if err != nil || !ok {
		return said, false, err
	}
	if body.At = first.At; first != body {
		_, err = t.contradict(c, fmt.Sprintf("it was %s and is said to be %s", answerOf(first), a))
	}
	return said, false, err
}

// answerOf returns the answer that a statement is of.
func answerOf(a pay.AcquirerAnswer) acquirer.Answer {
	if !a.Approved {
		return acquirer.Answer{Reason: a.Reason}
	}
	return acquirer.Answer{Approved: true, Reference: acquirer.Reference(a.Reference), Amount: a.Amount}
}

// approvedBy goes on with a payment that its payer approved.
func (t *turn) approvedBy(h *paymentRow, f flightRow, a acquirer.Answer, said pay.FactID) error {
	d := h.Decision
	switch {
	case !a.Approved:
		return t.declinedBy(h, f, a, said)
	case f.Verb == acquirer.Authorise && d.IsHold():
		h.Auth = said
		return t.decide(h, verdict{state: pay.StateHeld, claim: said, by: d.By, hold: h.Hold})
	case f.Verb == acquirer.Authorise:
		return t.fly(*h, flightRow{Verb: acquirer.Capture, Claim: f.Claim, Amount: f.Amount, Auth: said}, a.Reference)
	}
	h.Auth = f.Auth
	moved := pay.Sums{Held: -f.Amount, Captured: f.Amount}
	hold, err := t.post(h, moved)
	if err != nil {
		return err
	}
	return t.decide(h, verdict{state: pay.StateCaptured, claim: said, by: d.By, moved: moved, hold: hold})
}

// declinedBy ends a payment that the acquirer does not make. What it authorised before is
// to be released.
func (t *turn) declinedBy(h *paymentRow, f flightRow, a acquirer.Answer, said pay.FactID) error {
	moved := pay.Sums{Held: -f.Amount, Released: f.Amount}
	hold, err := t.post(h, moved)
	if err != nil {
		return err
	}
	v := verdict{state: pay.StateFailed, reason: a.Reason, claim: said, by: h.Decision.By, moved: moved, hold: hold}
	if err := t.decide(h, v); err != nil || f.Verb == acquirer.Authorise {
		return err
	}
	return t.giveBack(*h, said, f.Auth, f.Amount)
}

// actedBy goes on with an action of the merchant.
func (t *turn) actedBy(h *paymentRow, f flightRow, a acquirer.Answer) error {
	action, ok, err := t.rows.Fact(f.Claim)
	if err == nil && !ok {
		err = fmt.Errorf("the %s of payment %s is missing", f.Verb, h.Decision.Payment.Short())
	}
	if err == nil && f.Verb == acquirer.Refund {
		err = book.Free(t.rows, h.money(), f.Amount)
	}
	if err != nil {
		return err
	}
	if !a.Approved {
		return t.refuseLater(action.ID(), a.Reason, *h)
	}
	return t.move(h, f.moves(h.Decision.SumsAfter()), action)
}

// moves returns how a call that was carried out changes the sums of its payment.
func (f flightRow) moves(sums pay.Sums) pay.Sums {
	switch f.Verb {
	case acquirer.Capture:
		return pay.Sums{Held: -sums.Held, Captured: f.Amount, Released: sums.Held - f.Amount}
	case acquirer.Void:
		return pay.Sums{Held: -sums.Held, Released: sums.Held}
	default:
		return pay.Sums{Refunded: f.Amount}
	}
}

// refuseLater refuses an action that the acquirer does not carry out, to both parties.
func (t *turn) refuseLater(action pay.FactID, reason pay.Reason, h paymentRow) error {
	no := pay.Refusal{Claim: action, Payment: h.Decision.Payment, Reason: reason, At: t.now}
	if _, err := t.publish(no, h.Decision.Merchant, h.Wallet); err != nil {
		return err
	}
	return settledRows.Put(t.rows, action, settledRow{Reason: reason})
}

// contradict states that an acquirer answered a call in two ways, once for each call.
func (t *turn) contradict(c AcquirerCall, what string) (first bool, err error) {
	known, err := contradictionRows.Has(t.rows, c.Call.Key)
	if known || err != nil {
		return false, err
	}
	id, err := t.publish(pay.Contradiction{
		Payment: c.Call.Payment, Claim: c.Claim, Acquirer: c.Acquirer, Verb: string(c.Call.Verb), What: what, At: t.now,
	}, pay.ScopeRegistry)
	if err != nil {
		return false, err
	}
	return true, contradictionRows.Put(t.rows, c.Call.Key, id)
}

// Contradict states that an acquirer answered a call in two ways, of which neither is
// believed yet. Only the first time publishes anything. Its errors are the store's, or
// wrap pay.ErrCannotSign.
func (r *Registry) Contradict(tx pay.WritableRows, now pay.Time, c AcquirerCall, what string) (first bool, out pay.Reaction, err error) {
	t := turn{Registry: r, rows: tx, now: now}
	first, err = t.contradict(c, what)
	return first, t.out, err
}

// Contradicted reports whether an acquirer has answered a call in two ways.
func (r *Registry) Contradicted(view pay.Rows, c AcquirerCall) (bool, error) {
	return contradictionRows.Has(view, c.Call.Key)
}

// Contradictions calls fn for each call to which an acquirer gave two answers. Its errors
// are the store's, and that of fn.
func (r *Registry) Contradictions(view pay.Rows, fn func(pay.Contradiction) error) error {
	return contradictionRows.Each(view, contradictionRows.All(), func(_ acquirer.Key, id pay.FactID) error {
		c, ok, err := fact[pay.Contradiction](view, id)
		if err != nil || !ok {
			return err
		}
		return fn(c)
	})
}
