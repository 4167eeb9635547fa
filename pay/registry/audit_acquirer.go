package registry

import (
	"context"
	"errors"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// acquirerAudit is the part of an audit that looks at calls to acquirers. What a payment
// rests on is looked at with the payment; see checkAcquirer.
type acquirerAudit struct {
	*auditor
	answers, contradictions int
}

func inspectAcquirers(a *auditor) inspection {
	q := &acquirerAudit{auditor: a}
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{
			pay.KindAcquirerAnswer: reading(q.readAnswer),
			pay.KindContradiction: reading(func(pay.Fact, pay.Contradiction) error {
				q.contradictions++
				return nil
			}),
		},
		passes: []func(context.Context) error{q.checkCounts},
	}
}

// readAnswer sees that an answer is the one that its key stands for.
func (a *acquirerAudit) readAnswer(f pay.Fact, s pay.AcquirerAnswer) error {
	a.answers++
	id, ok, err := answeredRows.Get(a.rows, acquirer.KeyOf(s.Payment, s.Claim, acquirer.Verb(s.Verb)))
	if damageIsNone(err) != nil {
		return err
	}
	if err != nil || !ok || id != f.ID() {
		a.report("payment %s: an answer of the acquirer to %s is not the one that its key stands for", s.Payment.Short(), s.Verb)
	}
	return nil
}

func (a *acquirerAudit) checkCounts(context.Context) error {
	n, err := answeredRows.Count(a.rows)
	if err != nil {
		return err
	}
	if n != a.answers {
		a.report("%d answers of acquirers are kept, the facts say %d", n, a.answers)
	}
	if n, err = contradictionRows.Count(a.rows); err == nil && n != a.contradictions {
		a.report("%d contradictions of acquirers are kept, the facts say %d", n, a.contradictions)
	}
	return err
}

// checkFlights counts what is set aside for refunds in flight, and sees that each call in
// flight is one on a payment that waits for it.
func (a *paymentAudit) checkFlights(ctx context.Context) error {
	return walk(ctx, a.auditor, flightRows, func(id pay.PaymentID, f flightRow, damage error) error {
		h, ok, err := paymentRows.Get(a.rows, id)
		if err != nil && !errors.Is(err, rows.ErrDamaged) {
			return err
		}
		if damage != nil || err != nil || !ok || h.Decision.Acquirer == pay.AcquirerNone {
			a.report("payment %s: its acquirer is said to be called, and cannot be", id.Short())
			return nil
		}
		answered, err := answeredRows.Has(a.rows, acquirer.KeyOf(id, f.Claim, f.Verb))
		if err != nil {
			return err
		}
		if answered {
			a.report("payment %s: the acquirer has answered what it is said to be asked", id.Short())
		}
		if err := a.checkFlight(f, h); err != nil {
			return err
		}
		if f.Verb == acquirer.Refund {
			a.tally.Reserve(book.Payment{ID: id, From: h.payer(), To: h.Decision.Merchant, Currency: h.Decision.Currency}, f.Amount)
		}
		return nil
	})
}

// checkFlight sees that a call in flight is for what its claim asks for, and of what was
// authorised.
func (a *paymentAudit) checkFlight(f flightRow, h paymentRow) error {
	d := h.Decision
	want := flightRow{Verb: acquirer.Authorise, Claim: d.Claim, Amount: d.Amount + d.Tip}
	switch {
	case d.State == pay.StateApproved && f.Verb == acquirer.Capture:
		auth, err := a.authorised(d.Payment, d.Claim)
		if err != nil {
			return err
		}
		want.Verb, want.Auth = f.Verb, auth
	case d.State != pay.StateApproved:
		action, _, err := a.rows.Fact(f.Claim)
		if err != nil {
			return err
		}
		act, _ := pay.ActionOf(action)
		if act.Payment != d.Payment || !a.signedBy(pay.PartyBox, action, h) {
			a.report("payment %s: its acquirer is asked to %s it, and no box of the merchant asked for that", d.Payment.Short(), f.Verb)
			return nil
		}
		moved, _ := moves(action.Kind(), act, d, d.HoldUntil-1)
		want = flightOf(action, moved)
	}
	if f != want {
		a.report("payment %s: its acquirer is asked to %s %d, which nobody asked for", d.Payment.Short(), f.Verb, f.Amount)
	}
	return nil
}

// authorised returns the answer with which the acquirer authorised what the payer approved
// by a claim; zero when there is none.
func (a *paymentAudit) authorised(id pay.PaymentID, claim pay.FactID) (pay.FactID, error) {
	said, _, err := answeredRows.Get(a.rows, acquirer.KeyOf(id, claim, acquirer.Authorise))
	if err != nil {
		return pay.FactID{}, damageIsNone(err)
	}
	s, ok, err := fact[pay.AcquirerAnswer](a.rows, said)
	if err != nil || !ok || !s.Approved {
		return pay.FactID{}, err
	}
	return said, nil
}

