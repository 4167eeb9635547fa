package registry

import (
	"fmt"
	"slices"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// settlements close payments that nobody else can. What may be stated of one depends on
// where it stands and on which call to an acquirer has no answer:
//
//	offered                        not_paid      cancelled
//	approved                       paid          captured; not of a hold, which nothing captured
//	                               not_paid      failed
//	held                           not_paid      voided
//	held, capture in flight        paid          that capture is followed
//	                               not_paid      it is refused, and the hold voided
//	held, void in flight           not_paid      that void is followed
//	captured, refund in flight     refunded      that refund is followed
//	                               not_refunded  it is refused
//	captured, some of it held      paid          what is held goes back
//
// The call itself is not made any more; see Settlement. An answer that comes later and
// says otherwise is stated as a contradiction, and moves nothing.
var settlements = operation[settledKey, pay.Settled, stated[pay.Settled]]{
	what: "settlement", verb: "settle", command: "settle",
	keys: rows.New("st/", "what the operator settled of a payment",
		rows.Join(rows.ID[pay.PaymentID]("PAYMENT"), rows.ID[pay.FactID]("OF")), rows.CBOR[stated[pay.Settled]]()),
	key:    func(s pay.Settled) settledKey { return settledKey{First: s.Payment, Second: s.Of} },
	row:    stating[pay.Settled],
	same:   sameSettled,
	post:   func(_ *turn, s pay.Settled) (pay.Settled, error) { return s, nil },
	scopes: (*turn).partiesTo,
	then:   (*turn).settleAs,
}

type settledKey = rows.Pair[pay.PaymentID, pay.FactID]

func sameSettled(first, ask pay.Settled) bool {
	return first.Outcome == ask.Outcome && first.Why == ask.Why
}

// Unsettled is what the operator may settle of a payment.
type Unsettled struct {
	Of pay.FactID
	// Call is what an acquirer has not answered, if that is why; else it is zero.
	Call     AcquirerCall
	Outcomes []pay.SettledAs
}

// Unsettled returns what the operator may settle of a payment; it has no outcomes where the
// payment is finished. It fails with a *pay.Error, pay.CodeNotFound, where there is no such
// payment, and pay.CodeConflict where this registry does not understand it. Any other error
// is the store's.
func (r *Registry) Unsettled(tx pay.WritableRows, id pay.PaymentID) (u Unsettled, err error) {
	t := turn{Registry: r, rows: tx}
	h, f, flying, err := t.unsettled(id)
	if err != nil {
		return u, err
	}
	u.Of, u.Outcomes = h.Last, settleable(h.Decision, f, flying)
	if flying {
		u.Of = f.Claim
		u.Call, err = t.callOf(h, f)
	}
	return u, err
}

// unsettled returns where a payment stands, and its call in flight. Its errors are those of
// Unsettled.
func (t *turn) unsettled(id pay.PaymentID) (h paymentRow, f flightRow, flying bool, err error) {
	h, ok, err := paymentRows.Get(t.rows, id)
	if err == nil && !ok {
		err = pay.NewCase(pay.CodeNotFound, "id_unknown", "settle: there is no decision on payment "+id.Short())
	}
	if err != nil {
		return h, f, false, err
	}
	understood, err := t.understands(h)
	if err == nil && !understood {
		err = pay.NewCase(pay.CodeConflict, "settle_newer", fmt.Sprintf("settle: payment %s is %s, which or how it came there this registry does not know", id.Short(), h.Decision.State))
	}
	if err != nil {
		return h, f, false, err
	}
	f, flying, err = t.flight(h)
	return h, f, flying, err
}

// callOf returns the call in flight as its effect asks for it; Call.Asked is not known.
func (t *turn) callOf(h paymentRow, f flightRow) (c AcquirerCall, err error) {
	d, auth := h.Decision, h.Auth
	if f.Auth != (pay.FactID{}) {
		auth = f.Auth
	}
	c = AcquirerCall{Acquirer: d.Acquirer, Means: h.Means, Claim: f.Claim, Call: acquirer.Call{
		Verb: f.Verb, Key: acquirer.KeyOf(d.Payment, f.Claim, f.Verb), Payment: d.Payment, Amount: f.Amount, Currency: d.Currency, Asked: t.now,
	}}
	if f.Verb != acquirer.Authorise {
		c.Call.Of, err = t.referenceOf(auth)
	}
	return c, err
}

// settleable returns as what a payment may be settled whose last decision is d.
func settleable(d pay.Decision, f flightRow, flying bool) []pay.SettledAs {
	switch {
	case d.State == pay.StateOffered:
		return []pay.SettledAs{pay.SettledNotPaid}
	case d.State == pay.StateApproved && !d.IsHold(), d.State == pay.StateHeld && flying && f.Verb == acquirer.Capture:
		return []pay.SettledAs{pay.SettledPaid, pay.SettledNotPaid}
	case d.State == pay.StateApproved, d.State == pay.StateHeld:
		return []pay.SettledAs{pay.SettledNotPaid}
	case flying && f.Verb == acquirer.Refund:
		return []pay.SettledAs{pay.SettledRefunded, pay.SettledNotRefunded}
	case d.SumsAfter().Held > 0:
		return []pay.SettledAs{pay.SettledPaid}
	default:
		return nil
	}
}

// Settle settles a payment, publishes this to both parties, and returns it; Of, Verb and At
// are set here. Without an Outcome it is the only one that there is. The same again, once
// there is nothing left to settle, is the first settlement again. Its refusals are
// *pay.Error: those of Unsettled, pay.CodeConflict for a payment that is finished and an
// outcome that it cannot have, and pay.CodeUsage; they change nothing. Any other error is
// the store's, or wraps pay.ErrCannotSign.
func (r *Registry) Settle(tx pay.WritableRows, now pay.Time, ask pay.Settled) (pay.Settled, pay.Reaction, error) {
	u, err := r.Unsettled(tx, ask.Payment)
	if err != nil {
		return ask, pay.Reaction{}, err
	}
	if ask.Outcome == "" && len(u.Outcomes) == 1 {
		ask.Outcome = u.Outcomes[0]
	}
	ask.Of, ask.Verb, ask.At = u.Of, string(u.Call.Call.Verb), now
	if slices.Contains(u.Outcomes, ask.Outcome) {
		return settlements.do(r, tx, now, ask)
	}
	first, ok, err := settledBefore(tx, ask)
	if ok || err != nil {
		return first, pay.Reaction{}, err
	}
	words := make([]string, len(u.Outcomes))
	for i, o := range u.Outcomes {
		words[i] = "--" + strings.ReplaceAll(string(o), "_", "-")
	}
	can := strings.Join(words, " or ")
	switch {
	case can == "":
		return ask, pay.Reaction{}, pay.NewCase(pay.CodeConflict, "settle_over", fmt.Sprintf("settle: nothing of payment %s is open", ask.Payment.Short()))
	case ask.Outcome == "":
		return ask, pay.Reaction{}, pay.NewCase(pay.CodeUsage, "settle_which", "settle: what became of the money is not said", can)
	default:
		return ask, pay.Reaction{}, pay.NewCase(pay.CodeConflict, "settle_outcome", fmt.Sprintf("settle: payment %s cannot be settled as %s as it stands", ask.Payment.Short(), ask.Outcome), can)
	}
}

// settledBefore returns a settlement of the payment that says the same. One without an
// outcome is the same as any.
func settledBefore(view pay.Rows, ask pay.Settled) (first pay.Settled, ok bool, err error) {
	from, last := settledKey{First: ask.Payment}, settledKey{First: ask.Payment, Second: pay.FactID(slices.Repeat([]byte{0xff}, 32))}
	err = settlements.keys.Each(view, settlements.keys.Through(from, last), func(_ settledKey, s stated[pay.Settled]) error {
		if b := s.Body; b.Why == ask.Why && (ask.Outcome == "" || b.Outcome == ask.Outcome) {
			first, ok = b, true
		}
		return nil
	})
	return first, ok, err
}

// partiesTo returns the scopes of the merchant and of the payer, if there is one.
func (t *turn) partiesTo(s pay.Settled) ([]pay.Scope, error) {
	h, _, err := paymentRows.Get(t.rows, s.Payment)
	if h.Wallet == "" {
		return []pay.Scope{h.Decision.Merchant}, err
	}
	return []pay.Scope{h.Decision.Merchant, h.Wallet}, err
}

// settleAs does what a settlement says. What it rests on was checked by Settle, in the same
// transaction.
func (t *turn) settleAs(id pay.FactID, s pay.Settled) error {
	h, f, flying, err := t.unsettled(s.Payment)
	if err == nil && flying {
		err = flightRows.Delete(t.rows, s.Payment)
	}
	if err != nil {
		return err
	}
	d, sums := h.Decision, h.Decision.SumsAfter()
	v := verdict{claim: id, by: d.By, why: s.Why, reason: pay.ReasonSettled, moved: pay.Sums{Held: -sums.Held, Released: sums.Held}}
	switch {
	case d.State == pay.StateOffered:
		v.state, v.moved = pay.StateCancelled, pay.Sums{}
		return t.decide(&h, v)
	case d.State == pay.StateApproved && s.Outcome == pay.SettledPaid:
		v.state, v.reason, v.moved, h.Auth = pay.StateCaptured, "", pay.Sums{Held: -f.Amount, Captured: f.Amount}, f.Auth
		return t.settleMoving(&h, v, pay.FactID{})
	case d.State == pay.StateApproved:
		v.state = pay.StateFailed
		return t.settleMoving(&h, v, f.Auth)
	case flying && s.Outcome != pay.SettledNotRefunded && (f.Verb != acquirer.Capture || s.Outcome == pay.SettledPaid):
		return t.settleAction(&h, f, s.Why)
	case flying:
		if err := t.dropAction(h, f); err != nil || f.Verb == acquirer.Refund {
			return err
		}
	case d.State != pay.StateHeld:
		v.reason = ""
		v.state, _ = h.payment().After(pay.KindSettled, pay.Sums{Captured: sums.Captured, Released: sums.Released + sums.Held, Refunded: sums.Refunded})
		return t.settleMoving(&h, v, h.Auth)
	}
	v.state = pay.StateVoided
	return t.settleMoving(&h, v, h.Auth)
}

// settleMoving posts how the sums change and decides that. What was authorised, if it is
// named, is asked to be released: nobody waits for the answer.
func (t *turn) settleMoving(h *paymentRow, v verdict, auth pay.FactID) (err error) {
	if v.hold, err = t.post(h, v.moved); err == nil {
		err = t.decide(h, v)
	}
	if err != nil || auth.IsZero() {
		return err
	}
	return t.giveBack(*h, v.claim, auth, v.moved.Released)
}

// settleAction follows an action of the merchant that the acquirer is said to have
// carried out.
func (t *turn) settleAction(h *paymentRow, f flightRow, why string) error {
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
	return t.moveSaying(h, f.moves(h.Decision.SumsAfter()), action, why)
}

// dropAction refuses an action of the merchant that the acquirer is said not to have
// carried out.
func (t *turn) dropAction(h paymentRow, f flightRow) error {
	if f.Verb == acquirer.Refund {
		if err := book.Free(t.rows, h.money(), f.Amount); err != nil {
			return err
		}
	}
	return t.refuseLater(f.Claim, pay.ReasonSettled, h)
}

// Settlement returns what the operator settled of a call, if that was: it is not made any
// more. Its errors are the store's.
func (r *Registry) Settlement(view pay.Rows, c AcquirerCall) (s pay.Settled, ok bool, err error) {
	row, ok, err := settlements.keys.Get(view, settledKey{First: c.Call.Payment, Second: c.Claim})
	return row.Body, ok && row.Body.Verb == string(c.Call.Verb), err
}

// Waits reports whether a payment waits for the answer to a call. Its errors are the
// store's.
func (r *Registry) Waits(view pay.Rows, c AcquirerCall) (bool, error) {
	f, ok, err := flightRows.Get(view, c.Call.Payment)
	return ok && f.Claim == c.Claim && f.Verb == c.Call.Verb, err
}

// neverAsked takes in that an acquirer has nothing of a call that is not made any more:
// where it was settled as done, that is a contradiction. It fails for a call that is made.
func (t *turn) neverAsked(c AcquirerCall) error {
	s, ok, err := t.Settlement(t.rows, c)
	if ok && (s.Outcome == pay.SettledPaid || s.Outcome == pay.SettledRefunded) {
		err = t.contradictOperator(c, s, "the acquirer has nothing of it")
	}
	if err == nil && !ok {
		err = fmt.Errorf("the call to %s payment %s came to nothing, and was not settled", c.Call.Verb, c.Call.Payment.Short())
	}
	return err
}

// answeredLate takes in an acquirer's answer to a call that was settled. One that says
// otherwise is a contradiction. What was authorised although the payment was settled as not
// paid is asked to be released, which moves nobody's money.
func (t *turn) answeredLate(h paymentRow, c AcquirerCall, a acquirer.Answer, said pay.FactID) error {
	s, ok, err := t.Settlement(t.rows, c)
	if err != nil || !ok {
		return err
	}
	authorised := c.Call.Verb == acquirer.Authorise && a.Approved
	if authorised && s.Outcome == pay.SettledPaid && h.Auth.IsZero() {
		h.Auth = said // refunds go by it
		return paymentRows.Put(t.rows, s.Payment, h)
	}
	done := s.Outcome == pay.SettledPaid || s.Outcome == pay.SettledRefunded || c.Call.Verb == acquirer.Void
	if done == a.Approved {
		return nil
	}
	err = t.contradictOperator(c, s, "the acquirer says that it is "+a.String())
	if err != nil || !authorised {
		return err
	}
	return t.ask(h, acquirer.Void, said, c.Call.Amount, a.Reference)
}

// contradictOperator states that an acquirer says otherwise than the operator, once, and
// logs it.
func (t *turn) contradictOperator(c AcquirerCall, s pay.Settled, what string) error {
	first, err := t.contradict(c, fmt.Sprintf("the operator settled it as %s, and %s", s.Outcome, what))
	if first && err == nil {
		t.log.Warn("an acquirer contradicts what was settled: nothing moves by that", "payment", s.Payment.Short(), "settled", s.Outcome, "acquirer", c.Acquirer, "says", what)
	}
	return err
}

// checkSettled sees that the operator settled a payment as a decision says: by the
// statement that it names, or where it names an action of the merchant, by one on that.
func (a *paymentAudit) checkSettled(l decided) error {
	var s pay.Settled
	var ok bool
	var err error
	if l.arrow.Claim == pay.KindSettled {
		var f pay.Fact
		if f, ok, err = a.rows.Fact(l.d.Claim); err != nil {
			return err
		}
		s, err = pay.As[pay.Settled](f)
		ok = ok && s.Payment == l.d.Payment && (s.Verb != "" || s.Of == l.before.LastID)
	} else {
		var row stated[pay.Settled]
		row, ok, err = settlements.keys.Get(a.rows, settledKey{First: l.d.Payment, Second: l.d.Claim})
		if s = row.Body; damageIsNone(err) != nil {
			return err
		}
	}
	want := pay.SettledNotPaid
	switch {
	case l.arrow.Claim == pay.KindRefund:
		want = pay.SettledRefunded
	case l.d.SumsAfter().Captured > 0:
		want = pay.SettledPaid
	}
	if !ok || err != nil || s.Why != l.d.Why || s.Outcome != want {
		a.report("payment %s: it is %s by the operator, who did not say so", l.d.Payment.Short(), l.d.State)
	}
	return nil
}

// FindPayment returns the only payment with a decision whose id is one of those from first
// to last. None is a *pay.Error with pay.CodeNotFound, several one with pay.CodeUsage. Any
// other error is the store's.
func (r *Registry) FindPayment(view pay.Rows, first, last pay.PaymentID) (id pay.PaymentID, err error) {
	ids, err := paymentRows.Keys(view, paymentRows.Through(first, last), 2)
	switch {
	case err != nil:
		return id, err
	case len(ids) == 0:
		return id, pay.NewCase(pay.CodeNotFound, "id_unknown", "settle: there is no such payment, or it has no amount yet")
	case len(ids) > 1:
		return id, pay.NewCase(pay.CodeUsage, "id_short", fmt.Sprintf("settle: %s and %s both begin so", ids[0].Short(), ids[1].Short()))
	}
	return ids[0], nil
}