// checkAuth sees that the row of a payment names what the acquirer authorised for it, by
// which all further calls are made, and that one that waits for the acquirer has a call.
func (a *paymentAudit) checkAuth(h paymentRow, chain []decided) error {
	d, want := h.Decision, pay.FactID{}
	for _, l := range chain {
		settled := l.arrow.Claim == pay.KindSettled && l.before.State == pay.StateApproved
		if !settled && l.arrow.Claim != pay.KindAcquirerAnswer || l.d.State == pay.StateFailed {
			continue
		}
		var err error
		if want, err = a.authorised(d.Payment, l.before.Decision.Claim); err != nil {
			return err
		}
		if want.IsZero() && !settled {
			a.report("payment %s: it is %s and the acquirer did not authorise it", d.Payment.Short(), l.d.State)
		}
	}
	if h.Auth != want {
		a.report("payment %s: its row names what the acquirer authorised for another one, or nothing", d.Payment.Short())
	}
	if d.State != pay.StateApproved {
		return nil
	}
	flying, err := flightRows.Has(a.rows, d.Payment)
	if err == nil && !flying {
		a.report("payment %s: it waits for its acquirer, which is not asked", d.Payment.Short())
	}
	return err
}

// checkAcquirer sees that an acquirer moves the money by a means of the payer's wallet, and
// that each decision on it rests on what the acquirer answered.
func (a *paymentAudit) checkAcquirer(h paymentRow, chain []decided) error {
	d := h.Decision
	if d.Acquirer == pay.AcquirerNone {
		if !h.Means.IsZero() || !h.Auth.IsZero() {
			a.report("payment %s: it is from an account, and its row names a means", d.Payment.Short())
		}
		return nil
	}
	f, ok, err := a.rows.Fact(h.Means)
	if err != nil {
		return err
	}
	if m, bad := pay.As[pay.Means](f); !ok || bad != nil || m.Acquirer != d.Acquirer || !a.signedBy(pay.PartyPayer, f, h) {
		a.report("payment %s: %s moves the money, and the payer did not ask for that", d.Payment.Short(), d.Acquirer)
	}
	if err := a.checkAuth(h, chain); err != nil {
		return err
	}
	for _, l := range chain {
		verb, claim, needed := rests(l)
		if !needed {
			continue
		}
		if err := a.checkRests(l, verb, claim); err != nil {
			return err
		}
	}
	return nil
}

// rests returns the call on whose answer a decision rests, if it does.
func rests(l decided) (v acquirer.Verb, claim pay.FactID, needed bool) {
	if l.d.Why != "" {
		return "", claim, false // on what the operator says
	}
	switch l.arrow.Claim {
	case pay.KindCapture:
		return acquirer.Capture, l.d.Claim, true
	case pay.KindVoid:
		return acquirer.Void, l.d.Claim, true
	case pay.KindRefund:
		return acquirer.Refund, l.d.Claim, true
	case pay.KindAcquirerAnswer:
		switch l.d.State {
		case pay.StateHeld:
			return acquirer.Authorise, l.before.Decision.Claim, true
		case pay.StateCaptured:
			return acquirer.Capture, l.before.Decision.Claim, true
		default: // failed, by whichever call
			return "", l.before.Decision.Claim, true
		}
	default:
		return "", claim, false
	}
}

// checkRests sees that the acquirer answered as a decision says.
func (a *paymentAudit) checkRests(l decided, verb acquirer.Verb, claim pay.FactID) error {
	id := l.d.Claim
	if l.arrow.Claim != pay.KindAcquirerAnswer {
		var ok bool
		var err error
		if id, ok, err = answeredRows.Get(a.rows, acquirer.KeyOf(l.d.Payment, claim, verb)); damageIsNone(err) != nil {
			return err
		} else if err != nil || !ok {
			a.report("payment %s: it is %s and the acquirer has not answered", l.d.Payment.Short(), l.d.State)
			return nil
		}
	}
	f, ok, err := a.rows.Fact(id)
	if err != nil {
		return err
	}
	s, bad := pay.As[pay.AcquirerAnswer](f)
	failed := l.d.State == pay.StateFailed
	switch {
	case !ok || bad != nil || !a.speaks(f, s.At):
		a.report("payment %s: it is %s without an answer of the acquirer", l.d.Payment.Short(), l.d.State)
	case s.Payment != l.d.Payment || s.Claim != claim || s.Acquirer != l.d.Acquirer || s.Currency != l.d.Currency,
		verb != "" && s.Verb != string(verb), s.Approved == failed, s.Reason != "" && s.Reason != l.d.Reason, s.Amount != restsOn(l, verb):
		a.report("payment %s: it is %s and the acquirer answered otherwise", l.d.Payment.Short(), l.d.State)
	}
	return nil
}

// restsOn returns how much the call was for on whose answer a decision rests.
func restsOn(l decided, v acquirer.Verb) pay.Amount {
	moved := l.d.SumsAfter().Minus(l.before.Sums())
	switch v {
	case acquirer.Capture:
		return moved.Captured
	case acquirer.Refund:
		return moved.Refunded
	case acquirer.Void:
		return moved.Released
	default:
		return l.d.Amount + l.d.Tip
	}
}
